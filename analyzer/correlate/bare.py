"""A session of which only the beginning is known, since linking failed on it; and the ids that sessions have."""

from __future__ import annotations

from analyzer.conversations.connection import Connection, ConnectionPart
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.sip_call import SipCall
from analyzer.correlate.session import Session, stable_id
from analyzer.internal import internal_finding, log_error
from analyzer.model import Verdict

STATE = "internal error while linking"


def call_session_id(call_id: str, life: int = 1) -> str:
    """The id of the session that a Call-ID makes; one that comes again long after its end gets a number."""
    made = stable_id("s", "sip", call_id)
    return made if life == 1 else f"{made}-{life}"


def termination_session_id(termination: Termination) -> str:
    """The id of a session that begins with a termination."""
    return stable_id("s", "h248", termination.gateway, termination.name, termination.started)


def connection_session_id(connection: Connection) -> str:
    """The id of a session that begins with a connection."""
    return stable_id("s", "tcp", *connection.client.key, *sorted(connection.session_ids()))


def bare_session(
    error: Exception,
    *,
    call: SipCall | None = None,
    termination: Termination | None = None,
    connection: Connection | None = None,
) -> Session:
    """The session that linking failed on: its call, termination or connection alone, and the finding that says so."""
    finding = internal_finding("linking", error)
    session = Session("", "sip", STATE, Verdict.INCOMPLETE, 0, 0, is_bare=True, findings=[finding])
    if call is not None:
        session.id, session.first, session.last = call_session_id(call.call_id, call.life), call.first, call.last
        session.call = call
        try:
            session.sip = call.digest()
        except Exception as failure:
            log_error("telling of a call", failure)
    if termination is not None:
        session.kind, session.id = "h248", termination_session_id(termination)
        session.first, session.last = termination.started, termination.last
        session.terminations = [termination]
    if connection is not None:
        session.kind, session.id = "tcp", connection_session_id(connection)
        session.first, session.last = connection.started, connection.last
        rest = set(range(len(connection.sessions))) - connection.claimed
        session.connections = [ConnectionPart(connection, rest)]
    return session


def ends_of_call(call: SipCall) -> list[MediaEnd]:
    """The media ends that a call announced; none where they cannot be told: its own session will say why."""
    try:
        return [end for _, end, _ in call.facts.ends()]
    except Exception as error:
        log_error("reading what a call announced", error)
        return []
