"""Which exchanges with a KMS belong to a session: those about a ticket that its SDP carries (RFC 4567, RFC 6043)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzer.conversations.kms_exchange import KmsExchange, KmsTable, short_name
from analyzer.conversations.sip_call import CallFacts
from analyzer.model import Confidence, Link
from dissectors.errors import DecodeError

if TYPE_CHECKING:
    from dissectors.mikey import Ticket

MAX_LINES = 8
"Lines of `a=key-mgmt` that are read of one description."


def tickets_of(facts: CallFacts) -> Iterator[Ticket]:
    """Every ticket in the offers of a call."""
    from dissectors.mikey import decode_key_mgmt

    for exchange in facts.exchanges:
        if exchange.offer is None or b"key-mgmt:" not in exchange.offer.octets:
            continue
        try:
            media = exchange.offer.sdp().media
        except DecodeError:
            continue
        for section in media:
            for protocol, value in section.key_mgmt[:MAX_LINES]:
                if protocol == "mikey":
                    try:
                        ticket = decode_key_mgmt(value).ticket
                    except DecodeError:
                        continue
                    if ticket is not None:
                        yield ticket


def link_kms(table: KmsTable, facts: CallFacts) -> list[tuple[KmsExchange, Link]]:
    """The exchanges about the tickets of a call, and why they are linked."""
    found = []
    for exchange in table.about(tickets_of(facts)):
        flow = exchange.request.flow
        to = f"http {flow.src} > {flow.dst} {short_name(exchange.asked)}"
        found.append((exchange, Link(to, "the ticket that its offer carries", Confidence.CERTAIN)))
    return found
