"""What the other legs of a call announced about MSRP, so that both sides of a border gateway can be compared.

A leg may be handed out before its partner: then a short note of its media stays behind, for a bounded number of legs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analyzer.conversations.dialogs import agreed
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.offer_answer import Described
from analyzer.conversations.sip_call import SipCall

MAX_NOTED = 4_000
"Legs remembered after they were handed out."


@dataclass(frozen=True, slots=True)
class LegEnd:
    """One description of a leg, as far as its MSRP stream goes."""

    end: MediaEnd
    frames: tuple[int, ...]
    time: int


@dataclass(frozen=True, slots=True)
class LegMedia:
    """Offer and answer of one leg."""

    session_id: str
    "The id of its session."
    offer: LegEnd | None
    answer: LegEnd | None


class LegMediaTable:
    """The media of legs that were handed out, while their partners are still open."""

    def __init__(self) -> None:
        self._noted: OrderedDict[str, LegMedia] = OrderedDict()

    def note(self, call: SipCall, session_id: str) -> None:
        """A leg that has partners is handed out."""
        media = leg_media(call, session_id)
        if media is not None:
            self._noted[call.call_id] = media
            if len(self._noted) > MAX_NOTED:
                self._noted.popitem(last=False)

    def of(self, call_ids: Iterable[str], open_calls: Mapping[str, tuple[SipCall, str]]) -> list[LegMedia]:
        """The media of some legs: of open calls as they are now, of others as noted."""
        found: list[LegMedia] = []
        for call_id in call_ids:
            call = open_calls.get(call_id)
            media = leg_media(*call) if call is not None else self._noted.get(call_id)
            if media is not None:
                found.append(media)
        return found


def leg_media(call: SipCall, session_id: str) -> LegMedia | None:
    """Offer and answer that set the MSRP of a call up; None for a call without MSRP."""
    exchange = agreed(call.facts.exchanges)
    if exchange is None:
        return None
    offer, answer = _msrp(exchange.offer), _msrp(exchange.answer)
    return LegMedia(session_id, offer, answer) if offer is not None or answer is not None else None


def _msrp(part: Described | None) -> LegEnd | None:
    end = next((each for each in part.ends if each.is_msrp), None) if part is not None else None
    return LegEnd(end, part.message.frames, part.message.time) if part is not None and end is not None else None
