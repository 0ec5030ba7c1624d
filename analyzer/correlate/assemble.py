"""One session put together: from a call, a termination or a connection to all that belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.conversations.connection import Connection, ConnectionPart
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.sip_call import CallFacts, SipCall
from analyzer.correlate.links import link_connections, link_terminations
from analyzer.correlate.nodes import Role
from analyzer.correlate.outcome import outcome
from analyzer.correlate.session import Participant, Session, stable_id
from analyzer.model import Confidence, Link

if TYPE_CHECKING:
    from analyzer.correlate.correlator import Correlator


def call_session_id(call_id: str) -> str:
    """The id of the session that a Call-ID makes."""
    return stable_id("s", "sip", call_id)


def assemble_session(
    correlator: Correlator,
    *,
    call: SipCall | None = None,
    termination: Termination | None = None,
    connection: Connection | None = None,
) -> Session:
    """Gather what belongs to one call, or to a termination or connection that no call announced."""
    facts = call.facts if call is not None else None
    links: list[Link] = []
    ends: list[MediaEnd] = []
    if call is not None and facts is not None:
        session_id = call_session_id(call.call_id)
        first, last = call.first, call.last
        ends.extend(end for _, end, _ in facts.ends())
    elif termination is not None:
        session_id = stable_id("s", "h248", termination.gateway, termination.name, termination.started)
        first, last = termination.started, termination.last
    else:
        assert connection is not None
        session_id = stable_id("s", "tcp", *connection.client.key, *sorted(connection.session_ids()))
        first, last = connection.started, connection.last

    terminations = [termination] if termination is not None else []
    for life, link in link_terminations(correlator.termination_index, ends, first, last):
        terminations.append(life)
        links.append(link)
    taken = {id(life) for life in terminations}
    for life in list(terminations):
        # The other side of the gateway where it is no media end of IP: it can belong to no other session.
        for mate in correlator.mates(life):
            if id(mate) not in taken:
                taken.add(id(mate))
                terminations.append(mate)
                reason = f"same context as {life.termination_id}"
                links.append(Link(f"h248 {mate.name} at {mate.gateway}", reason, Confidence.LIKELY))
    for life in terminations:
        ends.extend(end for _, end in life.ends())

    connections: list[ConnectionPart] = []
    if connection is not None:
        rest = set(range(len(connection.sessions))) - connection.claimed
        connections.append(ConnectionPart(connection, rest))
    for part, link in link_connections(correlator.connection_index, ends, first, last):
        connections.append(part)
        links.append(link)
    if call is not None:
        for other, reason in correlator.legs.others(call.call_id).items():
            sure = Confidence.CERTAIN if "Session-ID" in reason else Confidence.LIKELY
            links.append(Link(f"session {call_session_id(other)}", reason, sure))

    spans = [(first, last)]
    spans += [(life.started, life.last) for life in terminations]
    spans += [(part.connection.started, part.connection.last) for part in connections]
    state, verdict = outcome(call, terminations, connections)
    session = Session(
        id=session_id,
        kind=_kind(facts, terminations, connections, ends),
        state=state,
        verdict=verdict,
        first=min(span[0] for span in spans),
        last=max(span[1] for span in spans),
        call=call,
        terminations=terminations,
        connections=connections,
        links=links,
    )
    if facts is not None:
        for exchange in facts.exchanges:
            if exchange.offer is not None:
                session.offered = exchange.offer.ends
            if exchange.answer is not None:
                session.answered = exchange.answer.ends
                break
        session.participants = _participants(facts, session.offered, session.answered)
    _note_roles(correlator, session, facts)
    return session


def _kind(
    facts: CallFacts | None, terminations: list[Termination], connections: list[ConnectionPart], ends: list[MediaEnd]
) -> str:
    if any(end.is_msrp for end in ends) or (connections and connections[0].connection.sessions):
        return "message"
    if facts is not None:
        if facts.method == "REGISTER":
            return "registration"
        return "call" if ends or facts.method == "INVITE" else "sip"
    if terminations:
        return "h248"
    return "tcp"


def _participants(facts: CallFacts, offered: list[MediaEnd], answered: list[MediaEnd]) -> list[Participant]:
    opening = facts.opening
    caller_ends, callee_ends = offered, answered
    if facts.exchanges and facts.exchanges[0].offer is not None:
        offerer = facts.exchanges[0].offer.message.decoded
        if not offerer.is_request:
            caller_ends, callee_ends = answered, offered
    caller = caller_ends[0].address if caller_ends else (opening.flow.src_ip if opening is not None else "")
    callee = callee_ends[0].address if callee_ends else (opening.flow.dst_ip if opening is not None else "")
    return [Participant("", caller, facts.caller.uri), Participant("", callee, facts.callee.uri)]


def _note_roles(correlator: Correlator, session: Session, facts: CallFacts | None) -> None:
    """What this session shows about the roles of the addresses in it."""
    nodes = correlator.nodes
    is_message = session.kind == "message"
    focus_ip = ""
    if facts is not None and facts.focus_uri:
        focus_ip = _focus_address(facts)
        nodes.note(focus_ip, Role.MRFC)
    for life in session.terminations:
        controller, gateway = _bare(life.controller), _bare(life.gateway)
        if is_message or controller == focus_ip:
            nodes.note(controller, Role.MRFC)
            nodes.note(gateway, Role.MRFP)
            for end in life.local.values():
                nodes.note(end.address, Role.MRFP)
        else:
            nodes.note(controller, Role.MGC)
            nodes.note(gateway, Role.MG)
            for end in life.local.values():
                nodes.note(end.address, Role.MG)
    if facts is None or not focus_ip:
        return
    ours = [each.address for each in (session.offered if facts.focus_is_caller else session.answered)]
    theirs = [each.address for each in (session.answered if facts.focus_is_caller else session.offered)]
    for address in ours:
        nodes.note(address, Role.MRFP)
    for address in theirs:
        nodes.note(address, Role.UE)
    for message in facts.messages:
        for address in (message.flow.src_ip, message.flow.dst_ip):
            if address != focus_ip:
                nodes.note(address, Role.UE if address in theirs else Role.PROXY)


def _focus_address(facts: CallFacts) -> str:
    for message in facts.messages:
        if b"isfocus" in message.decoded.data:
            return message.flow.src_ip
    return ""


def _bare(endpoint: str) -> str:
    """The address of `192.0.2.1:2944` or `[2001:db8::1]:2944`."""
    return endpoint.rpartition(":")[0].strip("[]")
