"""SDP offers and the answers to them in one SIP call (RFC 3264, RFC 3261 section 13.2.1, RFC 3262 section 5, RFC 3311).

An offer is found by the transaction that carries it, not by the order of arrival, so a capture whose packets were
shuffled gives the same exchanges. Forked answers are told apart by the To tag.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.conversations.media import MediaEnd, announced_ends
from analyzer.model import Message
from dissectors.sdp import SessionDescription, decode_sdp
from dissectors.sip import SipMessage


@dataclass(slots=True)
class Described:
    """A SIP message and the session description it carries."""

    message: Message
    octets: bytes
    ends: list[MediaEnd]

    def sdp(self) -> SessionDescription:
        """The whole description. Raises DecodeError when it is none."""
        return decode_sdp(self.octets)


@dataclass(slots=True)
class Exchange:
    """An offer and, where the capture holds it, its answer."""

    offer: Described | None
    answer: Described | None
    to_tag: str = ""
    "Which fork answered; empty when there is no answer."
    rejected: int = 0
    "The final status that refused the offer, or 0."


def described(message: Message) -> Described | None:
    """The message with its SDP, or None when it has none."""
    octets = message.decoded.sdp()
    return Described(message, octets, announced_ends(octets)) if octets is not None else None


def exchanges(messages: Iterable[Message]) -> list[Exchange]:
    """Pair the offers and answers of one call, in the order of the offers."""
    requests: list[Message] = []
    responses: list[Message] = []
    for message in messages:
        (requests if message.decoded.is_request else responses).append(message)

    found: dict[tuple[str, int, str], Exchange] = {}
    # Requests that may carry an offer; ACK and PRACK come after, since they may answer one made in a response.
    late: list[Described] = []
    for message in requests:
        part = described(message)
        if part is None:
            continue
        sip: SipMessage = message.decoded
        if sip.method in ("ACK", "PRACK"):
            late.append(part)
            continue
        # A retransmission, or the same request on the next hop, is the same offer.
        found.setdefault((sip.method, sip.cseq, sip.from_tag), Exchange(part, None))

    forks: dict[tuple[str, int, str, str], Exchange] = {}
    for message in responses:
        sip = message.decoded
        offer = found.get((sip.method, sip.cseq, sip.from_tag))
        if sip.status >= 300:
            if offer is not None and offer.answer is None:
                offer.rejected = sip.status
            continue
        part = described(message)
        if part is None:
            continue
        key = (sip.method, sip.cseq, sip.from_tag, sip.to_tag)
        if offer is not None:
            _answer(forks, key, offer, part)
        else:
            # No offer in the request: the response offers (RFC 3261 section 13.2.1), once per fork.
            forks.setdefault(key, Exchange(part, None, to_tag=sip.to_tag))

    for part in late:
        sip = part.message.decoded
        cseq = sip.rack[1] if sip.method == "PRACK" and sip.rack is not None else sip.cseq
        made = forks.get(("INVITE", cseq, sip.from_tag, sip.to_tag))
        if (
            made is not None
            and made.answer is None
            and made.offer is not None
            and not made.offer.message.decoded.is_request
        ):
            made.answer = part
        elif sip.method == "PRACK":
            found.setdefault((sip.method, sip.cseq, sip.from_tag), Exchange(part, None))

    answered = {id(fork.offer) for fork in forks.values()}
    result = [exchange for exchange in found.values() if id(exchange.offer) not in answered]
    result.extend(forks.values())
    result.sort(key=_time)
    return result


def _answer(
    forks: dict[tuple[str, int, str, str], Exchange], key: tuple[str, int, str, str], offer: Exchange, part: Described
) -> None:
    """The first SDP of a fork answers; a later one of the same fork repeats it, unless only the 200 counts.

    An unreliable 18x is a preview of the answer (RFC 3261 section 13.2.1): the 2xx replaces it.
    """
    fork = forks.get(key)
    if fork is None:
        forks[key] = Exchange(offer.offer, part, to_tag=key[3])
    elif fork.answer is not None and fork.answer.message.decoded.status < 200 <= part.message.decoded.status:
        fork.answer = part


def _time(exchange: Exchange) -> tuple[int, int]:
    first = exchange.offer or exchange.answer
    assert first is not None
    return first.message.time, first.message.frames[0]
