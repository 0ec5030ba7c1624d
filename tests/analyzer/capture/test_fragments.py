"""IP reassembly: RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722; bounds, copies, and every frame of a datagram."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture import fragments
from analyzer.capture.blocks import PacketBlock
from analyzer.capture.fragments import Reassembler
from analyzer.capture.rows import Rows
from analyzer.capture.select import Selector

inet = pytest.importorskip("scapy.layers.inet")
inet6 = pytest.importorskip("scapy.layers.inet6")
gtp = pytest.importorskip("scapy.contrib.gtp")
raw = pytest.importorskip("scapy.packet").Raw
IP, UDP, TCP, IPv6 = inet.IP, inet.UDP, inet.TCP, inet6.IPv6

MS = 1_000_000
TEXT = b"MESSAGE sip:a@example.com SIP/2.0\r\n" + bytes(range(32, 127)) * 40
KEY = (4, b"\x0a\0\0\1\x0a\0\0\2", 7, 253)
HEADER = b"\x45\0\0\0\0\7\0\0\x40\xfd\0\0" + KEY[1]


def pieces(version: int, payload: bytes = TEXT, size: int = 0, identity: int = 7) -> list[Any]:
    """Five fragments, if nothing else is said."""
    datagram = UDP(sport=5060, dport=5060) / raw(payload)
    if version == 4:
        return list(
            inet.fragment(
                IP(src="192.0.2.1", dst="198.51.100.2", id=identity) / datagram, size or {4: 900, 6: 1000}[version]
            )
        )
    base = IPv6(src="2001:db8::1", dst="2001:db8::2")
    return list(
        inet6.fragment6(base / inet6.IPv6ExtHdrFragment(id=identity) / datagram, size or {4: 900, 6: 1000}[version])
    )


def block_of(packets: Sequence[Any], times: Sequence[int] | None = None, first: int = 1) -> PacketBlock:
    octets = [bytes(packet) for packet in packets]
    size = np.array([len(packet) for packet in octets], np.int64)
    count = len(octets)
    return PacketBlock(
        data=b"".join(octets),
        frame=np.arange(first, first + count),
        time=np.array(times, np.int64) if times is not None else np.arange(first, first + count) * MS,
        offset=np.cumsum(size) - size,
        caplen=size,
        wirelen=size.copy(),
        linktype=np.full(count, 101, np.int32),
        interface=np.zeros(count, np.int32),
    )


def run(*blocks: PacketBlock, selector: Selector | None = None) -> tuple[list[tuple[Any, ...]], dict[str, int]]:
    """(frame, all frames, time, payload) of all rows, and the account; each packet is in one of them."""
    selector = selector or Selector()
    parts: list[Rows] = [selector.select(block) for block in blocks]
    parts.append(selector.flush())
    found, account = [], {}
    for rows in parts:
        for i, (frame, time, start, end) in enumerate(zip(rows.frame, rows.time, rows.start, rows.end, strict=True)):
            found.append((frame, rows.more_frames.get(i, (frame,)), time, rows.data[start:end]))
        for reason, count in rows.account.items():
            account[reason] = account.get(reason, 0) + count
    assert sum(len(row[1]) for row in found) + sum(account.values()) == sum(len(block) for block in blocks)
    return found, account


@pytest.mark.parametrize("version", [4, 6])
def test_in_order(version: int) -> None:
    parts = pieces(version)
    assert len(parts) == 5
    assert run(block_of(parts)) == ([(5, (1, 2, 3, 4, 5), 5 * MS, TEXT)], {})


@pytest.mark.parametrize("version", [4, 6])
def test_any_order(version: int) -> None:
    """The frame of a row is that of the fragment that completed it."""
    parts = pieces(version)
    for seed in range(10):
        mixed = random.Random(seed).sample(parts, len(parts))
        assert run(block_of(mixed)) == ([(5, (1, 2, 3, 4, 5), 5 * MS, TEXT)], {})


@pytest.mark.parametrize("version", [4, 6])
def test_across_blocks(version: int) -> None:
    blocks = [block_of([part], first=number) for number, part in enumerate(pieces(version), 1)]
    assert run(*blocks) == ([(5, (1, 2, 3, 4, 5), 5 * MS, TEXT)], {})


def test_interleaved_datagrams() -> None:
    one, two, six = pieces(4), pieces(4, TEXT[::-1].replace(b"~", b"S"), identity=8), pieces(6)
    found, account = run(block_of([part for group in zip(one, two, six, strict=True) for part in group]))
    assert [row[:2] for row in found] == [(13, (1, 4, 7, 10, 13)), (14, (2, 5, 8, 11, 14)), (15, (3, 6, 9, 12, 15))]
    assert (found[0][3], found[2][3], account) == (TEXT, TEXT, {})


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("order", ["pairs", "whole"])
def test_every_packet_twice(version: int, order: str) -> None:
    """A mirror port's copies: of each fragment at once, or of the datagram after it was complete."""
    parts = pieces(version)
    twice = [part for part in parts for _ in (1, 2)] if order == "pairs" else parts * 2
    found, account = run(block_of(twice))
    assert [row[3] for row in found] == [TEXT]
    assert found[0][1] == ((1, 3, 5, 7, 9) if order == "pairs" else (1, 2, 3, 4, 5))
    assert account == {"duplicate": 5}


