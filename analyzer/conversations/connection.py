"""One TCP connection and the MSRP that ran over it, told so shortly that millions of messages fit.

A lane of the pipeline builds these where the packets are read, and may do so in another process: a connection turns
into plain tuples (`to_wire`) and back. Rows are kept instead of messages, because bodies and headers have done their
work by then.
"""

from __future__ import annotations

import marshal
from dataclasses import dataclass, field
from typing import Any

from analyzer.conversations.msrp_facts import NOTHING, Observation, WayFacts
from analyzer.conversations.tls_facts import TlsFacts
from analyzer.conversations.tls_transcript import TlsTranscript
from analyzer.model import TimelineEntry
from analyzer.transport.flow import Flow, FlowTable

Row = tuple[int, tuple[int, ...], int, str, str, int]
"""time, frames, direction (0 = client to server), protocol, summary, MSRP session index (-1: none)."""

GapPlace = tuple[int, int, int]
"""direction, time of the first frame after the gap (or of the frame that was cut), octets (0: unknown)."""
GAP_PLACES = 64

CLIENT_TO_SERVER, SERVER_TO_CLIENT = 0, 1


@dataclass(slots=True)
class MsrpSession:
    """What one pair of MSRP session-ids exchanged on a connection (RFC 4975 section 7)."""

    client_session_id: str
    "The session-id of the side that opened the connection."
    server_session_id: str
    requests: int = 0
    responses: int = 0
    chunks: int = 0
    messages: int = 0
    "Whole messages: all chunks from first octet to `$`."
    reports: int = 0
    errors: int = 0
    "Responses and reports with a status other than 200."
    octets: int = 0
    "Body octets of SEND requests."
    ways: tuple[WayFacts, WayFacts] = (NOTHING, NOTHING)
    "What the client and the server sent, for checks."
    observations: list[Observation] = field(default_factory=list)
    "What is worth a look, in the order in which it showed; at most `OBSERVED` of each kind."
    unlisted: dict[str, int] = field(default_factory=dict)
    "Kind -> observations beyond that."

    def to_wire(self) -> tuple[object, ...]:
        return (
            self.client_session_id,
            self.server_session_id,
            self.requests,
            self.responses,
            self.chunks,
            self.messages,
            self.reports,
            self.errors,
            self.octets,
            tuple(tuple(each) for each in self.ways),  # `marshal` knows no named tuples
            [tuple(each) for each in self.observations],
            self.unlisted,
        )

    def turn(self) -> None:
        """Exchange the roles."""
        self.client_session_id, self.server_session_id = self.server_session_id, self.client_session_id
        self.ways = self.ways[1], self.ways[0]
        self.observations = [each._replace(direction=1 - each.direction) for each in self.observations]

    @classmethod
    def from_wire(cls, wire: tuple[Any, ...]) -> MsrpSession:
        """The inverse of `to_wire`."""
        *counts, ways, observations, unlisted = wire
        client, server = ways
        both = WayFacts(*client), WayFacts(*server)
        return cls(*counts, both, [Observation(*each) for each in observations], unlisted)  # type: ignore[call-arg]


