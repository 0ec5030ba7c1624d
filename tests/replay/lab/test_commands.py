"""`mrfscope lab` as real processes: functions alone and together, what they refuse, logs, metrics, the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from analyzer.cli import main
from replay.lab.config import read_config
from replay.lab.keys import draw_keys
from tests.analyzer.cli.processes import COMMAND, mrfscope, needs_command, refused

pytestmark = needs_command

SECURED = ("--dial", "chat-17", "--secured", "-q")
NET = f"127.{(os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
"Apart from other runs on this machine."


def lab_file(folder: Path, **more: str) -> Path:
    places = {
        "mrfc_sip": "10:5060",
        "mrfc_h248": "10:2944",
        "mrfp_h248": "20:2944",
        "mrfp_media": "30",
        "kms": "40:8080",
    }
    lines = [f'{key} = "{NET}.{place}"' for key, place in (places | {"ue_sip": "50:5060"}).items()]
    path = folder / "lab.toml"
    path.write_text("\n".join([*lines, *(f"{key} = {value}" for key, value in more.items())]) + "\n")
    return path


@contextmanager
def running(first: str, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A function that is up, and ends with 0 when it is told to."""
    command = [str(COMMAND), "lab", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(first)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def metrics(place: str) -> str:
    with urlopen(f"http://{place}/metrics", timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def test_each_function_alone(tmp_path: Path) -> None:
    """KMS, MRFC, MRFP and UE as four processes: a secured leg, H.248 over TCP; logs, metrics, a quick end."""
    config, keys = lab_file(tmp_path, h248_transport='"tcp"', secured_only='["chat-17"]'), tmp_path / "keys.toml"
    with running("The lab is up", "up", "--config", config, "--keys-out", keys, "-q"):
        pass
    common = ("--config", config, "--keys", keys)
    with ExitStack() as stack:
        stack.enter_context(running("The KMS is up.", "kms", *common, "-q"))
        mrfc = stack.enter_context(running("The MRFC is up.", "mrfc", *common, "--log-json"))
        stack.enter_context(running("The MRFP is up.", "mrfp", *common, "-q", "--metrics", f"{NET}.60:9100"))
        assert mrfc.stderr is not None
        assert json.loads(mrfc.stderr.readline())["what"] == "mrfp in service"
        ue = mrfscope("lab", "ue", *common, "--dial", "chat-17", "--secured", "--say", "secret words", "-q")
        assert (ue.stdout, ue.stderr) == ("ue: heard 0 messages, 1 of 1 requests of its own went well; left\n", "")
        plain = mrfscope("lab", "ue", *common, "--dial", "chat-17", "-q")
        assert plain.returncode == 1
        why = "488 Not Acceptable Here: this conference needs TCP/TLS/MSRP with end-to-end security"
        assert plain.stderr.endswith(f"; out: {why}\n")
        (tmp_path / "others.toml").write_text(draw_keys(read_config(config)).text())
        stranger = mrfscope("lab", "ue", "--config", config, "--keys", tmp_path / "others.toml", *SECURED)
        assert stranger.returncode == 1
        assert stranger.stderr.endswith("; out: the KMS gives no ticket\n")
        assert 'mrfscope_lab_events_total{event="Secured",function="mrfp"} 1.0\n' in metrics(f"{NET}.60:9100")
        mrfc.send_signal(signal.SIGTERM)
        log = [json.loads(line) for line in mrfc.stderr]
    assert all(set(line) <= {"time", "level", "function", "what", "details"} for line in log)
    assert "secret" not in str(log)
    assert "alice" not in str(log)


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    config = lab_file(tmp_path)
    with running("The KMS is up.", "kms", "--config", config):
        said = refused("lab", "up", "--config", config, code=2)
    assert said.startswith(f"mrfscope: lab: cannot listen at {NET}.40:8080: Address already in use\n")


def test_a_lab_that_stops_ends_its_calls(tmp_path: Path) -> None:
    """BYE with a Reason, and the termination is given back, before the MRFP goes."""
    config = lab_file(tmp_path)
    place = f"{NET}.60:9101"
    with running("The lab is up", "up", "--config", config, "--log-json", "--metrics", place) as lab:
        command = [
            str(COMMAND),
            "lab",
            "ue",
            "--config",
            str(config),
            "--dial",
            "chat-17",
            "--say",
            "x",
            "--stay",
            "60",
        ]
        with subprocess.Popen([*command, "--log-json"], stderr=subprocess.PIPE, text=True) as ue:
            until = time.monotonic() + 60
            while 'connections{function="mrfp"} 1.0' not in metrics(place) and time.monotonic() < until:
                time.sleep(0.1)
            lab.send_signal(signal.SIGTERM)
            _, said = ue.communicate(timeout=60)
        assert lab.stderr is not None
        log = [json.loads(line) for line in lab.stderr]
    assert ue.returncode == 1
    assert said.endswith("; out: the conference server stops\n")
    notes = [line["what"] for line in log if line["function"] == "mrfc"]
    assert notes == ["mrfp in service", "leg ends", "leg released", "mrfp lost"]


def test_a_scenario_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [str(COMMAND), "lab", "run", "conference-50", "-v", "-w", str(tmp_path / "x.pcapng")]
    # What nobody reads it waits to say: it is at work still when the signal comes, however slow this machine is.
    with subprocess.Popen(command, stderr=subprocess.PIPE, pipesize=4096, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said.splitlines()[-1]) == (130, "mrfscope: interrupted")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ refusals, in this process


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the command says when it ends with 2."""

    def run(*arguments: str | Path) -> str:
        assert main.run(["lab", *map(str, arguments)]) == 2
        out, said = capsys.readouterr()
        assert out == ""
        return said

    return run


def test_nothing_beyond_loopback_unless_allowed(refusal: Callable[..., str]) -> None:
    assert "10.0.0.1 is no loopback address" in refusal("up", "--mrfc-sip", "10.0.0.1:5060")
    said = refusal("run", "tcp-dial-in", "--metrics", "10.0.0.1:9100")
    assert "--metrics: 10.0.0.1 is no loopback address" in said


def test_wrong_usage(refusal: Callable[..., str], tmp_path: Path) -> None:
    assert "did you mean tcp-dial-in" in refusal("run", "tcp-dialin")
    assert "did you mean OFFER-6, OFFER-5 or OFFER-4?" in refusal("run", "tcp-dial-in", "--fault", "OFFER-7")
    said = refusal("run", "tcp-dial-in", "--fault", "din-9")
    assert "DIN-9 shows in e2e-dial-in, not in tcp-dial-in" in said
    assert "no scenario is called 'conference-1'" in refusal("run", "conference-1")
    assert "'127.0.0.1' must be an IP address and a port" in refusal("up", "--kms", "127.0.0.1")
    assert "--secured needs --keys FILE" in refusal("ue", "--dial", "chat-17", "--secured")
    (tmp_path / "lab.toml").write_text("room = 1\n")
    said = refusal("up", "--config", tmp_path / "lab.toml")
    assert said.startswith(f"mrfscope: {tmp_path}/lab.toml:1: room: no such key; did you mean rooms")
    (tmp_path / "lab.toml").write_text('\nkms = "here:80"\n')
    said = refusal("up", "--config", tmp_path / "lab.toml")
    assert "lab.toml:2: kms: must be an IP address and a port, such as 127.0.0.10:5060, is 'here:80'" in said
    (tmp_path / "keys.toml").write_text("")
    assert "not the keys of a lab" in refusal("kms", "--keys", tmp_path / "keys.toml")


def test_a_recording_that_cannot_be_written(tmp_path: Path) -> None:
    assert "cannot be written" in refused("lab", "run", "tcp-dial-in", "-w", tmp_path / "no" / "x.pcapng", code=74)


def test_a_recording_to_standard_output(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(COMMAND), "lab", "run", "tcp-refused", "-w", "-"], capture_output=True, timeout=60, check=True
    )
    assert done.stdout[:4] == b"\x0a\x0d\x0d\x0a"
    assert done.stderr == b"tcp-refused: the MRFC ended the call\n"
