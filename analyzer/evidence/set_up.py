"""Which offer/answer exchange set the session up, where the capture may lack it or a part of it (RFC 3264).

A later offer is never taken for the first: an offer inside the dialog (a re-INVITE, an UPDATE) stands for the set-up
only where an earlier exchange shows that MSRP came with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.conversations.offer_answer import Exchange
from analyzer.evidence.gateway import Order
from dissectors.sip import SipMessage


def is_in_dialog(exchange: Exchange) -> bool:
    """Was the offer made by a request inside a dialog (RFC 3261 section 12.2)?"""
    if exchange.offer is None:
        return False
    sip = exchange.offer.message.decoded
    return bool(sip.is_request and sip.to_tag)


def at_set_up(found: Sequence[Exchange]) -> list[Exchange]:
    """Without the offers inside the dialog, where an exchange that may have set the session up stands before them."""
    first = [each for each in found if not is_in_dialog(each) and not each.rejected]
    opening = next((each.offer.message.decoded for each in first if each.offer is not None), None)
    if opening is not None and opening.is_request:
        first = [each for each in first if not _answers_later(each, opening)]
    return first or list(found)


def _answers_later(exchange: Exchange, opening: SipMessage) -> bool:
    """Is it a lone answer to a later request of who made the first offer?"""
    if exchange.offer is not None or exchange.answer is None:
        return False
    sip = exchange.answer.message.decoded
    return bool(sip.from_tag == opening.from_tag and sip.cseq > opening.cseq)


def is_late(exchange: Exchange | None, every: Sequence[Exchange]) -> bool:
    """Is the first exchange that was captured one inside the dialog, so that what set the session up is missing?"""
    return exchange is not None and is_in_dialog(exchange) and bool(every) and every[0].offer is exchange.offer


def next_offer(exchange: Exchange | None, every: Iterable[Exchange]) -> int:
    """When the next offer inside the dialog was made, ns; the end of all times where there is none."""
    own = exchange.offer or exchange.answer if exchange is not None else None
    if own is None:
        return 1 << 62
    later = [
        each.offer.message.time
        for each in every
        if each.offer is not None and is_in_dialog(each) and each.offer.message.time > own.message.time
    ]
    return min(later, default=1 << 62)


def before(orders: Iterable[Order], time: int) -> list[Order]:
    """The commands to the MRFP that stand before a later offer: those of the set-up."""
    found = []
    for order in orders:
        message = order.request or order.reply
        if message is not None and message.time < time:
            found.append(order)
    return found
