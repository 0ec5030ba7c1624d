"""A passive observer of one TLS connection (TLS 1.0 to 1.3), sans-IO: octets of both directions in, events out.

The order of work. Each direction is cut into records as it comes. Application data and alerts need nothing but the key
of their own direction and are read at once. Handshake messages of both directions must be read in the order of the
protocol, because keys and Finished hash them in that order: a message, or a ChangeCipherSpec, that comes too early
waits in its lane, with what is behind it, until the other direction's flight was read. So each direction's events are
the same however the two are interleaved.

    TlsObserver        lanes, turns, what is common to all versions
    LegacyConnection   TLS 1.0 to 1.2, renegotiation, resumption      (starts every connection)
    Tls13Connection    takes over when a ServerHello selects TLS 1.3

Nothing that did not authenticate is ever reported as data; the one exception are NULL suites, which do not encrypt.
Memory: one record and one handshake message per direction, and `max_waiting` octets that wait for the other direction.
Time: linear in the octets, plus a bounded budget for trying keys and sequence numbers.
"""

from __future__ import annotations

from dissectors.errors import DecodeError
from dissectors.framing import Framed
from dissectors.tls.events import (
    AlertSeen,
    ApplicationData,
    HandshakeSeen,
    LaneAccount,
    Outcome,
    OutcomeKind,
    TlsEvent,
    TlsSession,
)
from dissectors.tls.handshake import decode_handshake
from dissectors.tls.keylog import key_log_line
from dissectors.tls.lane import Lane, Loss
from dissectors.tls.legacy import LegacyConnection
from dissectors.tls.protection import TrialBudget
from dissectors.tls.records import MAX_FRAGMENT, NO_RECORD, TlsRecord
from dissectors.tls.registry import AlertDescription, AlertLevel
from dissectors.tls.secrets import TlsSecrets
from dissectors.tls.tls13 import Tls13Connection


