"""The room where messages become sessions.

Calls, terminations and connections are gathered as they come; nothing is linked before a session is over (or the
capture is), because then the order in which packets were captured no longer matters. `finish(before)` takes out the
sessions that are over and have been quiet for a while, so that a reader of a long capture holds only what is open.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter

from analyzer.conversations.connection import Connection
from analyzer.conversations.h248_termination import MAX_STREAMS
from analyzer.conversations.h248_terminations import MAX_BEGUN, Termination, TerminationTable
from analyzer.conversations.kms_exchange import TO_KMS, KmsTable
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.sip_call import SipCall
from analyzer.correlate.assemble import assemble_session
from analyzer.correlate.bare import bare_session, call_session_id, ends_of_call
from analyzer.correlate.claims import ClaimTable
from analyzer.correlate.conferences import ConferenceTable
from analyzer.correlate.index import EndIndex, EndKeys, bare_key, pair_key
from analyzer.correlate.leg_media import LegMedia, LegMediaTable
from analyzer.correlate.legs import LegTable
from analyzer.correlate.nodes import NodeTable, Role
from analyzer.correlate.roles import GatewayTable
from analyzer.correlate.session import Conference, Session
from analyzer.evidence.scope import Scope
from analyzer.internal import log_error, note_internal, place_of_error
from analyzer.model import Coverage, Message, Undecoded
from analyzer.transport.flow import Flow
from dissectors.errors import DecodeError

LINGER_NS = 40_000_000_000
"Quiet time after which a session that is over is taken out: 64*T1 = 32 s (RFC 3261 section 17.1.1.2), and some."
UNANSWERED_NS = 35_000_000_000
"Age at which an H.248 request counts as unanswered: LONG-TIMER is 30 s (RFC 3525 section D.1.4)."
OPEN_MEDIA_NS = 120_000_000_000
"How much longer a session is kept whose media connection is still open after the BYE."
IDLE_NS = 4 * 3600 * 1_000_000_000
"A call or termination without a message for so long is taken out although its end was not seen."
MAX_RESTING = 10_000
"How many registrations and the like are kept for what will come under the same Call-ID."
MAX_EARLIER_LIVES = 20_000
"How many Call-IDs are remembered after they were handed out, so that a later call of that id gets an id of its own."
MAX_UNLINKED_LISTED = 200
"Messages without a session that are listed one by one; all are counted."
MAX_BORDER_CONTEXTS = 2_000
"Contexts of border gateways remembered for the second leg."
CROWDED = f"h248 termination not followed: more than {MAX_BEGUN} begun in one message"
STREAMS_LEFT_OUT = f"h248 stream not followed: more than {MAX_STREAMS} of one termination"
CHANGED_COPIES = "h248 transaction sent again with other content, the first counts"
"The notes that count them."
MAX_OPEN = 100_000
"How many calls, and how many terminations, wait for their end; above that the oldest are taken out."


class Correlator:
    """Gathers messages and connections, and hands out sessions."""

    def __init__(self, coverage: Coverage, given_roles: Mapping[str, str] | None = None) -> None:
        self.coverage = coverage
        self.nodes = NodeTable(given_roles)
        self.scope = Scope()
        self.conferences = ConferenceTable()
        self.legs = LegTable()
        self.legs_media = LegMediaTable()
        self.gateways = GatewayTable()
        self.terminations = TerminationTable()
        self.kms = KmsTable()
        self.termination_index: EndIndex[Termination] = EndIndex()
        self.connection_index: EndIndex[Connection] = EndIndex()
        self.claims = ClaimTable(self.legs, self.scope, self.connection_index)
        self._calls: OrderedDict[str, SipCall] = OrderedDict()
        self._lives: OrderedDict[int, Termination] = OrderedDict()
        self._connections: OrderedDict[int, Connection] = OrderedDict()
        self._context_mates: dict[tuple[str, int], dict[int, Termination]] = defaultdict(dict)
        "Terminations without a media end of IP, by their context."
        self._in_context: dict[tuple[str, int], dict[int, Termination]] = defaultdict(dict)
        "All terminations that are not handed out, by their context."
        self._begun_in: Counter[tuple[str, int]] = Counter()
        "How many terminations each of these contexts had so far, those handed out included."
        self._quiet: deque[tuple[int, SipCall]] = deque()
        "Calls that are over or not yet answered, by the time of their last look."
        self._leaving: dict[str, SipCall] = {}
        "Calls that are being handed out, as long as it is not their turn yet: their other legs ask for their media."
        self._retired: dict[int, SipCall] = {}
        "Calls that were over when their Call-ID came again."
        self._earlier_lives: OrderedDict[str, int] = OrderedDict()
        "Call-IDs that were handed out, and how often."
        self._resting: OrderedDict[str, SipCall] = OrderedDict()
        self._border_contexts: OrderedDict[tuple[str, int], None] = OrderedDict()
        "Contexts that join two legs of one call: the second leg is handed out when the first is gone."
        self.known_borders: OrderedDict[tuple[str, int], str] = OrderedDict()
        "Contexts of border gateways on whichever evidence, and what showed it."
        self.open_ports: Counter[tuple[str, int]] = Counter()
        "Ends of the connections that are still open, by address and port."

    # ------------------------------------------------------------------ taking in

    def add_message(self, message: Message) -> None:
        """Take one SIP or H.248 message, or one of HTTP with a KMS."""
        self.scope.hear(message)
        if message.protocol == "sip":
            self._add_sip(message)
        elif message.protocol == "http":
            self._add_http(message)
        else:
            table = self.terminations
            table.add(message)
            if table.fresh or table.changed or table.outside or table.transactions.changed_copies:
                self._note_terminations()

    def lose(self, message: Message, error: Exception) -> None:
        """Account for a message that `add_message` failed on."""
        log_error("taking in a message", error)
        name, frame = message.protocol, message.frames[0]
        self.coverage.unlinked[name] += 1
        self.coverage.notes[f"{name} message lost to an internal error"] += 1
        if len(self.coverage.unlinked_list) < MAX_UNLINKED_LISTED:
            said = f"frame {frame}: {name}, internal error, please report it: {place_of_error(error)}"
            self.coverage.unlinked_list.append(said)

    def lose_connection(self, error: Exception) -> None:
        """Account for a connection that could not be taken in."""
        log_error("taking in a connection", error)
        self.coverage.notes["tcp connection lost to an internal error"] += 1

    def connection_opened(self, flow: Flow) -> None:
        """Note that a connection began whose digest will come when it is over."""
        self.open_ports.update(_ports_of(flow))

    def add_connection(self, connection: Connection) -> None:
        """Take the digest of a TCP connection that is over, or that the capture leaves open."""
        self._connections[id(connection)] = connection
        ports = _ports_of(connection.client)
        flow = connection.client
        keys = (*ports, pair_key(flow.src_ip, flow.dst_ip, flow.dport))
        self.connection_index.add(connection, connection.session_ids(), keys)
        self.claims.add(connection)
        for port in ports:
            self.open_ports[port] -= 1
            if self.open_ports[port] <= 0:
                del self.open_ports[port]

    def _add_sip(self, message: Message) -> None:
        call_id = message.decoded.call_id
        call = self._calls.get(call_id)
        if call is not None and _came_again(call, message.time):
            self._retire(call)
            call = None
        if call is None:
            call = self._calls[call_id] = SipCall(call_id)
            call.life = self._earlier_lives.get(call_id, 0) + 1
            self._quiet.append((message.time, call))
        else:
            self._calls.move_to_end(call_id)
        was_over, was_resting = call.over, call.resting
        call.add(message)
        self.claims.announcements.note(call)
        if call.over and not was_over:
            self._quiet.append((message.time, call))
        elif call.resting and not was_resting:
            self._resting[call_id] = call
        sip = message.decoded
        if sip.is_request and sip.method == "INVITE" and not sip.to_tag:
            self.legs.note(call_id, sip)

    def _add_http(self, message: Message) -> None:
        try:
            mikey = self.kms.add(message)
        except DecodeError as error:
            self.coverage.add_undecoded(Undecoded("mikey", message.frames[0], error.offset, error.why))
            return
        if mikey is not None:
            self.coverage.messages["mikey"] += 1
            if mikey.data_type in TO_KMS:
                self.nodes.note(message.flow.dst_ip, Role.KMS)

    def _retire(self, call: SipCall) -> None:
        """Its Call-ID came again long after its end: what comes now is another call."""
        del self._calls[call.call_id]
        self._resting.pop(call.call_id, None)
        self._retired[id(call)] = call
        if not call.over:
            call.over = True
            self._quiet.append((call.last, call))
        self._remember(call)

    def _remember(self, call: SipCall) -> None:
        self._earlier_lives[call.call_id] = call.life
        self._earlier_lives.move_to_end(call.call_id)
        if len(self._earlier_lives) > MAX_EARLIER_LIVES:
            self._earlier_lives.popitem(last=False)

    def _note_terminations(self) -> None:
        table = self.terminations
        for life in table.fresh:
            self._lives[id(life)] = life
            self._context_mates[(life.gateway, life.context_life)][id(life)] = life
            self._in_context[(life.gateway, life.context_life)][id(life)] = life
            self._begun_in[(life.gateway, life.context_life)] += 1
        for life in table.changed:
            self.termination_index.add(life, *_termination_keys(life))
            self.claims.announcements.note(life)
            _forget(self._context_mates, life)
        table.fresh.clear()
        table.changed.clear()
        if table.crowded:
            self.coverage.notes[CROWDED] += table.crowded
            table.crowded = 0
        if table.transactions.changed_copies:
            self.coverage.notes[CHANGED_COPIES] += table.transactions.changed_copies
            table.transactions.changed_copies = 0
        if table.streams_left_out:
            self.coverage.notes[STREAMS_LEFT_OUT] += table.streams_left_out
            table.streams_left_out = 0
        for message in table.outside:
            self.coverage.unlinked["h248"] += 1
            if len(self.coverage.unlinked_list) < MAX_UNLINKED_LISTED:
                self.coverage.unlinked_list.append(f"frame {message.frames[0]}: h248 {message.decoded.summary()}")
        table.outside.clear()

    # ------------------------------------------------------------------ handing out

    def finish(self, before: int | None = None) -> Iterator[Session]:
        """Hand out finished sessions: those over and quiet before `before` (ns), or with None all there are."""
        everything = before is None
        self._expire(before)
        for call in self._finished_calls(before):
            yield self._session_of_call(call)
        too_many = max(0, len(self._lives) - MAX_OPEN)
        lives = [each for each in self._lives.values() if everything or self._is_quiet(each, before)]
        connections = [each for each in self._connections.values() if everything or _quiet_connection(each, before)]
        if not everything and (lives or connections):
            # What ended in the middle of a call stays until the call is over too.
            awaited = self._awaited()
            lives = [each for each in lives if not awaited.has_any(*_termination_keys(each))]
            connections = [
                each for each in connections if not awaited.has_any(each.session_ids(), _ports_of(each.client))
            ]
        for life in lives if len(lives) >= too_many else list(islice(self._lives.values(), too_many)):
            if id(life) in self._lives:
                yield self._session_of_termination(life)
        for connection in connections:
            if id(connection) in self._connections:
                session = self._session_of_connection(connection)
                if session is not None:
                    yield session
        if everything and (left_over := self.kms.left_over()):
            self.coverage.unlinked["http"] += left_over

    def _awaited(self) -> EndKeys:
        """The media ends of all calls that are still open."""
        keys = EndKeys()
        for call in (*self._calls.values(), *self._retired.values()):
            for end in ends_of_call(call):
                keys.add(end.session_id, end.address, end.port)
        return keys

    def finish_calls(self, before: int) -> Iterator[Session]:
        """Hand out only calls that nothing captured later can change: ended by BYE or refused, all media closed.

        Unlike with `finish(before)`, all sessions together are the same as if none had been handed out before the end.
        """
        self._expire(before)
        for call in self._finished_calls(before, patient=True):
            yield self._session_of_call(call)

    def _expire(self, before: int | None) -> None:
        """Note the transactions that will not be answered any more."""
        try:
            self.terminations.expire(1 << 62 if before is None else before - UNANSWERED_NS)
            self._note_terminations()
        except Exception as error:
            log_error("looking for H.248 that is not answered", error)
            self.coverage.notes["h248 transactions lost to an internal error"] += 1

    def _finished_calls(self, before: int | None, *, patient: bool = False) -> list[SipCall]:
        if before is None:
            found = sorted([*self._retired.values(), *self._calls.values()], key=attrgetter("first", "life"))
            self._leaving = {call.call_id: call for call in found}
            self._calls.clear()
            self._retired.clear()
            return found
        found = []
        again: list[tuple[int, SipCall]] = []
        while self._quiet and self._quiet[0][0] < before - LINGER_NS:
            _, call = self._quiet.popleft()
            is_retired = id(call) in self._retired
            if not is_retired and self._calls.get(call.call_id) is not call:
                continue
            if not call.over and (call.answered or call.resting):
                continue
            quiet = before - call.last
            waits = patient or quiet <= OPEN_MEDIA_NS
            if quiet <= LINGER_NS or (waits and self._has_open_connection(call)):
                again.append((before, call))
            elif not patient or call.facts.method == "INVITE":
                found.append(self._take(call))
        self._quiet.extend(again)
        while self._calls and not patient:
            oldest = next(iter(self._calls.values()))
            if oldest.last >= before - IDLE_NS and len(self._calls) <= MAX_OPEN:
                break
            found.append(self._take(oldest))
        if not patient:
            while len(self._resting) > MAX_RESTING:
                _, call = self._resting.popitem(last=False)
                if call.resting and self._calls.get(call.call_id) is call:
                    found.append(self._take(call))
        return found

    def _take(self, call: SipCall) -> SipCall:
        """Out of the tables: it is handed out now."""
        self._leaving[call.call_id] = call
        if self._retired.pop(id(call), None) is None:
            del self._calls[call.call_id]
            self._resting.pop(call.call_id, None)
            self._remember(call)
        return call

    def _has_open_connection(self, call: SipCall) -> bool:
        return any((end.address, end.port) in self.open_ports for end in ends_of_call(call))

    def _is_quiet(self, life: Termination, before: int | None) -> bool:
        if before is None:
            return False
        return life.last < before - (IDLE_NS if life.ended is None else 2 * LINGER_NS)

    def conferences_found(self) -> list[Conference]:
        """All conferences, once every session was handed out."""
        return self.conferences.all()

    # ------------------------------------------------------------------ sessions

    def _session_of_call(self, call: SipCall) -> Session:
        try:
            session = assemble_session(self, call=call)
            if session.other_legs:
                self.legs_media.note(call, session.id)
        except Exception as error:
            session = bare_session(error, call=call)
        self._claim(session)
        self.claims.release(call)
        self._leaving.pop(call.call_id, None)
        try:
            self.legs.forget(call.call_id)
        except Exception as error:
            note_internal(session, "linking", error)
        return session

    def _session_of_termination(self, life: Termination) -> Session:
        try:
            session = assemble_session(self, termination=life)
        except Exception as error:
            session = bare_session(error, termination=life)
        self._claim(session)
        return session

    def _session_of_connection(self, connection: Connection) -> Session | None:
        if connection.protocol not in ("msrp", "tls"):
            # SIP and H.248 over TCP are already in their sessions; a connection nobody announced is not ours.
            try:
                self._forget_connection(connection)
            except Exception as error:
                self.lose_connection(error)
            if connection.protocol == "":
                self.coverage.ignored["tcp without payload, not announced"] += connection.packets
            return None
        try:
            session = assemble_session(self, connection=connection)
        except Exception as error:
            session = bare_session(error, connection=connection)
        self._claim(session)
        return session

    def _claim(self, session: Session) -> None:
        try:
            self._take_out(session)
            self.conferences.note(session)
        except Exception as error:
            for life in session.terminations:
                self._lives.pop(id(life), None)
                self._leave_context(life)
            for part in session.connections:
                self._connections.pop(id(part.connection), None)
            note_internal(session, "linking", error)

    def _take_out(self, session: Session) -> None:
        for life in session.terminations:
            self._lives.pop(id(life), None)
            self.terminations.forget(life)
            self.termination_index.remove(life)
            self.claims.release(life)
            _forget(self._context_mates, life)
            self._leave_context(life)
        for part in session.connections:
            connection = part.connection
            connection.claimed |= part.session_indexes
            # A connection may carry several MSRP sessions (RFC 4975 section 5.4): it stays until each has its owner.
            if len(connection.claimed) >= len(connection.sessions):
                self._forget_connection(connection)

    def _forget_connection(self, connection: Connection) -> None:
        self._connections.pop(id(connection), None)
        self.connection_index.remove(connection)
        self.claims.remove(connection)

    def ends_of(self, call_ids: Iterable[str]) -> list[MediaEnd]:
        """The media ends of some calls, as far as they are not handed out."""
        calls = [self._known(each) for each in call_ids]
        return [end for call in calls if call is not None for end in ends_of_call(call)]

    def leg_media(self, call_ids: Iterable[str]) -> list[LegMedia]:
        """What some legs of a call announced about MSRP, also those that are handed out already."""
        calls = {call_id: self._known(call_id) for call_id in call_ids}
        known = {name: (call, call_session_id(name, call.life)) for name, call in calls.items() if call is not None}
        return self.legs_media.of(calls, known)

    def _known(self, call_id: str) -> SipCall | None:
        return self._calls.get(call_id) or self._leaving.get(call_id)

    def joining_contexts(self, lives: Iterable[Termination], rivals: Sequence[MediaEnd]) -> frozenset[tuple[str, int]]:
        """The contexts of these terminations that also serve another leg of the same call, as border gateways do.

        `rivals` are the media ends of the other legs. A context is given as gateway and number of its life.
        """
        contexts = {(life.gateway, life.context_life) for life in lives}
        found = {context for context in contexts if context in self._border_contexts}
        for end in rivals:
            for other in (*self.termination_index.by_session_id(end.session_id), *self._at_place(end)):
                context = (other.gateway, other.context_life)
                if context in contexts and _serves(other, end):
                    found.add(context)
        self._border_contexts.update(dict.fromkeys(found))
        while len(self._border_contexts) > MAX_BORDER_CONTEXTS:
            self._border_contexts.popitem(last=False)
        return frozenset(found)

    def _at_place(self, end: MediaEnd) -> list[Termination]:
        return self.termination_index.by_port(end.address, end.port) if end.address and end.port else []

    def mates(self, life: Termination) -> list[Termination]:
        """The terminations of its context that are no media end of IP and that no session has taken yet."""
        return list(self._context_mates.get((life.gateway, life.context_life), {}).values())

    def note_borders(self, found: Mapping[tuple[str, int], str]) -> None:
        """Remember them for what else is in these contexts."""
        self.known_borders.update(found)
        while len(self.known_borders) > MAX_BORDER_CONTEXTS:
            self.known_borders.popitem(last=False)

    def _leave_context(self, life: Termination) -> None:
        _forget(self._in_context, life)
        context = (life.gateway, life.context_life)
        if context not in self._in_context:
            self._begun_in.pop(context, None)

    def begun_in(self, life: Termination) -> int:
        """How many terminations its context had so far."""
        return self._begun_in[(life.gateway, life.context_life)]

    def in_context(self, life: Termination, limit: int) -> list[Termination]:
        """Up to so many terminations of its context, itself included, that are not handed out."""
        return list(islice(self._in_context.get((life.gateway, life.context_life), {}).values(), limit))


def _forget(table: dict[tuple[str, int], dict[int, Termination]], life: Termination) -> None:
    """Take a termination out of a table by context."""
    context = (life.gateway, life.context_life)
    inside = table.get(context)
    if inside is not None:
        inside.pop(id(life), None)
        if not inside:
            del table[context]


def _serves(life: Termination, end: MediaEnd) -> bool:
    """Is this one of the termination's ends, address and port: a session-id alone passes every gateway?"""
    return any((one.address, one.port) == (end.address, end.port) for _, one in life.ends())


def _termination_keys(life: Termination) -> tuple[list[str], list[tuple[str, int]]]:
    ends = [end for _, end in life.ends()]
    ports = [(end.address, end.port) for end in ends]
    ports += [bare_key(end.address, end.port) for end in ends if not end.session_id]
    return [end.session_id for end in ends], ports


def _came_again(call: SipCall, time: int) -> bool:
    """A message of this Call-ID begins another call: the last one is over, or nobody ever answered it."""
    return time - call.last > LINGER_NS and (call.over or not (call.answered or call.resting))


def _ports_of(flow: Flow) -> tuple[tuple[str, int], tuple[str, int]]:
    return (flow.dst_ip, flow.dport), (flow.src_ip, flow.sport)


def _quiet_connection(connection: Connection, before: int | None) -> bool:
    return before is not None and connection.is_over and connection.last < before - 3 * LINGER_NS
