"""Did the MRFP tell the MRFC that the connection failed, as it was asked to (rows TCP-F, DIN-F)?

The failure itself is a finding of its own; here only the notification counts. That none came can be said only where
the capture goes on showing this gateway, and the termination was there long enough for the MRFP to find out.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.checks.rule import Rule
from analyzer.conversations.connection import Connection
from analyzer.conversations.h248_transactions import CommandPair
from analyzer.evidence import Evidence
from analyzer.findings import Result, Status, not_applicable, not_observable
from analyzer.flows.instructions import names_of_tcp_events
from analyzer.model import Confidence
from dissectors.h248 import CommandName

REFUSED_GRACE_NS = 2_000_000_000
"Time for the MRFP to notify after an RST answered its SYN."
TIMEOUT_GRACE_NS = 130_000_000_000
"Time after the last SYN: the usual six retransmissions end 127 s after the first (RFC 6298 section 5)."


def tcp_failure_notified(rule: Rule, evidence: Evidence) -> Result:
    """The Notify that TCP-3 asked for, after the MRFP's TCP set-up failed."""
    if not evidence.connection_parts:
        return not_observable("no TCP connection between the announced ends in the capture")
    failed = _failed(evidence)
    if failed is None:
        return not_applicable("no TCP set-up by the MRFP failed")
    armed = [each for each in evidence.orders if names_of_tcp_events(each, evidence.profile)]
    if not armed:
        if evidence.orders_incomplete:
            return not_observable(evidence.orders_incomplete)
        return not_applicable("no notification was asked for")
    notified = list(_notified(evidence, evidence.profile.tcp_events))
    if notified:
        request = next((pair.transaction.request_message for pair in notified), None)
        if request is None:
            return not_observable("the request of the Notify was not captured")
        return Result(Status.OK, frames=request.frames, begin=request.time, end=request.time)
    life = evidence.mrfp
    assert life is not None
    if any(pair.command.name == CommandName.NOTIFY and pair.request is None for pair in life.pairs):
        return not_observable("a Notify was answered whose request was not captured")
    grace = TIMEOUT_GRACE_NS if failed.outcome == "timeout" else REFUSED_GRACE_NS
    moment = max((row[0] for row in failed.rows), default=failed.last)
    until = life.ended if life.ended is not None else life.last
    order = armed[0].request
    assert order is not None
    if until < moment + grace and not (
        life.ended is None and evidence.scope.heard_after("h248", order, moment + grace)
    ):
        return not_observable("H.248 of this termination is not in the capture long enough after the failure")
    frames = [frame for row in failed.rows for frame in row[1]]
    return rule.broken(
        f"The TCP set-up failed ({failed.outcome}), and the MRFP did not notify the MRFC although asked to.",
        (*armed[0].frames, *frames),
        expected=f"Notify of {', '.join(names_of_tcp_events(armed[0], evidence.profile))}",
        actual=f"no Notify within {grace // 1_000_000_000} s",
        confidence=Confidence.LIKELY,
    )


def _failed(evidence: Evidence) -> Connection | None:
    """The last try of the MRFP that failed, where no try worked."""
    connections = [part.connection for part in evidence.connection_parts]
    if any(each.established is not None for each in connections):
        return None
    failed = [
        each for each in connections if each.outcome in ("refused", "timeout") and evidence.opener(each) == "MRFP"
    ]
    return failed[-1] if failed else None


def _notified(evidence: Evidence, wanted: frozenset[str]) -> Iterator[CommandPair]:
    """The Notify commands about one of these events."""
    life = evidence.mrfp
    packages = {each.partition("/")[0] for each in wanted}
    for pair in life.pairs if life is not None else ():
        observed = pair.request.observed_events if pair.request is not None else None
        if observed is not None and any(event.name.lower().partition("/")[0] in packages for event in observed.events):
            yield pair
