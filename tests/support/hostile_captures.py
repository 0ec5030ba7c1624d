"""Captures made to hurt: each grows one thing that well-behaved equipment keeps small. `n` says how much of it."""

from __future__ import annotations

import struct

from capture_variants import Packets

START = 1_700_000_000_000_000_000
MS = 1_000_000
UE, MRFP = 0xC6336407, 0xCB007105
SYN, ACK, PUSH, FIN = 0x02, 0x10, 0x18, 0x11
PEER = "To-Path: msrp://203.0.113.5:2855/b;tcp\r\nFrom-Path: msrp://198.51.100.7:7000/a;tcp\r\n"


def ip(source: int, target: int, protocol: int, load: bytes, number: int = 0) -> bytes:
    head = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(load), number & 0xFFFF, 0x4000, 64, protocol, 0, source, target)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + head + load


def udp(source: int, target: int, port: int, load: bytes, number: int = 0) -> bytes:
    return ip(source, target, 17, struct.pack(">HHHH", port, port, 8 + len(load), 0) + load, number)


def tcp(source: int, target: int, ports: tuple[int, int], seq: int, ack: int, flags: int, load: bytes = b"") -> bytes:
    return ip(source, target, 6, struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 65535, 0, 0) + load)


def stream(pieces: list[bytes], ports: tuple[int, int] = (7000, 2855), source: int = UE, at: int = START) -> Packets:
    """A connection, opened and closed, with these segments from the client."""
    back = ports[1], ports[0]
    packets = [
        (at, tcp(source, MRFP, ports, 100, 0, SYN)),
        (at + 1000, tcp(MRFP, source, back, 900, 101, SYN | ACK)),
        (at + 2000, tcp(source, MRFP, ports, 101, 901, ACK)),
    ]
    seq = 101
    for number, piece in enumerate(pieces):
        packets.append((at + 3000 + number * 1000, tcp(source, MRFP, ports, seq, 901, PUSH, piece)))
        seq += len(piece)
    end = at + 4000 + len(pieces) * 1000
    packets.append((end, tcp(source, MRFP, ports, seq, 901, FIN)))
    packets.append((end + 1000, tcp(MRFP, source, back, 901, seq + 1, FIN)))
    packets.append((end + 2000, tcp(source, MRFP, ports, seq + 1, 902, ACK)))
    return packets


def segments(octets: bytes, size: int = 1400) -> list[bytes]:
    return [octets[at : at + size] for at in range(0, len(octets), size)]


