"""H.248 messages as one model for the text and the binary encoding (ITU-T H.248.1 versions 1 to 3; RFC 3525).

Names compare without case (H.248.1 Annex B.2), and are kept as they were spelled. Local and Remote descriptors are
kept as the octets of their SDP; `local_sdp` reads them. What the model does not know is kept in `extensions`, in
order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from dissectors.errors import DecodeError
from dissectors.sdp import SessionDescription, decode_sdp_list

NULL_CONTEXT = 0
CHOOSE_CONTEXT = 0xFFFFFFFE
ALL_CONTEXTS = 0xFFFFFFFF
"""Context ids with a meaning of their own (H.248.1 clause 6.1.2): `-`, `$` and `*` in text."""

_CONTEXT_NAMES = {NULL_CONTEXT: "-", CHOOSE_CONTEXT: "$", ALL_CONTEXTS: "*"}


def context_name(context_id: int) -> str:
    """A context id as the text encoding writes it."""
    return _CONTEXT_NAMES.get(context_id) or str(context_id)


class CommandName(Enum):
    """The commands of H.248.1 clause 7.2, in their long text form."""

    ADD = "Add"
    MOVE = "Move"
    MODIFY = "Modify"
    SUBTRACT = "Subtract"
    AUDIT_VALUE = "AuditValue"
    AUDIT_CAPABILITY = "AuditCapability"
    NOTIFY = "Notify"
    SERVICE_CHANGE = "ServiceChange"


@dataclass(slots=True)
class Property:
    """A property, statistic or parameter: `name relation value`, or several values."""

    name: str
    values: list[str]
    "As spelled, quotes removed."
    relation: str = "="
    "`=`, `<`, `>` or `#` (not equal)."
    form: str = ""
    "Empty for one value, `{}` alternatives, `[]` sub-list, `[:]` range."
    quoted: bool = False
    tag: int = field(default=0, compare=False)
    "The BER tag its values had in the binary encoding, 0 when unknown, negative for values without one."


@dataclass(slots=True)
class ErrorDescriptor:
    """An error code and its text (H.248.1 clause 7.1.20, codes in H.248.8)."""

    code: int
    text: str = ""


@dataclass(slots=True)
class StreamParameters:
    """One stream of a media descriptor (H.248.1 clause 7.1.4)."""

    mode: str = ""
    reserved_value: bool | None = None
    reserved_group: bool | None = None
    properties: list[Property] = field(default_factory=list)
    "The properties of LocalControl."
    has_local_control: bool = False
    local: bytes | None = None
    "SDP octets of the Local descriptor; empty: present without content; None: absent."
    remote: bytes | None = None
    statistics: list[Property] | None = None
    _local_sdp: list[SessionDescription] | None = field(default=None, repr=False, compare=False)
    _remote_sdp: list[SessionDescription] | None = field(default=None, repr=False, compare=False)

    @property
    def local_sdp(self) -> list[SessionDescription]:
        """The session descriptions of Local; empty when absent or unreadable."""
        if self._local_sdp is None:
            self._local_sdp = _sdp(self.local)
        return self._local_sdp

    @property
    def remote_sdp(self) -> list[SessionDescription]:
        """The session descriptions of Remote; empty when absent or unreadable."""
        if self._remote_sdp is None:
            self._remote_sdp = _sdp(self.remote)
        return self._remote_sdp


def _sdp(octets: bytes | None) -> list[SessionDescription]:
    if not octets:
        return []
    try:
        return decode_sdp_list(octets)
    except DecodeError:
        return []


@dataclass(slots=True)
class TerminationState:
    """Properties of the termination itself (clause 7.1.5)."""

    service_state: str = ""
    event_buffer_control: str = ""
    properties: list[Property] = field(default_factory=list)


@dataclass(slots=True)
class MediaDescriptor:
    """Streams and the termination's state (clause 7.1.4)."""

    streams: dict[int, StreamParameters] = field(default_factory=dict)
    termination_state: TerminationState | None = None


