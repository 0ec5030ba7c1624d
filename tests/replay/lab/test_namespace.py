"""`mrfscope lab run --namespace`: real handshakes at the documentation addresses, seen by tcpdump; nothing stays."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from oracles import need, tshark_fields

from analyzer.cli import main
from tests.analyzer.cli.processes import COMMAND, mrfscope, needs_command
from tests.replay.lab.test_scenarios import UNBROKEN, analyse, check_tshark, record

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")


@pytest.fixture
def tools() -> None:
    """Or a skip; in CI a failure."""
    for program in ("ip", "tcpdump"):
        need(program)
    asked = [need("unshare"), "--net", "ip", "link", "set", "dev", "lo", "up"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"no network namespaces here: {found.stderr.strip()}")


@needs_command
@needs_root
@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("scenario", ["tcp-dial-in", "e2e-dial-in"])
def test_every_step_is_ok_in_what_tcpdump_saw(scenario: str, tmp_path: Path) -> None:
    """TS 23.333 clauses 6.2.20.1 and 6.2.19.2.1, with TCP of the kernel."""
    flow, sessions, steps = UNBROKEN[scenario]
    capture, keys, done = record(tmp_path, scenario, "--namespace")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{scenario}: went through, 2 participants heard 3 messages\n"
    code, report = analyse(capture, keys)
    assert code == 0
    assert len(report["sessions"]) == sessions
    for session in report["sessions"]:
        assert (session["verdict"], session["flow"]) == ("ok", flow)
        assert {each["code"] for each in session["findings"]} <= {"TCP-RESET"}  # what Linux does, for information
        status = {step["id"]: step["status"] for step in session["steps"]}
        assert {each for each, found in status.items() if found == "ok"} >= steps
    check_tshark(capture)

    syn, syn_ack = "0x0002", "0x0012"  # single flags are 1 and 0 in tshark 4.0, True and False from 4.2 on
    shakes = tshark_fields(capture, "tcp.flags.syn == 1 && tcp.port == 7394", ["ip.src", "ip.dst", "tcp.flags"])
    ues = ["198.51.100.7", "198.51.100.8"]
    mrfp = "203.0.113.5"
    assert sorted(shakes) == sorted(each for ue in ues for each in ([mrfp, ue, syn], [ue, mrfp, syn_ack]))
    ends = {end for row in tshark_fields(capture, "ip", ["ip.src", "ip.dst"]) for end in row}
    kms = {"192.0.2.40"} if scenario == "e2e-dial-in" else set()
    assert ends == {*ues, "192.0.2.10", "192.0.2.20", "203.0.113.5"} | kms
    # Complete to the end: what the MRFP says last, that it goes, has its reply (H.248.1 clause 7.2.8).
    assert tshark_fields(capture, "megaco", ["ip.src"])[-1] == ["192.0.2.10"]
    assert max(int(length) for (length,) in tshark_fields(capture, "ip", ["ip.len"])) <= 1500


@needs_command
@needs_root
@pytest.mark.usefixtures("tools")
def test_a_connection_that_nobody_answers_has_the_syns_of_linux(tmp_path: Path) -> None:
    """RFC 6298 section 5.5: at 0, 1 and 3 s. How the UE keeps silent is not in the recording."""
    capture, keys, done = record(tmp_path, "tcp-timeout", "--namespace")
    assert (done.returncode, done.stdout) == (0, "tcp-timeout: the MRFC ended the call\n")
    syns = tshark_fields(capture, "tcp", ["ip.src", "ip.dst", "tcp.flags"])
    assert syns == [["203.0.113.5", "198.51.100.7", "0x0002"]] * 3
    code, report = analyse(capture, keys)
    assert (code, [each["code"] for each in report["sessions"][0]["findings"]]) == (1, ["TCP-TIMEOUT"])


@needs_command
@needs_root
@pytest.mark.usefixtures("tools")
def test_an_address_of_a_nat_is_there_too(tmp_path: Path) -> None:
    """Row NAT-1: the connection of the UE comes from another address than the UE signals."""
    capture, keys, done = record(tmp_path, "tcp-dial-out", "--fault", "NAT-1", "--namespace")
    assert (done.returncode, done.stderr) == (0, "")
    _, report = analyse(capture, keys)
    assert [[each["code"] for each in session["findings"]] for session in report["sessions"]] == [["NAT-1"]] * 2
    syns = tshark_fields(capture, "tcp.flags == 2", ["ip.src", "ip.dst"])
    assert syns == [["198.51.100.107", "203.0.113.5"], ["198.51.100.108", "203.0.113.5"]]


@needs_command
@needs_root
@pytest.mark.usefixtures("tools")
def test_packets_that_the_kernel_dropped_are_told(tmp_path: Path) -> None:
    """The recording is kept, and the exit code is 1."""
    changed = "exec 2> >(sed -u 's/^0 packets dropped by kernel/7 packets dropped by kernel/' >&2)"
    wrapper = tmp_path / "bin" / "tcpdump"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!{need("bash")}\n{changed}\nexec {need("tcpdump")} "$@"\n')
    wrapper.chmod(0o755)
    capture = tmp_path / "x.pcapng"
    path = {"PATH": f"{wrapper.parent}:{os.environ['PATH']}"}
    done = mrfscope("lab", "run", "tcp-refused", "--namespace", "-w", capture, env=path)
    assert (done.returncode, done.stdout) == (1, "tcp-refused: the MRFC ended the call\n")
    why = "packets are missing: the kernel dropped 7 before tcpdump had them"
    assert done.stderr == f"mrfscope: {capture}: {why}\n"
    assert tshark_fields(capture, "tcp.flags.reset == 1", ["ip.src"]) == [["198.51.100.7"]]


# ------------------------------------------------------------------ what is left behind


def networks() -> dict[int, str]:
    """The network namespace of each process."""
    found = {}
    for each in Path("/proc").glob("[0-9]*"):
        try:
            found[int(each.name)] = os.readlink(each / "ns" / "net")
        except OSError:
            continue  # it has ended meanwhile
    return found


def child(parent: int) -> int | None:
    """The tcpdump that this process has started."""
    for each in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (each / "stat").read_text().partition(") ")
        except OSError:
            continue
        if name.endswith("(tcpdump") and rest.split()[1] == str(parent):
            return int(each.name)
    return None


def wait_for(reached: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.02)


def at_work(process: subprocess.Popen[str]) -> None:
    """Wait until the functions say what they do; of the recording nothing is to be seen before it is whole."""
    assert process.stderr is not None
    assert process.stderr.readline()


@contextmanager
def recording(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A scenario that is being recorded, and its tcpdump; afterwards neither process nor namespace are left."""
    named = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    command = [str(COMMAND), "lab", "run", "conference-50", "--namespace", "-v", "-w", str(folder / "x.pcapng")]
    # What nobody reads it waits to say, so that it is at work when the signal comes, however slow this machine is.
    piped: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "pipesize": 4096}
    with subprocess.Popen(command, **piped, text=True) as process:
        try:
            wait_for(lambda: child(process.pid) or process.poll() is not None)
            recorder = child(process.pid)
            assert recorder is not None
            network = networks()[recorder]
            assert network != networks()[os.getpid()]
            yield process, recorder
        finally:
            process.kill()
    wait_for(lambda: network not in networks().values())
    assert recorder not in networks()
    assert subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout == named