def sip(start: str, call: str, cseq: int, method: str, body: bytes = b"", extra: str = "", tag: str = "") -> bytes:
    kind = "" if "Content-Type" in extra or not body else "Content-Type: application/sdp\r\n"
    return (
        f"{start}\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{cseq}{call}\r\n"
        f"From: <sip:a@a.example>;tag=f{call}\r\nTo: <sip:b@b.example>{tag and ';tag=' + tag}\r\nCall-ID: {call}\r\n"
        f"CSeq: {cseq} {method}\r\n{extra}{kind}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def invite(call: str, cseq: int = 1, body: bytes = b"", extra: str = "", tag: str = "") -> bytes:
    return sip("INVITE sip:b@b.example SIP/2.0", call, cseq, "INVITE", body, extra, tag)


def sdp(address: str, port: int, session_id: str) -> bytes:
    path = f"a=path:msrp://{address}:{port}/{session_id};tcp\r\n" if session_id else ""
    return f"v=0\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=message {port} TCP/MSRP *\r\n{path}".encode()


def send(transaction: str, body: bytes, peers: str = PEER, byte_range: str = "", flag: str = "$") -> bytes:
    head = f"MSRP {transaction} SEND\r\n{peers}Message-ID: m{transaction if flag == '$' else ''}\r\n"
    head += f"Byte-Range: {byte_range or f'1-{len(body)}/{len(body)}'}\r\nContent-Type: text/plain\r\n\r\n"
    return head.encode() + body + f"\r\n-------{transaction}{flag}\r\n".encode()


def h248(number: int, request: str, reply: str) -> Packets:
    """One transaction."""
    at = START + number * MS
    ask = f"MEGACO/3 [198.51.100.7]:2944\nT={number + 1}{{C=5{{{request}}}}}".encode()
    answer = f"MEGACO/3 [203.0.113.5]:2944\nP={number + 1}{{C=5{{{reply}}}}}".encode()
    return [(at, udp(UE, MRFP, 2944, ask)), (at + 1000, udp(MRFP, UE, 2944, answer))]


# ---------------------------------------------------------------------- TCP


def syn_flood(n: int) -> Packets:
    return [(START + i * MS, tcp(UE + i // 50_000, MRFP, (1024 + i % 50_000, 2855), i * 7, 0, SYN)) for i in range(n)]


def one_port(n: int) -> Packets:
    """Every participant's connection goes to the one MSRP port of the MRFP."""
    packets: Packets = []
    for i in range(n):
        at, port, source = START + i * 10 * MS, 1024 + i % 50_000, UE + i // 50_000
        ours, theirs = f"a{i:08x}", f"b{i:08x}"
        peers = f"To-Path: msrp://203.0.113.5:2855/{theirs};tcp\r\nFrom-Path: msrp://198.51.100.7:{port}/{ours};tcp\r\n"
        answer = sip("SIP/2.0 200 OK", f"c{i}", 1, "INVITE", sdp("203.0.113.5", 2855, theirs), tag="z")
        packets.append((at, udp(UE, MRFP, 5060, invite(f"c{i}", body=sdp("198.51.100.7", port, ours)))))
        packets.append((at + 1000, udp(MRFP, UE, 5060, answer)))
        packets += stream([send(f"t{i:08x}", b"hi", peers)], (port, 2855), source, at + 10_000)
    return packets


def one_silent_port(n: int) -> Packets:
    """The same without session-ids or payload: only the port is left to tell the connections by."""
    packets: Packets = []
    for i in range(n):
        at = START + i * MS // 10
        packets.append((at, udp(UE, MRFP, 5060, invite(f"c{i}", body=sdp("203.0.113.5", 2855, "")))))
        packets += stream([], (1024 + i % 50_000, 2855), UE + i // 50_000, at + 10_000)
    return sorted(packets, key=lambda packet: packet[0])


def one_pair_of_ends(n: int) -> Packets:
    """Ever so many calls and terminations that announce the same two ends, and connections between them."""
    packets: Packets = []
    theirs, ours = sdp("198.51.100.7", 7000, ""), sdp("203.0.113.5", 2855, "")
    for i in range(n):
        at = START + i * 2 * MS
        answer = sip("SIP/2.0 200 OK", f"c{i}", 1, "INVITE", ours, tag="z")
        packets.append((at, udp(UE, MRFP, 5060, invite(f"c{i}", body=theirs))))
        packets.append((at + 1000, udp(MRFP, UE, 5060, answer)))
        media = f"M{{ST=1{{L{{\n{ours.decode()}}},R{{\n{theirs.decode()}}}}}}}"
        packets += h248(2 * i, f"A=mb/{i}{{{media}}}", f"A=mb/{i}")
        packets += stream([], (1024 + i % 50_000, 2855), UE, at + 10_000)
    return sorted(packets, key=lambda packet: packet[0])


def late_segments(n: int) -> Packets:
    """Every second segment comes only after all others."""
    packets = stream(segments(send("abcd1234", b"x" * 100 * n), 100))
    first, rest = packets[:4], packets[4:]
    return [(START + 10_000 + i * 1000, data) for i, (_, data) in enumerate(first + rest[::2] + rest[1::2])]


# ---------------------------------------------------------------------- SIP and SDP


def one_call(n: int) -> Packets:
    """Re-INVITEs, each with another offer."""
    packets: Packets = []
    for i in range(n):
        body = sdp("198.51.100.7", 1024 + i % 50_000, f"a{i:08x}")
        packets.append((START + i * MS, udp(UE, MRFP, 5060, invite("one", i + 1, body, tag="x" if i else ""))))
    return packets


def forks(n: int) -> Packets:
    """One INVITE with a provisional answer from ever so many forks."""
    packets = [(START, udp(UE, MRFP, 5060, invite("one", body=sdp("198.51.100.7", 1024, "a"))))]
    for i in range(n):
        body = sdp("198.51.100.7", 1024 + i % 50_000, f"a{i:08x}")
        answer = sip("SIP/2.0 183 Session Progress", "one", 1, "INVITE", body, tag=f"t{i}")
        packets.append((START + (i + 1) * MS, udp(MRFP, UE, 5060, answer)))
    return packets


def constant_identities(n: int) -> Packets:
    """Equipment that writes the same ICID and Session-ID into every call."""
    extra = f"P-Charging-Vector: icid-value=constant\r\nSession-ID: {'1' * 32};remote={'2' * 32}\r\n"
    packets: Packets = []
    for i in range(n):
        at, call = START + i * 10 * MS, f"c{i}"
        packets.append((at, udp(UE, MRFP, 5060, invite(call, extra=extra))))
        packets.append((at + 1, udp(MRFP, UE, 5060, sip("SIP/2.0 200 OK", call, 1, "INVITE", extra=extra, tag="z"))))
    return packets


def media_lines(n: int) -> Packets:
    body = b"v=0\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n" + b"m=message 7000 TCP/MSRP *\r\n" * n
    return stream(segments(invite("one", body=body)), (5061, 5060))


def nested_parts(n: int) -> Packets:
    body, kind = b"v=0\r\n", "application/sdp"
    for i in range(n):
        body = f"--b{i}\r\nContent-Type: {kind}\r\n\r\n".encode() + body + f"\r\n--b{i}--\r\n".encode()
        kind = f"multipart/mixed;boundary=b{i}"
    return stream(segments(invite("one", body=body, extra=f"Content-Type: {kind}\r\n")), (5061, 5060))


# ---------------------------------------------------------------------- H.248


def one_context(n: int) -> Packets:
    """A context of ever so many terminations, each with media."""
    packets: Packets = []
    for i in range(n):
        local = sdp("203.0.113.5", 1024 + i % 50_000, "").decode()
        packets += h248(i, f"A=mb/{i}{{M{{ST=1{{L{{\n{local}}}}}}}}}", f"A=mb/{i}")
    return packets


def bare_terminations(n: int) -> Packets:
    """The same without media: all of it is one session."""
    return [packet for i in range(n) for packet in h248(i, f"A=tdm/{i}", f"A=tdm/{i}")]


def modified_termination(n: int) -> Packets:
    """One termination whose media moves with every transaction."""
    packets: Packets = []
    for i in range(n):
        local = sdp("203.0.113.5", 1024 + i % 50_000, "").decode()
        packets += h248(i, f"MF=mb/1{{M{{ST=1{{L{{\n{local}}}}}}}}}", "MF=mb/1")
    return packets


def repeated_request(n: int) -> Packets:
    return [(START + i * MS, udp(UE, MRFP, 2944, b"MEGACO/3 [::1]:2944\nT=1{C=5{A=mb/1}}", i)) for i in range(n)]


# ---------------------------------------------------------------------- MSRP


def octet_segments(n: int) -> Packets:
    """A body in segments of one octet, full of the beginnings of end-lines."""
    body = (b"\r\n-------abcd123" * (n // 16 + 1))[:n]
    head, _, rest = send("abcd1234", body).partition(b"\r\n\r\n")
    return stream([head + b"\r\n\r\n", *segments(rest, 1)])


def reversed_chunks(n: int) -> Packets:
    """A message in chunks of one octet, the last one first."""
    chunks = (send(f"t{i:08x}", b"x", byte_range=f"{n - i}-{n - i}/{n}", flag="+") for i in range(n))
    return stream(segments(b"".join(chunks)))


def sparse_chunks(n: int) -> Packets:
    """Every second octet of a message."""
    chunks = (send(f"t{i:08x}", b"x", byte_range=f"{2 * i + 1}-{2 * i + 1}/{4 * n}", flag="+") for i in range(n))
    return stream(segments(b"".join(chunks)))


def shared_connection(n: int) -> Packets:
    """Ever so many MSRP sessions, each with its call, over one connection (RFC 4975 section 5.4)."""
    packets: Packets = []
    spoken = []
    for i in range(n):
        body = sdp("198.51.100.7", 7000, f"a{i:08x}")
        packets.append((START + i * MS, udp(UE, MRFP, 5060, invite(f"c{i}", body=body))))
        peers = f"To-Path: msrp://203.0.113.5:2855/b{i:08x};tcp\r\nFrom-Path: msrp://198.51.100.7:7000/a{i:08x};tcp\r\n"
        spoken.append(send(f"t{i:08x}", b"hi", peers))
    return sorted(packets + stream(segments(b"".join(spoken))), key=lambda packet: packet[0])
