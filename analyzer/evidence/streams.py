"""The MSRP streams of a session, each as a session of its own that flows and rules are held against.

Every `m=` line is a media stream (RFC 3264 section 5.1): a chat and a file beside it are two, each with its own path,
Local and Remote, TCP and TLS (RFC 5547 section 8). So a session with several is seen once for each: the other `m=`
lines, H.248 streams and connections are left out of it, and what reads a session needs to know nothing of them.

The position of an `m=` line stays through all offers and answers of a dialog (RFC 3264 section 8), the id of a stream
through all commands about a termination (H.248.1 clause 7.1.4). What belongs together is told by session-id, address
and port; what fits nowhere, by its order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from analyzer.conversations.connection import ConnectionPart
from analyzer.conversations.h248_termination import Termination
from analyzer.conversations.media import MediaEnd, Place
from analyzer.conversations.offer_answer import Described, Exchange
from analyzer.correlate.session import Session
from analyzer.evidence.places import places_of
from analyzer.evidence.stream_of_termination import narrowed

MAX_STREAMS = 16
"Streams of one session that are judged: a description of 64 KB has room for two thousand."
NO_STREAM = MediaEnd("", 0, "", "")
"Stands where another stream's `m=` line was, so that the lines keep their positions."


@dataclass(slots=True)
class _Line:
    """One `m=` line of MSRP through all descriptions, or one H.248 stream where no SIP announced any."""

    index: int
    "Which `m=` line, from 0; else its place among the streams of H.248."
    session_ids: set[str] = field(default_factory=set)
    places: set[Place] = field(default_factory=set)
    streams: list[tuple[Termination, int]] = field(default_factory=list)
    "Terminations, and which stream of them."
    parts: list[ConnectionPart] = field(default_factory=list)

    def note(self, end: MediaEnd) -> None:
        """One of the two ends says this of it."""
        if end.session_id:
            self.session_ids.add(end.session_id)
        self.places |= places_of(end)

    def fits(self, end: MediaEnd) -> int:
        """How well an end of H.248 fits: a session-id tells more than addresses, which others may share."""
        return 2 * (end.session_id in self.session_ids) + (not self.places.isdisjoint(places_of(end)))


def streams_of(session: Session) -> tuple[list[tuple[str, Session]], int]:
    """What each stream is called, with the session as it sees it, and how many more there are.

    None where there is one stream at most.
    """
    exchanges = session.call.facts.exchanges if session.call is not None else []
    if not _several(exchanges, session.terminations):
        return [], 0
    announced = any(end.is_msrp for each in exchanges for _, part in each.parts() for end in part.ends)
    lines = _lines(exchanges) if announced else _lines_of_h248(session.terminations)
    if len(lines) < 2 and not (lines and _first_msrp(exchanges) != lines[0].index):
        return [], 0
    left = len(lines[MAX_STREAMS:])
    del lines[MAX_STREAMS:]
    if announced:
        _pair_terminations(lines, session.terminations)
    _pair_connections(lines, session.connections)
    others = [life for life in session.terminations if not _msrp_streams(life)]
    name = "m= line" if announced else "H.248 stream"
    return [(f"{name} {line.index + 1}", _seen_by(line, session, others, exchanges)) for line in lines], left


def _several(exchanges: Iterable[Exchange], lives: Iterable[Termination]) -> bool:
    """May there be more than one? Mostly not, which is seen without looking at any line."""
    for each in exchanges:
        for part in (each.offer, each.answer):
            if part is not None and len(part.ends) > 1:
                return True
    return any(len(life.local) > 1 or len(life.remote) > 1 for life in lives)


# ------------------------------------------------------------------ m= lines


def _lines(exchanges: list[Exchange]) -> list[_Line]:
    """The MSRP lines that were accepted once; where none was, nobody has to be told apart."""
    found: dict[int, _Line] = {}
    accepted = [each for each in exchanges if each.confirmed and not each.superfluous]
    live = {index for each in accepted or exchanges for index in _live(each)}
    for each in exchanges:
        for _, part in each.parts():
            for index, end in enumerate(part.ends):
                if index in live and end.is_msrp and end.port:
                    found.setdefault(index, _Line(index)).note(end)
    return [found[index] for index in sorted(found)]


def _live(exchange: Exchange) -> set[int]:
    """The MSRP lines that an exchange sets up: port 0 refuses, or ends, a stream (RFC 3264 sections 6 and 8.2)."""
    if exchange.rejected:
        return set()
    parts = [part for part in (exchange.offer, exchange.answer) if part is not None]
    sets = [{index for index, end in enumerate(part.ends) if end.is_msrp and end.port} for part in parts]
    return set.intersection(*sets) if sets else set()


def _first_msrp(exchanges: list[Exchange]) -> int | None:
    """The line that is looked at where nobody tells them apart."""
    for each in exchanges:
        for part in (each.offer, each.answer):
            for index, end in enumerate(part.ends if part is not None else ()):
                if end.is_msrp:
                    return index
    return None


# ------------------------------------------------------------------ H.248


def _msrp_streams(life: Termination) -> list[int]:
    """Ids of its MSRP streams, in order."""
    ends = [*life.local.items(), *life.remote.items()]
    return sorted({stream_id for stream_id, end in ends if end.is_msrp or end.path})


def _lines_of_h248(lives: list[Termination]) -> list[_Line]:
    """Each stream of each termination, where H.248 alone tells of them."""
    found: list[_Line] = []
    for life in lives:
        for stream_id in _msrp_streams(life):
            line = _Line(len(found), streams=[(life, stream_id)])
            for end in life.ends_of(stream_id):
                line.note(end)
            found.append(line)
    return found


def _pair_terminations(lines: list[_Line], lives: list[Termination]) -> None:
    """Give every stream of every termination to the line that it fits best; a border gateway's both to the same."""
    for life in lives:
        left = []
        taken: list[_Line] = []
        for stream_id in _msrp_streams(life):
            line, fit = _best(lines, life.ends_of(stream_id))
            if fit and line not in taken:
                line.streams.append((life, stream_id))
                taken.append(line)
            else:
                left.append(stream_id)
        rest = [line for line in lines if line not in taken]
        # In their order only where it leaves no choice which is missing.
        if len(rest) == len(left):
            for line, stream_id in zip(rest, left, strict=True):
                line.streams.append((life, stream_id))


