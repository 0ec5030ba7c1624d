"""The nodes that an INVITE passes, hop by hop, as its transactions show them (RFC 3261 section 16).

A proxy or back-to-back user agent that keeps the Call-ID receives the INVITE and sends it on. Who sends it and received
it from nobody is the caller's end of what was captured, who receives it and sends it to nobody the callee's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.model import Message

if TYPE_CHECKING:
    from dissectors.sip import SipMessage

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SipPath:
    """IP addresses by where they stand on the way from caller to callee."""

    callers: frozenset[str] = NOBODY
    callees: frozenset[str] = NOBODY
    "More than one where the INVITE was forked."
    between: frozenset[str] = NOBODY
    "Those that sent it on."

    def end(self, *, caller: bool) -> str:
        """The one address at an end, or empty where the capture does not show just one."""
        found = self.callers if caller else self.callees
        return next(iter(found)) if len(found) == 1 else ""


def sip_path(messages: Iterable[Message], caller_tags: Collection[str]) -> SipPath:
    """The path of the INVITE that opens a call; of hosts that talk to themselves nothing is told.

    `caller_tags` are the From tags it had, on whichever leg; empty where the capture does not hold it.
    """
    hops: set[tuple[str, str]] = set()
    for message in messages:
        sip: SipMessage = message.decoded
        if sip.method != "INVITE":
            continue
        if not sip.is_request:
            if not caller_tags or sip.from_tag in caller_tags:
                hops.add((message.flow.dst_ip, message.flow.src_ip))
        elif not sip.to_tag:
            hops.add((message.flow.src_ip, message.flow.dst_ip))
    senders = {sender for sender, receiver in hops if sender != receiver}
    receivers = {receiver for sender, receiver in hops if sender != receiver}
    callers, callees = frozenset(senders - receivers), frozenset(receivers - senders)
    if not callers or not callees:
        return SipPath(callers, callees)  # one host plays several parts
    return SipPath(callers, callees, frozenset(senders & receivers))
