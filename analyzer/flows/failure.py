"""Did the MRFP tell the MRFC that the connection failed, as it was asked to (rows TCP-F, DIN-F)?

The failure itself is a finding of its own; here only the notification counts. That none came can be said only where
the capture goes on showing this gateway, and the termination was there long enough for the MRFP to find out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from analyzer.checks.rule import Rule
from analyzer.checks.tcp_connections import TOO_SHORT, is_shown
from analyzer.conversations.connection import Connection
from analyzer.conversations.h248_transactions import CommandPair
from analyzer.evidence import Evidence, Order
from analyzer.findings import Result, Status, not_applicable, not_observable
from analyzer.flows.instructions import names_of_tcp_events, names_of_tls_events
from analyzer.model import Confidence
from analyzer.profile import Profile
from dissectors.h248 import CommandName

GRACE_NS = 2_000_000_000
"Time for the MRFP to notify after an RST answered its SYN, or an alert its ClientHello."
TIMEOUT_GRACE_NS = 130_000_000_000
"Time after the last SYN: the usual six retransmissions end 127 s after the first (RFC 6298 section 5)."


@dataclass(slots=True)
class _Failure:
    """A set-up that failed, and what should be told about it."""

    what: str
    "`TCP set-up failed (refused)`."
    moment: int
    frames: tuple[int, ...]
    grace: int
    wanted: frozenset[str]
    "Events that report it."
    names: Callable[[Order, Profile], list[str]]
    "Those that a command asks for."


def tcp_failure_notified(rule: Rule, evidence: Evidence) -> Result:
    """The Notify that was asked for, after the MRFP's TCP set-up failed."""
    if not evidence.connection_parts:
        return not_observable("no TCP connection between the announced ends in the capture")
    failure = _tcp_failure(evidence)
    if failure is None and _unanswered(evidence):
        return TOO_SHORT
    if failure is None:
        return not_applicable("no TCP set-up by the MRFP failed")
    return _notified(rule, evidence, failure)


def failure_notified(rule: Rule, evidence: Evidence) -> Result:
    """The Notify that was asked for, after the TCP or the TLS set-up failed."""
    if not evidence.connection_parts:
        return not_observable("no TCP connection between the announced ends in the capture")
    failure = _tcp_failure(evidence) or _tls_failure(evidence)
    if failure is None and _unanswered(evidence):
        return TOO_SHORT
    if failure is None:
        return not_applicable("neither TCP nor TLS set-up failed")
    return _notified(rule, evidence, failure)


def _tcp_failure(evidence: Evidence) -> _Failure | None:
    """The last try of the MRFP that failed, where no try worked."""
    connections = [part.connection for part in evidence.connection_parts]
    if any(each.established is not None for each in connections):
        return None
    failed = [
        each
        for each in connections
        if each.outcome in ("refused", "timeout") and is_shown(evidence, each) and evidence.opener(each) == "MRFP"
    ]
    if not failed:
        return None
    last = failed[-1]
    grace = TIMEOUT_GRACE_NS if last.outcome == "timeout" else GRACE_NS
    frames = tuple(frame for row in last.rows for frame in row[1])
    what = f"TCP set-up failed ({last.outcome})"
    return _Failure(what, _end_of(last), frames, grace, evidence.profile.tcp_events, names_of_tcp_events)


def _unanswered(evidence: Evidence) -> bool:
    """Nothing was set up, and the capture does not show why."""
    connections = [part.connection for part in evidence.connection_parts]
    return all(each.established is None and each.outcome == "timeout" for each in connections)


def _tls_failure(evidence: Evidence) -> _Failure | None:
    connection = evidence.connection
    tls = connection.tls if connection is not None else None
    if connection is None or tls is None or tls.established is not None or tls.outcome != "handshake_failed":
        return None
    moment = tls.fatal.time if tls.fatal is not None else _end_of(connection)
    frames = tls.fatal.frames if tls.fatal is not None else tls.hello.frames if tls.hello is not None else ()
    return _Failure("TLS set-up failed", moment, frames, GRACE_NS, evidence.profile.tls_events, names_of_tls_events)


def _end_of(connection: Connection) -> int:
    return max((row[0] for row in connection.rows), default=connection.last)


def _notified(rule: Rule, evidence: Evidence, failure: _Failure) -> Result:
    armed = [each for each in evidence.orders if failure.names(each, evidence.profile)]
    if not armed:
        if evidence.orders_incomplete:
            return not_observable(evidence.orders_incomplete)
        return not_applicable("no notification was asked for")
    notified = list(_notifications(evidence, failure.wanted))
    if notified:
        request = next((pair.transaction.request_message for pair in notified), None)
        if request is None:
            return not_observable("the request of the Notify was not captured")
        return Result(Status.OK, frames=request.frames, begin=request.time, end=request.time)
    life, order = evidence.mrfp, armed[0].request
    if life is None or order is None:
        return not_observable("the command that asks for the notification was not captured")
    if any(pair.command.name == CommandName.NOTIFY and pair.request is None for pair in life.pairs):
        return not_observable("a Notify was answered whose request was not captured")
    until = life.ended if life.ended is not None else life.last
    due = failure.moment + failure.grace
    if until < due and not (life.ended is None and evidence.scope.heard_after("h248", order, due)):
        return not_observable("H.248 of this termination is not in the capture long enough after the failure")
    return rule.broken(
        f"The {failure.what}, and the MRFP did not notify the MRFC although asked to.",
        (*armed[0].frames, *failure.frames),
        expected=f"Notify of {', '.join(failure.names(armed[0], evidence.profile))}",
        actual=f"no Notify within {failure.grace // 1_000_000_000} s",
        confidence=Confidence.LIKELY,
    )


def _notifications(evidence: Evidence, wanted: frozenset[str]) -> Iterator[CommandPair]:
    """The Notify commands about one of these events, or another of their package."""
    life = evidence.mrfp
    packages = {each.partition("/")[0] for each in wanted}
    for pair in life.pairs if life is not None else ():
        observed = pair.request.observed_events if pair.request is not None else None
        if observed is not None and any(event.name.lower().partition("/")[0] in packages for event in observed.events):
            yield pair
