"""MSRP requests, responses and chunks on one connection, counted and summed up as rows (RFC 4975 sections 5 and 7).

Most of what a connection carries is spelled alike: whole SEND requests, and the responses `200 OK` to them, between the
same two paths. `take` takes these from the columns of a `Scan`, without a message being made; it leaves to `add`
whatever is not as usual in every way. `add` takes any message. Both give the same result for the same octets, so that
nobody can tell from it which way they went. What is judged on single messages is noted in `msrp_watch` and
`msrp_chunks`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from analyzer.conversations.connection import Connection, MsrpSession, Row
from analyzer.conversations.msrp_chunks import ChunkWatch
from analyzer.conversations.msrp_columns import Scan
from analyzer.conversations.msrp_facts import RESPONSE_TIME
from analyzer.conversations.msrp_watch import WAITING, Ending, ExchangeWatch
from analyzer.conversations.msrp_way import Way
from dissectors.msrp import MsrpMessage, session_id_of

HEADS = 1024
"Beginnings of messages that are known by heart, per direction."
HEAD_OCTETS = 2048
"The longest paths among them."
_INNER_TYPE = re.compile(rb"(?:[^\r\n]+\r?\n)*?Content-Type:[ \t]*([^\r\n]*)", re.IGNORECASE)


class MsrpExchange:
    """Follows the MSRP of one connection; one instance per connection, fed in the order of each direction."""

    __slots__ = ("_by_paths", "_by_session_ids", "_chunks", "_connection", "_heads", "_watch", "_ways")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_paths: tuple[dict[tuple[bool, str, str], Way], ...] = ({}, {})
        "For each direction: is it a request, To-Path, From-Path; to what they name."
        self._heads: tuple[dict[bytes, Way], dict[bytes, Way]] = ({}, {})
        "For each direction what stands between transaction id and Message-ID, or end-line; to the way that it names."
        self._by_session_ids: dict[tuple[str, str], int] = {}
        self._ways: list[tuple[Way, Way]] = []
        "For each session what its client says, and what its server says."
        self._watch = ExchangeWatch(connection, self._ways)
        self._chunks = ChunkWatch(self._watch, self._ways)

    # ------------------------------------------------------------------ the usual, in columns

    def take(self, scan: Scan, first: int, last: int, turned: int) -> int:
        """Note the messages `first` up to `last` of a scan, as long as they are as usual in every way.

        `turned` is 1 where side 0 of the scan is the server. Returns the first that is left to `add`, or `last`.
        """
        heads = self._heads
        early, waiting = self._watch.early, self._watch.waiting
        rows = self._connection.rows
        number = first
        for text, transaction_id, fields, side, time, frame in zip(
            scan.heads[first:last],
            scan.transaction_ids[first:last],
            scan.fields[first:last],
            scan.side[first:last],
            scan.time[first:last],
            scan.frame[first:last],
            strict=True,
        ):
            direction = side ^ turned
            way = heads[direction].get(text) or self._meet(text, direction, frame)
            if way is None:
                break
            if fields is None:
                theirs = waiting[1 - direction]
                request = theirs.get(transaction_id)
                if request is None or time - request[0] > RESPONSE_TIME or request[5] != way.index:
                    break
                del theirs[transaction_id]
                answered, _, _ = request[4].partition(" ")
                rows.append((time, (frame,), direction, "msrp", f"200 OK ({answered})", way.index))
                way.responses += 1
            else:
                message_id, asks, span, content_type, inner, body, size = fields
                mine = waiting[direction]
                is_cpim = _is_cpim(content_type)
                if (
                    is_cpim is None
                    or (span and span != f"{size}/{size}" and span != f"*/{size}" and span != "*/*")
                    or transaction_id in early[1 - direction]
                    or len(mine) >= WAITING
                ):
                    break
                if content_type not in way.content_types:
                    way.note(way.content_types, content_type, frame)
                if is_cpim:
                    inner = inner or inner_type(scan.data, body, body + size)
                    if inner not in way.inner_types and inner:
                        way.note_inner(inner, frame)
                summary = f"SEND {message_id} {content_type} {size} octets"
                row: Row = (time, (frame,), direction, "msrp", summary, way.index)
                rows.append(row)
                mine[transaction_id] = row
                way.whole += 1
                way.octets += size
                if size > way.largest:
                    way.largest, way.largest_frame = size, frame
                if way.first_send is None:
                    way.begin(row)
                if asks:
                    way.ask(message_id, row)
            number += 1
        return number

    # ------------------------------------------------------------------ any message

    def add(self, message: MsrpMessage, direction: int, time: int, frames: tuple[int, ...]) -> None:
        """Note one message that went in `direction` (0 = from the connection's client)."""
        is_request = message.is_request
        way = self._way(is_request, message.to_path, message.from_path, direction, frames[0])
        method = message.method
        whole = False
        if method == "SEND":
            byte_range = message.byte_range
            whole = message.flag == "$" and (byte_range is None or byte_range.start == 1)
            summary = _send_summary(message, whole)
        elif method == "REPORT":
            report = message.report_status
            summary = f"REPORT {message.message_id} {report.code if report is not None else 'without status'}"
        elif is_request:
            summary = method
        else:
            answered = self._watch.method_of(message.transaction_id, 1 - direction)
            summary = f"{message.status} {message.comment}".rstrip() + (f" ({answered})" if answered else "")
        row: Row = (time, frames, direction, "msrp", summary, way.index)
        self._connection.rows.append(row)
        if not is_request:
            way.responses += 1
            way.errors += message.status != 200
            self._watch.response(message, row)
            return
        if way.first_request is None:
            way.first_request = row
        self._watch.request(message, row)
        if method == "SEND":
            self._send(message, way, row, whole)
            return
        way.others += 1
        if method == "REPORT":
            way.reports += 1
            way.errors += self._watch.report(message, way, row) != 200

    def _send(self, message: MsrpMessage, way: Way, row: Row, whole: bool) -> None:
        if whole:
            way.whole += 1
        else:
            way.chunks += 1
        way.octets += message.body_size
        if way.first_send is None:
            way.begin(row)
        content_type = message.content_type
        if content_type:
            way.note(way.content_types, content_type, row[1][0])
            at_start = message.byte_range is None or message.byte_range.start == 1
            if at_start and message.body and _names_cpim(content_type):
                inner = inner_type(message.body, 0, message.body_size)
                if inner:
                    way.note_inner(inner, row[1][0])
        if message.success_report.lower() == "yes":
            way.ask(message.message_id, row)
        self._chunks.send(message, way, row, whole)

    # ------------------------------------------------------------------ whose message it is

    def _way(self, is_request: bool, to_path: str, from_path: str, direction: int, frame: int) -> Way:
        """The way that two paths name (RFC 4975 section 7.2), whichever side writes them."""
        by_paths = self._by_paths[direction]
        way = by_paths.get((is_request, to_path, from_path))
        if way is None:
            sender, receiver = session_id_of(from_path), session_id_of(to_path)
            pair = (sender, receiver) if direction == 0 else (receiver, sender)
            sessions = self._connection.sessions
            index = self._by_session_ids.setdefault(pair, len(sessions))
            if index == len(sessions):
                sessions.append(MsrpSession(*pair))
                self._ways.append((Way(index, 0), Way(index, 1)))
            way = by_paths[is_request, to_path, from_path] = self._ways[index][direction]
            way.note(way.request_paths if is_request else way.response_paths, to_path, frame)
            if is_request:
                way.note(way.from_paths, from_path, frame)
        return way

    def _meet(self, head: bytes, direction: int, frame: int) -> Way | None:
        """The way of messages that begin so, and know it from now on; None where that is left to `add`."""
        kind, to_path, from_path, _ = head.split(b"\r\n")
        begins = to_path.startswith(b"To-Path: ") and from_path.startswith(b"From-Path: ")
        text = (to_path[9:] + from_path[11:]).decode("latin-1")
        heads = self._heads[direction]
        if not begins or not text.isascii() or not text.isprintable() or len(text) > HEAD_OCTETS or len(heads) >= HEADS:
            return None
        paths = to_path[9:].decode(), from_path[11:].decode()
        if any(path != path.strip() for path in paths):
            return None
        way = heads[head] = self._way(kind == b" SEND", *paths, direction, frame)
        return way

    # ------------------------------------------------------------------ gaps, and the end

    def broken(self, direction: int, why: str) -> None:
        """The message added last was not framed as it must be: its receiver may not know where it ends."""
        row = self._connection.rows[-1]
        self._watch.observe("framing", row, {"what": row[4].partition(" ")[0], "why": why})
        self.lose(direction)

    def lose(self, direction: int) -> None:
        """Octets of a direction are missing here, or were no MSRP that can be read."""
        self._watch.lose(direction)
        self._chunks.lose(direction)

    def finish(self, ending: Ending) -> None:
        """The connection is over: fill in the figures, facts and observations of its sessions."""
        self._chunks.finish(ending)
        self._watch.finish(ending)
        for session, ways in zip(self._connection.sessions, self._ways, strict=True):
            for way in ways:
                session.requests += way.whole + way.chunks + way.others
                session.responses += way.responses
                session.chunks += way.whole + way.chunks
                session.messages += way.whole + way.joined
                session.reports += way.reports
                session.errors += way.errors
                session.octets += way.octets
            session.ways = ways[0].facts(), ways[1].facts()


def _send_summary(message: MsrpMessage, whole: bool) -> str:
    size = message.body_size
    begin = f"SEND {message.message_id}"
    if message.body is None and message.body_kept:
        return f"{begin} without body"
    if whole:
        return f"{begin} {message.content_type} {size} octets"
    byte_range = message.byte_range
    start = byte_range.start if byte_range is not None else 1
    total = "*" if byte_range is None or byte_range.total is None else str(byte_range.total)
    return f"{begin} {message.content_type} octets {start}-{start + size - 1}/{total} {message.flag}"


def _names_cpim(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "message/cpim"


@lru_cache(maxsize=1024)
def _is_cpim(content_type: str) -> bool | None:
    """Is it message/cpim? None for a spelling that is left to the complete reader."""
    if len(content_type) > 256 or not (content_type.isascii() and content_type.isprintable()):
        return None
    if not content_type or content_type != content_type.strip():
        return None
    return _names_cpim(content_type)


def inner_type(data: bytes, start: int, end: int) -> bytes:
    """Content-Type inside a message/cpim (RFC 3862 section 2.1); empty where it is not to be seen."""
    blank = data.find(b"\r\n\r\n", start, end)
    if blank < 0:
        return b""
    if data.startswith(b"Content-Type: ", blank + 4):
        line_end = data.find(b"\r\n", blank + 18, end)
        return data[blank + 18 : min(end if line_end < 0 else line_end, blank + 274)]
    match = _INNER_TYPE.match(data, blank + 4, end)
    return b"" if match is None else match[1][:256]
