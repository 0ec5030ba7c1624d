"""Captures made to hurt, MSRP, TLS and HTTP: each grows one thing that well-behaved equipment keeps small."""

from __future__ import annotations

from collections.abc import Callable

from capture_variants import Packets
from hostile_captures import ACK, MRFP, PEER, PUSH, UE, segments, send, stream, tcp

BACK = "To-Path: msrp://198.51.100.7:7000/a;tcp\r\nFrom-Path: msrp://203.0.113.5:2855/b;tcp\r\n"


def answered(pieces: list[bytes], answers: list[bytes]) -> Packets:
    """A connection on which the server speaks too, after all that the client said."""
    packets = stream(pieces)
    said, at, ack = packets[:-3], packets[-4][0], 901
    seq = 101 + sum(map(len, pieces))
    for number, piece in enumerate(answers):
        said.append((at + (number + 1) * 1000, tcp(MRFP, UE, (2855, 7000), ack, seq, PUSH | ACK, piece)))
        ack += len(piece)
    return said


def chunk(number: int, message: str, start: int, body: bytes, total: int | str, flag: str = "+") -> bytes:
    """A chunk of a message that is told by its Message-ID."""
    head = f"MSRP t{number:08x} SEND\r\n{PEER}Message-ID: {message}\r\n"
    head += f"Byte-Range: {start}-{start + len(body) - 1}/{total}\r\nContent-Type: text/plain\r\n\r\n"
    return head.encode() + body + f"\r\n-------t{number:08x}{flag}\r\n".encode()


def chunks(n: int, of: Callable[[int], bytes]) -> Packets:
    return stream(segments(b"".join(map(of, range(n)))))