@dataclass(slots=True)
class Signal:
    """One signal (clause 7.1.11)."""

    name: str
    stream_id: int | None = None
    signal_type: str = ""
    duration: int | None = None
    "In units of 10 ms."
    notify_completion: list[str] | None = None
    keep_active: bool = False
    parameters: list[Property] = field(default_factory=list)
    direction: str = ""
    request_id: int | None = None
    intersignal_delay: int | None = None


@dataclass(slots=True)
class SignalList:
    """Signals played one after another."""

    list_id: int
    signals: list[Signal] = field(default_factory=list)


@dataclass(slots=True)
class Event:
    """An event asked for, with what to do when it happens (clause 7.1.9)."""

    name: str
    stream_id: int | None = None
    keep_active: bool = False
    parameters: list[Property] = field(default_factory=list)
    digit_map: str | None = None
    embedded_signals: list[Signal | SignalList] | None = None
    embedded_events: EventsDescriptor | None = None
    notify_behaviour: str = ""
    reset_events: bool = False


@dataclass(slots=True)
class EventsDescriptor:
    request_id: int | None = None
    "None: the bare descriptor, which removes all events."
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class ObservedEvent:
    """An event that happened."""

    name: str
    stream_id: int | None = None
    timestamp: str = ""
    "`yyyymmddThhmmssss`, or empty."
    parameters: list[Property] = field(default_factory=list)


@dataclass(slots=True)
class ObservedEvents:
    request_id: int
    events: list[ObservedEvent] = field(default_factory=list)


@dataclass(slots=True)
class ServiceChange:
    """The parameters of ServiceChange or of its reply (clause 7.2.8)."""

    method: str = ""
    reason: str = ""
    delay: int | None = None
    address: str = ""
    mgc_id_to_try: str = ""
    profile: str = ""
    version: int | None = None
    timestamp: str = ""
    incomplete: bool = False
    audit_items: list[str] = field(default_factory=list)
    extensions: list[Property] = field(default_factory=list)


@dataclass(slots=True)
class Command:
    """A command of a request, or its part of a reply."""

    name: CommandName
    termination_ids: list[str]
    optional: bool = False
    wildcard_return: bool = False
    media: MediaDescriptor | None = None
    events: EventsDescriptor | None = None
    event_buffer: list[Event] | None = None
    signals: list[Signal | SignalList] | None = None
    observed_events: ObservedEvents | None = None
    statistics: list[Property] | None = None
    packages: list[str] | None = None
    digit_map: str | None = None
    modem: str | None = None
    mux: str | None = None
    audit: list[str] | None = None
    "The items asked for; an empty list asks for nothing in return."
    service_change: ServiceChange | None = None
    error: ErrorDescriptor | None = None
    context_terminations: list[str] | None = None
    "The terminations that an audit of a context lists."
    extensions: list[str] = field(default_factory=list)
    "Descriptors the model does not know, as text."

    @property
    def is_wildcarded(self) -> bool:
        return any("*" in each for each in self.termination_ids)


@dataclass(slots=True)
class Topology:
    """One triple of a topology descriptor (clause 7.1.18)."""

    one: str
    other: str
    direction: str
    stream_id: int | None = None


@dataclass(slots=True)
class ContextAction:
    """The commands for one context."""

    context_id: int
    commands: list[Command] = field(default_factory=list)
    topology: list[Topology] | None = None
    priority: int | None = None
    emergency: bool | None = None
    ieps: bool | None = None
    properties: list[Property] = field(default_factory=list)
    context_list: list[str] | None = None
    audit: list[str] | None = None
    error: ErrorDescriptor | None = None


@dataclass(slots=True)
class TransactionRequest:
    transaction_id: int
    actions: list[ContextAction] = field(default_factory=list)


