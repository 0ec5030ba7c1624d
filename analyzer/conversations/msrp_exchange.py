"""MSRP requests, responses and chunks on one connection, counted and summed up as rows (RFC 4975 sections 5 and 7)."""

from __future__ import annotations

from analyzer.conversations.connection import Connection, MsrpSession
from dissectors.msrp import Glance, MessageAssembler, MsrpMessage, session_id_of


class MsrpExchange:
    """Follows the MSRP of one connection; one instance per connection, fed in the order of each direction.

    `add` takes any message; `add_glance` the facts of a common one, with the same result at a third of the cost.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_paths: tuple[dict[str, int], dict[str, int]] = ({}, {})
        "For each direction: the lines of To-Path and From-Path, as a `Glance` has them, to the session index."
        self._by_session_ids: dict[tuple[str, str], int] = {}
        self._assembler: MessageAssembler | None = None

    def add(self, message: MsrpMessage, direction: int, time: int, frames: tuple[int, ...]) -> None:
        """Note one message that went in `direction` (0 = from the connection's client)."""
        paths = f"To-Path: {message.to_path}\r\nFrom-Path: {message.from_path}\r\n"
        index = self._by_paths[direction].get(paths)
        if index is None:
            index = self._session_index(message.to_path, message.from_path, direction)
            self._by_paths[direction][paths] = index
        session = self._connection.sessions[index]
        if message.is_request:
            session.requests += 1
            if message.method == "SEND":
                summary = self._send(message, session, direction)
            elif message.method == "REPORT":
                session.reports += 1
                report = message.report_status
                if report is None or report.code != 200:
                    session.errors += 1
                summary = f"REPORT {message.message_id} {report.code if report is not None else 'without status'}"
            else:
                summary = message.method
        else:
            session.responses += 1
            if message.status != 200:
                session.errors += 1
            summary = f"{message.status} {message.comment}".rstrip()
        self._connection.rows.append((time, frames, direction, "msrp", summary, index))

    def add_glance(self, glance: Glance, direction: int, time: int, frames: tuple[int, ...]) -> None:
        """Note one message of which only these facts are known."""
        what, paths, message_id, code, content_type, size = glance
        connection = self._connection
        index = self._by_paths[direction].get(paths)
        if index is None:
            _, to_path, _, from_path = paths.split()
            index = self._by_paths[direction][paths] = self._session_index(to_path, from_path, direction)
        session = connection.sessions[index]
        if what == "SEND":
            session.requests += 1
            session.chunks += 1
            session.messages += 1
            session.octets += size
            if content_type:
                summary = f"SEND {message_id} {content_type} {size} octets"
            else:
                summary = f"SEND {message_id} without body"
        elif what == "REPORT":
            session.requests += 1
            session.reports += 1
            if code != "200":
                session.errors += 1
            summary = f"REPORT {message_id} {int(code) if code else 'without status'}"
        elif what == "NICKNAME":
            session.requests += 1
            summary = what
        else:
            session.responses += 1
            if not what.startswith("200"):
                session.errors += 1
            summary = what.rstrip()
        connection.rows.append((time, frames, direction, "msrp", summary, index))

    def _send(self, message: MsrpMessage, session: MsrpSession, direction: int) -> str:
        session.chunks += 1
        size = message.body_size
        session.octets += size
        byte_range = message.byte_range
        whole = message.flag == "$" and (byte_range is None or byte_range.start == 1)
        if whole:
            session.messages += 1
        else:
            self._join(message, session, direction)
        if message.body is None:
            return f"SEND {message.message_id} without body"
        if whole:
            return f"SEND {message.message_id} {message.content_type} {size} octets"
        start = byte_range.start if byte_range is not None else 1
        total = "*" if byte_range is None or byte_range.total is None else str(byte_range.total)
        return (
            f"SEND {message.message_id} {message.content_type} octets {start}-{start + size - 1}/{total} {message.flag}"
        )

    def _join(self, message: MsrpMessage, session: MsrpSession, direction: int) -> None:
        if self._assembler is None:
            self._assembler = MessageAssembler(max_kept=0)
        key = (direction, message.from_path, message.to_path, message.message_id)
        for joined in self._assembler.receive_chunk(message, key):
            if joined.complete:
                session.messages += 1

    def _session_index(self, to_path: str, from_path: str, direction: int) -> int:
        """The session of a pair of session-ids, whichever side writes it (RFC 4975 section 7.2)."""
        sender = session_id_of(from_path)
        receiver = session_id_of(to_path)
        client, server = (sender, receiver) if direction == 0 else (receiver, sender)
        sessions = self._connection.sessions
        index = self._by_session_ids.setdefault((client, server), len(sessions))
        if index == len(sessions):
            sessions.append(MsrpSession(client, server))
        return index
