"""What a session shows about the roles of the addresses in it.

A focus and its H.248 are an MRFC and its MRFP (TS 23.333). A controller that is the back-to-back user agent between
two calls, and puts a termination for each into one context, is an IMS-ALG with its IMS-AGW (TS 23.334 clause 5).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from analyzer.conversations.h248_termination import Termination
from analyzer.conversations.sip_call import CallFacts
from analyzer.correlate.borders import bare_address, context_of, is_beyond
from analyzer.correlate.nodes import NodeTable, Role
from analyzer.correlate.session import Session

MAX_CONTEXTS = 2_000
"Contexts remembered while the other call of theirs may still come."


def note_roles(nodes: NodeTable, session: Session) -> None:
    """Note what one session shows by itself."""
    facts = session.call.facts if session.call is not None else None
    focus = facts.focus_address if facts is not None else ""
    borders = [life for life in session.terminations if context_of(life) in session.borders]
    others = [life for life in session.terminations if context_of(life) not in session.borders]
    at_border = {bare_address(life.controller) for life in borders}
    for life in borders:
        _note_pair(nodes, life, Role.IMS_ALG, Role.IMS_AGW, guess=True)
    for life in others:
        controller = bare_address(life.controller)
        if controller == focus or session.kind == "message":
            # Without a focus only the media speaks for a conference.
            _note_pair(nodes, life, Role.MRFC, Role.MRFP, guess=controller != focus)
        else:
            _note_pair(nodes, life, Role.MGC, Role.MG, guess=False)
    if facts is not None and focus:
        # A border controller keeps the Contact of the focus: what looks like the focus there is not.
        is_ours = focus not in at_border and not any(is_beyond(facts, life) for life in others)
        if is_ours:
            nodes.note(focus, Role.MRFC)
        _note_parties(nodes, session, facts, is_ours=is_ours)


def _note_pair(nodes: NodeTable, life: Termination, controller: Role, gateway: Role, *, guess: bool) -> None:
    nodes.note(bare_address(life.controller), controller, guess=guess)
    for address in (bare_address(life.gateway), *(end.address for end in life.local.values())):
        nodes.note(address, gateway, guess=guess)


def _note_parties(nodes: NodeTable, session: Session, facts: CallFacts, *, is_ours: bool) -> None:
    """Caller and callee of a call with a focus, and the nodes on the way."""
    caller, callee = (each.address for each in session.participants)
    ours, theirs = (caller, callee) if facts.focus_is_caller else (callee, caller)
    media = {end.address for end in (*session.offered, *session.answered)}
    if ours in media and is_ours:
        nodes.note(ours, Role.MRFP)
    far = theirs if theirs in media else ""
    nodes.note(far, Role.UE)
    seen = {"", facts.focus_address}
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
