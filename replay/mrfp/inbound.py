"""What participants send: SEND, REPORT, NICKNAME, and responses (RFC 4975 section 7.3, RFC 7701 sections 6 and 7)."""

from __future__ import annotations

from dissectors.errors import DecodeError
from dissectors.msrp import MsrpMessage, session_id_of
from replay.mrfp.answers import is_wanted, report, response
from replay.mrfp.envelope import Envelope, read_envelope
from replay.mrfp.leg import Leg
from replay.mrfp.node import Node
from replay.mrfp.passing import Passing
from replay.mrfp.pieces import Piece
from replay.mrfp.room import Undeliverable

MAX_HELD = 32
"Pieces that wait for the end of the CPIM headers."
FATAL = frozenset({481, 506})
"Responses after which the session is lost (RFC 4975 section 7.3.2)."


class Inbound:
    """The requests and responses of one participant."""

    __slots__ = ("_current", "_is_refusing", "_leg", "_node", "_open")

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._node: Node = leg.node
        self._open: dict[str, Passing] = {}
        self._current: Passing | None = None
        self._is_refusing = False

    def receive(self, piece: Piece) -> None:
        """Take a piece of what the participant sends."""
        message = piece.message
        if not message.is_request:
            self._receive_response(message)
            return
        if piece.opens:
            self._is_refusing = False
            self._current = None
            if not self._is_ours(message):
                self._refuse(piece, 481)
                return
            if self._node.config.limits.idle:
                self._node.agenda.put(("idle", self._leg), self._node.now + self._node.config.limits.idle)
        if self._is_refusing:
            return
        if message.method == "SEND":
            self._receive_send(piece)
        elif piece.closes:
            self._receive_other(piece)

    def end(self) -> None:
        """The participant is gone: what it had not sent to its end is ended for the others."""
        for passing in self._open.values():
            passing.abort(self._node)
        self._open.clear()
        self._current = None

    def expire(self) -> None:
        """Give up messages of which no chunk came for long (RFC 7701 section 6.1)."""
        for passing in [each for each in self._open.values() if each.expires <= self._node.now]:
            passing.abort(self._node)
            del self._open[passing.message_id]
            if passing is self._current:
                self._current, self._is_refusing = None, True
        if self._open:
            self._node.agenda.put(("chunks", self._leg), min(each.expires for each in self._open.values()))

    def _is_ours(self, message: MsrpMessage) -> bool:
        """Only the session-id counts (row MRFP-2), and that the path ends here."""
        to_path = message.to_path
        if "MRFP-2" in self._node.faults and message.body is not None:
            return False
        if to_path == self._leg.uri:
            return True
        return " " not in to_path and session_id_of(to_path) == self._leg.session_id

    def _answer(self, message: MsrpMessage, code: int) -> None:
        if is_wanted(message, code):
            self._leg.transmit(response(message, code))

    def _refuse(self, piece: Piece, code: int) -> None:
        """Answer with an error, at once; what still comes of the chunk is not looked at."""
        self._answer(piece.message, code)
        self._is_refusing = not piece.closes

    # ------------------------------------------------------------------ SEND

    def _receive_send(self, piece: Piece) -> None:
        message = piece.message
        passing = self._current or self._open.get(message.message_id)
        if passing is None and piece.body is None and message.byte_range is None:
            self._answer(message, 200)  # it binds the connection, or keeps it alive
            return
        try:
            if passing is None:
                passing = self._begin(piece)
            self._current = passing
            self._pass_on(passing, piece)
        except Undeliverable as refusal:
            if passing is not None:
                passing.abort(self._node)
                self._open.pop(passing.message_id, None)
            self._current = None
            self._refuse(piece, refusal.code)
            return
        if piece.closes:
            self._current = None
            self._answer(message, 200)
            self._close_chunk(passing, piece)

    def _begin(self, piece: Piece) -> Passing:
        """The first piece of a message: may it be sent at all? Undeliverable says why not."""
        message, limits = piece.message, self._node.config.limits
        if not self._leg.may_give or self._leg.room is None:
            raise Undeliverable(403)
        if not _accepts(self._node.config.accept_types, message.content_type):
            raise Undeliverable(415)
        if not message.message_id:
            raise Undeliverable(400)
        total = message.byte_range.total if message.byte_range is not None else None
        if piece.start != 1 or len(self._open) >= limits.open_messages or (total or 0) > limits.message:
            raise Undeliverable(413)  # also where the chunks before it are not known, or no more
        passing = Passing(self._leg, message.message_id)
        passing.wants_success = message.success_report == "yes"
        passing.wants_failure = message.failure_report in ("", "yes")
        if not (piece.closes and piece.flag == "$"):
            if not self._open:
                self._node.agenda.put(("chunks", self._leg), self._node.now + limits.chunk)
            self._open[message.message_id] = passing
        return passing

    def _pass_on(self, passing: Passing, piece: Piece) -> None:
        """Send a piece to those who get the message. Undeliverable says why it is to be stopped."""
        limits = self._node.config.limits
        if piece.start + len(piece.body or b"") - 1 > limits.message or not passing.note_octets(piece):
            raise Undeliverable(413)
        passing.expires = self._node.now + limits.chunk
        self._leg.counters.count_received(piece)
        if passing.is_routed:
            passing.forward(self._node, piece)
            return
        passing.held.append(piece)
        if self._route(passing):
            passing.is_routed = True
            held, passing.held = passing.held, []
            for each in held:
                passing.forward(self._node, each)
        elif piece.flag != "+" or len(passing.held) >= MAX_HELD:
            raise Undeliverable(400)

    def _route(self, passing: Passing) -> bool:
        """Find the recipients; False when the CPIM headers are not whole yet."""
        leg, first = self._leg, passing.held[0].message
        room = leg.room
        if room is None:
            raise Undeliverable(403)
        headers: list[tuple[str, str]] = []
        if first.content_type.partition(";")[0].strip().lower() == "message/cpim":
            envelope = _envelope(passing.held)
            if envelope is None:
                return False
            if envelope.content_type and not _accepts(self._node.config.accept_wrapped_types, envelope.content_type):
                raise Undeliverable(415)
            room.check_sender(leg, envelope)
            recipients, passing.is_private = room.find_recipients(leg, envelope)
            headers += envelope.headers
        else:
            recipients = room.others(leg)
        if leg.filter is not None and not leg.filter.keeps(headers + first.headers, _size(passing.held)):
            leg.counters.dropped += 1
            self._node.note("msrp message dropped by the filter", termination=leg.name)
            recipients = []
            passing.is_private = passing.wants_success = False
        passing.recipients = recipients
        passing.sent_id = self._node.draw_id()
        return True

    def _close_chunk(self, passing: Passing, piece: Piece) -> None:
        """The end-line of a chunk came; perhaps the message is whole with it."""
        if piece.flag != "#" and not passing.is_complete:
            return
        self._open.pop(passing.message_id, None)
        if piece.flag != "#":
            if passing.is_private and not passing.recipients:
                report_failure(passing, 408)
            elif passing.wants_success:
                _report(passing, 200)

    # ------------------------------------------------------------------ the rest

    def _receive_other(self, piece: Piece) -> None:
        message, room = piece.message, self._leg.room
        if message.method == "REPORT":
            return  # reports of recipients are not passed on (RFC 7701 section 6.1), and never answered
        if message.method != "NICKNAME":
            self._answer(message, 501)
            return
        try:
            if room is None:
                raise Undeliverable(403)
            room.set_nickname(self._leg, message.header("Use-Nickname"))
        except Undeliverable as refusal:
            self._answer(message, refusal.code)
        else:
            self._answer(message, 200)

    def _receive_response(self, message: MsrpMessage) -> None:
        was_awaited, passing = self._leg.take_awaited(message.transaction_id)
        if not was_awaited or message.status == 200:
            return
        self._node.note("msrp request refused", termination=self._leg.name, status=message.status)
        if passing is not None:
            if not passing.is_complete:
                passing.abort(self._node, self._leg)
            if passing.is_private:
                report_failure(passing, message.status)
        if message.status in FATAL:
            self._leg.drop(f"answers {message.status}")


