"""How much of the media of a session is about one answer, where several dialogs of an INVITE stay."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.conversations.connection import ConnectionPart
from analyzer.conversations.h248_termination import Termination
from analyzer.conversations.offer_answer import Exchange


def followed(
    exchange: Exchange, terminations: Iterable[Termination], connections: Iterable[ConnectionPart]
) -> tuple[int, int]:
    """How many pairs of MSRP session-ids, and descriptors of H.248, have the answer's ends (or a late offer's own)."""
    part = exchange.answer or exchange.offer
    ends = part.ends if part is not None else []
    session_ids = {end.session_id for end in ends if end.session_id}
    places = {(end.address, end.port) for end in ends}
    spoken = sum(
        bool(session_ids & {each.client_session_id, each.server_session_id})
        for connection in connections
        for each in connection.msrp()
    )
    told = sum(
        end.session_id in session_ids if end.session_id else (end.address, end.port) in places
        for life in terminations
        for _, end in life.ends()
    )
    return spoken, told
