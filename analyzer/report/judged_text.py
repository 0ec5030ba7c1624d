"""What was judged of a session, as JSON text: the same as `judged_record`, of which most comes back in every session.

A step is written from a text that is kept for its row and status, with the frames put in; the statuses of all rules
are kept as a whole, since thousands of sessions of a capture have the same.
"""

from __future__ import annotations

from functools import lru_cache

import orjson

from analyzer.correlate.session import Session
from analyzer.findings import ELSEWHERE, NOT_IN_FLOW, Status
from analyzer.report.records import Record, finding_record, judged_record, step_reason

_NOT_OBSERVABLE = Status.NOT_OBSERVABLE
_MARK = "?"
"Stands before the reason of what is not observable, so that none is taken for a status."


def judged_text(session: Session) -> Record:
    """The members of a session's record that judging filled in; the general ones where a text cannot be written."""
    results = session.results
    told = []
    for result in results.values():
        status = result[0]
        if status is _NOT_OBSERVABLE:
            told.append(_MARK + result[1])
        else:
            told.append("" if result is ELSEWHERE or result is NOT_IN_FLOW else status)
    steps = []
    try:
        checks, not_observable = _checks(tuple(results), tuple(told))
        for step in session.steps:
            before, after = _step(step[0], step[1], step[2], step_reason(step, results))
            frames = step[3]
            steps.append(f"{before}{frames[0] if len(frames) == 1 else ','.join(map(str, frames))}{after}")
    except TypeError:  # orjson.JSONEncodeError: no UTF-8
        return judged_record(session)
    return {
        "steps": orjson.Fragment(f"[{','.join(steps)}]".encode()),
        "findings": [finding_record(finding) for finding in session.findings],
        "checks": checks,
        "not_observable": not_observable,
    }


@lru_cache(maxsize=1024)
def _checks(codes: tuple[str, ...], told: tuple[str, ...]) -> tuple[orjson.Fragment, orjson.Fragment]:
    """`checks` and `not_observable`."""
    checks: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for code, each in zip(codes, told, strict=True):
        if each.startswith(_MARK):
            checks[code] = _NOT_OBSERVABLE
            reasons[code] = each[len(_MARK) :]
        elif each:
            checks[code] = each
    return orjson.Fragment(orjson.dumps(checks)), orjson.Fragment(orjson.dumps(reasons))


@lru_cache(maxsize=1024)
def _step(code: str, clause: str, status: Status, reason: str) -> tuple[str, str]:
    """A step before and after its frames."""
    record: Record = {"id": code, "clause": clause, "status": status, "frames": [], "reason": reason or None}
    before, bracket, after = orjson.dumps(record).decode().partition('"frames":[')
    return before + bracket, after