@needs_command
@needs_root
@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_recording_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    with recording(tmp_path) as (process, recorder):
        at_work(process)
        process.send_signal(number)
        out, said = process.communicate(timeout=60)
        assert recorder not in networks()
    assert (process.returncode, out, said.splitlines()[-1]) == (130, "", "mrfscope: interrupted")
    assert list(tmp_path.iterdir()) == []


@needs_command
@needs_root
@pytest.mark.usefixtures("tools")
def test_a_killed_recording_leaves_neither_process_nor_namespace(tmp_path: Path) -> None:
    with recording(tmp_path) as (process, _):
        process.kill()
        process.communicate(timeout=60)


@needs_command
@needs_root
@pytest.mark.usefixtures("tools")
def test_a_tcpdump_that_is_killed_is_told(tmp_path: Path) -> None:
    with recording(tmp_path) as (process, recorder):
        at_work(process)
        os.kill(recorder, signal.SIGKILL)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (74, "")
    assert f"{tmp_path}/x.pcapng: cannot be written: tcpdump ended before the recording was complete" in said
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ refusals, in this process


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the command says when it ends with 2."""

    def run(*arguments: str | Path) -> str:
        assert main.run(["lab", "run", "tcp-dial-in", "--namespace", *map(str, arguments)]) == 2
        out, said = capsys.readouterr()
        assert out == ""
        return said

    return run


def test_what_is_missing_is_said(refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("replay.edge.namespace.os.geteuid", lambda: 1000)
    said = refusal("-w", tmp_path / "x.pcapng", "--keys-out", tmp_path / "keys.toml")
    assert said == (
        "mrfscope: --namespace: not without root, ip, tcpdump\n"
        "  a recording without --namespace needs neither root nor another program\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("capability", "words"),
    [
        ("sys_admin", "a network namespace: Operation not permitted"),
        ("net_admin", "addresses in a network namespace: RTNETLINK answers: Operation not permitted"),
        ("net_raw", "tcpdump record: lo: You don't have permission to perform this capture on that device"),
    ],
)
@needs_command
@needs_root
@pytest.mark.usefixtures("tools")
def test_a_root_that_may_not_is_told(capability: str, words: str, tmp_path: Path) -> None:
    """As in many containers."""
    less = [need("setpriv"), f"--bounding-set=-{capability}", "--inh-caps=-all"]
    command = [*less, str(COMMAND), "lab", "run", "tcp-dial-in", "--namespace", "-w", str(tmp_path / "x.pcapng")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"mrfscope: --namespace: cannot have {words}")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_go_with_it(refusal: Callable[..., str], tmp_path: Path) -> None:
    assert "name the file with -w OUT.pcapng" in refusal()
    assert "--metrics does not go with --namespace" in refusal(
        "-w", tmp_path / "x.pcapng", "--metrics", "127.0.0.1:9100"
    )
