"""All SIP messages of one Call-ID, and what they say about the call (RFC 3261 sections 12 to 15).

Only what decides when the call is over is followed as messages arrive; everything else is derived once, from all
messages, so that it does not depend on the order in which packets were captured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter

from analyzer.conversations.media import MediaEnd
from analyzer.conversations.offer_answer import Exchange, exchanges
from analyzer.model import Message
from analyzer.transport.flow import FlowKey
from dissectors.errors import DecodeError
from dissectors.sip import SipMessage, parse_name_addr

CHALLENGES = (401, 407, 494)
"Refusals that ask for another try (RFC 3261 section 22, RFC 3329): they do not end a call."


@dataclass(slots=True)
class Party:
    """One of the two ends of a call, by the SIP it sent."""

    uri: str
    "The address in From (caller) or To (callee), without parameters."
    tag: str


class SipCall:
    """The messages of one Call-ID."""

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.messages: list[Message] = []
        self.first = 0
        self.last = 0
        self.over = False
        "A BYE was answered, or the request that opened the call was refused or finished."
        self._established = False
        self._facts: CallFacts | None = None

    def add(self, message: Message) -> None:
        if not self.messages:
            self.first = message.time
        self.messages.append(message)
        self.last = message.time
        self._facts = None
        sip: SipMessage = message.decoded
        if sip.status >= 200:
            method = sip.method
            if method == "INVITE":
                if sip.status < 300:
                    self._established = True
                    self.over = False
                elif sip.status not in CHALLENGES and not self._established:
                    self.over = True
            elif method in ("BYE", "CANCEL") or (not self._established and method not in ("PRACK", "UPDATE", "INFO")):
                self.over = True

    @property
    def facts(self) -> CallFacts:
        """What the call as a whole says; made anew when messages came since."""
        if self._facts is None:
            self._facts = CallFacts(sorted(self.messages, key=attrgetter("time", "frames")))
        return self._facts


@dataclass(slots=True)
class CallFacts:
    """The call in short, from its messages in time order."""

    messages: list[Message]
    method: str = ""
    "The method that opened the call: INVITE, REGISTER, MESSAGE, ..."
    opening: Message | None = None
    "The first request that opened it; None when the capture starts later."
    caller: Party = field(default_factory=lambda: Party("", ""))
    callee: Party = field(default_factory=lambda: Party("", ""))
    request_uri: str = ""
    status: int = 0
    "The final status of the last try to open the call, 0 when none was seen."
    established: bool = False
    ended: bool = False
    "A BYE or a final refusal was seen."
    exchanges: list[Exchange] = field(default_factory=list)
    focus_uri: str = ""
    "The conference URI: the Contact that carried `isfocus` (RFC 4579 section 5.2)."
    focus_is_caller: bool = False
    retransmissions: int = 0

    def __post_init__(self) -> None:
        seen: set[tuple[FlowKey, bytes]] = set()
        openings: dict[int, int] = {}
        for message in self.messages:
            sip: SipMessage = message.decoded
            copy = (message.flow.key, sip.data)
            if copy in seen:
                self.retransmissions += 1
                continue
            seen.add(copy)
            self._follow(message, sip, openings)
            # The plain search spares most messages the reading of all their header fields.
            if not self.focus_uri and b"isfocus" in sip.data and sip.is_focus():
                self.focus_uri = sip.contact_uri() or ""
                caller_sent = sip.is_request == (sip.from_tag == self.caller.tag)
                self.focus_is_caller = caller_sent
        if openings:
            self.status = openings[max(openings)]
        self.exchanges = exchanges(self.messages)

    def _follow(self, message: Message, sip: SipMessage, openings: dict[int, int]) -> None:
        if not self.method and sip.method not in ("ACK", "BYE", "CANCEL", "PRACK"):
            self.method = sip.method
            self._name_parties(sip)
        if sip.is_request and sip.method == self.method and self.opening is None and not sip.to_tag:
            self.opening = message
            self.request_uri = sip.request_uri
            if self.caller.tag != sip.from_tag:
                self._name_parties(sip)
        # Each REGISTER may have a From tag of its own; an INVITE of the other side is no try to open the call.
        ours = sip.from_tag == self.caller.tag or self.method != "INVITE"
        if sip.status >= 200 and sip.method == self.method and ours:
            # A re-INVITE that is refused does not undo the call (RFC 3261 section 14.1).
            if not (self.established and sip.status >= 300):
                openings[sip.cseq] = sip.status
            if sip.status < 300:
                self.established = True
                if not self.callee.tag:
                    self.callee.tag = sip.to_tag
            elif not self.established and sip.status not in CHALLENGES:
                self.ended = True
        if sip.method == "BYE":
            self.ended = True

    def _name_parties(self, sip: SipMessage) -> None:
        self.caller = Party(_uri(sip, "From"), sip.from_tag)
        self.callee = Party(_uri(sip, "To"), sip.to_tag)

    @property
    def is_dialog(self) -> bool:
        return self.method in ("INVITE", "SUBSCRIBE", "REFER")

    def ends(self) -> list[tuple[str, MediaEnd, Message]]:
        """Every announced media end: who announced it (`offerer`, `answerer`), the end, and in which message."""
        found: list[tuple[str, MediaEnd, Message]] = []
        for exchange in self.exchanges:
            for who, part in (("offerer", exchange.offer), ("answerer", exchange.answer)):
                if part is not None:
                    found.extend((who, end, part.message) for end in part.ends)
        return found


def _uri(sip: SipMessage, name: str) -> str:
    """The URI of From or To as written, empty when it cannot be read."""
    try:
        return parse_name_addr(sip.header(name) or "").uri
    except DecodeError:
        return ""