class TlsObserver:
    """Observes one connection; directions are 0 and 1, as the caller counts them."""

    def __init__(
        self,
        secrets: TlsSecrets | None = None,
        *,
        context: object = None,
        max_waiting: int = 1 << 20,
        max_message: int = 1 << 18,
        max_candidates: int = 10_000,
    ) -> None:
        """Open sessions with `secrets`.

        `context` is handed on in each `PskQuery`. `max_waiting` octets of a direction may wait for the other one;
        handshake messages have at most `max_message` octets; at most `max_candidates` keys are tried per handshake.
        """
        self.secrets = TlsSecrets() if secrets is None else secrets
        self.context = context
        self.max_candidates = max_candidates
        self.budget = TrialBudget()
        self.sessions: list[TlsSession] = []
        "One for each handshake, in order; more than one after a renegotiation."
        self.lanes = (Lane(0), Lane(1))
        self.client: int | None = None
        "Direction of who sent ClientHello."
        self.fatal_alert: AlertSeen | None = None
        self.close_notify = [False, False]
        "By direction: whether it announced its end (RFC 8446 section 6.1)."
        self.lost_before_hello = False
        self._max_waiting = max_waiting
        self._max_message = max_message
        self._failure: Outcome | None = None
        self._phase: LegacyConnection | Tls13Connection = LegacyConnection(self)

    @property
    def accounts(self) -> tuple[LaneAccount, LaneAccount]:
        """What became of the octets, by direction."""
        return self.lanes[0].account, self.lanes[1].account

    def receive_data(self, direction: int, data: bytes) -> list[TlsEvent]:
        """Take the next octets of a direction and return what they made known."""
        lane = self.lanes[direction]
        lane.account.octets += len(data)
        out: list[TlsEvent] = []
        if self._failure is None:
            if lane.opener is not None and self._phase.turn is None:
                data = self._read_data(lane, data, out)
                if not data:
                    return out
            self._receive(lane, lane.records.receive_data(data), out)
        return out

    def receive_gap(self, direction: int, size: int) -> list[TlsEvent]:
        """Note that `size` octets of a direction (0 when unknown) are lost."""
        lane = self.lanes[direction]
        lane.account.lost_octets += size
        lane.account.losses += 1
        out: list[TlsEvent] = []
        if self._failure is None:
            one_record = lane.records.reaches_over(size)
            begun = lane.records.begun
            for stretch in lane.records.receive_gap(size):
                lane.account.skipped_octets += stretch.end - stretch.start
            self._receive(lane, [Loss(size, begun, one_record)], out)
        return out

    def receive_eof(self, direction: int) -> list[TlsEvent]:
        """Note that a direction ended (FIN or RST): what is unfinished stays so, and is not just cut off."""
        lane = self.lanes[direction]
        lane.eof = True
        for stretch in lane.records.receive_eof():
            lane.account.skipped_octets += stretch.end - stretch.start
        return []

    def finish(self) -> Outcome:
        """How it ended: the connection is closed, or the capture is."""
        return self._failure or self._phase.outcome()

    def key_log_lines(self) -> list[str]:
        """Key log lines of every session that was opened, for a key log or a pcapng Decryption Secrets Block."""
        return [
            key_log_line(label, session.client_random, secret)
            for session in self.sessions
            if session.key_source is not None
            for label, secret in session.secrets.items()
        ]

    # What follows is for the two connection classes.

    def give_up(self, kind: OutcomeKind, explanation: str) -> None:
        """Nothing more can be found out: from here on octets are only counted."""
        if self._failure is None:
            self._failure = Outcome(kind, explanation)
        for lane in self.lanes:
            lane.waiting.clear()
            lane.held = 0
            lane.messages.clear()

    def hand_over(self, phase: Tls13Connection) -> None:
        """TLS 1.3 was selected."""
        self._phase = phase

    def handshake_octets(
        self, lane: Lane, framed: Framed[TlsRecord], content: bytes, encrypted: bool, out: list[TlsEvent]
    ) -> None:
        """Take the content of a handshake record, and read the messages that are whole and may be read."""
        if not lane.messages:
            lane.message_start = framed.start
        lane.messages += content
        lane.last_start = framed.start
        lane.last_end = framed.end
        lane.last_encrypted = encrypted
        self._read_messages(lane, out)

    def alert(self, lane: Lane, framed: Framed[TlsRecord], content: bytes | None, out: list[TlsEvent]) -> None:
        """Report an alert; without content it is encrypted."""
        start, end = framed.start, framed.end
        encrypted = lane.protected
        if content is None or len(content) < 2:
            out.append(AlertSeen(lane.direction, start, end, None, None, encrypted))
            return
        for at in range(0, len(content) - 1, 2):
            seen = AlertSeen(lane.direction, start, end, content[at], content[at + 1], encrypted)
            out.append(seen)
            if seen.description == AlertDescription.close_notify:
                self.close_notify[lane.direction] = True
            elif seen.level == AlertLevel.fatal and self.fatal_alert is None:
                self.fatal_alert = seen

    @staticmethod
    def _read_data(lane: Lane, data: bytes, out: list[TlsEvent]) -> bytes:
        """The hot path: whole records of application data between handshakes; returns what is left to be read.

        What it does for a record is what `LegacyConnection.take` does, without the objects on the way.
        """
        records = lane.records
        opener = lane.opener
        if opener is None or not records.in_step or lane.waiting or lane.blocked:
            return data
        base = records.offset
        account = lane.account
        direction = lane.direction
        size = len(data)
        at = 0
        while size - at >= 5 and data[at] == 23 and data[at + 1] == 3 and data[at + 2] <= 3:
            end = at + 5 + (data[at + 3] << 8 | data[at + 4])
            if end > size or end - at > MAX_FRAGMENT + 5:
                break
            content = opener.open(23, 0x0300 | data[at + 2], data[at + 5 : end])
            account.records += 1
            if content is None:
                account.unopened += 1
            else:
                account.opened += 1
                lane.stuck = False
                out.append(ApplicationData(direction, base + at, base + end, content))
            at = end
        return records.step_over(data, at) if at else data

    def _receive(self, lane: Lane, items: list[Framed[TlsRecord]] | list[Loss], out: list[TlsEvent]) -> None:
        for item in items:
            if lane.waiting or lane.blocked or not self._take(lane, item, out):
                if self._failure is not None:
                    return
                lane.hold(item)
                if lane.held > self._max_waiting:
                    self._overflow(lane)
                    return
            elif self._failure is not None:
                return
            else:
                other = self.lanes[1 - lane.direction]
                if other.waiting or other.blocked:
                    self._drain(out)

    def _take(self, lane: Lane, item: Framed[TlsRecord] | Loss, out: list[TlsEvent]) -> bool:
        if isinstance(item, Loss):
            self._phase.lose(lane, item)
            return True
        record = item.message
        if record is None:
            lane.account.skipped_octets += item.end - item.start
            if item.error is not None and item.error.why == NO_RECORD:
                self._phase.lose(lane, Loss(item.end - item.start, False, False))
            return True
        if not self._phase.take(lane, item, record, out):
            return False
        lane.account.records += 1
        return True

    def _drain(self, out: list[TlsEvent]) -> None:
        """Read what waits, as far as it may be read now."""
        progress = True
        while progress and self._failure is None:
            progress = False
            for lane in self.lanes:
                if lane.blocked:
                    lane.blocked = False
                    before = len(lane.messages)
                    self._read_messages(lane, out)
                    progress |= len(lane.messages) != before
                while lane.waiting and not lane.blocked and self._take(lane, lane.waiting[0], out):
                    if self._failure is not None:
                        return
                    lane.release()
                    progress = True

    def _read_messages(self, lane: Lane, out: list[TlsEvent]) -> None:
        messages = lane.messages
        while len(messages) >= 4 and self._failure is None:
            size = 4 + int.from_bytes(messages[1:4], "big")
            if size > self._max_message:
                why = f"a handshake message of {size} octets is longer than the {self._max_message} that are read"
                self.give_up(OutcomeKind.UNSUPPORTED, why)
                return
            if not self._phase.may_read(lane, messages[0]):
                lane.blocked = True
                return
            if len(messages) < size:
                return
            message = bytes(messages[:size])
            del messages[:size]
            start, end = lane.message_start, lane.last_end
            seen = HandshakeSeen(lane.direction, start, end, message[0], None, lane.last_encrypted)
            lane.message_start = lane.last_start
            try:
                seen.message = decode_handshake(message, *self._phase.agreed())
            except DecodeError as error:
                seen.error = error
            out.append(seen)
            self._phase.message(lane, message, seen, out)

    def _overflow(self, lane: Lane) -> None:
        other = self.lanes[1 - lane.direction]
        if not other.account.octets:
            why = "only one direction of the connection was captured"
        else:
            why = f"{lane.held} octets of one direction wait for handshake messages of the other that never came"
        self.give_up(OutcomeKind.HANDSHAKE_NOT_CAPTURED, why + "; the whole handshake has to be in the capture")
