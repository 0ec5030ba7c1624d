"""The text encoding (H.248.1 Annex B): octets to the model.

One regular expression cuts a message into words and marks; the SDP of a Local or Remote descriptor is one word. A
parser over that list follows the grammar by position, since every token is also a legal name elsewhere. What the
field is known to write against the grammar is read, and noted in `faults`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dissectors.errors import DecodeError
from dissectors.h248.model import (
    ALL_CONTEXTS,
    CHOOSE_CONTEXT,
    Authentication,
    Command,
    CommandName,
    ContextAction,
    ErrorDescriptor,
    Event,
    EventsDescriptor,
    H248Message,
    MediaDescriptor,
    ObservedEvent,
    ObservedEvents,
    Property,
    Segment,
    ServiceChange,
    Signal,
    SignalList,
    StreamParameters,
    TerminationState,
    Topology,
    TransactionAck,
    TransactionPending,
    TransactionReply,
    TransactionRequest,
)

MAX_DEPTH = 16
"""Nested braces that are followed; the grammar needs fewer."""

_LWSP = r"(?:[ \t\r\n]|;[^\r\n]*+(?=[\r\n]))*+"
_HEADER = re.compile(
    rf"{_LWSP}(?:(?:AU|Authentication){_LWSP}={_LWSP}0x([0-9A-F]{{8}}){_LWSP}:{_LWSP}0x([0-9A-F]{{8}}){_LWSP}:"
    rf"{_LWSP}0x([0-9A-F]{{24,64}}){_LWSP})?"
    rf"(?:MEGACO|!)/([0-9]{{1,2}}){_LWSP}"
    r"(\[[0-9A-F.:]+\](?::[0-9]{1,5})?|<[^<>\s]{1,255}>(?::[0-9]{1,5})?|MTP\{[0-9A-F]{4,8}\}"
    rf"|[A-Z][A-Z0-9_*/$]*(?:@[A-Z0-9.\-]+)?){_LWSP}",
    re.IGNORECASE,
)
# Words, quoted strings, marks, and whole Local and Remote descriptors; comments and white space fall through.
_TOKEN = re.compile(
    r"(?:Local|Remote|L|R)[ \t\r\n]*+\{(?:[^\\}]|\\.)*+\}"
    r'|"[^"]*+"'
    r"|[{}=,<>#\[\]]"
    r'|[^\s{}=,<>#\[\]";]++'
    r"|;[^\r\n]*+"
    r"|\S",
    re.IGNORECASE | re.DOTALL,
)
_SDP_WORD = re.compile(r"(L|R)[A-Z]*[ \t\r\n]*\{", re.IGNORECASE)
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{8}", re.IGNORECASE)

_COMMANDS = {
    "add": CommandName.ADD,
    "a": CommandName.ADD,
    "move": CommandName.MOVE,
    "mv": CommandName.MOVE,
    "modify": CommandName.MODIFY,
    "mf": CommandName.MODIFY,
    "subtract": CommandName.SUBTRACT,
    "s": CommandName.SUBTRACT,
    "auditvalue": CommandName.AUDIT_VALUE,
    "av": CommandName.AUDIT_VALUE,
    "auditcapability": CommandName.AUDIT_CAPABILITY,
    "ac": CommandName.AUDIT_CAPABILITY,
    "notify": CommandName.NOTIFY,
    "n": CommandName.NOTIFY,
    "servicechange": CommandName.SERVICE_CHANGE,
    "sc": CommandName.SERVICE_CHANGE,
}

_RELATIONS = frozenset("=<>#")


def decode_h248_text(data: bytes) -> H248Message:
    """Decode one message in text form. Raises DecodeError where the grammar is left and no one meaning remains."""
    text = data.decode("latin-1")
    header = _HEADER.match(text)
    if header is None:
        raise DecodeError("H.248 header", 0, "no MEGACO token, version and message identifier")
    index, sequence, auth, version, mid = header.groups()
    parser = _Parser(text, header.end())
    message = H248Message(int(version), mid, data=data)
    if index is not None:
        message.authentication = Authentication(index.upper(), sequence.upper(), auth.upper())
    try:
        parser.body(message)
    except IndexError:
        raise DecodeError("H.248 message", len(data), "it ends in the middle") from None
    message.faults = parser.faults
    return message


class _Parser:
    """Walks the words; `at` is the next one. Running off the end is an IndexError, turned into DecodeError above."""

    __slots__ = ("at", "faults", "start", "text", "words")

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.start = start
        self.words: list[str] = _TOKEN.findall(text, start)
        if ";" in text:
            self.words = [word for word in self.words if word[0] != ";"]
        self.at = 0
        self.faults: list[str] = []

    # ------------------------------------------------------------------ words

    def offset(self, at: int) -> int:
        """Where word number `at` starts; only errors and raw parts ask."""
        count = 0
        for match in _TOKEN.finditer(self.text, self.start):
            if match[0][0] != ";":
                if count == at:
                    return match.start()
                count += 1
        return len(self.text)

    def fail(self, what: str, why: str) -> DecodeError:
        return DecodeError(f"H.248 {what}", self.offset(self.at), why)

    def next(self) -> str:
        word = self.words[self.at]
        self.at += 1
        return word

    def accept(self, mark: str) -> bool:
        if self.at < len(self.words) and self.words[self.at] == mark:
            self.at += 1
            return True
        return False

    def expect(self, mark: str, what: str) -> None:
        if self.words[self.at] != mark:
            raise self.fail(what, f"'{mark}' expected")
        self.at += 1

    def more(self, what: str) -> bool:
        """After an item of a list: a comma and more, or the closing brace."""
        word = self.words[self.at]
        self.at += 1
        if word == ",":
            if self.words[self.at] == "}":
                self.at += 1
                self.faults.append(f"comma before the closing brace of {what}")
                return False
            return True
        if word == "}":
            return False
        self.at -= 1
        raise self.fail(what, "',' or '}' expected")

    def opens(self) -> bool:
        """A brace that opens a list with something in it; an empty list is passed over."""
        if not self.accept("{"):
            return False
        return not self.accept("}")

    def number(self, what: str, limit: int = 0xFFFFFFFF) -> int:
        word = self.words[self.at]
        if not (word.isascii() and word.isdecimal()) or len(word) > 10 or int(word) > limit:
            raise self.fail(what, f"a number up to {limit} expected")
        self.at += 1
        return int(word)

    def raw(self) -> str:
        """The text of a braced part from here to its end, as it stands; empty when there is none."""
        if self.words[self.at] != "{":
            return ""
        first = self.offset(self.at)
        depth = 0
        while True:
            word = self.next()
            if word == "{":
                depth += 1
                if depth > MAX_DEPTH:
                    raise self.fail("descriptor", f"more than {MAX_DEPTH} braces inside each other")
            elif word == "}":
                depth -= 1
                if depth == 0:
                    return self.text[first : self.offset(self.at - 1) + 1]

    def names(self) -> list[str]:
        """A termination id, or a list of them in brackets (version 3)."""
        if not self.accept("["):
            return [self.next()]
        found = []
        while True:
            found.append(self.next())
            if self.accept("]"):
                return found
            self.expect(",", "termination list")

    def mid(self) -> str:
        """A message identifier or a port (clause 8.3)."""
        word = self.next()
        for opening, closing in (("[", "]"), ("<", ">")):
            if word == opening:
                while not word.endswith(closing):
                    word += self.next()
                if self.words[self.at].startswith(":"):
                    word += self.next()
                return word
        return word

    # ------------------------------------------------------------------ message

    def body(self, message: H248Message) -> None:
        words = self.words
        transactions = message.transactions
        if not words:
            raise self.fail("message", "no transaction")
        while self.at < len(words):
            word = self.next().lower()
            if word in ("t", "transaction"):
                transactions.append(self.request())
            elif word in ("p", "reply"):
                transactions.append(self.reply())
            elif word in ("er", "error"):
                message.error = self.error()
            elif word in ("pn", "pending"):
                self.expect("=", "pending")
                transactions.append(TransactionPending(self.number("transaction id")))
                self.expect("{", "pending")
                self.expect("}", "pending")
            elif word in ("k", "transactionresponseack"):
                transactions.append(self.acknowledgement())
            elif word in ("sm", "segment"):
                self.expect("=", "segment")
                transaction_id, segment, last = self.segmented_id()
                transactions.append(Segment(transaction_id, segment or 0, last))
            elif word == ",":
                self.faults.append("comma between transactions")
            else:
                self.at -= 1
                raise self.fail("message", "no transaction starts here")

    def request(self) -> TransactionRequest:
        # The id may be left out, as in an error that cannot name it.
        request = TransactionRequest(self.number("transaction id") if self.accept("=") else 0)
        self.expect("{", "transaction")
        actions = request.actions
        while True:
            actions.append(self.action(in_reply=False))
            if not self.more("transaction"):
                return request

    def segmented_id(self) -> tuple[int, int | None, bool]:
        """`id`, `id/segment` or `id/segment/&` (version 3, clause 8.2.2)."""
        word = self.next()
        while self.words[self.at : self.at + 1] and self.words[self.at].startswith("/"):
            word += self.next()
        parts = word.split("/")
        if not all(part.isascii() and part.isdecimal() and len(part) <= 10 for part in parts[:2]) or len(parts) > 3:
            self.at -= 1
            raise self.fail("transaction id", "a number expected")
        last = len(parts) == 3
        if last and parts[2].lower() not in ("&", "end"):
            raise self.fail("transaction id", "'&' expected after the segment number")
        return int(parts[0]), int(parts[1]) if len(parts) > 1 else None, last

    def reply(self) -> TransactionReply:
        self.expect("=", "reply")
        transaction_id, segment, last = self.segmented_id()
        reply = TransactionReply(transaction_id, segment=segment, last_segment=last)
        if not self.opens():
            self.faults.append("reply without content")
            return reply
        word = self.words[self.at].lower()
        if word in ("ia", "immackrequired"):
            self.at += 1
            reply.immediate_ack_required = True
            if not self.more("reply"):
                return reply
        while True:
            if self.words[self.at].lower() in ("er", "error"):
                self.at += 1
                reply.error = self.error()
            else:
                reply.actions.append(self.action(in_reply=True))
            if not self.more("reply"):
                return reply

    def acknowledgement(self) -> TransactionAck:
        self.expect("{", "acknowledgement")
        ranges = []
        while True:
            first, dash, last = self.next().partition("-")
            if not first.isdecimal() or (dash and not last.isdecimal()) or len(first) > 10 or len(last) > 10:
                self.at -= 1
                raise self.fail("acknowledgement", "a number or a range expected")
            ranges.append((int(first), int(last) if dash else int(first)))
            if not self.more("acknowledgement"):
                return TransactionAck(ranges)

    def error(self) -> ErrorDescriptor:
        self.expect("=", "error")
        error = ErrorDescriptor(self.number("error code", 9999))
        if self.opens():
            error.text = self.next().strip('"')
            self.expect("}", "error")
        return error

    # ------------------------------------------------------------------ context

    def action(self, *, in_reply: bool) -> ContextAction:
        if self.next().lower() not in ("c", "context"):
            self.at -= 1
            raise self.fail("action", "Context expected")
        self.expect("=", "context")
        action = ContextAction(self.context_id())
        if not self.opens():
            return action
        commands = action.commands
        while True:
            word = self.words[self.at]
            low = word.lower()
            name = _COMMANDS.get(low)
            optional = wildcard = False
            if name is None and "-" in low:
                prefix, _, rest = low.rpartition("-")
                if prefix in ("o", "w", "o-w", "w-o"):
                    name = _COMMANDS.get(rest)
                    optional, wildcard = "o" in prefix, "w" in prefix
            if name is not None:
                self.at += 1
                commands.append(self.command(name, optional, wildcard))
            else:
                self.at += 1
                self.context_property(low, action)
            if not self.more("context"):
                return action

    def context_id(self) -> int:
        word = self.next()
        if word == "-":
            return 0
        if word == "$":
            return CHOOSE_CONTEXT
        if word == "*":
            return ALL_CONTEXTS
        self.at -= 1
        return self.number("context id")

    def context_property(self, low: str, action: ContextAction) -> None:
        if low in ("er", "error"):
            action.error = self.error()
        elif low in ("tp", "topology"):
            action.topology = self.topology()
        elif low in ("pr", "priority"):
            self.expect("=", "priority")
            action.priority = self.number("priority")
        elif low in ("eg", "emergency"):
            action.emergency = True
        elif low in ("ego", "emergencyoff"):
            action.emergency = False
        elif low in ("egv", "emergencyvalue"):
            self.expect("=", "emergency")
            action.emergency = self.next().lower() == "emergency"
        elif low in ("ieps", "iepscall"):
            self.expect("=", "IEPS call")
            action.ieps = self.next().lower() == "on"
        elif low in ("ct", "contextattr"):
            action.properties = self.properties("context attributes")
        elif low in ("clt", "contextlist"):
            self.accept("=")
            action.context_list = self.plain_list("context list")
        elif low in ("ca", "contextaudit"):
            action.audit = self.audit_items("context audit")
        else:
            self.at -= 1
            raise self.fail("context", "neither a command nor a property of a context")

    def topology(self) -> list[Topology]:
        found: list[Topology] = []
        if not self.opens():
            return found
        while True:
            one = self.next()
            self.expect(",", "topology")
            other = self.next()
            self.expect(",", "topology")
            found.append(Topology(one, other, self.next()))
            while self.words[self.at] == "," and self.words[self.at + 1].lower() in ("st", "stream"):
                self.at += 2
                self.expect("=", "topology")
                found[-1].stream_id = self.number("stream id", 65535)
            if not self.more("topology"):
                return found

    # ------------------------------------------------------------------ commands

    def command(self, name: CommandName, optional: bool, wildcard: bool) -> Command:
        self.expect("=", "command")
        if self.words[self.at].lower() in ("context", "c") and self.words[self.at + 1] == "{":
            self.at += 1
            return Command(name, [], optional, wildcard, context_terminations=self.plain_list("termination list"))
        command = Command(name, self.names(), optional, wildcard)
        if not self.opens():
            return command
        while True:
            self.descriptor(command)
            if not self.more("command"):
                return command

    def descriptor(self, command: Command) -> None:
        word = self.next()
        low = word.lower()
        if low in ("m", "media"):
            command.media = self.media()
        elif low in ("e", "events"):
            command.events = self.events(0)
        elif low in ("sg", "signals"):
            command.signals = self.signals()
        elif low in ("oe", "observedevents"):
            command.observed_events = self.observed_events()
        elif low in ("er", "error"):
            command.error = self.error()
        elif low in ("at", "audit"):
            command.audit = self.audit_items("audit")
        elif low in ("sa", "statistics"):
            command.statistics = self.properties("statistics")
        elif low in ("sv", "services"):
            command.service_change = self.services()
        elif low in ("pg", "packages"):
            command.packages = self.plain_list("packages") if self.words[self.at] == "{" else []
        elif low in ("dm", "digitmap"):
            command.digit_map = self.digit_map()
        elif low in ("eb", "eventbuffer"):
            command.event_buffer = self.event_list(0) if self.opens() else []
        elif low in ("md", "modem"):
            command.modem = self.modem()
        elif low in ("mx", "mux"):
            self.expect("=", "mux")
            command.mux = self.next() + self.raw()
        elif low in ("ts", "terminationstate", "st", "stream", "o", "localcontrol") or _SDP_WORD.match(word):
            # Seen in the field: what belongs into Media stands by itself.
            self.at -= 1
            self.faults.append("media without Media descriptor")
            command.media = command.media or MediaDescriptor()
            self.media_part(command.media)
        else:
            value = "=" + self.next() if self.accept("=") else ""
            command.extensions.append(word + value + (self.raw() if self.at < len(self.words) else ""))
            self.faults.append("unknown descriptor")

    def modem(self) -> str:
        text = ""
        if self.accept("["):
            text = "["
            while not text.endswith("]"):
                text += self.next()
        elif self.accept("="):
            text = "=" + self.next()
        return text + self.raw()

    def digit_map(self) -> str:
        name = self.next() if self.accept("=") and self.words[self.at] != "{" else ""
        return name + (self.raw() if self.words[self.at] == "{" else "")

    def plain_list(self, what: str) -> list[str]:
        found: list[str] = []
        if not self.opens():
            return found
        while True:
            found.append(self.next())
            if not self.more(what):
                return found

    def audit_items(self, what: str) -> list[str]:
        found: list[str] = []
        if not self.opens():
            return found
        while True:
            word = self.next()
            if self.accept("="):
                word += "=" + self.next()
            if self.words[self.at] == "{":
                word += re.sub(r"\s+", "", self.raw())
            elif word[0] in "LlRr" and word.endswith("}"):
                word = re.sub(r"\s+", "", word)
            found.append(word)
            if not self.more(what):
                return found

    # ------------------------------------------------------------------ properties

    def properties(self, what: str) -> list[Property]:
        found: list[Property] = []
        if not self.opens():
            return found
        while True:
            found.append(self.property(self.next()))
            if not self.more(what):
                return found

    def property(self, name: str) -> Property:
        """What follows the name of a property, statistic or parameter."""
        relation = self.words[self.at]
        if relation not in _RELATIONS:
            return Property(name, [])
        self.at += 1
        word = self.next()
        if word == "{":
            return Property(name, self.values("}"), relation, "{}")
        if word == "[":
            values = self.values("]")
            if len(values) == 1 and ":" in values[0]:
                return Property(name, values[0].split(":", 1), relation, "[:]")
            return Property(name, values, relation, "[]")
        if word[0] == '"':
            return Property(name, [word[1:-1]], relation, "", True)
        if word in ("}", ",", "]"):
            self.at -= 1
            raise self.fail("property", "a value expected")
        return Property(name, [word], relation)

    def values(self, closing: str) -> list[str]:
        found: list[str] = []
        while True:
            word = self.next()
            if word == closing:
                return found
            if word != ",":
                found.append(word.strip('"'))

    # ------------------------------------------------------------------ media

    def media(self) -> MediaDescriptor:
        media = MediaDescriptor()
        if not self.opens():
            return media
        while True:
            self.media_part(media)
            if not self.more("media"):
                return media

    def media_part(self, media: MediaDescriptor) -> None:
        low = self.words[self.at].lower()
        if low in ("ts", "terminationstate"):
            self.at += 1
            media.termination_state = self.termination_state()
        elif low in ("st", "stream"):
            self.at += 1
            self.expect("=", "stream")
            stream = media.streams.setdefault(self.number("stream id", 65535), StreamParameters())
            if self.opens():
                while True:
                    self.stream_part(stream)
                    if not self.more("stream"):
                        break
        else:
            # Without Stream there is one stream, number 1 (clause 7.1.4).
            self.stream_part(media.streams.setdefault(1, StreamParameters()))

    def stream_part(self, stream: StreamParameters) -> None:
        word = self.next()
        low = word.lower()
        sdp = _SDP_WORD.match(word)
        if sdp is not None:
            octets = word[sdp.end() : -1].replace("\\}", "}").lstrip(" \t\r\n").encode("latin-1")
            if sdp[1] in "lL":
                stream.local = octets
            else:
                stream.remote = octets
        elif low in ("o", "localcontrol"):
            stream.has_local_control = True
            self.local_control(stream)
        elif low in ("sa", "statistics"):
            stream.statistics = self.properties("statistics")
        elif low in ("l", "local"):
            stream.local = b""
        elif low in ("r", "remote"):
            stream.remote = b""
        else:
            self.at -= 1
            raise self.fail("media", "no part of a stream")

    def local_control(self, stream: StreamParameters) -> None:
        if not self.opens():
            return
        while True:
            word = self.next()
            low = word.lower()
            if low in ("mo", "mode"):
                self.expect("=", "mode")
                stream.mode = _MODES.get(self.words[self.at].lower(), self.words[self.at])
                self.at += 1
            elif low in ("rv", "reservedvalue"):
                self.expect("=", "reserved value")
                stream.reserved_value = self.next().lower() == "on"
            elif low in ("rg", "reservedgroup"):
                self.expect("=", "reserved group")
                stream.reserved_group = self.next().lower() == "on"
            else:
                stream.properties.append(self.property(word))
            if not self.more("local control"):
                return

    def termination_state(self) -> TerminationState:
        state = TerminationState()
        if not self.opens():
            return state
        while True:
            word = self.next()
            low = word.lower()
            if low in ("si", "servicestates"):
                value = self.property(word)
                state.service_state = _SERVICE.get(value.values[0].lower(), value.values[0]) if value.values else ""
            elif low in ("bf", "buffer"):
                value = self.property(word)
                text = value.values[0].lower() if value.values else ""
                state.event_buffer_control = {"sp": "LockStep", "lockstep": "LockStep", "off": "OFF"}.get(text, text)
            else:
                state.properties.append(self.property(word))
            if not self.more("termination state"):
                return state

    # ------------------------------------------------------------------ events and signals

    def events(self, depth: int) -> EventsDescriptor:
        if depth > 4:
            raise self.fail("events", "events embedded too deeply")
        if not self.accept("="):
            return EventsDescriptor()
        descriptor = EventsDescriptor(self.request_id())
        if self.opens():
            descriptor.events = self.event_list(depth)
        return descriptor

    def request_id(self) -> int:
        if self.accept("*"):
            return 0xFFFFFFFF
        return self.number("request id")

    def event_list(self, depth: int) -> list[Event]:
        found = []
        while True:
            event = Event(self.next())
            if self.opens():
                while True:
                    self.event_parameter(event, depth)
                    if not self.more("event"):
                        break
            found.append(event)
            if not self.more("events"):
                return found

    def event_parameter(self, event: Event, depth: int) -> None:
        word = self.next()
        low = word.lower()
        if low in ("st", "stream"):
            self.expect("=", "event")
            event.stream_id = self.number("stream id", 65535)
        elif low in ("ka", "keepactive"):
            event.keep_active = True
        elif low in ("em", "embed"):
            if self.opens():
                while True:
                    inner = self.next().lower()
                    if inner in ("sg", "signals"):
                        event.embedded_signals = self.signals()
                    elif inner in ("e", "events"):
                        event.embedded_events = self.events(depth + 1)
                    else:
                        self.at -= 1
                        raise self.fail("embedded descriptor", "Signals or Events expected")
                    if not self.more("embedded descriptor"):
                        break
        elif low in ("dm", "digitmap"):
            event.digit_map = self.digit_map()
        elif low in ("nbin", "immediatenotify", "nbrn", "regulatednotify", "nbnn", "nevernotify"):
            event.notify_behaviour = {"i": "NBIN", "r": "NBRN", "n": "NBNN"}[low[2] if low.startswith("nb") else low[0]]
            self.raw() if self.words[self.at] == "{" else None
        elif low in ("rse", "reseteventsdescriptor"):
            event.reset_events = True
        else:
            event.parameters.append(self.property(word))

    def signals(self) -> list[Signal | SignalList]:
        found: list[Signal | SignalList] = []
        if not self.opens():
            return found
        while True:
            word = self.next()
            if word.lower() in ("sl", "signallist") and self.accept("="):
                signal_list = SignalList(self.number("signal list id", 65535))
                if self.opens():
                    while True:
                        signal_list.signals.append(self.signal(self.next()))
                        if not self.more("signal list"):
                            break
                found.append(signal_list)
            else:
                found.append(self.signal(word))
            if not self.more("signals"):
                return found

    def signal(self, name: str) -> Signal:
        signal = Signal(name)
        if not self.opens():
            return signal
        while True:
            word = self.next()
            setter = _SIGNAL_PARAMETERS.get(word.lower())
            if setter is None:
                signal.parameters.append(self.property(word))
            else:
                setter(self, signal, word)
            if not self.more("signal"):
                return signal

    def observed_events(self) -> ObservedEvents:
        self.expect("=", "observed events")
        observed = ObservedEvents(self.request_id())
        if not self.opens():
            return observed
        while True:
            word = self.next()
            timestamp = ""
            match = _TIMESTAMP.match(word)
            if match is not None and (match.end() == len(word) or word[match.end()] == ":"):
                timestamp = match[0].upper()
                word = word[match.end() :].lstrip(":")
                while not word:
                    word = self.next().lstrip(":")
            event = ObservedEvent(word, timestamp=timestamp)
            if self.opens():
                while True:
                    name = self.next()
                    if name.lower() in ("st", "stream"):
                        self.expect("=", "observed event")
                        event.stream_id = self.number("stream id", 65535)
                    else:
                        event.parameters.append(self.property(name))
                    if not self.more("observed event"):
                        break
            observed.events.append(event)
            if not self.more("observed events"):
                return observed

    # ------------------------------------------------------------------ service change

    def services(self) -> ServiceChange:
        change = ServiceChange()
        if not self.opens():
            return change
        while True:
            word = self.next()
            low = word.lower()
            if _TIMESTAMP.fullmatch(word):
                change.timestamp = word.upper()
            elif low in ("mt", "method"):
                self.expect("=", "method")
                value = self.next()
                change.method = _METHODS.get(value.lower(), value)
            elif low in ("re", "reason"):
                self.expect("=", "reason")
                change.reason = self.next().strip('"')
            elif low in ("dl", "delay"):
                self.expect("=", "delay")
                change.delay = self.number("delay")
            elif low in ("ad", "servicechangeaddress"):
                self.expect("=", "address")
                change.address = self.mid()
            elif low in ("mg", "mgcidtotry"):
                self.expect("=", "MGC id to try")
                change.mgc_id_to_try = self.mid()
            elif low in ("pf", "profile"):
                self.expect("=", "profile")
                change.profile = self.next()
            elif low in ("v", "version"):
                self.expect("=", "version")
                change.version = self.number("version", 99)
            elif low in ("sic", "servicechangeinc"):
                change.incomplete = True
            elif low in ("at", "audit"):
                change.audit_items = self.audit_items("audit")
            else:
                change.extensions.append(self.property(word))
            if not self.more("services"):
                return change


_MODES = {
    "so": "SendOnly",
    "rc": "ReceiveOnly",
    "sr": "SendReceive",
    "in": "Inactive",
    "lb": "Loopback",
    "sendonly": "SendOnly",
    "receiveonly": "ReceiveOnly",
    "sendreceive": "SendReceive",
    "inactive": "Inactive",
    "loopback": "Loopback",
}
_SERVICE = {
    "te": "Test",
    "os": "OutOfService",
    "iv": "InService",
    "test": "Test",
    "outofservice": "OutOfService",
    "inservice": "InService",
}
_METHODS = {
    "rs": "Restart",
    "fo": "Forced",
    "gr": "Graceful",
    "dc": "Disconnected",
    "ho": "HandOff",
    "fl": "Failover",
    "restart": "Restart",
    "forced": "Forced",
    "graceful": "Graceful",
    "disconnected": "Disconnected",
    "handoff": "HandOff",
    "failover": "Failover",
}


def _set_stream(parser: _Parser, signal: Signal, word: str) -> None:
    parser.expect("=", "signal")
    signal.stream_id = parser.number("stream id", 65535)


def _set_type(parser: _Parser, signal: Signal, word: str) -> None:
    parser.expect("=", "signal type")
    value = parser.next()
    signal.signal_type = {
        "oo": "OnOff",
        "to": "TimeOut",
        "br": "Brief",
        "onoff": "OnOff",
        "timeout": "TimeOut",
        "brief": "Brief",
    }.get(value.lower(), value)


def _set_duration(parser: _Parser, signal: Signal, word: str) -> None:
    parser.expect("=", "duration")
    signal.duration = parser.number("duration")


def _set_completion(parser: _Parser, signal: Signal, word: str) -> None:
    parser.expect("=", "notify completion")
    names = {
        "timeout": "TO",
        "intbyevent": "IBE",
        "intbysigdescr": "IBS",
        "otherreason": "OR",
        "iteration": "IR",
    }
    signal.notify_completion = [
        names.get(each.lower(), each.upper()) for each in parser.plain_list("notify completion")
    ]


def _set_keep_active(parser: _Parser, signal: Signal, word: str) -> None:
    signal.keep_active = True


def _set_direction(parser: _Parser, signal: Signal, word: str) -> None:
    parser.expect("=", "signal direction")
    value = parser.next()
    signal.direction = {"external": "EX", "internal": "IT", "both": "B"}.get(value.lower(), value.upper())


def _set_request_id(parser: _Parser, signal: Signal, word: str) -> None:
    parser.expect("=", "request id")
    signal.request_id = parser.request_id()


def _set_delay(parser: _Parser, signal: Signal, word: str) -> None:
    parser.expect("=", "intersignal delay")
    signal.intersignal_delay = parser.number("intersignal delay")


_SIGNAL_PARAMETERS: dict[str, Callable[[_Parser, Signal, str], None]] = {
    "st": _set_stream,
    "stream": _set_stream,
    "sy": _set_type,
    "signaltype": _set_type,
    "dr": _set_duration,
    "duration": _set_duration,
    "nc": _set_completion,
    "notifycompletion": _set_completion,
    "ka": _set_keep_active,
    "keepactive": _set_keep_active,
    "spadi": _set_direction,
    "spadirection": _set_direction,
    "sparq": _set_request_id,
    "sparequestid": _set_request_id,
    "spais": _set_delay,
    "intersignal": _set_delay,
}