def test_same_identification_again_is_a_new_datagram() -> None:
    parts = pieces(4)
    times = [i * MS for i in range(5)] + [i * MS + 500 * MS for i in range(5)]
    found, account = run(block_of(parts + parts, times))
    assert [row[1] for row in found] == [(1, 2, 3, 4, 5), (6, 7, 8, 9, 10)]
    assert account == {}


@pytest.mark.parametrize("version", [4, 6])
def test_incomplete(version: int) -> None:
    assert run(block_of(pieces(version)[1:])) == ([], {"ip fragment incomplete": 4})


def test_given_up_after_30_seconds() -> None:
    parts = pieces(4)
    times = [0, MS, 2 * MS, 3 * MS, 30_001 * MS]
    assert run(block_of(parts, times)) == ([], {"ip fragment incomplete": 5})
    times[-1] = 30_000 * MS
    assert [row[3] for row in run(block_of(parts, times))[0]] == [TEXT]


def test_truncated_fragments() -> None:
    block = block_of(pieces(4))
    block.caplen[2] -= 1
    assert run(block) == ([], {"ip fragment truncated": 1, "ip fragment incomplete": 4})


def test_tcp_and_noise_in_fragments() -> None:
    segment = IP(src="192.0.2.1", dst="198.51.100.2", id=1) / TCP(flags="PA") / raw(TEXT)
    noise = IP(src="192.0.2.1", dst="198.51.100.2", id=2) / UDP(sport=9000, dport=9000) / raw(bytes(3000))
    found, account = run(block_of([*inet.fragment(segment, 1000), *inet.fragment(noise, 1000)]))
    assert [row[3] for row in found] == [TEXT]
    assert account == {"udp other": 4}


def test_fragments_inside_a_fragmented_tunnel() -> None:
    """GTP-U over a path of 1500 octets splits full packets; what is inside may be split as well."""
    packets = []
    for identity, part in enumerate(pieces(4, size=1400)):
        tunnel = IP(src="10.0.0.1", dst="10.0.0.2", id=identity) / UDP(sport=2152, dport=2152)
        packets += inet.fragment(tunnel / gtp.GTP_U_Header(teid=1, gtp_type=255) / part, 1000)
    found, account = run(block_of(packets))
    assert [row[1] for row in found] == [tuple(range(1, len(packets) + 1))]
    assert (found[0][3], account) == (TEXT, {})


def test_both_lanes_reassemble_and_one_counts() -> None:
    parts = pieces(4) + pieces(6)[1:]
    totals = 0
    for lane in range(2):
        selector = Selector(lane, 2)
        for rows in (selector.select(block_of(parts)), selector.flush()):
            totals += sum(rows.account.values()) + sum(len(more) for more in rows.more_frames.values())
    assert totals == len(parts)


def fragment(
    reassembler: Reassembler, offset: int, payload: bytes, more: bool = True, key: Any = KEY, time: int = 0
) -> Any:
    return reassembler.receive(key, time, (offset + 1,), HEADER, offset, more, payload)


def test_first_copy_of_an_octet_wins() -> None:
    """IPv4 leaves overlap to the receiver (RFC 791 section 3.2, RFC 815)."""
    reassembler = Reassembler()
    assert fragment(reassembler, 8, b"B" * 16) is None
    assert fragment(reassembler, 0, b"A" * 16) is None
    whole = fragment(reassembler, 16, b"C" * 16, more=False)
    assert whole.packet[20:] == b"A" * 8 + b"B" * 16 + b"C" * 8
    assert whole.packet[:20] == b"\x45\0\0\x34\0\7\0\0\x40\xfd\0\0" + KEY[1]
    assert whole.frames == (1, 9, 17)


def test_other_octets_in_the_same_place_add_nothing() -> None:
    """However many come, the datagram does not grow."""
    reassembler = Reassembler()
    fragment(reassembler, 0, b"A" * 16)
    for number in range(50):
        fragment(reassembler, 8, bytes((number,)) * 8)
    whole = fragment(reassembler, 16, b"C" * 16, more=False)
    assert (whole.packet[20:], whole.frames) == (b"A" * 16 + b"C" * 16, (1, 17))
    assert reassembler.account == {"ip fragment overlap": 50}


