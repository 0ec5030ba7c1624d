"""One direction of an observed TLS connection: its records, those that wait, its handshake messages, its key."""

from __future__ import annotations

from collections import deque

from dissectors.framing import Framed
from dissectors.tls.events import LaneAccount
from dissectors.tls.protection import RecordOpener
from dissectors.tls.records import RecordStream, TlsRecord


class Loss:
    """Octets of one direction that are not there, at their place among the records."""

    __slots__ = ("begun", "octets", "one_record")

    def __init__(self, octets: int, begun: bool, one_record: bool) -> None:
        self.octets = octets
        "0 when unknown."
        self.begun = begun
        "The first of them belong to a record whose header was seen."
        self.one_record = one_record
        "They lie within one record."


class Lane:
    """State of one direction."""

    __slots__ = (
        "account",
        "blocked",
        "direction",
        "eof",
        "held",
        "last_encrypted",
        "last_end",
        "last_start",
        "message_start",
        "messages",
        "opener",
        "protected",
        "records",
        "spec_records",
        "stuck",
        "tries",
        "uncertain",
        "waiting",
    )

    def __init__(self, direction: int) -> None:
        self.direction = direction
        self.records = RecordStream()
        self.waiting: deque[Framed[TlsRecord] | Loss] = deque()
        "What came while the other direction's messages were to be read first."
        self.held = 0
        "Octets in `waiting`."
        self.messages = bytearray()
        "Handshake octets that are no whole message yet, or may not be read yet."
        self.message_start = 0
        self.last_start = self.last_end = 0
        "Where the record stood that the last of them came in."
        self.last_encrypted = False
        self.blocked = False
        "A whole message is in `messages` that may not be read yet."
        self.protected = False
        "ChangeCipherSpec was seen, or protection was told from the records."
        self.opener: RecordOpener | None = None
        self.spec_records = 0
        "Records under the current cipher spec that were not opened while there was no opener."
        self.uncertain = 0
        "How many more of them may be lost."
        self.tries = 0
        "Records that were tried with candidates of keys."
        self.stuck = False
        "After a loss, and nothing was opened since."
        self.eof = False
        self.account = LaneAccount()

    def change_cipher_spec(self) -> None:
        """What comes is protected by the keys of the handshake that is on."""
        self.protected = True
        self.opener = None
        self.spec_records = self.uncertain = self.tries = 0
        self.messages.clear()
        self.blocked = False

    def hold(self, item: Framed[TlsRecord] | Loss) -> None:
        """Keep an item for later."""
        self.waiting.append(item)
        self.held += 64 + (item.end - item.start if isinstance(item, Framed) else 0)

    def release(self) -> None:
        """Drop the item that came first: it was taken."""
        item = self.waiting.popleft()
        self.held -= 64 + (item.end - item.start if isinstance(item, Framed) else 0)
