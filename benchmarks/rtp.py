"""The noise: RTP (RFC 3550) of telephone calls in three codecs, at 50 packets a second each, and some RTCP."""

from __future__ import annotations

import random
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.packets import UDP, End, Frame, headers, udp

INTERVAL = 20_000_000
"Nanoseconds between the packets of a stream."
RTCP_EVERY = 250
"Packets of a stream between its sender reports: 5 seconds (RFC 3550 section 6.2)."
CODECS = (
    (8, 160, 160),  # PCMA, RFC 3551 section 4.5.14
    (8, 160, 160),
    (97, 62, 320),  # AMR-WB 23.85 kbit/s, octet-aligned, RFC 4867 section 4.4
    (98, 33, 160),  # AMR 12.2 kbit/s
)
"Payload type, octets of payload, timestamp steps per packet. Calls in G.711 are as many as all others."
_RTP = struct.Struct(">HBBHII").pack
_SENDER_REPORT = struct.Struct(">BBHIIIIII").pack


@dataclass(slots=True)
class _Stream:
    source: End
    target: End
    front: bytes
    fixed: int
    "Sum of all octets that stay the same, for the checksum."
    payload: bytes
    payload_type: int
    ssrc: int
    step: int
    sequence: int
    timestamp: int
    left: int
    "Packets until the call is over and another takes its place."


def _stream(rng: random.Random, number: int) -> _Stream:
    payload_type, size, step = CODECS[number % len(CODECS)]
    source = (f"10.{number >> 14 & 127}.{number >> 7 & 127}.{1 + (number & 127)}", 16384 + 2 * rng.randrange(8000))
    target = (f"203.0.113.{100 + number % 8}", 20000 + 2 * (number % 20000))
    length = 8 + 12 + size
    front, pseudo = headers(source[0], target[0], UDP, length)
    front += struct.pack(">HHH", source[1], target[1], length)
    payload = rng.randbytes(size)
    fixed = pseudo + source[1] + target[1] + length + int.from_bytes(payload + bytes(size & 1))
    return _Stream(
        source,
        target,
        front,
        fixed % 0xFFFF,
        payload,
        payload_type,
        rng.getrandbits(32),
        step,
        rng.getrandbits(16),
        rng.getrandbits(31),
        rng.randrange(500, 6000),
    )


def noise(rng: random.Random, start: int, packets: int, streams: int) -> Iterator[Frame]:
    """RTP and RTCP packets in order of time, `packets` of them, of `streams` streams at once."""
    active = deque(_stream(rng, number) for number in range(streams))
    number, written = streams, 0
    spacing = INTERVAL / streams
    jitter = int(spacing / 3)
    tick = 0
    while written < packets:
        stream = active[0]
        active.rotate(-1)
        time = start + int(tick * spacing) + rng.randrange(jitter)
        tick += 1
        stream.sequence = sequence = (stream.sequence + 1) & 0xFFFF
        stream.timestamp = timestamp = (stream.timestamp + stream.step) & 0xFFFFFFFF
        total = stream.fixed + 0x8000 + stream.payload_type + sequence + timestamp + stream.ssrc
        head = _RTP(0xFFFF - total % 0xFFFF, 0x80, stream.payload_type, sequence, timestamp, stream.ssrc)
        yield time, stream.front + head + stream.payload
        written += 1
        if stream.left % RTCP_EVERY == 0 and written < packets:
            yield time + 1000, _sender_report(stream, time)
            written += 1
        stream.left -= 1
        if not stream.left:
            active[-1] = _stream(rng, number)
            number += 1


def _sender_report(stream: _Stream, time: int) -> bytes:
    """A sender report without report blocks (RFC 3550 section 6.4.1), and the CNAME that must follow it."""
    seconds = time // 10**9 + 2208988800  # NTP counts from 1900
    report = _SENDER_REPORT(
        *(0x80, 200, 6, stream.ssrc, seconds, 0, stream.timestamp, stream.sequence, stream.sequence * 160)
    )
    name = stream.source[0].encode()
    items = struct.pack(">IBB", stream.ssrc, 1, len(name)) + name
    items += bytes(4 - len(items) % 4)
    description = struct.pack(">BBH", 0x81, 202, len(items) // 4) + items
    return udp((stream.source[0], stream.source[1] + 1), (stream.target[0], stream.target[1] + 1), report + description)
