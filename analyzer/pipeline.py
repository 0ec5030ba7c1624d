"""The whole way of a packet: captures in, sessions and the account of everything out.

    source -> selection -> reassembly -> decoders -> messages -> correlation -> sessions -> (reports)

Each room knows only the next; this module opens the doors in order.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzer.capture.clock_notes import clock_notes
from analyzer.capture.embedded import EmbeddedSecrets
from analyzer.capture.pcapng import LOST_SECRETS
from analyzer.capture.reader import CaptureReader, open_captures
from analyzer.conversations.tls_transcript import HANDSHAKE_OCTETS, KEPT_OCTETS
from analyzer.correlate.awaited import Awaited
from analyzer.correlate.correlator import Correlator
from analyzer.correlate.foreign_tls import NOTE, is_foreign
from analyzer.correlate.nodes import NodeTable
from analyzer.correlate.session import Conference, Session
from analyzer.evidence.scope import Scope
from analyzer.internal import add_internal, note_internal
from analyzer.model import CaptureInfo, Coverage
from analyzer.session_store import SessionStore
from analyzer.streams.lane import Lane, LaneOutput
from analyzer.twin import Twin, can_twin, in_time_order

if TYPE_CHECKING:
    from analyzer.capture.end_of_input import EndOfInput
    from analyzer.opening.opener import Opener

TWIN_FROM_OCTETS = 4 << 20
"Captures smaller than this are read faster than a second process starts."


JudgeSession = Callable[[Session, NodeTable, Scope], None]
"""Such as `Judge.judge`."""


@dataclass(slots=True)
class Options:
    """How to analyse."""

    roles: Mapping[str, str] = field(default_factory=dict)
    "Address -> role, as the user gave them."
    awaited: Mapping[str, str] = field(default_factory=dict)
    "Those of them of which `coverage.notes` says that the capture does not show the address."
    udp_ports: frozenset[int] = frozenset((2945,))
    "Ports on which binary protocols are expected."
    jobs: int = 0
    "Processes: 1, 2, or 0 for what the machine and the capture call for."
    opener: Opener | None = None
    "Opens TLS with the user's keys; without one, only what the handshakes show is told."
    judge: JudgeSession | None = None
    "Holds flows and rules against every session when it is linked, while its SIP and H.248 messages are at hand."
    identities: bool = False
    "Findings may name subscribers."
    kept_sessions: int = sys.maxsize
    "Of sessions that wait for the end of the capture, how many wait in memory and not in a temporary file."
    progress: Callable[[int, int], None] | None = None
    "Told the octets read so far and in all."
    end: EndOfInput | None = None
    "Can end what pipes deliver."


def _id_in(network: int, name: str) -> str:
    return f"{name}-n{network}" if network else name


def _conference_in(network: int, conference: Conference) -> Conference:
    """A conference whose sessions are of this network."""
    sessions = [_id_in(network, each) for each in conference.sessions]
    return Conference(_id_in(network, conference.id), conference.uri, sessions)


class Analysis:
    """One run over one or several captures.

    `sessions()` yields every session; with `early=True` as soon as it is over, which keeps memory to what is open.
    `captures`, `coverage` and `conferences` are complete once it is exhausted.
    """

    def __init__(self, paths: Sequence[str], options: Options | None = None) -> None:
        self.paths = list(paths)
        self.options = options or Options()
        self.coverage = Coverage()
        self.captures: list[CaptureInfo] = []
        self.conferences: list[Conference] = []
        self._correlators: dict[int, Correlator] = {}
        "By network: sessions of several never meet, though their addresses and Call-IDs may be the same."
        self._correlator = self._correlator_of(0)
        self._awaited = Awaited(self.options.awaited)
        self.reader: CaptureReader = open_captures(self.paths, progress=self.options.progress, end=self.options.end)
        self._embedded = EmbeddedSecrets(self.reader)

    def _correlator_of(self, network: int) -> Correlator:
        found = self._correlators.get(network)
        if found is None:
            found = self._correlators[network] = Correlator(self.coverage, self.options.roles)
            found.scope.identities = self.options.identities
            if network:
                found.scope.one_clock = self._correlator.scope.one_clock
        return found

    @property
    def nodes(self) -> NodeTable:
        """The roles known so far."""
        return self._correlator.nodes

    @property
    def absent(self) -> list[str]:
        """A line for each awaited address that the capture does not show; complete once `sessions` is exhausted."""
        return self._awaited.notes()

    def sessions(self, *, early: bool = False) -> Iterator[Session]:
        """Every session: `early` as each is over, else all at the end in the order of their first message."""
        if early:
            yield from self._run(early=True)
            self.conferences = self._conferences()
        else:
            with SessionStore(self.options.kept_sessions) as store:
                for session in self._run(early=False):
                    store.add(session)
                self.conferences = self._conferences()
                yield from store.in_order()

    def _run(self, *, early: bool) -> Iterator[Session]:
        options = self.options
        tls_octets = KEPT_OCTETS if options.opener is not None and options.opener.has_keys else HANDSHAKE_OCTETS
        twin = Twin(self.paths, options.udp_ports, tls_octets) if self._wants_twin() else None
        lane = self._lane = Lane(
            0, 2 if twin is not None else 1, options.udp_ports, tls_octets, self._embedded.may_come
        )
        correlated = 0
        try:
            for block in self.reader.blocks():
                self.coverage.packets += len(block)
                ours = lane.feed(block)
                for correlator in self._correlators.values():
                    correlator.scope.one_clock = self.reader.one_clock
                if correlated:  # link what is over while the twin is at work
                    for network, correlator in list(self._correlators.items()):
                        finish = correlator.finish if early else correlator.finish_calls
                        yield from self._judged(finish(correlated), network)
                self._correlate(ours, twin.next_output() if twin is not None else LaneOutput())
                correlated = lane.now
            self._correlate(lane.finish(), twin.finish() if twin is not None else LaneOutput())
        finally:
            if twin is not None:
                twin.close()
        for network, correlator in self._correlators.items():
            correlator.scope.hear_until(lane.now)
            yield from self._judged(correlator.finish(), network)
        packets = self.coverage.packets
        self.coverage.merge(lane.coverage)
        if twin is not None:
            self.coverage.merge(twin.coverage)
        self.coverage.packets = packets
        self.coverage.notes.update(self.absent)
        self.coverage.notes.update(self._network_notes())
        for capture in self.reader.captures:
            for name in LOST_SECRETS & capture.skipped.keys():
                self.coverage.notes[f"pcapng {name}"] += capture.skipped[name]
        self.coverage.notes.update(clock_notes(self.reader.captures))
        for correlator in self._correlators.values():
            self.coverage.notes.update(correlator.scope.clock_notes())
        if self.options.opener is not None:
            self.coverage.keys = self.options.opener.account()
            self.coverage.keys_fitting = self.options.opener.ring.fitting()
            self.coverage.notes.update(self.options.opener.notes)
        self.captures = [
            CaptureInfo(each.path, each.format, each.packets, each.first, each.last, each.damage, dict(each.skipped))
            for each in self.reader.captures
        ]

    def _conferences(self) -> list[Conference]:
        found = [
            _conference_in(network, conference)
            for network, correlator in self._correlators.items()
            for conference in correlator.conferences_found()
        ]
        for correlator in self._correlators.values():
            self.nodes.add_missing(correlator.nodes)
        return found

    def _judged(self, sessions: Iterable[Session], network: int = 0) -> Iterator[Session]:
        """Each session as it leaves correlation: judged, then without the messages that only judging needed."""
        judge = self.options.judge
        correlator = self._correlators[network]
        for session in sessions:
            if network:
                self._name_network(session, network)
            try:
                self._decrypt(session, correlator)
            except Exception as error:
                note_internal(session, "decrypting", error)
            if is_foreign(session, correlator.nodes):
                self._leave_out(session)
                continue
            if judge is not None and not session.is_bare:
                judge(session, correlator.nodes, correlator.scope)
            if self._awaited.left:
                self._awaited.see_session(session)
            try:
                session.release()
            except Exception as error:
                note_internal(session, "keeping", error)
            yield session

    def _leave_out(self, session: Session) -> None:
        """Count TLS that is no session of ours."""
        for part in session.connections:
            tls = part.connection.tls
            self.coverage.notes[NOTE] += 1
            self.coverage.tls_foreign += tls is not None and not tls.decrypted

    def _decrypt(self, session: Session, correlator: Correlator) -> None:
        if any(part.connection.transcript is not None for part in session.connections):
            self._opener().open(session, correlator.nodes, correlator.scope, self.coverage)
        elif self.options.opener is not None and session.kind == "message":
            self.options.opener.unlock(session, correlator.nodes, correlator.scope)
        for part in session.connections:
            tls = part.connection.tls
            if tls is not None and tls.internal is not None:
                add_internal(session, tls.internal)

    def _opener(self) -> Opener:
        """What opens TLS; cryptography is imported when there is any TLS."""
        if self.options.opener is None:
            from analyzer.opening.opener import Opener

            self.options.opener = Opener()
        opener = self.options.opener
        opener.expects_secrets = self._embedded.may_come()
        for path, key_log in self._embedded.new():
            opener.add_embedded(path, key_log)
        return opener

    def _correlate(self, ours: LaneOutput, theirs: LaneOutput) -> None:
        for message in in_time_order(ours.messages, theirs.messages):
            correlator = self._correlator_of(message.flow.network)
            try:
                correlator.add_message(message)
            except Exception as error:
                correlator.lose(message, error)
        if self._awaited.left:
            self._await(ours, theirs)
        for output in (ours, theirs):
            for flow in output.opened:
                try:
                    if flow.network in self._correlators:
                        self._correlators[flow.network].connection_opened(flow)
                except Exception as error:
                    self._correlator.lose_connection(error)
            for connection in output.connections:
                # Media of a network whose signalling is elsewhere belongs to what was signalled there.
                correlator = self._correlators.get(connection.client.network, self._correlator)
                try:
                    if connection.transcript is not None:
                        self._opener().look_at(connection, self.coverage)
                    correlator.add_connection(connection)
                except Exception as error:
                    correlator.lose_connection(error)

    def _name_network(self, session: Session, network: int) -> None:
        """Tell it from the session that would be the same in another network."""
        session.id = _id_in(network, session.id)
        for link in session.links:
            if link.to.startswith("session "):
                link.to = _id_in(network, link.to)
        session.state = f"{session.state}, {self._lane.selector.networks.names()[network]}"

    def _network_notes(self) -> dict[str, int]:
        """Which tags are networks of their own, with the same addresses as another."""
        names = self._lane.selector.networks.names()
        return {f"{name} is another network than {names[0]}, with the same addresses": 1 for name in names[1:]}

    def _await(self, *outputs: LaneOutput) -> None:
        for output in outputs:
            self._awaited.see_messages(output.messages)
            for connection in output.connections:
                self._awaited.see_flow(connection.client)

    def _wants_twin(self) -> bool:
        jobs = self.options.jobs
        # Standard input and named pipes can be read only once.
        if jobs == 1 or not all(os.path.isfile(path) for path in self.paths) or not can_twin():
            return False
        if jobs >= 2:
            return True
        return sum(os.path.getsize(path) for path in self.paths) >= TWIN_FROM_OCTETS
