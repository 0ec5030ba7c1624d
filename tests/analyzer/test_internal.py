"""One bad session never costs the others: an internal error is that session's finding INTERNAL (docs/analyze.md)."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from analyzer import internal
from analyzer.checks import CHECKS
from analyzer.cli.main import run
from analyzer.cli.thresholds import Thresholds
from analyzer.correlate import correlator
from analyzer.correlate.correlator import Correlator
from analyzer.correlate.session import Session
from analyzer.findings import Finding, Severity
from analyzer.flows import FLOWS
from analyzer.judge import Judge
from analyzer.model import Verdict
from analyzer.opening import opener
from analyzer.pipeline import Analysis, Options
from analyzer.report import FORMATS, Report, Tally, junit_report
from analyzer.report.two_processes import FORK_FROM, write_rendered
from analyzer.streams import lane
from analyzer.streams.tcp_reader import ConnectionReader
from analyzer.twin import can_twin
from dissectors.sip import decode_sip

ROOT = Path(__file__).resolve().parents[2]
CAPTURE = ROOT / "samples" / "conference-3" / "capture.pcapng"
"Three sessions."
SECURED = ROOT / "samples" / "e2e-dial-in" / "capture.pcapng"
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "report.schema.json").read_text()))
SECRET = "sip:alice@example.net 0123456789abcdef"


def analysed(format_: str = "json", *, path: Path = CAPTURE, jobs: int = 1) -> tuple[str, Tally]:
    """One report as the command makes it, and what it counted."""
    judge = Judge(FLOWS, CHECKS)
    analysis = Analysis([str(path)], Options(jobs=jobs, judge=judge.judge))
    form, tally, out = FORMATS[format_], Tally(), io.BytesIO()
    sessions = enumerate(analysis.sessions(early=form.early), 1)
    chosen = Thresholds().apply(sessions, tally)
    form.load()(Report(analysis, chosen, tally=tally, rules=judge.rules, jobs=jobs), out)
    return out.getvalue().decode(), tally


def by_id(text: str) -> dict[str, dict[str, Any]]:
    document = json.loads(text)
    SCHEMA.validate(document)
    return {session["id"]: session for session in document["sessions"]}


RIGHT = by_id(analysed()[0]) if CAPTURE.exists() else {}
BAD = sorted(RIGHT)[1] if RIGHT else ""
"The session that something fails on."

pytestmark = pytest.mark.skipif(not RIGHT, reason="samples are not built")


def fail(*_: object, **__: object) -> Any:
    raise KeyError(SECRET)


def failing_on(monkeypatch: pytest.MonkeyPatch, where: object, name: str, is_bad: Callable[..., bool]) -> None:
    """Let a function raise for what belongs to the bad session."""
    whole = getattr(where, name)

    def called(*args: Any, **options: Any) -> Any:
        return fail() if is_bad(*args, **options) else whole(*args, **options)

    monkeypatch.setattr(where, name, called)


def break_linking(monkeypatch: pytest.MonkeyPatch) -> None:
    call_id = RIGHT[BAD]["sip"]["call_id"]
    failing_on(
        monkeypatch,
        correlator,
        "assemble_session",
        lambda _, **seed: "call" in seed and seed["call"].call_id == call_id,
    )


def break_judging(monkeypatch: pytest.MonkeyPatch) -> None:
    failing_on(monkeypatch, Judge, "_judge", lambda _, session, __: session.id == BAD)


def break_keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    failing_on(monkeypatch, Session, "_signalling_entries", lambda session: session.id == BAD)


def break_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is at fault is gone from a bare session: here its SIP."""
    failing_on(monkeypatch, Session, "entries", lambda session: session.id == BAD and session.sip is not None)
    failing_on(monkeypatch, junit_report, "_outcome", lambda session, *_: session.id == BAD and session.sip is not None)


BREAKS = {"linking": break_linking, "judging": break_judging, "keeping": break_keeping}