@dataclass(slots=True)
class Connection:
    """One TCP connection, client first."""

    client: Flow
    "The direction from the side that opened the connection."
    server: Flow
    started: int
    last: int
    number: int = 0
    "Counts connections within one lane, so that an opened one can be told from its later digest."
    guessed: bool = False
    "The SYN was not captured: which side is the client is a guess."
    continues: bool = False
    "It is the rest of a connection that was evicted: its begin was captured, and is another digest."
    protocol: str = ""
    "What spoke: `msrp`, `sip`, `h248`, `tls`, `http`, ... or empty when no octet was seen."
    established: int | None = None
    "Time of the third segment of the handshake."
    ended: int | None = None
    outcome: str = "open"
    "`open`, `closed`, `reset`, `refused`, `timeout`; `evicted`: let go for want of room."
    packets: int = 0
    retransmissions: int = 0
    gaps: int = 0
    gap_places: list[GapPlace] = field(default_factory=list)
    "The first gaps, at most `GAP_PLACES`: where packets are missing from the capture."
    undecoded: int = 0
    "Stretches of it that are no message of its protocol."
    sessions: list[MsrpSession] = field(default_factory=list)
    claimed: set[int] = field(default_factory=set)
    "The MSRP sessions (indexes) that already have their owner; set by correlation."
    transcript: TlsTranscript | None = field(default=None, repr=False)
    "The octets of TLS, until the connection is opened."
    tls: TlsFacts | None = None
    "What TLS showed, once its session was linked."
    _rows: list[Row] | None = field(default_factory=list, repr=False, compare=False)
    "None while they are packed only."
    _packed: bytes = field(default=b"", repr=False, compare=False)
    "The rows in `marshal` form, a fifth of their size: so they cross between processes and wait for reports."
    _numbers: dict[str, list[int]] | None = field(default=None, repr=False, compare=False)
    "Session-id -> indexes of its sessions, once the connection is over and somebody asked."
    _rows_of: dict[int, list[int]] | None = field(default=None, repr=False, compare=False)
    "MSRP session index -> positions of its rows, likewise."

    @property
    def name(self) -> str:
        return f"tcp {self.client.src} > {self.client.dst}"

    @property
    def is_over(self) -> bool:
        return self.ended is not None

    @property
    def rows(self) -> list[Row]:
        """Every line of it; unpacked when first asked for."""
        if self._rows is None:
            self._rows = marshal.loads(self._packed)
        return self._rows

    def rows_to_change(self) -> list[Row]:
        """The rows, for somebody who adds to them after the connection was read."""
        rows = self.rows
        self._packed = b""
        return rows

    def pack(self) -> None:
        """Keep the rows as octets: it is over and was judged, and only the timeline of a report will ask for them.

        Where several MSRP sessions share a connection they stay as they are, or each of them would unpack all.
        """
        if len(self.sessions) <= 1:
            self._packed = self._packed or marshal.dumps(self._rows)
            self._rows = None

    def session_ids(self) -> set[str]:
        return set(self._by_session_id())

    def sessions_with(self, session_ids: set[str]) -> dict[int, int]:
        """The MSRP sessions (indexes) that have some of these session-ids, and how many of them: 1 or 2."""
        numbers = self._by_session_id()
        found: dict[int, int] = {}
        for session_id in numbers.keys() & session_ids:
            for number in numbers[session_id]:
                found[number] = found.get(number, 0) + 1
        return found

    def _by_session_id(self) -> dict[str, list[int]]:
        numbers = self._numbers
        if numbers is None:
            numbers = self._numbers = {}
            for number, each in enumerate(self.sessions):
                for session_id in {each.client_session_id, each.server_session_id}:
                    if session_id:
                        numbers.setdefault(session_id, []).append(number)
        return numbers

    def entries(self, wanted: set[int]) -> list[TimelineEntry]:
        """Its timeline: the rows of the connection itself, and of these MSRP sessions."""
        flows = (self.client, self.server)
        rows: list[Row] = marshal.loads(self._packed) if self._rows is None else self._rows
        if len(wanted) < len(self.sessions):
            rows = self._rows_with(wanted)
        make = TimelineEntry
        return [make(time, frames, protocol, flows[way], summary) for time, frames, way, protocol, summary, _ in rows]

    def _rows_with(self, wanted: set[int]) -> list[Row]:
        """The rows of some sessions; thousands may share a connection, so not each of them looks at all rows."""
        if self._rows_of is None:
            self._rows_of = {}
            for position, row in enumerate(self.rows):
                self._rows_of.setdefault(row[5], []).append(position)
        positions = [position for index in (-1, *wanted) for position in self._rows_of.get(index, ())]
        return [self.rows[position] for position in sorted(positions)]

    def turn(self) -> None:
        """Exchange the roles: the server was taken for the client."""
        self.client, self.server = self.server, self.client
        self._rows = [(*row[:2], 1 - row[2], *row[3:]) for row in self.rows]
        self.gap_places = [(1 - way, time, octets) for way, time, octets in self.gap_places]
        for session in self.sessions:
            session.turn()
        if self.transcript is not None:
            self.transcript.turn()

    def to_wire(self) -> tuple[object, ...]:
        """As plain tuples that `marshal` can carry between processes of one run."""
        return (
            self.client.addresses,
            self.client.ports,
            self.started,
            self.last,
            self.number,
            self.guessed,
            self.continues,
            self.protocol,
            self.established,
            self.ended,
            self.outcome,
            self.packets,
            self.retransmissions,
            self.gaps,
            self.gap_places,
            self.undecoded,
            [each.to_wire() for each in self.sessions],
            self.transcript.to_wire() if self.transcript is not None else None,
            marshal.dumps(self.rows),
        )

    @classmethod
    def from_wire(cls, wire: tuple[object, ...], flows: FlowTable) -> Connection:
        """The inverse of `to_wire`."""
        addresses, ports, *rest, sessions, transcript, packed = wire
        client = flows.get(addresses, ports)  # type: ignore[arg-type]
        made = cls(client, flows.get(*client.reverse_key()), *rest)  # type: ignore[arg-type]
        made.sessions = [MsrpSession.from_wire(each) for each in sessions]  # type: ignore[attr-defined]
        if transcript is not None:
            made.transcript = TlsTranscript(*transcript)  # type: ignore[misc]
        made._rows, made._packed = None, packed  # type: ignore[assignment]
        return made


@dataclass(slots=True)
class ConnectionPart:
    """A TCP connection as far as it belongs to a session."""

    connection: Connection
    session_indexes: set[int]
    "Which MSRP sessions of the connection; empty when it carries none."

    def msrp(self) -> list[MsrpSession]:
        return [self.connection.sessions[index] for index in sorted(self.session_indexes)]