def report_failure(passing: Passing, code: int) -> None:
    """Tell the sender of a private message that it did not arrive, if that is wanted (RFC 4975 section 7.1.2)."""
    if passing.wants_failure:
        passing.wants_failure = passing.wants_success = False
        _report(passing, code)


def _report(passing: Passing, code: int) -> None:
    sender = passing.sender
    if sender.is_ready:
        octets = passing.total if passing.total is not None else passing.next_octet - 1
        sender.transmit(report(sender.node.draw_id(), sender.paths, passing.message_id, octets, code))


def _envelope(pieces: list[Piece]) -> Envelope | None:
    """The envelope in the first pieces. Undeliverable when they do not follow each other, or hold no CPIM."""
    expected = 1
    for piece in pieces:
        if piece.start != expected:
            raise Undeliverable(413)
        expected += len(piece.body or b"")
    body = pieces[0].body or b"" if len(pieces) == 1 else b"".join(each.body or b"" for each in pieces)
    try:
        return read_envelope(body)
    except DecodeError:
        raise Undeliverable(400) from None


def _size(pieces: list[Piece]) -> int:
    """Octets of the message: as announced, else as many as came."""
    byte_range = pieces[0].message.byte_range
    if byte_range is not None and byte_range.total is not None:
        return byte_range.total
    return sum(len(each.body or b"") for each in pieces)


def _accepts(types: tuple[str, ...], content_type: str) -> bool:
    """Whether a media type is among those taken; `*` and `type/*` stand for many (RFC 4975 section 8.6)."""
    bare = content_type.partition(";")[0].strip().lower()
    return bool(bare) and ("*" in types or bare in types or f"{bare.partition('/')[0]}/*" in types)
