"""What the text report says of findings and flow steps: exactly this, for a session in which everything occurs."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

from analyzer.correlate.session import Session
from analyzer.findings import Finding, Severity, Status, StepResult, not_observable
from analyzer.model import Verdict
from analyzer.report import Report, Tally
from analyzer.report.findings_text import check_lines, finding_lines, frame_words, opening, step_lines, summary_line
from analyzer.report.ladder import Hidden, collapse
from analyzer.report.marks import Marks, with_steps
from analyzer.report.paint import UNICODE, Paint
from analyzer.report.text_report import write_text
from tests.analyzer.report.hand_made import HandMade, broken_dial_in, dial_in, hostile
from tests.analyzer.report.test_json_reports import DOCUMENT
from tests.analyzer.report.test_json_reports import written as json_written

ANALYSIS = HandMade([broken_dial_in()])


def written(analysis: HandMade = ANALYSIS, **more: Any) -> str:
    out = BytesIO()
    write_text(Report(analysis, iter(analysis.numbered()), **more), out)
    return out.getvalue().decode()


FINDINGS = """\
Session 1  s-1a2b3c4d5e  message  failed: ended
  The answer came 3 ms before the Add reply (frames 6 and 7, MRFC 198.51.100.2 to P-CSCF/IMS-ALG
  198.51.100.1), and 1 more error was found.

  error TCP-6  TS 23.333 clause 6.2.20.1 step 6, frames 6-7
    expected    the answer after the reply
    actual      the answer 3.0 ms earlier
    what to do  See what the MRFC acted on.
    how sure    likely
    so also     TCP-5 (broken only because of this)

  error TCP-3  TS 23.333 clause 6.2.20.1 step 3, frame 5
    No event was asked for.
    expected    an event
    actual      none
    what to do  Ask.

  warning SEND-4  TS 23.333, frames 1-2
    No a=msrp-cema.
    expected    a=msrp-cema
    actual      none
    what to do  Add it.

  info GEN-3  TS 23.333, frame 30
    No statistics.
    expected    statistics
    actual      none
    what to do  Switch them on.

  time       2026-01-01 12:00:00.000000 UTC, 34.2 s
"""

STEPS = """\
  flow       tcp-dial-in
             ✓ TCP-1  1-2  INVITE, SDP offer
             ✓ TCP-2  5-6  Reserve And Configure
             ✗ TCP-3  5    missing: Events: TCP set-up failure
             ✗ TCP-5  9    failed: follows from TCP-6
             ✗ TCP-6  6-7  late: SDP answer
             ? TCP-7  -    not observable: no final response in the capture
             · TCP-F  -    not applicable: no TCP set-up by the MRFP failed
  checks     4 rules: 1 ok, 1 failed (SEND-4), 1 not observable (MRFP-1), 1 not applicable
"""

LADDER = """\
  1-2  12:00:00.000000  ├─────▶│      │      │  SIP    INVITE, SDP offer  ✓ TCP-1  ✗ SEND-4
  3-4  12:00:00.001500  │      ├─────▶│      │  SIP    INVITE, SDP offer
    5  12:00:00.003000  │      │      ├─────▶│  H.248  Add $ C=$ T=101  ✓ TCP-2  ✗ TCP-3
    6  12:00:00.005000  │      │      │◀─────┤  H.248  Add ip/1/mb/33 C=17 reply T=101
                        │      │      │      │         ✓ TCP-2  ✗ TCP-6
    7  12:00:00.008000  │      │◀─────┤      │  SIP    200 OK (INVITE), SDP answer  ✗ TCP-6
