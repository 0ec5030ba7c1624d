"""What a session keeps once it was judged: all that reports read, and no message."""

from __future__ import annotations

from pathlib import Path

from analyzer.correlate.session import Session
from analyzer.pipeline import Analysis, Options
from analyzer.report.records import session_record

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "tcp-dial-in" / "capture.pcapng"


def test_a_session_is_judged_while_its_messages_are_there_and_then_lets_go_of_them() -> None:
    judged: list[tuple[str, int, int]] = []

    def judge(session: Session, *_: object) -> None:
        assert session.call is not None
        pairs = sum(len(life.pairs) for life in session.terminations)
        judged.append((session.call.call_id, len(session.call.messages), pairs))

    analysis = Analysis([str(SAMPLE)], Options(jobs=1, judge=judge))
    (session,) = analysis.sessions()
    assert session.call is None
    assert [life.pairs for life in session.terminations] == [[]]
    assert session.sip is not None
    assert judged == [(session.sip.call_id, session.sip.messages, 2)]  # Add and Subtract
    assert session.sip.messages == sum(entry.protocol == "sip" for entry in session.entries()) > 0


def test_the_record_is_the_same_before_and_after() -> None:
    before: list[object] = []
    analysis = Analysis([str(SAMPLE)])
    analysis.options.judge = lambda session, *_: before.append(session_record(session, analysis.nodes))
    (session,) = analysis.sessions()
    assert before == [session_record(session, analysis.nodes)]
