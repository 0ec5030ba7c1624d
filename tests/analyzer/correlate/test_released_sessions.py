"""What a session keeps once it was judged: all that reports read, and no message."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from analyzer.capture.blocks import PacketBlock
from analyzer.correlate.session import Session
from analyzer.model import Message
from analyzer.pipeline import Analysis, Options
from analyzer.report.records import session_record
from analyzer.streams.lane import Lane, LaneOutput

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


def test_nobody_else_holds_the_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables of correlation may know a call or a termination for some time yet, but not what was said."""
    held: list[weakref.ref[Message]] = []
    monkeypatch.setattr("analyzer.pipeline.Lane", _lane_that_notes(held))
    analysis = Analysis([str(SAMPLE)], Options(jobs=1))
    (_,) = analysis.sessions()
    gc.collect()
    assert len(held) == 10
    # The Subtract and its reply: the transaction taken last is known until the next one comes.
    assert [found.frames for found in (each() for each in held) if found is not None] == [(44,), (45,)]


def _lane_that_notes(held: list[weakref.ref[Message]]) -> type[Lane]:
    class NotedMessage(Message):
        """A message that can be referred to weakly."""

    class NotingLane(Lane):
        def finish(self) -> LaneOutput:
            output = super().finish()
            output.messages = [noted(each) for each in output.messages]
            return output

        def feed(self, block: PacketBlock) -> LaneOutput:
            output = super().feed(block)
            output.messages = [noted(each) for each in output.messages]
            return output

    def noted(message: Message) -> Message:
        made = NotedMessage(message.protocol, message.flow, message.time, message.frames, message.decoded)
        held.append(weakref.ref(made))
        return made

    return NotingLane
