"""What a session shows about the roles of the addresses in it.

A focus and its H.248 are an MRFC and its MRFP (TS 23.333). A controller that is the back-to-back user agent between
two calls, and puts a termination for each into one context, is an IMS-ALG with its IMS-AGW (TS 23.334 clause 5).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from analyzer.correlate.nodes import NodeTable, Role
from analyzer.correlate.session import Session

MAX_CONTEXTS = 2_000
"Contexts remembered while the other call of theirs may still come."


def note_roles(nodes: NodeTable, session: Session) -> None:
    """Note what one session shows by itself."""
    facts = session.call.facts if session.call is not None else None
    focus = facts.focus_address if facts is not None else ""
    if focus:
        nodes.note(focus, Role.MRFC)
    for life in session.terminations:
        controller, gateway = bare_address(life.controller), bare_address(life.gateway)
        locals_ = [end.address for end in life.local.values()]
        if controller == focus or session.kind == "message":
            # Without a focus only the media speaks for a conference.
            guess = controller != focus
            nodes.note(controller, Role.MRFC, guess=guess)
            for address in (gateway, *locals_):
                nodes.note(address, Role.MRFP, guess=guess)
        else:
            nodes.note(controller, Role.MGC)
            for address in (gateway, *locals_):
                nodes.note(address, Role.MG)
    if facts is None or not focus:
        return
    caller, callee = (each.address for each in session.participants)
    ours, theirs = (caller, callee) if facts.focus_is_caller else (callee, caller)
    media = {end.address for end in (*session.offered, *session.answered)}
    if ours in media:
        nodes.note(ours, Role.MRFP)
    far = theirs if theirs in media else ""
    nodes.note(far, Role.UE)
    seen = {"", focus}
    for message in facts.messages:
        flow = message.flow
        for address in (flow.src_ip, flow.dst_ip):
            if address not in seen:
                seen.add(address)
                nodes.note(address, Role.UE if address == far else Role.PROXY)


@dataclass(slots=True)
class _Context:
    """What the calls of one context showed."""

    calls: dict[str, set[str]] = field(default_factory=dict)
    "Call-ID -> the addresses its SIP went between."
    terminations: int = 0
    locals_: set[str] = field(default_factory=set)
    "The addresses the gateway receives media on."


class GatewayTable:
    """Finds IMS-AGWs: contexts whose two terminations serve the two legs of one call."""

    def __init__(self) -> None:
        self._contexts: OrderedDict[tuple[str, int], _Context] = OrderedDict()

    def note(self, nodes: NodeTable, others: Collection[str], session: Session) -> None:
        """Note one session that has other legs (Call-IDs); with the second of them the roles are known."""
        call = session.call
        if call is None or not session.terminations:
            return
        addresses = {address for each in call.messages for address in (each.flow.src_ip, each.flow.dst_ip)}
        for life in session.terminations:
            context = self._contexts.setdefault((life.gateway, life.context_life), _Context())
            context.terminations += 1
            context.calls[call.call_id] = addresses
            context.locals_ |= {end.address for end in life.local.values()}
            if context.terminations == 2 and len(context.calls) == 2 and any(each in others for each in context.calls):
                one, two = context.calls.values()
                for address in (bare_address(life.controller), *(one & two)):
                    nodes.note(address, Role.IMS_ALG)
                for address in (bare_address(life.gateway), *context.locals_):
                    nodes.note(address, Role.IMS_AGW)
        while len(self._contexts) > MAX_CONTEXTS:
            self._contexts.popitem(last=False)


def bare_address(endpoint: str) -> str:
    """The address of `192.0.2.1:2944` or `[2001:db8::1]:2944`."""
    return endpoint.rpartition(":")[0].strip("[]")
