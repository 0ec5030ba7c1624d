"""The rules about MSRP against observations made by hand, in a session without SIP: what each says, and what not."""

from __future__ import annotations

import pytest

from analyzer.checks import (
    gen_1,
    mrfp_2,
    mrfp_3,
    msrp_4xx,
    msrp_5xx,
    msrp_aborted,
    msrp_failure_report,
    msrp_lost,
    msrp_message_id,
    msrp_no_response,
    msrp_overlap,
    msrp_range,
    msrp_report_answered,
    msrp_report_missing,
    msrp_report_wrong,
    msrp_response_unknown,
    msrp_session_id,
    msrp_size,
    msrp_type,
    msrp_unfinished,
)
from analyzer.checks.rule import Rule
from analyzer.conversations.connection import ConnectionPart, MsrpSession
from analyzer.conversations.msrp_facts import Detail, Observation, WayFacts
from analyzer.correlate.nodes import NodeTable
from analyzer.correlate.session import Session
from analyzer.evidence import Scope
from analyzer.findings import Severity, Status
from analyzer.judge import Judge
from analyzer.model import Verdict
from tests.analyzer.conversations.made import START, S, tcp

RULES = [
    module.RULE
    for module in (
        gen_1, mrfp_2, mrfp_3, msrp_4xx, msrp_5xx, msrp_aborted, msrp_failure_report, msrp_lost, msrp_message_id,
        msrp_no_response, msrp_overlap, msrp_range, msrp_report_answered, msrp_report_missing, msrp_report_wrong,
        msrp_response_unknown, msrp_session_id, msrp_size, msrp_type, msrp_unfinished,
    )
]  # fmt: skip
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
CLIENT, SERVER = "198.51.100.7:7394", "192.0.2.20:28563"
SENT = WayFacts(request_paths=(("msrp://x/mrf1;tcp", 5),), content_types=(("text/plain", 7),), sends=1)


def seen(kind: str, *frames: int, way: int = 0, **detail: Detail) -> Observation:
    return Observation(kind, way, START + frames[0], frames, detail)


def session_with(*observations: Observation, ways: tuple[WayFacts, WayFacts] = (SENT, SENT)) -> Session:
    connection = tcp(CLIENT, SERVER, ("ue1", "mrf1"))
    msrp = MsrpSession("ue1", "mrf1", ways=ways, observations=list(observations))
    connection.sessions = [msrp]
    session = Session("s-1", "message", "ended", Verdict.OK, START, START + 60 * S)
    session.connections = [ConnectionPart(connection, {0})]
    Judge((), RULES).judge(session, NodeTable(), Scope())
    return session


def told(session: Session) -> list[tuple[str, Severity, tuple[int, ...], str]]:
    return [(each.code, each.severity, each.frames, each.message) for each in session.findings]


