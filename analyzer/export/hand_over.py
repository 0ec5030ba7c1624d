"""Writing captures for other tools: annotated with secrets inside, or with the decrypted MSRP in plain TCP.

The captures are read once more, block by block, so that memory does not grow with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import BinaryIO

from analyzer.capture.reader import open_captures
from analyzer.conversations.connection import Connection
from analyzer.correlate.session import Session
from analyzer.export.comments import frames_of, packet_comments
from analyzer.export.pcapng import PcapngWriter
from analyzer.export.plain_tcp import LINKTYPE_RAW, RawPacket, plain_connection
from analyzer.transport.flow import FlowKey

Numbered = tuple[int, Session]


def key_log(sessions: Iterable[Session]) -> bytes:
    """Key log lines of everything that was opened (RFC 9850), each once."""
    lines = [
        line
        for session in sessions
        for part in session.connections
        if part.connection.tls is not None
        for line in part.connection.tls.key_log
    ]
    return "".join(f"{line}\n" for line in dict.fromkeys(lines)).encode()


def write_annotated(
    paths: Sequence[str], sessions: Sequence[Numbered], out: BinaryIO, *, application: str, cut: bool
) -> int:
    """Every packet, or with `cut` those of the sessions, with secrets before them and comments; returns how many."""
    wanted = frames_of(session for _, session in sessions) if cut else None
    comments = packet_comments(sessions)
    writer = PcapngWriter(application)
    out.write(writer.begin())
    secrets = key_log(session for _, session in sessions)
    if secrets:
        out.write(writer.secrets(secrets))
    count = 0
    for block in open_captures(paths).blocks():
        data = block.data
        columns = zip(
            block.frame.tolist(),
            block.time.tolist(),
            block.offset.tolist(),
            block.caplen.tolist(),
            block.wirelen.tolist(),
            block.linktype.tolist(),
            strict=True,
        )
        for frame, time, offset, caplen, wirelen, linktype in columns:
            if wanted is None or frame in wanted:
                octets = data[offset : offset + caplen]
                out.write(writer.packet(linktype, time, octets, wirelen, comments.get(frame, "")))
                count += 1
    return count


def write_plain(paths: Sequence[str], sessions: Sequence[Numbered], out: BinaryIO, *, application: str) -> int:
    """Signalling and what was never secured as captured, TLS as plain TCP; returns how many connections that is."""
    wanted: set[int] = set()
    made: list[RawPacket] = []
    count = 0
    for _, session in sessions:
        secured = {
            key for part in session.connections if part.connection.tls is not None for key in _keys(part.connection)
        }
        for entry in session.entries():
            if entry.flow.key not in secured:
                wanted.update(entry.frames)
        for part in session.connections:
            tls = part.connection.tls
            if tls is not None and tls.plain:
                made.extend(plain_connection(part.connection.client, part.connection.server, tls.plain))
                count += 1
    made.sort(key=_time)
    comments = packet_comments(sessions)
    writer = PcapngWriter(application)
    out.write(writer.begin())
    at = 0
    for block in open_captures(paths).blocks():
        for row, frame in enumerate(block.frame.tolist()):
            if frame not in wanted:
                continue
            time, offset = int(block.time[row]), int(block.offset[row])
            while at < len(made) and made[at][0] <= time:
                out.write(writer.packet(LINKTYPE_RAW, made[at][0], made[at][1], len(made[at][1])))
                at += 1
            octets = block.data[offset : offset + int(block.caplen[row])]
            wirelen, linktype = int(block.wirelen[row]), int(block.linktype[row])
            out.write(writer.packet(linktype, time, octets, wirelen, comments.get(frame, "")))
    for time, packet in made[at:]:
        out.write(writer.packet(LINKTYPE_RAW, time, packet, len(packet)))
    return count


def _keys(connection: Connection) -> tuple[FlowKey, FlowKey]:
    return connection.client.key, connection.server.key


def _time(packet: RawPacket) -> int:
    return packet[0]