@pytest.mark.parametrize("what", BREAKS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_it_is_the_finding_of_that_session(what: str, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    BREAKS[what](monkeypatch)
    text, tally = analysed(jobs=jobs)
    found = by_id(text)
    assert SECRET not in text
    bad, (finding,) = found[BAD], found[BAD]["findings"]
    assert (finding["code"], finding["severity"], bad["verdict"]) == ("INTERNAL", "error", "incomplete")
    assert finding["message"].startswith(f"mrfscope failed while {what} this session: KeyError in analyzer.")
    assert finding["hint"] == internal.ADVICE
    assert tally.failing == 1
    assert found.keys() >= RIGHT.keys()
    if what == "linking":
        # Its terminations and connections are there all the same, as sessions of their own.
        assert {found[key]["verdict"] for key in found.keys() - RIGHT.keys()} <= {"ok", "incomplete"}
        assert bad["state"] == "internal error while linking"
        assert bad["sip"] == RIGHT[BAD]["sip"]
        return
    others = RIGHT.keys() - {BAD}
    assert {key: found[key] for key in others} == {key: RIGHT[key] for key in others}
    assert tally.verdicts == {"ok": 2, "incomplete": 1}


def test_the_sessions_beside_one_that_is_not_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other two legs of the conference keep what is theirs; only the links to the third may tell less of it."""
    break_linking(monkeypatch)
    found = by_id(analysed()[0])
    for key in RIGHT.keys() - {BAD}:
        for member in ("verdict", "steps", "findings", "checks", "timeline", "msrp", "h248"):
            assert found[key][member] == RIGHT[key][member], member


def blocks(text: str) -> dict[str, str]:
    """What a text report says of each session."""
    parts = re.split(r"^Session \d+  (s-[0-9a-f]+)", text.partition("\nCoverage\n")[0], flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("format_", [name for name in FORMATS if name != "csv-findings"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_cannot_be_written(format_: str, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every format has the other sessions word for word, and of the bad one that it failed."""
    right = analysed(format_)[0]
    break_writing(monkeypatch)
    text, tally = analysed(format_, jobs=jobs)
    assert SECRET not in text
    assert BAD in text
    assert tally.failing == 1
    assert tally.verdicts == {"ok": 2, "incomplete": 1}
    lost = {line for line in right.splitlines() if BAD not in line} - set(text.splitlines())
    match format_:
        case "json":
            found = by_id(text)
            assert found[BAD]["findings"][0]["code"] == "INTERNAL"
            assert found[BAD]["timeline"] == []
            assert {key: found[key] for key in RIGHT if key != BAD} == {key: RIGHT[key] for key in RIGHT if key != BAD}
        case "ndjson":
            assert not lost
            (line,) = (json.loads(line) for line in text.splitlines() if f'"id":"{BAD}"' in line)
            SCHEMA.evolve(schema=SCHEMA.schema | {"$ref": "#/$defs/line"}).validate(line)
            assert (line["verdict"], line["findings"][0]["code"]) == ("incomplete", "INTERNAL")
        case "csv":
            assert not lost
            (row,) = (row for row in csv.reader(io.StringIO(text)) if row[0] == BAD)
            assert row[2:4] == ["incomplete", "ended"]
            assert not any(row[5:])
        case "text":
            assert blocks(text).keys() == blocks(right).keys() == RIGHT.keys()
            assert all(blocks(text)[key] == blocks(right)[key] for key in RIGHT if key != BAD)
            (row,) = (line for line in text.splitlines() if line.startswith("  ") and f"  {BAD}  " in line)
            assert row.split()[2] == "incomplete"  # in the list, which stands before what could not be written
            assert f"{BAD}  message  incomplete" in text
            assert "INTERNAL" in text
            assert "3 sessions: 1 incomplete, 2 ok; 1 error: INTERNAL" in text
        case "junit":
            cases = [
                case
                for case in ElementTree.fromstring(text).iter("testcase")
                if case.get("classname", "").endswith(BAD)
            ]
            assert [(case.get("name"), case[0].tag) for case in cases] == [
                ("outcome", "skipped"),
                ("INTERNAL", "failure"),
            ]


@pytest.mark.parametrize("format_", FORMATS)
def test_one_rule_that_fails(format_: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A plugin's rule fails on one session of three: the command goes on in every format, and ends with 1."""
    plugin = tmp_path / "acme.py"
    plugin.write_text(
        "from analyzer.checks.rule import Rule\nfrom analyzer.findings import OK, Severity\n"
        "def judge(evidence):\n"
        f"    if evidence.session.id == {BAD!r}:\n        raise KeyError({SECRET!r})\n    return OK\n"
        "CHECKS = [Rule(code='ACME-1', title='a', clause='b', severity=Severity.INFO, judge=judge)]\n"
    )
    assert run(["analyze", str(CAPTURE), "-f", format_, "--plugin", str(plugin)]) == 1
    out, err = capfd.readouterr()
    assert err == ""
    assert SECRET not in out
    assert "line 5: KeyError" in out or format_ == "csv"
    for key in RIGHT:
        assert key in out or format_ == "csv-findings"
    assert run(["analyze", str(CAPTURE), "-f", format_, "--plugin", str(plugin), "--fail-on", "never"]) == 0


def test_tracebacks_are_shown_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    break_judging(monkeypatch)
    logger = logging.getLogger("mrfscope")
    try:
        assert run(["analyze", str(CAPTURE), "-q"]) == 1
        assert capfd.readouterr().err == ""
        assert run(["analyze", str(CAPTURE), "-v"]) == 1
        assert "Traceback (most recent call last)" in capfd.readouterr().err
    finally:
        logger.handlers, logger.level, logger.propagate = [], logging.NOTSET, True


def test_worse_stays_worse() -> None:
    """An internal error hides no failure."""
    session = Session("s-1", "sip", "rejected 488", Verdict.FAILED, 0, 0)
    internal.note_internal(session, "judging", KeyError())
    assert session.verdict is Verdict.FAILED


def test_explain(capfd: pytest.CaptureFixture[str]) -> None:
    """What it means, and what to send to us; it is no rule that any session is held against."""
    assert run(["explain", "INTERNAL"]) == 0
    out = capfd.readouterr().out
    for words in ("INTERNAL  error", "exit code 1", "mrfscope --version", "traceback", "Wireshark filter"):
        assert words in " ".join(out.split()) or words in out
    assert all("INTERNAL" not in session["checks"] for session in RIGHT.values())


def test_errors_of_the_network_come_first() -> None:
    """The sentence that a failed session opens with quotes the first of them."""
    told = Finding("OFFER-1", "", Severity.ERROR, "a.", (1,), "", "", "")
    less = Finding("SEND-4", "", Severity.WARNING, "b.", (1,), "", "", "")
    session = Session("s-1", "message", "ended", Verdict.FAILED, 0, 0, findings=[told, less])
    internal.note_internal(session, "writing", KeyError())
    assert [each.code for each in session.findings] == ["OFFER-1", "INTERNAL", "SEND-4"]


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, SystemExit])
def test_what_is_no_fault_of_a_session(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory, Ctrl-C and the end of the process stop everything."""

    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr(Judge, "_judge", stop)
    with pytest.raises(error):
        analysed()


def test_a_message_that_cannot_be_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs itself, and the account says so; what else belongs to its session is there."""
    frame = RIGHT[BAD]["timeline"][0]["frames"][0]
    failing_on(monkeypatch, Correlator, "add_message", lambda _, message: message.frames[0] == frame)
    text = analysed()[0]
    document = json.loads(text)
    SCHEMA.validate(document)
    protocol = RIGHT[BAD]["timeline"][0]["protocol"]
    coverage = document["coverage"]
    assert coverage["unlinked"] == {protocol: 1}
    assert coverage["notes"][f"{protocol} message lost to an internal error"] == 1
    (told,) = coverage["unlinked_list"]
    assert told.startswith(f"frame {frame}: {protocol}, internal error, please report it: KeyError in analyzer.")
    assert SECRET not in text
    assert len(document["sessions"]) == 3


@pytest.mark.skipif(not SECURED.exists(), reason="samples are not built")
def test_tls_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection counts as not decrypted, and its session has the finding."""
    monkeypatch.setattr(opener.TlsReader, "read", fail)
    document = json.loads(analysed(path=SECURED)[0])
    SCHEMA.validate(document)
    assert document["coverage"]["tls"]["undecrypted"] == {"unsupported": 1}
    (session,) = (each for each in document["sessions"] if each["tls"])
    assert session["findings"][0]["message"].startswith("mrfscope failed while reading TLS of this session: KeyError")
    assert session["tls"]["outcome"] == "unsupported"


@pytest.mark.parametrize("bad", [3, FORK_FROM - 3])
def test_what_the_second_process_cannot_write(bad: int) -> None:
    """Its half is done again in this process, which counts what fails."""
    failed: list[int] = []

    def render(number: int) -> bytes:
        return fail() if number == bad else b"%d" % number

    def rescue(number: int, error: Exception) -> bytes:
        assert isinstance(error, KeyError)
        failed.append(number)
        return b"rescued"

    out = io.BytesIO()
    write_rendered(range(FORK_FROM), render, b",", out, rescue=rescue)
    assert out.getvalue().split(b",") == [b"rescued" if each == bad else b"%d" % each for each in range(FORK_FROM)]
    assert failed == [bad]


@pytest.mark.skipif(not can_twin(), reason="one core only: there is no second process")
def test_a_second_process_that_fails(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """No session is to blame: one line, and the traceback when asked for."""
    failing_on(monkeypatch, lane.Lane, "feed", lambda reader, _: reader.selector._lane == 1)
    assert run(["analyze", str(CAPTURE), "--jobs", "2"]) == 70
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[0] == (
        "mrfscope: internal error: TwinError: the second process ended early; run again with --jobs 1"
    )
    assert "Traceback" not in err
    assert SECRET not in err


def test_octets_that_a_decoder_fails_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection is not read further: counted with the reason, and its MSRP is not called absent."""
    place = RIGHT[BAD]["tcp"][0]["client"]

    def is_bad(reader: ConnectionReader, *_: object) -> bool:
        return bool(reader.digest.client.src == place and reader.digest.protocol == "msrp")

    failing_on(monkeypatch, ConnectionReader, "receive", is_bad)
    failing_on(monkeypatch, ConnectionReader, "receive_run", is_bad)
    document = json.loads(analysed()[0])
    SCHEMA.validate(document)
    (told,) = document["coverage"]["undecoded"]
    assert told["protocol"] == "msrp"
    assert told["reason"].startswith("internal error, please report it: KeyError in analyzer.streams.tcp_reader, line")
    found = {session["id"]: session for session in document["sessions"]}
    for key in RIGHT.keys() - {BAD}:
        assert found[key]["timeline"] == RIGHT[key]["timeline"]
        assert found[key]["verdict"] == "ok"
    assert not [each for each in found[BAD]["findings"] if each["severity"] == "error"]


def test_a_datagram_that_a_decoder_fails_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for SIP and H.248 over UDP: one undecodable message."""
    frame = next(each["frames"][0] for each in RIGHT[BAD]["timeline"] if each["protocol"] == "sip")
    decoded: list[bytes] = []

    def decode(data: bytes, not_captured: int = 0) -> Any:
        decoded.append(data)
        if len(decoded) == 1:
            raise RecursionError(SECRET)
        return decode_sip(data)

    monkeypatch.setattr(lane, "decode_sip_as_far", decode)
    text = analysed()[0]
    (told,) = json.loads(text)["coverage"]["undecoded"]
    assert told["protocol"] == "sip"
    assert told["frame"] <= frame
    assert told["reason"].startswith("internal error, please report it: RecursionError in analyzer.streams.lane, line")
    assert json.loads(text)["coverage"]["ignored"]["undecodable message"] == 1