ONE: list[tuple[Observation, Rule, Severity, str]] = [
    (seen("no-content-type", 9, message_id="m", octets=4), gen_1.RULE, ERROR,
     f"{CLIENT} sent a message of 4 octets without Content-Type: nobody can tell what it is."),
    (seen("bad-message-id", 9, method="SEND", message_id=""), msrp_message_id.RULE, WARNING,
     f"{CLIENT} sent a SEND with no Message-ID."),
    (seen("range-end", 9, message_id="m", start=11, announced=18, octets=10, characters=8), msrp_range.RULE, ERROR,
     f"{CLIENT} sent a Byte-Range whose end is not that of the body: 18 said, 20 sent; it counts characters, not "
     "octets, as far as this body shows."),
    (seen("range-total", 9, message_id="m", announced=12, octets=10), msrp_range.RULE, ERROR,
     f"{CLIENT} sent a Byte-Range whose total is not that of the body: 12 said, 10 sent."),
    (seen("range-beyond-total", 9, message_id="m", start=21, end=None, total=10), msrp_range.RULE, ERROR,
     f"{CLIENT} sent a Byte-Range that goes beyond the total it names."),
    (seen("chunk-lost", 9, 8, message_id="m", octets=10, missing=4), msrp_lost.RULE, ERROR,
     f"{CLIENT} ended a message without having sent all of it: 4 octets are missing."),
    (seen("chunk-overlap", 9, 8, message_id="m", twice=4), msrp_overlap.RULE, WARNING,
     f"{CLIENT} sent 4 octets of a message twice."),
    (seen("unfinished", 9, 8, message_id="m", octets=4, waited=31 * S), msrp_unfinished.RULE, WARNING,
     f"{CLIENT} began a message and sent neither its end nor that it gave up, within 31 s."),
    (seen("aborted", 9, message_id="m", octets=4), msrp_aborted.RULE, INFO,
     f"{CLIENT} gave a message up after 4 octets."),
    (seen("no-response", 9, method="SEND", transaction_id="t", message_id="m", waited=31 * S, after=None),
     msrp_no_response.RULE, ERROR,
     f"{SERVER} did not answer a SEND: the sender takes the message as failed."),
    (seen("no-response", 9, 10, method="SEND", transaction_id="t", message_id="m", waited=40 * S, after=40 * S),
     msrp_no_response.RULE, WARNING,
     f"{SERVER} answered a SEND only after 40 s: the sender had given the message up by then."),
    (seen("unknown-response", 9, way=1, status=200, transaction_id="t"), msrp_response_unknown.RULE, WARNING,
     f"{SERVER} sent a response to no request of the other side."),
    (seen("report-answered", 9, 8, way=1, status=200, message_id="m"), msrp_report_answered.RULE, WARNING,
     f"{SERVER} answered a REPORT with 200."),
    (seen("error-response", 9, 8, way=1, status=481, comment="", method="SEND", message_id="m"), msrp_4xx.RULE, ERROR,
     f"{SERVER} refused a SEND with 481: there is no such session."),
    (seen("error-response", 9, 8, way=1, status=599, comment="", method=None, message_id=None), msrp_5xx.RULE, ERROR,
     f"{SERVER} refused a request with 599: the responder failed."),
    (seen("no-success-report", 9, message_id="m", octets=4, waited=31 * S), msrp_report_missing.RULE, WARNING,
     f"{SERVER} never sent the success report that was asked for."),
    (seen("no-success-report", 9, 10, message_id="m", octets=4, waited=40 * S, after=40 * S), msrp_report_missing.RULE,
     INFO, f"{SERVER} sent a success report that was asked for only after 40 s."),
    (seen("report-unasked", 9, way=1, message_id="m", status=200), msrp_report_wrong.RULE, WARNING,
     f"{SERVER} sent a success report that nobody had asked for."),
    (seen("report-unknown", 9, way=1, message_id="m", status=200), msrp_report_wrong.RULE, WARNING,
     f"{SERVER} reported on a message that was never sent."),
    (seen("report-range", 9, way=1, message_id="m", end=12, octets=10), msrp_report_wrong.RULE, WARNING,
     f"{SERVER} reported on octets beyond the end of the message."),
    (seen("failure-report", 9, way=1, message_id="m", status=408, comment="x"), msrp_failure_report.RULE, ERROR,
     f"{SERVER} reported that a message failed with 408: the next hop downstream did not answer."),
    (seen("failure-report", 9, way=1, message_id="m", status=0, comment=""), msrp_failure_report.RULE, WARNING,
     f"{SERVER} sent a REPORT without Status."),
    (seen("wrong-session-id", 9, method="SEND", sent_to="mrf1", expected=("other",)), msrp_session_id.RULE, ERROR,
     f"{CLIENT} sent to a session-id that {SERVER} never gave."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("observation", "rule", "severity", "message"), ONE, ids=lambda each: getattr(each, "code", "")
)
def test_each_observation_is_one_finding(
    observation: Observation, rule: Rule, severity: Severity, message: str
) -> None:
    session = session_with(observation)
    assert told(session) == [(rule.code, severity, tuple(sorted(observation.frames)), message)]
    broken = {code for code, result in session.results.items() if result.is_broken}
    assert broken == {rule.code}


def test_alike_ones_are_one_finding() -> None:
    session = session_with(
        *(seen("report-answered", frame, frame - 1, way=1, status=200, message_id=f"m{frame}") for frame in (9, 12)),
        seen("report-answered", 20, 19, way=0, status=200, message_id="m"),
    )
    assert told(session) == [
        ("MSRP-REPORT-ANSWERED", WARNING, (8, 9, 11, 12), f"{SERVER} answered a REPORT with 200 (2 times)."),
        ("MSRP-REPORT-ANSWERED", WARNING, (19, 20), f"{CLIENT} answered a REPORT with 200."),
    ]


@pytest.mark.parametrize("status", [401, 423])
def test_a_challenge_to_auth_is_none(status: int) -> None:
    """RFC 4976 section 5.1: AUTH is answered 401 first; 423 asks for another interval (section 6)."""
    challenge = seen("error-response", 9, 8, way=1, status=status, comment="", method="AUTH", message_id=None)
    assert told(session_with(challenge)) == []


@pytest.mark.parametrize(("status", "method", "severity"), [(403, "AUTH", WARNING), (401, "SEND", ERROR)])
def test_other_refusals_of_relays_are_told(status: int, method: str, severity: Severity) -> None:
    refusal = seen("error-response", 9, 8, way=1, status=status, comment="", method=method, message_id=None)
    assert [(code, how) for code, how, *_ in told(session_with(refusal))] == [("MSRP-4XX", severity)]


def test_one_wrong_range_is_told_once() -> None:
    detail: dict[str, Detail] = {"message_id": "m", "start": 1, "end": 20, "total": 10}
    end: dict[str, Detail] = {"message_id": "m", "start": 1, "announced": 20, "octets": 10}
    session = session_with(seen("range-beyond-total", 9, **detail), seen("range-end", 9, **end))
    assert [each.message for each in session.findings] == [
        f"{CLIENT} sent a Byte-Range whose end is not that of the body: 20 said, 10 sent."
    ]


def test_what_a_range_explains_follows_from_it() -> None:
    """A 400 to the very SEND whose Byte-Range is wrong."""
    session = session_with(
        seen("range-total", 8, message_id="m", announced=12, octets=10),
        seen("error-response", 9, 8, way=1, status=400, comment="", method="SEND", message_id="m"),
    )
    assert [(each.code, each.causes) for each in session.findings] == [("MSRP-RANGE", ("MSRP-4XX",))]
    assert session.results["MSRP-4XX"].status is Status.NOT_APPLICABLE


def test_a_warning_takes_the_weight_of_what_follows_from_it() -> None:
    session = session_with(
        seen("bad-message-id", 8, method="SEND", message_id="<1@h>"),
        seen("error-response", 9, 8, way=1, status=400, comment="", method="SEND", message_id="<1@h>"),
    )
    assert [(each.code, each.severity, each.causes) for each in session.findings] == [
        ("MSRP-MESSAGE-ID", ERROR, ("MSRP-4XX",))
    ]
    assert session.verdict is Verdict.FAILED


def test_without_observations_all_is_well_and_without_msrp_nothing_is_said() -> None:
    plain = session_with()
    statuses = {code: result.status for code, result in plain.results.items()}
    assert {code for code, status in statuses.items() if status is not Status.OK} == {
        "MRFP-2", "MRFP-3", "MSRP-SIZE", "MSRP-TYPE",
    }  # fmt: skip
    assert statuses["MRFP-2"] is statuses["MRFP-3"] is Status.NOT_APPLICABLE, "no MRFC"
    empty = Session("s-1", "message", "ended", Verdict.OK, START, START)
    Judge((), RULES).judge(empty, NodeTable(), Scope())
    assert {result.status for code, result in empty.results.items() if not code.startswith("MRFP")} == {
        Status.NOT_OBSERVABLE
    }
