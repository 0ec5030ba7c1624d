"""Which of several dialogs that one INVITE made is the one that was set up (RFC 3261 sections 13.2.2.4, 17.1.1.3).

An INVITE may be forked: every To tag is a dialog of its own, with an answer of its own. Those that are not wanted are
acknowledged and ended at once. Where the 2xx is not in the capture, its ACK tells whose it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from analyzer.model import Message

if TYPE_CHECKING:
    from analyzer.conversations.offer_answer import Exchange, Fork
    from dissectors.sip import SipMessage

AT_ONCE_NS = 32_000_000_000
"A dialog that is not wanted is ended as soon as the transaction has gathered its 2xx: 64*T1 (section 13.2.2.4)."

Score = Callable[["Exchange"], tuple[int, int]]
"How much of the media follows an exchange: MSRP on the wire, descriptors of H.248."


def acknowledged(messages: Iterable[Message]) -> set[Fork]:
    """The forks whose 2xx was acknowledged, or whose dialog only a 2xx can have made, as other messages show.

    The ACK of a 2xx is a transaction of its own; that of a refusal has the branch of its INVITE (section 17.1.1.3).
    """
    branches: dict[tuple[int, str, frozenset[str]], set[str]] = defaultdict(set)
    refused: set[tuple[int, str, str]] = set()
    invited: dict[str, int] = {}
    asked: list[Message] = []
    for message in messages:
        sip: SipMessage = message.decoded
        if sip.method == "INVITE" and not (sip.is_request and sip.to_tag):
            branches[sip.cseq, sip.from_tag, _hop(message)].add(sip.branch)
            invited[sip.from_tag] = min(sip.cseq, invited.get(sip.from_tag, sip.cseq))
            if sip.status >= 300:
                refused.add((sip.cseq, sip.from_tag, sip.to_tag))
        elif sip.is_request and sip.to_tag:
            asked.append(message)
    found: set[Fork] = set()
    for message in asked:
        sip = message.decoded
        if sip.method == "ACK" and sip.branch:
            known = branches.get((sip.cseq, sip.from_tag, _hop(message)))
            if known and sip.branch not in known and (sip.cseq, sip.from_tag, sip.to_tag) not in refused:
                found.add(("INVITE", sip.cseq, sip.from_tag, sip.to_tag))
        elif sip.method == "BYE" and sip.to_tag in invited:
            # The callee may send BYE only when its 2xx was acknowledged (section 15), the caller also before.
            found.add(("INVITE", invited[sip.to_tag], sip.to_tag, sip.from_tag))
    return found


def note_dialogs(forks: dict[Fork, Exchange], messages: Iterable[Message]) -> None:
    """Mark the exchanges whose dialog was ended at once in favour of another that the same INVITE made."""
    lives = _lives(messages)
    rivals: dict[tuple[str, int, str], list[tuple[Exchange, int | None]]] = defaultdict(list)
    for key, exchange in forks.items():
        begun, ended = lives.get(frozenset(key[2:]), (0, None))
        if exchange.confirmed:
            rivals[key[:3]].append((exchange, ended - begun if ended is not None else None))
    for several in rivals.values():
        longest = None if any(lived is None for _, lived in several) else max(lived or 0 for _, lived in several)
        for exchange, lived in several:
            # Two legs of a back-to-back user agent with one Call-ID end together.
            if lived is not None and lived <= AT_ONCE_NS and (longest is None or 2 * lived < longest):
                exchange.superfluous = True


def _lives(messages: Iterable[Message]) -> dict[frozenset[str], tuple[int, int | None]]:
    """When each dialog, by its two tags, was accepted, and when BYE ended it, in ns."""
    found: dict[frozenset[str], tuple[int, int | None]] = {}
    for message in messages:
        sip: SipMessage = message.decoded
        if not sip.to_tag:
            continue
        tags = frozenset((sip.from_tag, sip.to_tag))
        if sip.method == "BYE" and sip.is_request:
            begun, ended = found.get(tags, (message.time, None))
            found[tags] = begun, message.time if ended is None else ended
        elif (sip.method == "INVITE" and 200 <= sip.status < 300) or sip.method == "ACK":
            found.setdefault(tags, (message.time, None))
    return found


def agreed(exchanges: Sequence[Exchange], score: Score | None = None) -> Exchange | None:
    """What a call was set up with: the first exchange that was accepted, else answered, else the last offer.

    Of several dialogs of one INVITE the one that MSRP is exchanged in counts, else the one that stays, and of those
    the one that the media follows. Where the capture does not show which of several answers was accepted, the offer
    alone is known.
    """
    accepted = [each for each in exchanges if each.confirmed and (each.answer is not None or each.to_tag)]
    if accepted:
        rivals = _of_one_offer(accepted)
        if len(rivals) < 2:
            return rivals[0]
        told = score or _nothing
        return max(rivals, key=lambda each: (told(each)[0] > 0, not each.superfluous, told(each)))
    answered = [each for each in exchanges if each.answer is not None]
    if not answered:
        return next(iter(exchanges[-1:]), None)
    rivals = [each for each in _of_one_offer(answered) if not each.rejected] or _of_one_offer(answered)[:1]
    if len({each.answer.octets for each in rivals if each.answer is not None}) < 2:
        return rivals[0]
    if score is not None:
        scores = [score(each) for each in rivals]
        if scores.count(max(scores)) == 1:
            return rivals[scores.index(max(scores))]
    return rivals[0].offer_alone()


def _nothing(exchange: Exchange) -> tuple[int, int]:
    return 0, 0


def on_leg(exchanges: Sequence[Exchange], address: str) -> Sequence[Exchange]:
    """Those of the dialogs that passed a node; all where none did.

    A back-to-back user agent that keeps the Call-ID gives each of its legs tags of its own.
    """
    if len(exchanges) < 2 or not address:
        return exchanges
    legs = {each.tags for each in exchanges if _passes(each, address)}
    return [each for each in exchanges if each.tags in legs] or exchanges


def _passes(exchange: Exchange, address: str) -> bool:
    """Was its answer, or without one its offer, captured on a hop of this node?"""
    first, copies = exchange.answer, exchange.answer_copies
    if first is None:
        first, copies = exchange.offer, exchange.offer_copies
    parts = (first, *copies) if first is not None else ()
    return any(address in (part.message.flow.src_ip, part.message.flow.dst_ip) for part in parts)


def _of_one_offer(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The first exchange with those of the other forks of its INVITE, in the order of their answers."""
    first = exchanges[0]
    rivals = [each for each in exchanges if each.transaction == first.transaction]
    return sorted(rivals, key=attrgetter("answered")) if len(rivals) > 1 else rivals


def _hop(message: Message) -> frozenset[str]:
    return frozenset((message.flow.src_ip, message.flow.dst_ip))
