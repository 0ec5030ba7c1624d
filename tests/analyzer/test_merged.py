"""Results of several parts of a session as one: what is wrong, then what is not known, stands for the whole."""

from __future__ import annotations

import pytest

from analyzer.checks import offer_6
from analyzer.correlate.session import Session
from analyzer.findings import (
    ELSEWHERE,
    OK,
    Finding,
    Result,
    Status,
    StepResult,
    not_applicable,
    not_observable,
)
from analyzer.merged import merge_streams, merged_result
from analyzer.model import Verdict

UNSEEN, IDLE = not_observable("no answer in the capture"), not_applicable("no offer")


def broken(*frames: int) -> Result:
    return offer_6.RULE.broken("No a=msrp-cema.", frames, expected="it", actual="none")


def part(*results: tuple[str, Result], verdict: Verdict = Verdict.OK, **keys: object) -> Session:
    session = Session("s-1", "message", "ended", verdict, 1, 2)
    session.results = dict(results)
    session.findings = [each for _, result in results for each in result.findings]
    for name, value in keys.items():
        setattr(session, name, value)
    return session


@pytest.mark.parametrize(
    ("one", "other", "status", "reason"),
    [
        (OK, OK, Status.OK, ""),
        (OK, IDLE, Status.OK, ""),
        (IDLE, OK, Status.OK, ""),
        (OK, UNSEEN, Status.NOT_OBSERVABLE, "b: no answer in the capture"),
        (UNSEEN, OK, Status.NOT_OBSERVABLE, "a: no answer in the capture"),
        (UNSEEN, UNSEEN, Status.NOT_OBSERVABLE, "no answer in the capture"),
        (UNSEEN, IDLE, Status.NOT_OBSERVABLE, "a: no answer in the capture"),
        (broken(1), UNSEEN, Status.FAILED, ""),
        (OK, broken(1), Status.FAILED, ""),
        (IDLE, IDLE, Status.NOT_APPLICABLE, "no offer"),
    ],
)
def test_which_result_stands_for_both(one: Result, other: Result, status: Status, reason: str) -> None:
    merged = merged_result([("a", one), ("b", other)])
    assert (merged.status, merged.reason) == (status, reason)


def test_rules_that_were_not_held_stay_so() -> None:
    """Reports know them by identity."""
    assert merged_result([("a", ELSEWHERE), ("b", ELSEWHERE)]) is ELSEWHERE


def messages(findings: list[Finding] | tuple[Finding, ...]) -> list[str]:
    return [each.message for each in findings]


def test_what_is_the_same_in_every_part_is_told_once() -> None:
    same = merged_result([("a", broken(1)), ("b", broken(1))])
    assert messages(same.findings) == ["No a=msrp-cema."]
    two = merged_result([("a", broken(1)), ("b", broken(2))])
    assert messages(two.findings) == ["a: No a=msrp-cema.", "b: No a=msrp-cema."]


def test_a_session_of_its_streams() -> None:
    steps = [StepResult("TCP-1", "c", Status.OK, (1,)), StepResult("TCP-5", "c", Status.OK, (5, 7))]
    others = [StepResult("TCP-1", "c", Status.OK, (1,)), StepResult("TCP-5", "c", Status.MISSING, (9,))]
    one = part(("OFFER-5", OK), ("OFFER-6", OK), flow="tcp-dial-in", steps=steps, connection_model="cema")
    other = part(("OFFER-5", UNSEEN), ("OFFER-6", broken(3)), flow="tcp-dial-in", steps=others, verdict=Verdict.FAILED)
    session = part(verdict=Verdict.INCOMPLETE)
    merge_streams(session, [("m= line 1", one), ("m= line 2", other)])
    assert (session.flow, session.verdict, session.connection_model) == ("tcp-dial-in", Verdict.FAILED, "cema")
    assert messages(session.findings) == ["m= line 2: No a=msrp-cema."]
    assert session.results["OFFER-5"].reason == "m= line 2: no answer in the capture"
    assert [(each.id, each.status, each.frames) for each in session.steps] == [
        ("TCP-1", Status.OK, (1,)),
        ("TCP-5", Status.MISSING, (9,)),
    ]


def test_streams_of_different_flows_have_the_steps_of_both() -> None:
    one = part(flow="tcp-dial-in", steps=[StepResult("TCP-1", "c", Status.OK, (1,))])
    other = part(flow="e2e-dial-in", steps=[StepResult("DIN-1a", "c", Status.OK, (1,))])
    session = part()
    merge_streams(session, [("m= line 1", one), ("m= line 2", other)])
    assert (session.flow, [each.id for each in session.steps]) == ("tcp-dial-in", ["TCP-1", "DIN-1a"])
