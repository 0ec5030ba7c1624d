"""junit: what CI reads, by a schema (`tests/support/junit.xsd`) and by a reader that others use (`junitparser`)."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import junitparser
import pytest
from lxml import etree

from analyzer.findings import Finding, Result, Severity, Status
from analyzer.model import CaptureInfo, Verdict
from analyzer.report import Report
from analyzer.report.junit_report import write_junit
from analyzer.suite import load_suite
from tests.analyzer.report.hand_made import START, HandMade, broken_dial_in, dial_in, dial_in_analysis, hostile

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).resolve().parents[2] / "support" / "junit.xsd"))
RULES = load_suite().rules
CAPTURES = [CaptureInfo("captures/call.pcapng", "pcapng", 60, START + 500_000_000, START + 40 * 10**9)]
BROKEN = HandMade([broken_dial_in()], captures=CAPTURES)


def written(analysis: HandMade, **more: Any) -> bytes:
    out = BytesIO()
    write_junit(Report(analysis, iter(analysis.numbered()), rules=RULES, version="0.1.0", **more), out)
    SCHEMA.assertValid(etree.fromstring(out.getvalue()))
    return out.getvalue()


def suite_of(analysis: HandMade, **more: Any) -> junitparser.TestSuite:
    (suite,) = junitparser.JUnitXml.fromstring(written(analysis, **more))
    return suite


def results(suite: junitparser.TestSuite) -> dict[str, str]:
    """Name of the case (before the colon) -> `passed`, or kind and type of its result."""
    found = {}
    for case in suite:
        assert len(case.result) <= 1
        kinds = [f"{type(each).__name__.lower()} {each.type}" for each in case.result]
        found[case.name.partition(":")[0]] = kinds[0] if kinds else "passed"
    return found


def test_a_suite_for_the_run_and_a_case_for_each_session_and_rule() -> None:
    suite = suite_of(BROKEN)
    assert (suite.name, suite.timestamp, suite.hostname) == ("call.pcapng", "2026-01-01T12:00:00", "localhost")
    assert results(suite) == {
        "outcome": "passed",
        "OFFER-1": "passed",
        "MRFP-1": "skipped not observable",
        "SEND-4": "passed",
        "TCP-5": "skipped not applicable",
        "TCP-6": "failure TCP-6",
        "TCP-3": "failure TCP-3",
    }
    assert {case.classname for case in suite} == {"mrfscope.tcp-dial-in.s-1a2b3c4d5e"}
    assert (suite.tests, suite.failures, suite.errors, suite.skipped, suite.time) == (7, 2, 0, 2, 34.2)
    names = {case.name for case in suite}
    assert "OFFER-1: " + RULES["OFFER-1"].title in names
    properties = {each.name: each.value for each in suite.properties()}
    assert properties["capture.1"] == "captures/call.pcapng"
    assert properties["mrfscope.version"] == "0.1.0"
    assert properties["fail_on"] == "error"


def test_a_failure_tells_everything() -> None:
    (case,) = [case for case in suite_of(BROKEN) if case.name.startswith("TCP-6")]
    (failure,) = case.result
    assert failure.message == "The answer came 3 ms before the Add reply."
    assert failure.text.splitlines() == [
        "error TCP-6, TS 23.333 clause 6.2.20.1 step 6, frames 6 and 7",
        "The answer came 3 ms before the Add reply.",
        "expected: the answer after the reply",
        "actual: the answer 3.0 ms earlier",
        "what to do: See what the MRFC acted on.",
        "how sure: likely",
        "broken only because of this: TCP-5",
    ]


def test_why_a_case_was_skipped() -> None:
    (case,) = [case for case in suite_of(BROKEN) if case.name.startswith("MRFP-1")]
    assert case.result[0].message == "not observable: no H.248 reply in the capture"


@pytest.mark.parametrize(
    ("fail_on", "failing", "told"),
    [
        (Severity.ERROR, {"TCP-3", "TCP-6"}, ["SEND-4", "GEN-3"]),
        (Severity.WARNING, {"TCP-3", "TCP-6", "SEND-4"}, ["GEN-3"]),
        (Severity.INFO, {"TCP-3", "TCP-6", "SEND-4", "GEN-3"}, []),
        (None, set(), ["TCP-6", "TCP-3", "SEND-4", "GEN-3"]),
    ],
)
def test_what_fails_a_case_is_for_the_user_to_say(fail_on: Severity | None, failing: set[str], told: list[str]) -> None:
    suite = suite_of(BROKEN, fail_on=fail_on)
    assert {name for name, result in results(suite).items() if result.startswith("failure")} == failing
    lines = (etree.fromstring(written(BROKEN, fail_on=fail_on)).findtext(".//system-out") or "").splitlines()
    assert [line.split(",")[0].split(" ")[-1] for line in lines] == told


def test_the_outcome_of_sessions() -> None:
    good, bad, cut = dial_in(1), dial_in(1), dial_in(1)
    bad.id, bad.verdict, bad.state = "s-2222222222", Verdict.FAILED, "rejected 488"
    cut.id, cut.verdict, cut.state = "s-3333333333", Verdict.INCOMPLETE, "open at the end of the capture"
    found = {case.classname: case for case in suite_of(HandMade([good, bad, cut]))}
    assert found["mrfscope.message.s-1a2b3c4d5e"].is_passed
    (failure,) = found["mrfscope.message.s-2222222222"].result
    assert (failure.type, failure.message) == ("outcome", "failed: rejected 488")
    (skipped,) = found["mrfscope.message.s-3333333333"].result
    assert skipped.message == "incomplete: open at the end of the capture"
    assert results(suite_of(HandMade([bad]), fail_on=None)) == {"outcome": "passed"}


def test_an_empty_analysis_and_captures_without_times() -> None:
    suite = suite_of(HandMade([]))
    assert (suite.name, suite.tests, suite.timestamp) == ("mrfscope", 0, "1970-01-01T00:00:00")
    late = HandMade([], captures=[CaptureInfo("-", "pcap", 1, 10**21, 10**21, "cut\x1b", {})])
    suite = suite_of(late)
    assert (suite.name, suite.timestamp) == ("standard input", "1970-01-01T00:00:00")
    assert {each.name: each.value for each in suite.properties()}["capture.1.damage"] == "cut\\x1b"


def test_several_captures_are_one_run() -> None:
    captures = [CaptureInfo(name, "pcap", 1, START, START) for name in ("a/sbc.pcap", "b/mrfp.pcap")]
    assert suite_of(HandMade([dial_in(1)], captures=captures)).name == "sbc.pcap mrfp.pcap"


def test_text_from_outside_stays_text() -> None:
    """XML 1.0 section 2.2: most control characters may not appear at all."""
    session = hostile()
    session.verdict = Verdict.FAILED
    texts = '\x00\x07\x0b\x1b[2J\ufffe\ud800\udcff <b attr="x">&amp;]]>'
    session.findings = [Finding("X-1", texts, Severity.ERROR, texts, (1,), texts, texts, texts)]
    session.results = {"X-1": Result(Status.FAILED, findings=(session.findings[0],))}
    data = written(HandMade([session], captures=[CaptureInfo("x\x00<\x01>.pcap", "pcap", 1, None, None)]))
    root = etree.fromstring(data)
    (failure,) = root.findall(".//failure")
    assert failure.get("message") == '\\x00\\x07\\x0b\\x1b[2J\\ufffe\\ud800\\xff <b attr="x">&amp;]]>'
    assert root[0].get("name") == "x\\x00<\\x01>.pcap"
    assert data.decode().isprintable() or all(each.isprintable() or each == "\n" for each in data.decode())


def test_hand_made_analysis_without_verdicts() -> None:
    assert results(suite_of(dial_in_analysis(1))) == {"outcome": "passed"}
