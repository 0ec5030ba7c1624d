"""The MSRP of a session as checks read it: each pair of session-ids on each connection, and who is who on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.conversations.connection import Connection, MsrpSession
from analyzer.conversations.msrp_facts import Observation, WayFacts

if TYPE_CHECKING:
    from analyzer.evidence.evidence import Evidence

CLIENT, SERVER = 0, 1


@dataclass(slots=True, eq=False)
class MsrpView:
    """One pair of MSRP session-ids on one connection. Directions are those of the connection, named by who sends."""

    connection: Connection
    session: MsrpSession
    names: tuple[str, str]
    "What the client and the server are called in a sentence: `the MRFP`, `the UE`, or an address."
    mrfp: int | None
    "The direction in which the MRFP sends; None where the session does not show it."

    def sent(self, direction: int) -> WayFacts:
        """What this side sent."""
        return self.session.ways[direction]

    def session_id(self, direction: int) -> str:
        """The session-id of the side that sends in this direction."""
        return self.session.server_session_id if direction else self.session.client_session_id


Seen = tuple[MsrpView, Observation]


def views_of(evidence: Evidence) -> list[MsrpView]:
    """All MSRP of the session, in order of connections and session-ids."""
    found: list[MsrpView] = []
    for part in evidence.connection_parts:
        for session in part.msrp():
            mrfp = _direction_of_mrfp(evidence, part.connection, session)
            found.append(MsrpView(part.connection, session, _names(evidence, part.connection, mrfp), mrfp))
    return found


def by_kind(views: Iterable[MsrpView]) -> dict[str, list[Seen]]:
    """The observations of all views by their kind (the table in `msrp_facts`)."""
    found: dict[str, list[Seen]] = {}
    for view in views:
        for observation in view.session.observations:
            found.setdefault(observation.kind, []).append((view, observation))
    return found


def _direction_of_mrfp(evidence: Evidence, connection: Connection, session: MsrpSession) -> int | None:
    """By the session-ids that the MRFP and the UE were announced with, else by the MRFP's addresses."""
    client, server = session.client_session_id, session.server_session_id
    announced = evidence.ours
    if announced is not None and client and client == announced.end.session_id:
        return CLIENT  # mostly; no need to look at all descriptions
    ours, theirs = evidence.our_session_ids, evidence.their_session_ids
    if client in ours or server in theirs:
        return CLIENT
    if server in ours or client in theirs:
        return SERVER
    addresses = evidence.our_addresses
    if connection.client.src_ip in addresses:
        return CLIENT
    return SERVER if connection.client.dst_ip in addresses else None


def _names(evidence: Evidence, connection: Connection, mrfp: int | None) -> tuple[str, str]:
    if mrfp is not None:
        return ("the UE", "the MRFP") if mrfp else ("the MRFP", "the UE")
    return connection.client.src, connection.client.dst
