"""All SIP messages of one Call-ID, and what they say about the call (RFC 3261 sections 12 to 15).

Only what decides when the call is over is followed as messages arrive; everything else is derived once, from all
messages, so that it does not depend on the order in which packets were captured.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from operator import attrgetter

from analyzer.conversations.dialogs import acknowledged
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.offer_answer import Exchange, exchanges
from analyzer.conversations.sip_path import SipPath, sip_path
from analyzer.model import Message
from analyzer.transport.flow import FlowKey
from dissectors.errors import DecodeError
from dissectors.sip import SipMessage, address_uri

CHALLENGES = (401, 407, 494)
"Refusals that ask for another try (RFC 3261 section 22, RFC 3329): they do not end a call."
IN_DIALOG = frozenset({"ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO"})
"Methods that open nothing; alone they tell of a call begun before the capture."
REPEATED = frozenset({"REGISTER", "OPTIONS", "PUBLISH"})
"Methods that one user agent sends again and again under one Call-ID (RFC 3261 section 10.2)."


@dataclass(slots=True)
class Party:
    """One of the two ends of a call, by the SIP it sent."""

    uri: str
    "The address in From (caller) or To (callee), without parameters."
    tag: str


@dataclass(slots=True)
class ExchangeDigest:
    """An offer and its answer as reports tell of them."""

    offer: tuple[int, ...] | None
    "The frames of the offer; None where the capture does not hold it."
    answer: tuple[int, ...] | None
    to_tag: str
    rejected: int


@dataclass(slots=True)
class SipDigest:
    """What reports tell of a call, once its messages are gone."""

    call_id: str
    method: str
    status: int
    messages: int
    retransmissions: int
    from_tag: str
    to_tag: str
    focus_uri: str
    exchanges: list[ExchangeDigest]


class SipCall:
    """The messages of one Call-ID."""

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.messages: list[Message] = []
        self.first = 0
        self.last = 0
        self.life = 1
        "Counts the calls of this Call-ID, where one came again long after the end."
        self.over = False
        "Every dialog was ended, or the request that opened the call was refused or finished."
        self.over_at: int | None = None
        "Time of the message that said so, in ns."
        self.resting = False
        "Nothing is open, and the same Call-ID is likely to come again: a registration, a challenged INVITE."
        self.answered = False
        "A response was seen, or what tells of one."
        self._tries: dict[str, int] = {}
        "Every INVITE by its branch, with its final status or 0: forks and hops each have one."
        self._dialogs: dict[tuple[str, str], bool] = {}
        "Dialogs by their tags: still open?"
        self._facts: CallFacts | None = None

    def add(self, message: Message) -> None:
        time = message.time
        if not self.messages:
            self.first = self.last = time
        elif time > self.last:
            self.last = time
        elif time < self.first:
            self.first = time
        self.messages.append(message)
        self._facts = None
        sip: SipMessage = message.decoded
        if sip.status:
            self.answered = True
            if sip.status >= 200:
                self._finished(sip)
        elif sip.method == "INVITE":
            if sip.branch not in self._tries:
                self._tries[sip.branch] = 0
                self.over = self.resting = False
        elif not self._tries and not self._dialogs:
            if sip.method in REPEATED:
                self.resting = True
            elif sip.method == "NOTIFY":
                self.over = (sip.header("Subscription-State") or "").lower().startswith("terminated")
        if sip.to_tag:
            # Inside a dialog: there was an answer, though only one direction may have been captured.
            self.answered = True
        if not self.over:
            self.over_at = None
        elif self.over_at is None:
            self.over_at = time

    def _finished(self, sip: SipMessage) -> None:
        """A final response came."""
        method, status = sip.method, sip.status
        if method == "INVITE":
            self._tries[sip.branch] = status
            if status < 300:
                # A 2xx sent again after the BYE opens nothing.
                self.over = self.resting = False
                self._dialogs.setdefault(_tags(sip), True)
            if not any(self._dialogs.values()) and 0 not in self._tries.values():
                self.resting = status in CHALLENGES and not self._dialogs
                self.over = not self.resting
        elif method == "BYE":
            if status not in CHALLENGES:
                self._dialogs[_tags(sip)] = False
                # A second fork is ended while the first goes on (RFC 3261 section 13.2.2.4).
                self.over = not any(self._dialogs.values())
        elif method == "CANCEL":
            # The INVITE may be accepted all the same (RFC 3261 section 9.1), which undoes this.
            self.over = self.over or not any(self._dialogs.values())
        elif self._tries or self._dialogs or method in IN_DIALOG or method in REPEATED:
            pass
        elif status in CHALLENGES:
            self.resting = True
        elif method in ("SUBSCRIBE", "REFER"):
            # Over with the NOTIFY that says so (RFC 6665 section 4.4.1); `Expires: 0` asks for the last one.
            self.resting = False
            self.over = self.over or status >= 300 or (sip.header("Expires") or "").strip() == "0"
        elif method == "NOTIFY":
            self.over = self.over or status >= 300
        else:
            self.over, self.resting = True, False

    @property
    def facts(self) -> CallFacts:
        """What the call as a whole says; made anew when messages came since."""
        if self._facts is None:
            self._facts = CallFacts(sorted(self.messages, key=attrgetter("time", "frames")))
        return self._facts

    def seen_with(self, exchanges: list[Exchange]) -> SipCall:
        """The call as if these were its only offers and answers; messages and all else are the same."""
        seen, facts = copy(self), copy(self.facts)
        facts.exchanges = exchanges
        seen._facts = facts
        return seen

    def release(self) -> None:
        """Let go of the messages; who still waits to look at the call, whether it is over, finds it empty."""
        self.messages = []
        self._facts = None

    def digest(self) -> SipDigest:
        """The call in what reports tell of it."""
        facts = self.facts
        return SipDigest(
            self.call_id,
            facts.method,
            facts.status,
            len(facts.messages),
            facts.retransmissions,
            facts.caller.tag,
            facts.callee.tag,
            facts.focus_uri,
            [
                ExchangeDigest(
                    each.offer.message.frames if each.offer is not None else None,
                    each.answer.message.frames if each.answer is not None else None,
                    each.to_tag,
                    each.rejected,
                )
                for each in facts.exchanges
            ],
        )


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
    focus_address: str = ""
    "The IP address that sent it, on the hop beside the focus."
    _path: SipPath | None = None
    caller_tags: set[str] = field(default_factory=set)
    "The From tags of the INVITEs that open the call: a back-to-back user agent on the way may give its own."
    _focus_nearness: int = 0
    retransmissions: int = 0
    changed_copies: int = 0
    "Messages sent again with other octets: the first copy counts (RFC 3261 sections 17.1.1.2 and 17.2.1)."

    def __post_init__(self) -> None:
        seen: set[tuple[FlowKey, bytes]] = set()
        first: dict[tuple[object, ...], SipMessage] = {}
        counted: list[Message] = []
        openings: dict[int, int] = {}
        dialogs: dict[tuple[str, str], bool] = {}
        self.method = self._opening_method()
        self.caller_tags = _caller_tags(self.messages)
        for message in self.messages:
            sip: SipMessage = message.decoded
            sent = (message.flow.key, sip.data)
            if sent in seen:
                self.retransmissions += 1
                continue
            seen.add(sent)
            if _is_changed_copy(first.setdefault(_transaction_part(message), sip), sip):
                self.changed_copies += 1
                continue
            counted.append(message)
            self._follow(message, sip, openings, dialogs)
            # The plain search spares most messages the reading of all their header fields.
            if b"isfocus" in sip.data and sip.is_focus():
                self._note_focus(message, sip)
        if openings:
            self.status = openings[max(openings)]
            if self.method in REPEATED and not self.status:
                # Sent again and again: the last one that was answered tells how it stands.
                self.status = next((openings[cseq] for cseq in sorted(openings, reverse=True) if openings[cseq]), 0)
        if False in dialogs.values() and True not in dialogs.values():
            self.ended = True
        if self.status >= 300 and self.method == "INVITE" and not self.established:
            self._look_for_lost_2xx(max(openings), dialogs)
        self.exchanges = exchanges(counted if self.changed_copies else self.messages)
        self._drop_superfluous()
        if self.focus_uri:
            self.focus_address = self.path.end(caller=self.focus_is_caller) or self.focus_address

    def _look_for_lost_2xx(self, cseq: int, dialogs: dict[tuple[str, str], bool]) -> None:
        """One fork refused, another accepted, though only its ACK or BYE is in the capture."""
        for _, number, from_tag, to_tag in acknowledged(self.messages):
            if number == cseq and from_tag in self.caller_tags:
                self.status, self.established = 0, True
                self.callee.tag = self.callee.tag or to_tag
                self.ended = False in dialogs.values() and True not in dialogs.values()

    def _drop_superfluous(self) -> None:
        """Of several dialogs the one that stays is the call."""
        ended = {each.to_tag for each in self.exchanges if each.superfluous}
        if self.callee.tag in ended:
            self.callee.tag = next(
                (each.to_tag for each in self.exchanges if each.confirmed and not each.superfluous), self.callee.tag
            )

    @property
    def path(self) -> SipPath:
        """The nodes that the INVITE passed, as far as they were captured."""
        if self._path is None:
            self._path = sip_path(self.messages, self.caller_tags)
        return self._path

    def sent_by_caller(self, sip: SipMessage) -> bool:
        """Does this message come from the caller's side of the call, on whichever leg?"""
        return sip.is_request == (sip.from_tag in self.caller_tags or sip.from_tag == self.caller.tag)

    def _opening_method(self) -> str:
        """INVITE where there is one or something that only it brings about, else the first method."""
        first = ""
        for message in self.messages:
            method: str = message.decoded.method
            if method == "INVITE":
                return method
            if not first and method not in IN_DIALOG:
                first = method
        return first or "INVITE"

    def _follow(
        self, message: Message, sip: SipMessage, openings: dict[int, int], dialogs: dict[tuple[str, str], bool]
    ) -> None:
        method = sip.method
        mine = method == self.method
        if not self.caller.tag and (mine or self.opening is None):
            self._name_parties(sip)
        if sip.is_request and mine and self.opening is None and not sip.to_tag:
            self.opening = message
            self.request_uri = sip.request_uri
            if self.caller.tag != sip.from_tag:
                self._name_parties(sip)
        if method == "BYE":
            if sip.status not in CHALLENGES:
                dialogs[_tags(sip)] = False
        elif method == "INVITE" and 200 <= sip.status < 300:
            dialogs.setdefault(_tags(sip), True)
        elif method == "NOTIFY" and self.method in ("SUBSCRIBE", "REFER", "NOTIFY") and sip.is_request:
            self.ended = (sip.header("Subscription-State") or "").lower().startswith("terminated")
        # Each REGISTER may have a From tag of its own; an INVITE of the other side is no try to open the call.
        if not mine or (method == "INVITE" and sip.from_tag != self.caller.tag):
            return
        if sip.is_request:
            if not self.established:
                openings.setdefault(sip.cseq, 0)
        elif sip.status >= 200:
            # A re-INVITE that is refused does not undo the call (RFC 3261 section 14.1).
            if not (self.established and sip.status >= 300):
                openings[sip.cseq] = sip.status
            if sip.status < 300:
                self.established = self.is_dialog
                if not self.callee.tag:
                    self.callee.tag = sip.to_tag
            elif not self.established and sip.status not in CHALLENGES:
                self.ended = True

    def _note_focus(self, message: Message, sip: SipMessage) -> None:
        """Of several hops the one beside the focus counts: a request has the fewest Vias there, a response the most."""
        data, end = sip.data, sip.head_size
        vias = data.count(b"\nVia:", 0, end) + data.count(b"\nv:", 0, end)
        nearness = -vias if sip.is_request else vias
        caller_sent = self.sent_by_caller(sip)
        if not self.focus_uri:
            self.focus_uri = sip.contact_uri() or ""
            self.focus_is_caller = caller_sent
        elif nearness <= self._focus_nearness or caller_sent != self.focus_is_caller:
            return
        self._focus_nearness = nearness
        self.focus_address = message.flow.src_ip

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
            for who, part in exchange.parts():
                found.extend((who, end, part.message) for end in part.ends)
        return found