def interleaved(n: int) -> Packets:
    """Messages begun and not ended, told apart by Message-ID alone, in two rounds."""
    return chunks(n, lambda i: chunk(i, f"m{i % (n // 2)}", 1 + i // (n // 2), b"x", 9))


def overlapping(n: int) -> Packets:
    """Every chunk covers all that the ones before it covered, and an octet more."""
    return chunks(n, lambda i: chunk(i, "one", 1, b"x" * (1 + i % 600), 100_000))


def sparse_overlapped(n: int) -> Packets:
    """Every second octet, then chunks that claim to cover it all."""
    half = n // 2
    return chunks(n, lambda i: chunk(i, "one", 2 * i + 1 if i < half else 1, b"x" * (1 if i < half else 200), "*"))


def reports_asked(n: int) -> Packets:
    """Success reports asked for and never sent."""
    peers = PEER + "Success-Report: yes\r\n"
    return stream(segments(b"".join(send(f"t{i:08x}", b"hi", peers) for i in range(n))))


def reports_of_strangers(n: int) -> Packets:
    """Reports about messages that nobody sent."""
    texts = (
        f"MSRP r{i:08x} REPORT\r\n{BACK}Message-ID: x{i}\r\n"
        f"Byte-Range: 1-2/2\r\nStatus: 000 403 no\r\n-------r{i:08x}$\r\n"
        for i in range(n)
    )
    return answered([send("t0000000", b"hi")], segments("".join(texts).encode()))


def strange_responses(n: int) -> Packets:
    """Responses to requests that nobody sent."""
    texts = (f"MSRP r{i:08x} 400 no\r\n{BACK}-------r{i:08x}$\r\n" for i in range(n))
    return answered([send("t0000000", b"hi")], segments("".join(texts).encode()))


def refused_sends(n: int) -> Packets:
    """Messages, each refused: ever so many findings in one session."""
    texts = (f"MSRP t{i:08x} 413 no\r\n{BACK}-------t{i:08x}$\r\n" for i in range(n))
    return answered(segments(b"".join(send(f"t{i:08x}", b"hi") for i in range(n))), segments("".join(texts).encode()))


def content_types(n: int) -> Packets:
    """Every message of another type."""
    return stream(
        segments(b"".join(send(f"t{i:08x}", b"hi").replace(b"text/plain", b"text/x%d" % i) for i in range(n)))
    )


def same_transaction(n: int) -> Packets:
    """One transaction id and Message-ID in every message."""
    return stream(segments(send("t0000000", b"hi") * n))


def long_path(n: int) -> Packets:
    """To-Path of 300 relays in each message (RFC 4975 section 7.1.1)."""
    peers = "To-Path: " + " ".join(f"msrp://203.0.113.5:{i}/b;tcp" for i in range(1, 301)) + "\r\n"
    peers += "From-Path: msrp://198.51.100.7:7000/a;tcp\r\n"
    return stream(segments(b"".join(send(f"t{i:08x}", b"hi", peers) for i in range(n // 300))))


def unended(n: int) -> Packets:
    """A message without end, full of end-lines of others."""
    head, _, _ = send("abcd1234", b"").partition(b"\r\n\r\n")
    return stream(segments(head + b"\r\n\r\n" + b"\r\n-------abcd123x$\r\n" * n))


def header_fields(n: int) -> Packets:
    """Requests with 1,000 header fields."""
    peers = PEER + "".join(f"X-{i}: a\r\n" for i in range(1000))
    return stream(segments(b"".join(send(f"t{i:08x}", b"hi", peers) for i in range(n // 1000))))


# ---------------------------------------------------------------------- TLS and HTTP


def record(kind: int, fragment: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(fragment).to_bytes(2, "big") + fragment


def hello(extensions: bytes = b"", suites: bytes = b"\0\xae") -> bytes:
    body = b"\3\3" + bytes(32) + b"\0" + len(suites).to_bytes(2, "big") + suites + b"\1\0"
    body += len(extensions).to_bytes(2, "big") + extensions
    return b"\1" + len(body).to_bytes(3, "big") + body


def octet_records(n: int) -> Packets:
    """A handshake message in records of one octet (RFC 5246 section 6.2.1)."""
    message = b"\1" + n.to_bytes(3, "big") + hello()[4:].ljust(n, b"\0")
    return stream(segments(b"".join(record(22, message[i : i + 1]) for i in range(n))))


def tls_data_records(n: int) -> Packets:
    """Application data in records of one octet."""
    return stream(segments(record(22, hello()) + record(23, b"x") * n))


def tls_alerts(n: int) -> Packets:
    return stream(segments(record(22, hello()) + record(21, b"\1\0") * n))


def tls_extensions(n: int) -> Packets:
    """Hellos of ever so many extensions."""
    one = record(22, hello(b"".join((0x1000 + i).to_bytes(2, "big") + b"\0\0" for i in range(3000))))
    return stream(segments(one * max(n // 3000, 1)))


def handshakes(n: int) -> Packets:
    """Handshake messages without end, of types that nobody knows."""
    return stream(segments(record(22, hello()) + record(22, b"\xc8\0\0\0" * 1000) * max(n // 1000, 1)))


def http_chunks(n: int) -> Packets:
    """A body in chunks of one octet (RFC 9112 section 7.1)."""
    head = b"POST /k HTTP/1.1\r\nHost: a\r\nContent-Type: application/mikey\r\nTransfer-Encoding: chunked\r\n\r\n"
    return stream(segments(head + b"1\r\na\r\n" * n + b"0\r\n\r\n"), (7000, 80))


def http_fields(n: int) -> Packets:
    head = b"POST /k HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: a\r\n" % i for i in range(500))
    head += b"Content-Type: application/mikey\r\nContent-Length: 10\r\n\r\n\1\0\0\0\0\0\0\0\0\0"
    return stream(segments(head * (n // 500)), (7000, 80))


def http_requests(n: int) -> Packets:
    """Requests upon requests without a response."""
    one = b"POST /k HTTP/1.1\r\nHost: a\r\nContent-Type: application/mikey\r\nContent-Length: 10\r\n\r\n"
    one += b"\1" + bytes(9)
    return stream(segments(one * n), (7000, 80))
