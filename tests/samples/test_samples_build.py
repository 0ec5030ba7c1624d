"""The sample captures: built the same each time, sound to tshark and Erlang's megaco, and true to their rows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from samples import build  # noqa: E402
from samples.builder import Packet  # noqa: E402
from samples.pcapng import encode  # noqa: E402
from samples.scenario import Scenario, ScenarioError  # noqa: E402

DIAL_IN = ROOT / "samples" / "drawn" / "tcp-dial-in" / "scenario.toml"
DIAL_OUT = ROOT / "samples" / "drawn" / "tcp-dial-out" / "scenario.toml"
GOOD_NAMES = ("tcp-dial-in", "tcp-dial-out", "conference-3")
GOOD_NAMES += ("e2e-dial-in", "e2e-dial-in-mode-2", "e2e-dial-in-mode-4", "e2e-dial-out")
GOOD = [ROOT / "samples" / "drawn" / name / "scenario.toml" for name in GOOD_NAMES]
TWINS = sorted((ROOT / "samples" / "drawn").glob("*--*/scenario.toml"))
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

# Sections A and B of the requirements table.
ROWS_A = [
    *("GEN-1", "GEN-2", "GEN-3", "GEN-4"),
    *("OFFER-1", "OFFER-2", "OFFER-3", "OFFER-3b", "OFFER-4", "OFFER-5", "OFFER-6"),
    *("SEND-1", "SEND-2", "SEND-3", "SEND-4", "ANS-1", "ANS-2", "MRFP-1", "MRFP-2", "MRFP-3"),
]
ROWS_B = ["TCP-1", "TCP-2", "TCP-3", "TCP-4", "TCP-5", "TCP-6", "TCP-7", "TCP-F"]


def fields(capture: Path, *names: str, show: str = "", options: tuple[str, ...] = ()) -> list[list[str]]:
    command = ["tshark", "-r", str(capture), "-Y", show, "-T", "fields", "-E", "separator=|", *options]
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [line.split("|") for line in done.stdout.splitlines()]


def payload(data: bytes) -> bytes:
    """What UDP or TCP carries in a frame of a sample."""
    return data[34 + (8 if data[23] == 17 else (data[46] >> 4) * 4) :]


def twin(folder: Path, text: str) -> Path:
    """A description beside a copy of its base, as it would stand in samples/."""
    (folder / "tcp-dial-in").mkdir()
    shutil.copy(DIAL_IN, folder / "tcp-dial-in")
    (folder / "twin").mkdir()
    path = folder / "twin" / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.parent.name)
def test_capture_is_what_the_description_builds_and_twice_the_same(path: Path) -> None:
    first = build.capture(path)
    assert first == build.capture(path)
    assert first == path.with_name("capture.pcapng").read_bytes()
    assert path.with_name("README.md").exists()


@pytest.mark.parametrize("name", ["tcp-dial-in", "tcp-dial-out"])
def test_every_row_is_shown_or_said_to_be_not_applicable(name: str) -> None:
    scenario = Scenario.load(ROOT / "samples" / "drawn" / name / "scenario.toml")
    shown = {row for step in scenario.steps for row in step.rows}
    assert shown.isdisjoint(scenario.not_applicable)
    assert shown | scenario.not_applicable.keys() == {*ROWS_A, *ROWS_B}


def test_steps_are_in_the_order_of_clause_6_2_20_1() -> None:
    names = [step.name for step in Scenario.load(DIAL_IN).steps]
    assert names[:8] == ["invite", "trying", "add", "add-reply", "connect", "answer", "ack", "bind"]
    assert names[-5:] == ["bye", "bye-ok", "subtract", "subtract-reply", "close"]


def test_steps_of_dial_out_are_in_causal_order() -> None:
    """Reserve, offer, answer, Configure, TCP (clause 6.2.10.3.1; the order of clause 6.2.19.2.2)."""
    names = [step.name for step in Scenario.load(DIAL_OUT).steps]
    signalled = ["add", "add-reply", "invite", "trying", "ringing", "answer", "ack", "modify", "modify-reply"]
    assert names[:11] == [*signalled, "connect", "bind"]
    assert names[-5:] == ["bye", "bye-ok", "subtract", "subtract-reply", "close"]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.parent.name)
def test_lengths_are_those_of_the_octets(path: Path) -> None:
    """Content-Length (RFC 3261 section 20.14) and Byte-Range (RFC 4975 section 7.1.1), counted anew from the wire."""
    received: Counter[tuple[int, str]] = Counter()
    asked: dict[bytes, bytes] = {}
    for step in Scenario.load(path).steps:
        head, _, rest = step.octets.partition(b"\r\n\r\n")
        if step.protocol == "sip":
            assert re.search(rb"Content-Length: (\d+)$", head)[1] == b"%d" % len(rest)  # type: ignore[index]
        if step.protocol == "msrp" and b" REPORT\r\n" in head:
            message_id, byte_range = re.search(rb"Message-ID: (.*)\r\nByte-Range: (.*)\r\n", head).groups()  # type: ignore[union-attr]
            assert asked.pop(message_id) == byte_range
        if step.protocol == "msrp" and rest:
            first, last, total = re.search(rb"Byte-Range: (\d+)-([\d*]+)/(\d+)\r\n", head + b"\r\n").groups()  # type: ignore[union-attr]
            tid = head.split(b" ")[1]
            body, _, end = rest.rpartition(b"\r\n-------" + tid)
            assert end in (b"$\r\n", b"+\r\n")
            size = len(body)
            assert last in (b"*", b"%d" % (int(first) + size - 1))
            assert (int(first) + size - 1 == int(total)) == (end == b"$\r\n")
            if b"Success-Report: yes" in head:
                asked[re.search(rb"Message-ID: (.*)\r\n", head)[1]] = b"1-%s/%s" % (total, total)  # type: ignore[index]
            to_mrfp = step.source[0].role == "UE"
            side = step.target if to_mrfp else step.source
            port = side[0].ends[side[1]][1]
            received[port, "or" if to_mrfp else "os"] += size
            received[port, "mr" if to_mrfp else "ms"] += end == b"$\r\n"
    assert asked == {}
    # What the MRFP says when a termination is subtracted; its reply to the Add says which port that was.
    ports: dict[str, int] = {}
    stated: dict[tuple[int, str], int] = {}
    for step in Scenario.load(path).steps:
        text = step.octets.decode("latin-1") if step.protocol == "h248" else ""
        if added := re.search(r"P=.*A=(ip/1/mb/\d+)\{.*m=message (\d+)", text, re.DOTALL):
            ports[added[1]] = int(added[2])
        for key, value in re.findall(r"msrpstat/(\w+)=(\d+)", text):
            stated[ports[re.search(r"S=(ip/1/mb/\d+)", text)[1]], key] = int(value)  # type: ignore[index]
    assert stated == received


@needs_tshark
@pytest.mark.interop
@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.parent.name)
def test_tshark_finds_nothing_malformed_and_every_checksum_right(path: Path) -> None:
    checks = [f"-o{name}:TRUE" for name in ("ip.check_checksum", "tcp.check_checksum", "udp.check_checksum")]
    capture = path.with_name("capture.pcapng")
    bad = "_ws.malformed || _ws.expert.severity >= 0x600000"  # 0x600000 warning, 0x800000 error
    assert fields(capture, "frame.number", "_ws.expert.message", show=bad, options=tuple(checks)) == []
    lost = "tcp.analysis.flags || megaco.parse_error || frame.time_delta < 0"
    assert fields(capture, "frame.number", show=lost) == []


@needs_tshark
@pytest.mark.interop
def test_tshark_finds_nothing_malformed_in_the_twins(tmp_path: Path) -> None:
    """What is wrong in a twin is wrong between messages, never in how one is written.

    The secured ones apart: tshark 4.0 takes a good GENERIC-ID map in a session's `a=key-mgmt` for malformed.
    """
    plain = [path for path in TWINS if path.parent.name.startswith("tcp-")]
    bases = {payload(packet.data) for path in GOOD for packet in build.packets(path)[1]}
    changed = []
    for number, path in enumerate(plain):
        for packet in build.packets(path)[1]:
            if payload(packet.data) not in bases:
                changed.append(Packet(packet.time + number * 10**12, packet.data, path.parent.name))
    assert len({packet.step for packet in changed}) > 25
    capture = tmp_path / "changed.pcapng"
    capture.write_bytes(encode(changed, "mrf0"))
    # Each twin has the same connection anew.
    alone = ("-otcp.analyze_sequence_numbers:FALSE",)
    bad = fields(capture, "frame.number", show="_ws.malformed || megaco.parse_error", options=alone)
    assert [changed[int(frame) - 1].step for (frame,) in bad] == []
    heard = fields(capture, "frame.protocols", show="frame", options=alone)
    assert {words.split(":")[4] for (words,) in heard if words.count(":") > 3} == {"sip", "megaco", "msrp"}


@pytest.mark.parametrize("path", TWINS, ids=lambda path: path.parent.name)
def test_a_twin_is_a_few_lines_and_differs_from_its_base(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    base = re.match(r'base = "([\w-]+)"\ntitle = ".*', text)
    assert base is not None
    assert build.capture(path) == build.capture(path) != build.capture(path.parents[1] / base[1] / path.name)
    if path.parent.name.rpartition("-")[2].isupper() or path.parent.name[-1].isdigit():
        row = path.parent.name.partition("--")[2].removeprefix("late-")
        assert f"({row}" in text.splitlines()[1]


@needs_tshark
@pytest.mark.interop
def test_tshark_sees_the_flow() -> None:
    capture = DIAL_IN.with_name("capture.pcapng")
    seen = fields(capture, "sip.Method", "sip.Status-Code", "megaco.transid", show="sip || megaco")
    assert seen[:4] == [["INVITE", "", ""], ["", "100", ""], ["", "", "4711"], ["", "", "4711"]]
    assert seen[4:] == [["", "200", ""], ["ACK", "", ""], ["BYE", "", ""], ["", "200", ""], *[["", "", "4712"]] * 2]
    msrp = Counter(
        method or status for method, status in fields(capture, "msrp.method", "msrp.status.code", show="msrp")
    )
    assert msrp == {"SEND": 8, "200": 9, "NICKNAME": 1, "REPORT": 1}
    syn = fields(capture, "ip.src", "tcp.srcport", "tcp.dstport", "frame.interface_name", show="tcp.flags == 0x002")
    assert syn == [["203.0.113.5", "28563", "7394", "mrf0"]]
    times = [time for (time,) in fields(capture, "frame.time_epoch")]
    assert times[0] == "1768471200.000000000"
    assert len(times) == len(build.packets(DIAL_IN)[1])


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("erl") is None, reason="Erlang is not installed")
def test_erlang_megaco_reads_the_h248_messages(tmp_path: Path) -> None:
    steps = [step for step in Scenario.load(DIAL_IN).steps if step.protocol == "h248"]
    for step in steps:
        (tmp_path / f"{step.name}.txt").write_bytes(step.octets)
    program = """
        case code:lib_dir(megaco) of {error, _} -> io:format("absent"), halt(0); _ -> ok end,
        lists:foreach(fun(F) -> {ok, B} = file:read_file(F),
            {R, _} = megaco_compact_text_encoder:decode_message([], dynamic, B), io:format("~p ", [R]) end,
            lists:sort(filelib:wildcard("*.txt"))), halt(0)."""
    done = subprocess.run(
        ["erl", "-noshell", "-eval", program], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    if done.stdout.startswith("absent"):
        pytest.skip("Erlang's megaco is not installed")
    assert done.stdout.split() == ["ok"] * len(steps), done.stderr + done.stdout


def test_a_twin_differs_by_one_line_and_keeps_its_length_right(tmp_path: Path) -> None:
    path = twin(tmp_path, 'base = "tcp-dial-in"\n[[change]]\nstep = "answer"\nreplace = "a=msrp-cema\\n"\nwith = ""\n')
    base, other = Scenario.load(DIAL_IN).steps, Scenario.load(path).steps
    differing = [(one, two) for one, two in zip(base, other, strict=True) if one.octets != two.octets]
    assert [one.name for one, _ in differing] == ["answer"]
    before, after = differing[0][0].octets.decode().splitlines(), differing[0][1].octets.decode().splitlines()
    assert [line for line in before if line not in after] == ["Content-Length: 326", "a=msrp-cema"]
    assert [line for line in after if line not in before] == ["Content-Length: 313"]


def test_a_twin_with_a_refused_connection_and_a_step_more(tmp_path: Path) -> None:
    path = twin(
        tmp_path,
        """
        base = "tcp-dial-in"
        title = "UE-A refuses the connection"
        [[change]]
        drop = ["chat-*", "agenda-*", "bind*", "nickname*", "close"]
        [[change]]
        step = "connect"
        set = { do = "refused" }
        [[step]]
        name = "notify"
        at = 0.018
        h248 = "mrfp -> mrfc"
        text = '!/2 [192.0.2.20]:2944 T=88{C=17{N=ip/1/mb/33{OE=9001{tcpbcc/BNCChange{ST=1,Type=failed}}}}}'
        """,
    )
    scenario, packets = build.packets(path)
    assert scenario.title == "UE-A refuses the connection"
    assert [packet.step for packet in packets[4:8]] == ["connect", "connect", "notify", "answer"]
    assert [packet.data[47] for packet in packets[4:6]] == [0x02, 0x14]  # SYN, RST ACK


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('step = "answer"\nreplace = "a=msrp-chema"\nwith = ""', "stands 0 times"),
        ('step = "answer"\nreplace = "a="\nwith = ""', "not once"),
        ('step = "anwser"\nreplace = "x"\nwith = ""', "no step to change"),
        ('drop = ["chat-9"]', "no step to drop"),
        ('drop = ["connect"]', "no open TCP connection"),
        ('step = "connect"\nset = { do = "dance" }', "is not known"),
        ('step = "bind-ok"\nset = { at = 0.046 }', "has not ended yet"),
        ('step = "bind"\nset = { tid = "<<nobody>>" }', "nothing says what <<nobody>> is"),
        ('step = "bind"\nset = { tid = "<<tid>>" }', "stands for itself"),
        ('step = "bind"\nset = { colour = "red" }', "nothing uses colour"),
        ('step = "bind"\nset = { msrp = "mrfp -> ue_b" }', "no node has the end point ue_b.msrp"),
    ],
)
def test_a_twin_that_cannot_be_meant_is_refused(tmp_path: Path, change: str, message: str) -> None:
    path = twin(tmp_path, f'base = "tcp-dial-in"\n[[change]]\n{change}\n')
    with pytest.raises(ScenarioError, match=message):
        build.packets(path)
