"""SDP offers and the answers to them in one SIP call (RFC 3264, RFC 3261 section 13.2.1, RFC 3262 section 5, RFC 3311).

An offer is found by the transaction that carries it, not by the order of arrival, so a capture whose packets were
shuffled gives the same exchanges. Forked answers are told apart by the To tag.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from analyzer.conversations.dialogs import acknowledged, note_dialogs
from analyzer.conversations.media import MediaEnd, announced_ends
from analyzer.model import Message
from dissectors.sdp import SessionDescription, decode_sdp
from dissectors.sip import SipMessage

Transaction = tuple[str, int, str]
"""Method, CSeq number, From tag: one request and its responses, on whichever hop."""
Fork = tuple[str, int, str, str]
"""The same with the To tag: who answered."""

CARRIERS = frozenset({"INVITE", "UPDATE", "PRACK", "ACK"})
"""Methods whose SDP is an offer or an answer (RFC 6337 section 2.2); in OPTIONS it only tells capabilities."""


@dataclass(slots=True)
class Described:
    """A SIP message and the session description it carries."""

    message: Message
    octets: bytes
    ends: list[MediaEnd]

    @property
    def is_cut(self) -> bool:
        """The capture lacks octets of its end."""
        sip: SipMessage = self.message.decoded
        return sip.not_captured > 0 and sip.is_cut

    def sdp(self) -> SessionDescription:
        """The whole description. Raises DecodeError when it is none."""
        return decode_sdp(self.octets)


@dataclass(slots=True)
class Exchange:
    """An offer and its answer; one of the two is None where the capture does not hold it."""

    offer: Described | None
    answer: Described | None
    to_tag: str = ""
    "Which fork answered; empty when there is no answer."
    rejected: int = 0
    "The final status that refused the offer, or 0; an answer beside it was only early media."
    confirmed: bool = False
    "This fork accepted with a 2xx."
    superfluous: bool = False
    "Its dialog was ended at once, while another that the same INVITE made goes on (RFC 3261 section 13.2.2.4)."
    transaction: Transaction | None = None
    "The request that made the offer, or was answered with it."
    offer_copies: list[Described] = field(default_factory=list)
    "The same offer sent again or seen on another hop, where a border gateway may have rewritten it."
    answer_copies: list[Described] = field(default_factory=list)
    "The same for the answer; also the early answers that the 2xx replaced."

    @property
    def answered(self) -> int:
        """When the answer was sent, ns; without one the end of all times."""
        return self.answer.message.time if self.answer is not None else 1 << 62

    @property
    def tags(self) -> frozenset[str]:
        """The two tags of the dialog that it is about."""
        return frozenset((self.transaction[2] if self.transaction is not None else "", self.to_tag))

    def offer_alone(self) -> Exchange:
        """The offer, where it is not known which answer to it counts."""
        return Exchange(self.offer, None, transaction=self.transaction, offer_copies=self.offer_copies)

    def parts(self) -> list[tuple[str, Described]]:
        """Every description of the exchange that differs from those before it, with `offerer` or `answerer`."""
        found: list[tuple[str, Described]] = []
        for who, first, copies in (
            ("offerer", self.offer, self.offer_copies),
            ("answerer", self.answer, self.answer_copies),
        ):
            if first is None:
                continue
            found.append((who, first))
            if copies:
                seen = {first.octets}
                for each in copies:
                    if each.octets not in seen:
                        seen.add(each.octets)
                        found.append((who, each))
        return found


def exchanges(messages: Iterable[Message]) -> list[Exchange]:
    """Pair the offers and answers of one call, in the order of the offers."""
    pairing = _Pairing()
    answers: list[Message] = []
    acknowledging: list[Message] = []
    later: list[Message] = []
    messages = sorted(messages, key=attrgetter("time", "frames"))
    for message in messages:
        sip: SipMessage = message.decoded
        method = sip.method
        if method not in CARRIERS:
            continue
        if not sip.is_request:
            (answers if method == "INVITE" else later).append(message)
        elif method in ("ACK", "PRACK"):
            acknowledging.append(message)
        else:
            pairing.request(message)
    # What an ACK or a PRACK carries depends on the responses to INVITE, what a response to PRACK carries on the PRACK.
    if acknowledging:
        pairing.answered_late = {
            (each.decoded.cseq, each.decoded.from_tag, each.decoded.to_tag)
            for each in acknowledging
            if each.decoded.method == "ACK" and each.decoded.sdp() is not None
        }
    for message in answers:
        pairing.response(message)
    pairing.acknowledged = {
        ("INVITE", each.decoded.cseq, each.decoded.from_tag, each.decoded.to_tag)
        for each in acknowledging
        if each.decoded.method == "ACK"
    }
    for message in acknowledging:
        pairing.acknowledgement(message)
    for message in later:
        pairing.response(message)
    if pairing.is_forked:
        pairing.forked(messages)
    return pairing.result()


class _Pairing:
    """The exchanges of one call while they are put together."""

    def __init__(self) -> None:
        self.offers: dict[Transaction, Exchange] = {}
        self.forks: dict[Fork, Exchange] = {}
        self.asked: set[Transaction] = set()
        "Requests seen, with or without an offer."
        self.answered_late: set[tuple[int, str, str]] = set()
        "CSeq number and tags of the ACKs with SDP: the response they acknowledge made the offer."
        self.accepted: set[Fork] = set()
        self.acknowledged: set[Fork] = set()
        "Whose final response, whichever it was, has an ACK."
        self.refused: dict[Transaction, tuple[int, str]] = {}
        "Last final status of 300 or more, and its To tag."

    def request(self, message: Message) -> None:
        sip: SipMessage = message.decoded
        key = (sip.method, sip.cseq, sip.from_tag)
        self.asked.add(key)
        octets = sip.sdp()
        if octets is None:
            return
        known = self.offers.get(key)
        if known is None or known.offer is None:
            self.offers[key] = Exchange(Described(message, octets, announced_ends(octets)), None, transaction=key)
        else:
            # A retransmission, or the same request on the next hop, is the same offer.
            known.offer_copies.append(_copy(message, octets, known.offer))

    def response(self, message: Message) -> None:
        sip: SipMessage = message.decoded
        key = (sip.method, sip.cseq, sip.from_tag)
        if sip.status >= 300:
            self.refused[key] = (sip.status, sip.to_tag)
            return
        fork_key = (*key, sip.to_tag)
        if sip.status >= 200:
            self.accepted.add(fork_key)
        octets = sip.sdp()
        if octets is None:
            return
        fork = self.forks.get(fork_key)
        offer = self.offers.get(key)
        if fork is not None:
            self._again(fork, message, octets)
        elif offer is not None:
            answer = Described(message, octets, announced_ends(octets))
            self.forks[fork_key] = Exchange(
                offer.offer, answer, sip.to_tag, transaction=key, offer_copies=offer.offer_copies
            )
        else:
            # A response to an INVITE without SDP offers (RFC 3261 section 13.2.1), once per fork.
            part = Described(message, octets, announced_ends(octets))
            offers = sip.method == "INVITE" and (key in self.asked or (sip.cseq, *fork_key[2:]) in self.answered_late)
            offer_part, answer_part = (part, None) if offers else (None, part)
            self.forks[fork_key] = Exchange(offer_part, answer_part, sip.to_tag, transaction=key)

    @staticmethod
    def _again(fork: Exchange, message: Message, octets: bytes) -> None:
        """A later SDP of the same fork: it repeats the first, unless that came unreliably and this is the 2xx.

        An unreliable 18x is a preview of the answer (RFC 3261 section 13.2.1); what a reliable one says stands
        (RFC 3262 section 5).
        """
        offered = fork.answer is None
        known = fork.offer if offered else fork.answer
        if known is None:
            return
        part = _copy(message, octets, known)
        copies = fork.offer_copies if offered else fork.answer_copies
        early: SipMessage = known.message.decoded
        if early.status < 200 <= message.decoded.status and early.rseq is None:
            copies.append(known)
            if offered:
                fork.offer = part
            else:
                fork.answer = part
        else:
            copies.append(part)

    def acknowledgement(self, message: Message) -> None:
        """An ACK or a PRACK: it answers what the response offered; a PRACK may offer otherwise (RFC 3262 section 5)."""
        sip: SipMessage = message.decoded
        octets = sip.sdp()
        if octets is None:
            return
        rack = sip.rack if sip.method == "PRACK" else None
        fork = self.forks.get(("INVITE", rack[1] if rack is not None else sip.cseq, sip.from_tag, sip.to_tag))
        offer = fork.offer.message.decoded if fork is not None and fork.offer is not None else None
        if offer is not None and sip.method == "PRACK" and (rack is None or offer.rseq != rack[0]):
            offer = None
        if fork is not None and offer is not None and not offer.is_request:
            if fork.answer is None:
                fork.answer = Described(message, octets, announced_ends(octets))
            else:
                fork.answer_copies.append(_copy(message, octets, fork.answer))
        elif sip.method == "PRACK":
            self.request(message)

    @property
    def is_forked(self) -> bool:
        """May the answer that counts be another than the one with SDP?"""
        transactions = {key[:3] for key in self.forks}
        others = self.accepted | self.acknowledged
        forks = self.forks.keys() | {key for key in others if key[:3] in transactions}
        return len(transactions) < len(forks) or any(
            key[0] == "INVITE" and key not in self.accepted for key in self.forks
        )

    def forked(self, messages: Iterable[Message]) -> None:
        """Tell the forks that were accepted, and those that stay, from the others."""
        self.accepted |= acknowledged(messages)
        answered = {key[:3] for key in self.forks}
        for key in sorted(self.accepted):
            offer = self.offers.get(key[:3])
            if key not in self.forks and key[:3] in answered and offer is not None:
                self.forks[key] = Exchange(
                    offer.offer, None, key[3], transaction=key[:3], offer_copies=offer.offer_copies
                )
        for key, fork in self.forks.items():
            fork.confirmed = key in self.accepted
        note_dialogs(self.forks, messages)

    def result(self) -> list[Exchange]:
        accepted = {key[:3] for key in self.accepted}
        for fork_key, fork in self.forks.items():
            fork.confirmed = fork_key in self.accepted
            status, to_tag = self.refused.get(fork_key[:3], (0, ""))
            # One fork may have refused while another accepted (RFC 3261 section 16.7).
            if status and not fork.confirmed and (to_tag == fork.to_tag or fork_key[:3] not in accepted):
                fork.rejected = status
        answered = {fork_key[:3] for fork_key in self.forks}
        found = list(self.forks.values())
        for key, offer in self.offers.items():
            if key not in answered:
                if key not in accepted:
                    offer.rejected = self.refused.get(key, (0, ""))[0]
                else:
                    offer.confirmed = True
                found.append(offer)
        found.sort(key=_time)
        return found


def _copy(message: Message, octets: bytes, known: Described) -> Described:
    """The description of another message; equal octets are not read again."""
    return Described(message, octets, known.ends if octets == known.octets else announced_ends(octets))


def _time(exchange: Exchange) -> tuple[int, tuple[int, ...], str]:
    first = exchange.offer or exchange.answer
    if first is None:
        return 0, (), exchange.to_tag
    return first.message.time, first.message.frames, exchange.to_tag