def _transaction_part(message: Message) -> tuple[object, ...]:
    """What two copies of one message have in common: hop, transaction, and the dialog of a response."""
    sip: SipMessage = message.decoded
    return (message.flow.key, sip.method, sip.status, sip.cseq, sip.branch, sip.from_tag, sip.to_tag)


def _is_changed_copy(first: SipMessage, sip: SipMessage) -> bool:
    """Sent again with other octets; provisional responses differ, and only the cookie makes a branch unique."""
    if first is sip or 0 < sip.status < 200 or not sip.branch.startswith("z9hG4bK"):
        return False
    return not (first.not_captured or sip.not_captured)


def _caller_tags(messages: list[Message]) -> set[str]:
    """The From tags of the INVITEs that open a call, also of a leg of which only the responses were captured."""
    found: set[str] = set()
    called: dict[str, set[str]] = {}
    for message in messages:
        sip: SipMessage = message.decoded
        if sip.method != "INVITE":
            continue
        if not sip.is_request:
            called.setdefault(sip.from_tag, set()).add(sip.to_tag)
        elif not sip.to_tag:
            found.add(sip.from_tag)
    if not found or called.keys() <= found:
        return found
    callees = {to_tag for tag in found for to_tag in called.get(tag, ())}
    for tag, to_tags in called.items():
        if tag not in found and tag not in callees:
            found.add(tag)
            callees |= to_tags
    return found


def _tags(sip: SipMessage) -> tuple[str, str]:
    """The two tags of a dialog, the same from either side."""
    one, other = sip.from_tag, sip.to_tag
    return (one, other) if one <= other else (other, one)


def _uri(sip: SipMessage, name: str) -> str:
    """The URI of From or To as written, empty when it cannot be read."""
    try:
        return address_uri(sip.header(name) or "")
    except DecodeError:
        return ""
