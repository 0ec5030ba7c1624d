"""One session that cannot be written costs its own record, and no other: what stands in its place says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from analyzer.correlate.session import Session
from analyzer.internal import CODE, note_internal
from analyzer.report import Report

T = TypeVar("T")


def rescued(report: Report, session: Session, render: Callable[[Session], T]) -> T:
    """What `render` makes of a session; where it fails, what it makes of a session that has only its findings."""
    try:
        return render(session)
    except Exception as error:
        return rescue(report, session, error, render)


def rescue(report: Report, session: Session, error: Exception, render: Callable[[Session], T]) -> T:
    """The same, where `render` has failed already. Raises what it raises of the bare session: then nothing can help."""
    before = session.verdict
    finding = note_internal(session, "writing", error)
    report.tally.recount(before, session.verdict, finding, fail_on=report.fail_on)
    try:
        return render(bare(session))
    except Exception as again:
        raise again from error


def bare(session: Session) -> Session:
    """The session without what may be at fault: no messages, no media, no results of rules."""
    found = Session(session.id, session.kind, session.state, session.verdict, session.first, session.last)
    found.flow = session.flow
    found.findings = [each if each.code == CODE else replace(each, frames=()) for each in session.findings]
    found.release()
    return found