def test_overlap_in_ipv6_gives_the_datagram_up() -> None:
    """RFC 5722 section 3."""
    reassembler = Reassembler()
    key = (6, bytes(32), 7, 0)
    fragment(reassembler, 0, b"A" * 16, key=key)
    assert fragment(reassembler, 8, b"B" * 16, more=False, key=key) is None
    assert (len(reassembler), reassembler.account) == (0, {"ip fragment overlap": 2})


@pytest.mark.parametrize(
    "steps",
    [
        [(8, 8, False), (16, 8, True)],  # octets beyond the end
        [(16, 8, True), (8, 8, False)],
        [(8, 8, False), (16, 8, False)],  # two ends
        [(16, 8, False), (8, 8, False)],
    ],
)
def test_ends_that_contradict(steps: list[tuple[int, int, bool]]) -> None:
    reassembler = Reassembler()
    for offset, size, more in steps:
        assert fragment(reassembler, offset, b"x" * size, more) is None
    assert reassembler.account == {"ip fragment overlap": 2}


@pytest.mark.parametrize(("offset", "size", "more"), [(65528, 16, False), (0, 0, True), (0, 0, False), (8, 9, True)])
def test_impossible_fragments(offset: int, size: int, more: bool) -> None:
    reassembler = Reassembler()
    assert fragment(reassembler, offset, b"x" * size, more) is None
    assert (len(reassembler), reassembler.account) == (0, {"malformed header": 1})


def test_largest_datagram() -> None:
    """20 + 65535 octets fit no total length; they are read to their end."""
    reassembler = Reassembler()
    fragment(reassembler, 0, b"a" * 65528)
    whole = fragment(reassembler, 65528, b"b" * 7, more=False)
    assert len(whole.packet) == 20 + 65535
    assert whole.packet[2:4] == b"\0\0"


def test_memory_is_bounded() -> None:
    reassembler = Reassembler()
    for number in range(3 * fragments.DATAGRAM_LIMIT):
        fragment(reassembler, 65000, b"x" * 8, key=(4, bytes(8), number, 253))
        assert len(reassembler) <= fragments.OCTET_LIMIT // 65008
    reassembler.flush()
    assert set(reassembler.account) == {"ip fragment evicted", "ip fragment incomplete"}
    assert sum(reassembler.account.values()) == 3 * fragments.DATAGRAM_LIMIT
    for number in range(3 * fragments.DATAGRAM_LIMIT):
        fragment(reassembler, 8, b"x" * 8, key=(4, bytes(8), number, 253))
    assert len(reassembler) == fragments.DATAGRAM_LIMIT


def test_finished_datagrams_are_let_go() -> None:
    reassembler = Reassembler()
    for number in range(2000):
        fragment(reassembler, 0, b"x" * 40000, key=(4, bytes(8), number, 253))
        assert fragment(reassembler, 40000, b"x", more=False, key=(4, bytes(8), number, 253)) is not None
    assert reassembler.account == {}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_split_order_and_repetition(data: st.DataObject) -> None:
    """Pieces that agree, however cut, overlapping or repeated, give the datagram once."""
    payload = data.draw(st.binary(min_size=9, max_size=400))
    units = -(-len(payload) // 8)
    cuts = sorted(data.draw(st.sets(st.integers(1, units - 1), max_size=12)) | {0, units})
    spans = list(pairwise(cuts))
    extra = data.draw(st.lists(st.tuples(st.integers(0, units - 1), st.integers(1, 5)), max_size=5))
    spans += [(start, min(units, start + size)) for start, size in extra]
    reassembler = Reassembler()
    found = []
    for number, (start, end) in enumerate(data.draw(st.permutations(spans))):
        octets = payload[start * 8 : end * 8]
        whole = reassembler.receive(KEY, 0, (number,), HEADER, start * 8, end * 8 < len(payload), octets)
        found += [whole] if whole else []
    assert [whole.packet[20:] for whole in found] == [payload]
    reassembler.flush()
    assert len(found[0].frames) + sum(reassembler.account.values()) == len(spans)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 8191),
            st.booleans(),
            st.binary(max_size=40),
            st.integers(0, 40_000 * MS),
            st.sampled_from([4, 6]),
        ),
        max_size=40,
    )
)
def test_any_fragments(steps: list[tuple[int, int, bool, bytes, int, int]]) -> None:
    """Every fragment is counted once or part of one datagram."""
    reassembler = Reassembler()
    in_datagrams = 0
    for number, (identity, offset, more, payload, time, version) in enumerate(steps):
        key = (version, b"", identity, 0)
        whole = reassembler.receive(key, time, (number,), bytes(40), offset * 8, more, payload)
        in_datagrams += len(whole.frames) if whole else 0
    reassembler.flush()
    assert in_datagrams + sum(reassembler.account.values()) == len(steps)