@dataclass(slots=True)
class TransactionReply:
    transaction_id: int
    actions: list[ContextAction] = field(default_factory=list)
    immediate_ack_required: bool = False
    error: ErrorDescriptor | None = None
    segment: int | None = None
    last_segment: bool = False


@dataclass(slots=True)
class TransactionPending:
    transaction_id: int


@dataclass(slots=True)
class TransactionAck:
    ranges: list[tuple[int, int]]
    "First and last acknowledged id."

    def single_ids(self) -> list[int]:
        """All ids, where the ranges are of a plausible size."""
        return [number for first, last in self.ranges for number in range(first, min(last, first + 64) + 1)]


@dataclass(slots=True)
class Segment:
    """A segment acknowledged (version 3, clause 8.2.2)."""

    transaction_id: int
    segment: int
    last_segment: bool = False


Transaction = TransactionRequest | TransactionReply | TransactionPending | TransactionAck | Segment


@dataclass(slots=True)
class Authentication:
    security_parameter_index: str
    sequence_number: str
    data: str


@dataclass(slots=True)
class H248Message:
    """One H.248 message."""

    version: int
    mid: str
    "As the text encoding writes it: `[192.0.2.10]:2944`, `<mgc.example.net>:2944`, `mg1`, `MTP{1234}`."
    transactions: list[Transaction] = field(default_factory=list)
    error: ErrorDescriptor | None = None
    authentication: Authentication | None = None
    encoding: str = field(default="text", compare=False)
    faults: list[str] = field(default_factory=list, compare=False)
    "Where it strays from the grammar and was read all the same."
    data: bytes = field(default=b"", repr=False, compare=False)
    "The octets it was decoded from."
    id_octets: int = field(default=3, compare=False)
    "How many octets a wildcarded termination id has in the binary encoding (1 to 8)."
    not_captured: int = field(default=0, compare=False)
    "Octets of its end that were on the wire and are not in the capture: what it lacks, it may have said."

    def count_sdp(self) -> int:
        """How many Local and Remote descriptors with content it carries."""
        count = 0
        for part in self.transactions:
            if isinstance(part, TransactionRequest | TransactionReply):
                for action in part.actions:
                    for command in action.commands:
                        if command.media is not None:
                            for stream in command.media.streams.values():
                                count += bool(stream.local) + bool(stream.remote)
        return count

    def canonical(self) -> H248Message:
        """A copy in the one spelling that all messages of this meaning share, text or binary."""
        from dissectors.h248.canonical import canonical

        return canonical(self)

    def equals(self, other: H248Message) -> bool:
        """Whether both mean the same, whatever their encoding, token forms, case and white space."""
        return self.canonical() == other.canonical()

    def summary(self) -> str:
        """One line without SDP, keys or identities: `T=4711 C=$ Add ip/1/mb/$; P=88 C=17 Notify ip/1/mb/33`."""
        words = []
        for part in self.transactions:
            if isinstance(part, TransactionRequest | TransactionReply):
                mark = "T" if isinstance(part, TransactionRequest) else "P"
                text = f"{mark}={part.transaction_id}"
                for action in part.actions:
                    said = [f"{each.name.value} {','.join(each.termination_ids)}" for each in action.commands]
                    text += f" C={context_name(action.context_id)} " + ", ".join(said)
                    if action.error is not None:
                        text += f" error {action.error.code}"
                if isinstance(part, TransactionReply) and part.error is not None:
                    text += f" error {part.error.code}"
                words.append(text.rstrip())
            elif isinstance(part, TransactionPending):
                words.append(f"PN={part.transaction_id}")
            elif isinstance(part, TransactionAck):
                words.append("K " + ",".join(str(first) for first, _ in part.ranges))
            else:
                words.append(f"SM={part.transaction_id}/{part.segment}")
        if self.error is not None:
            words.append(f"error {self.error.code}")
        return "; ".join(words)
