"""How a session went: a state in words, and a verdict that never claims more than the capture shows."""

from __future__ import annotations

from analyzer.conversations.connection import ConnectionPart
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.sip_call import CHALLENGES, SipCall
from analyzer.model import Verdict


def outcome(
    call: SipCall | None, terminations: list[Termination], connections: list[ConnectionPart]
) -> tuple[str, Verdict]:
    """The state and the verdict; `incomplete` when its begin or end is not in the capture."""
    states = [_call_state(call)] if call is not None else []
    if call is None and terminations:
        states.append(_termination_state(terminations))
    worked = any(part.connection.sessions or part.connection.established is not None for part in connections)
    for part in connections:
        trouble = {"refused": "TCP refused", "timeout": "TCP timed out"}.get(part.connection.outcome)
        if trouble:
            # Another try may have done it.
            states.append((trouble, Verdict.WARNINGS if worked else Verdict.FAILED))
        elif call is None and not terminations:
            states.append(_connection_state(part))
    for life in terminations:
        if life.errors:
            states.append((f"H.248 error {life.errors[0][0]}", Verdict.FAILED))
            break
    if any(life.asked_again for life in terminations):
        states.append(("H.248 request not answered", Verdict.FAILED))
    elif any(life.unanswered for life in terminations):
        states.append(("H.248 reply not captured", Verdict.INCOMPLETE))
    order = [Verdict.OK, Verdict.WARNINGS, Verdict.INCOMPLETE, Verdict.FAILED]
    verdict = max((each[1] for each in states), key=order.index, default=Verdict.INCOMPLETE)
    return ", ".join(dict.fromkeys(each[0] for each in states)), verdict


def _call_state(call: SipCall) -> tuple[str, Verdict]:
    facts = call.facts
    begun = facts.opening is not None
    if facts.status == 487:
        return "cancelled", Verdict.OK if begun else Verdict.INCOMPLETE
    if facts.status >= 400 and not facts.established:
        if facts.status in CHALLENGES:
            return f"challenged {facts.status}, not tried again", Verdict.INCOMPLETE
        return f"rejected {facts.status}", Verdict.FAILED
    if facts.status >= 300 and not facts.established:
        return f"redirected {facts.status}", Verdict.OK if begun else Verdict.INCOMPLETE
    if not begun:
        return "begun before the capture" + (", ended" if facts.ended else ""), Verdict.INCOMPLETE
    if not facts.status:
        return "no final response", Verdict.INCOMPLETE
    if facts.method in ("INVITE", "SUBSCRIBE") and not facts.ended:
        return "open at the end of the capture", Verdict.INCOMPLETE
    return "ended", Verdict.OK


def _termination_state(terminations: list[Termination]) -> tuple[str, Verdict]:
    if all(life.added and life.ended is not None for life in terminations):
        return "subtracted", Verdict.OK
    if not all(life.added for life in terminations):
        return "begun before the capture", Verdict.INCOMPLETE
    return "open at the end of the capture", Verdict.INCOMPLETE


def _connection_state(part: ConnectionPart) -> tuple[str, Verdict]:
    connection = part.connection
    if connection.outcome in ("closed", "reset"):
        word = "ended" if connection.outcome == "closed" else "reset"
        return (
            (word, Verdict.OK) if not connection.guessed else (f"begun before the capture, {word}", Verdict.INCOMPLETE)
        )
    return "open at the end of the capture", Verdict.INCOMPLETE