def _best(lines: list[_Line], ends: Iterable[MediaEnd]) -> tuple[_Line, int]:
    known = list(ends)
    scored = [(sum(map(line.fits, known)), -line.index, line) for line in lines]
    fit, _, line = max(scored, key=lambda each: each[:2])
    return line, fit


# ------------------------------------------------------------------ TCP


def _pair_connections(lines: list[_Line], parts: list[ConnectionPart]) -> None:
    """By the session-ids of the MSRP on them, else by where they go to and come from."""
    for part in parts:
        left = set(part.session_indexes)
        found = False
        for line in lines:
            own = {index for index in left if _speaks(line, part, index)}
            if own or (not part.session_indexes and _leads(line, part)):
                line.parts.append(ConnectionPart(part.connection, own))
                left -= own
                found = True
        if left or not found:
            _leave(lines, ConnectionPart(part.connection, left))


def _speaks(line: _Line, part: ConnectionPart, index: int) -> bool:
    spoken = part.connection.sessions[index]
    return not line.session_ids.isdisjoint((spoken.client_session_id, spoken.server_session_id))


def _leads(line: _Line, part: ConnectionPart) -> bool:
    flow = part.connection.client
    return (flow.dst_ip, flow.dport) in line.places or (flow.src_ip, flow.sport) in line.places


def _leave(lines: list[_Line], part: ConnectionPart) -> None:
    """What fits no line must not escape the rules: it goes to the first that has no connection, else to the first."""
    line = next((each for each in lines if not each.parts), lines[0])
    for each in line.parts:
        if each.connection is part.connection:
            each.session_indexes |= part.session_indexes
            return
    line.parts.append(part)


# ------------------------------------------------------------------ the session as one stream sees it


def _seen_by(line: _Line, session: Session, others: list[Termination], exchanges: list[Exchange]) -> Session:
    call = session.call
    if call is not None and exchanges:
        call = call.seen_with([_only(each, line.index) for each in exchanges])
    first = _first_msrp(exchanges)
    return replace(
        session,
        call=call,
        terminations=[*(narrowed(life, stream_id) for life, stream_id in line.streams), *others],
        connections=line.parts,
        stream=line.index + 1,
        unlocked=session.unlocked_streams.get(line.index + 1, session.unlocked),
        # What other legs announced is known of their first stream alone.
        other_legs=session.other_legs if line.index == first else [],
        results={},
        findings=list(session.findings),
        steps=[],
    )


def _only(exchange: Exchange, index: int) -> Exchange:
    """An exchange with one of its lines; without any where it did not set this stream up."""
    wanted = index if index in _live(exchange) or exchange.rejected else -1
    return replace(
        exchange,
        offer=_alone(exchange.offer, wanted),
        answer=_alone(exchange.answer, wanted),
        offer_copies=[replace(each, ends=_alone_ends(each.ends, wanted)) for each in exchange.offer_copies],
        answer_copies=[replace(each, ends=_alone_ends(each.ends, wanted)) for each in exchange.answer_copies],
    )


def _alone(part: Described | None, index: int) -> Described | None:
    return replace(part, ends=_alone_ends(part.ends, index)) if part is not None else None


def _alone_ends(ends: list[MediaEnd], index: int) -> list[MediaEnd]:
    return [end if number == index or not end.is_msrp else NO_STREAM for number, end in enumerate(ends)]