"""


def test_a_failed_session_is_exactly_this() -> None:
    text = written()
    for part in (FINDINGS, STEPS, LADDER):
        assert part in text
    # The line that shows a finding is told, in the middle of a chat that is not.
    assert "m9 text/plain 5 octets  ✗ GEN-3" in text
    assert "… 12 more MSRP messages, frames 18-29" in text
    assert text.splitlines()[-1] == (
        "1 session: 1 failed; 2 errors, 1 warning, 1 info: TCP-3, TCP-6, SEND-4, GEN-3. See: mrfscope explain TCP-3"
    )


def test_the_list_counts_findings() -> None:
    lines = written(verbosity=-1).splitlines()
    assert [line[17:28].strip() for line in lines[2:]] == ["failed", "2 errors", "1 warning", "1 info", "ended"]


def test_why_a_rule_could_not_tell_is_said_when_asked() -> None:
    assert "MRFP-1: no H.248 reply in the capture" not in written()
    assert "               MRFP-1: no H.248 reply in the capture\n" in written(verbosity=1)


def test_many_rules_that_could_not_tell_are_a_number() -> None:
    session = broken_dial_in()
    session.results = {f"X-{n}": not_observable("why") for n in range(9)}
    (line,) = check_lines(session, 100)
    assert line == "  checks     9 rules: 9 not observable (-v lists them)"
    assert len(list(check_lines(session, 100, everything=True))) == 10


def test_ascii_and_colours() -> None:
    plain = written(unicode=False)
    assert plain.isascii()
    assert "             x TCP-3  5    missing: Events: TCP set-up failure\n" in plain
    coloured = written(colour=True)
    assert "\x1b[1;31merror TCP-6\x1b[0m  TS 23.333" in coloured
    assert "\x1b[1;31m✗ TCP-6\x1b[0m" in coloured
    assert "\x1b[33m✗ SEND-4\x1b[0m" not in coloured.split("SDP offer")[0]


def test_narrow_reports_keep_within_the_width() -> None:
    session = broken_dial_in()
    for width in (60, 80, 100):
        lines = [
            *finding_lines(session, session.entries(), ANALYSIS.nodes, Paint(), UNICODE, width),
            *step_lines(session, Paint(), UNICODE, width),
            *check_lines(session, width, everything=True),
        ]
        assert len(lines) > 30
        assert [line for line in lines if len(line) > width] == []


def test_what_a_failure_without_finding_opens_with() -> None:
    session = dial_in()
    assert opening(session, [], ANALYSIS.nodes) == ""
    session.verdict, session.state = Verdict.FAILED, "rejected 488"
    assert opening(session, [], ANALYSIS.nodes) == "It did not come about: rejected 488."


def test_findings_from_outside_are_made_printable() -> None:
    session = hostile()
    session.findings = [Finding("X-1", "c\x1b", Severity.ERROR, "m\x1b[2J\n", (1,), "e\x07", "a\x9b", "h\x1b7")]
    session.flow = "f\x1b"
    session.steps = [StepResult("S-1", "c", Status.NOT_OBSERVABLE, (), "r\x1b[1m")]
    text = written(HandMade([session]))
    assert all(line.isprintable() for line in text.splitlines())


def test_frame_words() -> None:
    assert frame_words((8,)) == "frame 8"
    assert frame_words((1, 8)) == "frames 1 and 8"
    assert frame_words((3, 4, 8)) == "frames 3, 4 and 8"
    assert frame_words((3, 5, 7, 9, 99)) == "frames 3 to 99"


def tally_of(*sessions: Session) -> Tally:
    tally = Tally()
    for session in sessions:
        tally.count(session)
    return tally


def test_summary_of_several_sessions() -> None:
    assert summary_line(tally_of(), Paint()) == "0 sessions; no findings."
    assert summary_line(tally_of(dial_in(), dial_in()), Paint()) == "2 sessions: 2 ok; no findings."
    many = broken_dial_in()
    many.findings = [Finding(f"X-{n}", "", Severity.INFO, "m", (), "", "", "") for n in range(10)]
    assert summary_line(tally_of(many, dial_in()), Paint()) == (
        "2 sessions: 1 failed, 1 ok; 10 info: X-0, X-1, X-2, X-3, X-4, X-5, X-6, X-7 and 2 more codes."
        " See: mrfscope explain X-0"
    )


def test_timeline_lines_name_the_first_step_that_they_fulfil() -> None:
    session = broken_dial_in()
    entries = with_steps(session.entries(), session.steps)
    assert [(each.frames, each.step) for each in entries if each.step] == [
        ((1, 2), "TCP-1"),
        ((5,), "TCP-2"),
        ((6,), "TCP-2"),
    ]


def test_the_protocol_tells_messages_of_one_packet_apart() -> None:
    session = broken_dial_in()
    both = [StepResult("TCP-5", "", Status.OK, (12,), "", "", ("tcp",))]
    assert [each.step for each in with_steps(session.entries(), both) if each.step] == []
    free = [StepResult("TCP-5", "", Status.OK, (12,))]
    assert [each.frames for each in with_steps(session.entries(), free) if each.step] == [(12,)]


def test_marked_lines_are_never_taken_together() -> None:
    session = broken_dial_in()
    run = [entry for entry in session.entries() if entry.protocol == "msrp"]
    hidden = [len(each.entries) for each in collapse(run, Marks.of(session)) if isinstance(each, Hidden)]
    assert hidden == [12, 19]
    assert [len(each.entries) for each in collapse(run) if isinstance(each, Hidden)] == [32]


def test_json_has_steps_findings_and_checks() -> None:
    document = json.loads(json_written("json", ANALYSIS))
    DOCUMENT.validate(document)
    (session,) = document["sessions"]
    assert session["flow"] == "tcp-dial-in"
    assert session["steps"][3] == {
        "id": "TCP-5",
        "clause": "TS 23.333 clause 6.2.20.1 step 5",
        "status": "failed",
        "frames": [9],
        "reason": "follows from TCP-6",
    }
    assert session["findings"][0] == {
        "code": "TCP-6",
        "clause": "TS 23.333 clause 6.2.20.1 step 6",
        "severity": "error",
        "message": "The answer came 3 ms before the Add reply.",
        "frames": [6, 7],
        "expected": "the answer after the reply",
        "actual": "the answer 3.0 ms earlier",
        "hint": "See what the MRFC acted on.",
        "confidence": "likely",
        "causes": ["TCP-5"],
    }
    assert session["checks"] == {
        "OFFER-1": "ok",
        "MRFP-1": "not observable",
        "SEND-4": "failed",
        "TCP-5": "not applicable",
    }
    assert session["not_observable"] == {"MRFP-1": "no H.248 reply in the capture"}
    assert [each["step"] for each in session["timeline"][:4]] == ["TCP-1", None, "TCP-2", "TCP-2"]
