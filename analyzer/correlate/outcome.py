"""How a session went, in words, and whether the capture shows all of it.

Whether it failed is not said here: rules find the errors (`analyzer.checks`), and each error is a finding.
"""

from __future__ import annotations

from analyzer.conversations.connection import ConnectionPart
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.sip_call import CHALLENGES, SipCall
from analyzer.correlate.missing import missing_h248, missing_sip, missing_tcp
from analyzer.model import Verdict

State = tuple[str, bool]
"""Words, and whether the capture shows it whole."""


def outcome(
    call: SipCall | None, terminations: list[Termination], connections: list[ConnectionPart]
) -> tuple[str, Verdict]:
    """The state, and `ok`, or `incomplete` when something of it is not in the capture."""
    states: list[State] = [_call_state(call)] if call is not None else []
    if call is None and terminations:
        states.append(_termination_state(terminations))
    worked = any(part.connection.sessions or part.connection.established is not None for part in connections)
    if call is not None and (copies := call.facts.changed_copies):
        many = "a SIP message was" if copies == 1 else f"{copies} SIP messages were"
        states.append((f"{many} sent again with other octets, of which the first counts", True))
    for part in connections:
        trouble = {"refused": "TCP refused", "timeout": "TCP timed out"}.get(part.connection.outcome)
        if trouble:
            # A SYN at the very end of a capture looks as if it had timed out.
            states.append((trouble, worked or part.connection.outcome == "refused"))
        elif call is None and not terminations:
            states.append(_connection_state(part))
    for life in terminations:
        if life.errors:
            states.append((f"H.248 error {life.errors[0][0]}", True))
            break
    missing = [] if call is None else missing_sip(call.facts)
    missing += missing_h248(terminations) + missing_tcp(connections)
    states += [(words, False) for words in missing]
    whole = bool(states) and all(each[1] for each in states)
    return ", ".join(dict.fromkeys(each[0] for each in states)), Verdict.OK if whole else Verdict.INCOMPLETE


def _call_state(call: SipCall) -> State:
    facts = call.facts
    begun = facts.opening is not None
    if facts.status == 487:
        return "cancelled", begun
    if facts.status >= 400 and not facts.established:
        if facts.status in CHALLENGES:
            return f"challenged {facts.status}, not tried again", False
        return f"rejected {facts.status}", True
    if facts.status >= 300 and not facts.established:
        return f"redirected {facts.status}", begun
    if not begun:
        return "begun before the capture" + (", ended" if facts.ended else ""), False
    if not facts.status:
        return "no final response" + (", ended" if facts.ended else ""), False
    if facts.method in ("INVITE", "SUBSCRIBE") and not facts.ended:
        return "open at the end of the capture", False
    return "ended", True


def _termination_state(terminations: list[Termination]) -> State:
    if all(life.added and life.ended is not None for life in terminations):
        return "subtracted", True
    if not all(life.added for life in terminations):
        return "begun before the capture", False
    return "open at the end of the capture", False


def _connection_state(part: ConnectionPart) -> State:
    connection = part.connection
    if connection.outcome in ("closed", "reset"):
        word = "ended" if connection.outcome == "closed" else "reset"
        if connection.continues:
            return f"taken up again, {word}", False
        return (word, True) if not connection.guessed else (f"begun before the capture, {word}", False)
    if connection.outcome == "evicted":
        return "evicted while it was open", False
    return "open at the end of the capture", False
