"""One session put together: from a call, a termination or a connection to all that belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.conversations.connection import Connection, ConnectionPart
from analyzer.conversations.dialogs import agreed, on_leg
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.offer_answer import Exchange
from analyzer.conversations.sip_call import CallFacts, SipCall
from analyzer.correlate.announcements import Announcer
from analyzer.correlate.bare import call_session_id, connection_session_id, termination_session_id
from analyzer.correlate.borders import border_contexts, context_of
from analyzer.correlate.followed import followed
from analyzer.correlate.links import link_connections, link_terminations
from analyzer.correlate.outcome import outcome
from analyzer.correlate.roles import note_roles
from analyzer.correlate.session import Participant, Session
from analyzer.correlate.tickets import link_kms
from analyzer.model import Confidence, Link

if TYPE_CHECKING:
    from analyzer.correlate.correlator import Correlator


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
        session_id = call_session_id(call.call_id, call.life)
        first, last = call.first, call.last
        ends.extend(end for _, end, _ in facts.ends())
    elif termination is not None:
        session_id = termination_session_id(termination)
        first, last = termination.started, termination.last
    elif connection is not None:
        session_id = connection_session_id(connection)
        first, last = connection.started, connection.last
    else:
        raise TypeError("a session is of a call, a termination or a connection")

    legs = correlator.legs.others(call.call_id) if call is not None else {}
    rivals = correlator.ends_of(legs) if legs and ends else []
    terminations = [termination] if termination is not None else []
    claims = correlator.claims
    if call is not None:
        for life, link in link_terminations(correlator.termination_index, claims, call, ends, rivals):
            terminations.append(life)
            links.append(link)
    borders = border_contexts(correlator, facts, terminations, ends)
    correlator.note_borders(borders)
    taken = {id(life) for life in terminations}
    for life in list(terminations):
        if context_of(life) not in borders and any(end.is_msrp for _, end in life.ends()):
            continue  # of an MRFP: what else is in its context belongs to other participants
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
    announcers: list[Announcer] = [*terminations] if call is None else [call, *terminations]
    for part, link in link_connections(correlator.connection_index, claims, announcers, ends, first, last, rivals):
        connections.append(part)
        links.append(link)
    if call is not None:
        for other, reason in legs.items():
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
        sip=call.digest() if call is not None else None,
        call=call,
        terminations=terminations,
        connections=connections,
        links=links,
        borders=borders,
    )
    if legs and terminations:
        mine = {(end.session_id, end.address, end.port) for end in ends}
        others = [end for end in rivals if (end.session_id, end.address, end.port) not in mine]
        session.border_contexts = correlator.joining_contexts(terminations, others)
        for context in session.border_contexts:
            borders.setdefault(context, "it joins two calls with one ICID or Session-ID")
    if legs and session.kind == "message":
        session.other_legs = correlator.leg_media(legs)
    if facts is not None:
        if correlator.kms:
            for asked, link in link_kms(correlator.kms, facts):
                session.kms_exchanges.append(asked)
                links.append(link)
        exchange = agreed(
            on_leg(facts.exchanges, facts.focus_address), lambda each: followed(each, terminations, connections)
        )
        if exchange is not None:
            session.offered = exchange.offer.ends if exchange.offer is not None else []
            session.answered = exchange.answer.ends if exchange.answer is not None else []
        session.participants = _participants(facts, exchange)
    note_roles(correlator.nodes, session)
    if legs:
        correlator.gateways.note(correlator.nodes, legs, session)
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


def _participants(facts: CallFacts, exchange: Exchange | None) -> list[Participant]:
    opening = facts.opening or (facts.messages[0] if facts.messages else None)
    caller = callee = ""
    if opening is not None:
        sent = opening.decoded.is_request == (opening.decoded.from_tag == facts.caller.tag)
        flow = opening.flow
        caller, callee = (flow.src_ip, flow.dst_ip) if sent else (flow.dst_ip, flow.src_ip)
    if exchange is not None:
        for part, offers in ((exchange.offer, True), (exchange.answer, False)):
            if part is None or not part.ends or not part.ends[0].address:
                continue
            if _sent_by_caller(facts, exchange) == offers:
                caller = part.ends[0].address
            else:
                callee = part.ends[0].address
    return [Participant("", caller, facts.caller.uri), Participant("", callee, facts.callee.uri)]


def _sent_by_caller(facts: CallFacts, exchange: Exchange) -> bool:
    """Did the caller make the offer?"""
    known = exchange.offer or exchange.answer
    if known is None:
        return False
    return facts.sent_by_caller(known.message.decoded) == (exchange.offer is not None)
