"""Which payloads are selected, how lanes share them, in which order; every packet is a row, held, or counted."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture import rows as rows_module
from analyzer.capture.blocks import NO_TIME, PacketBlock
from analyzer.capture.flows import JUDGED_PAYLOADS, lane_table
from analyzer.capture.link import LINKS
from analyzer.capture.rows import Rows
from analyzer.capture.select import Selector

CAPTURES = Path(__file__).resolve().parents[4] / "shared" / "captures"
MS = 1_000_000
TEXT = b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n"
A, B = 0xC0000201, 0xC6336402
COLUMNS = ("time", "offset", "caplen", "wirelen", "linktype", "interface")
SYN, ACK, PSH, RST = 2, 16, 8, 4


def ip(protocol: int, payload: bytes, src: int = A, dst: int = B, identity: int = 1) -> bytes:
    head = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(payload), identity, 0x4000, 64, protocol, 0, src, dst)
    return head + payload


def udp(payload: bytes, sport: int = 5060, dport: int = 5060, identity: int = 1) -> bytes:
    return ip(17, struct.pack(">HHHH", sport, dport, 8 + len(payload), 1) + payload, identity=identity)


def tcp(
    payload: bytes, sport: int = 40000, dport: int = 2855, seq: int = 1, flags: int = ACK, back: bool = False
) -> bytes:
    ports = (dport, sport) if back else (sport, dport)
    ends = (B, A) if back else (A, B)
    return ip(6, struct.pack(">HHIIHHHH", *ports, seq, 5, 0x5000 | flags, 9, seq & 0xFFFF, 0) + payload, *ends)


def block_of(
    packets: Iterable[bytes], times: Sequence[int] | None = None, first: int = 1, linktype: int = 101
) -> PacketBlock:
    octets = list(packets)
    size = np.array([len(packet) for packet in octets], np.int64)
    count = len(octets)
    return PacketBlock(
        data=b"".join(octets),
        frame=np.arange(first, first + count),
        time=np.array(times, np.int64) if times is not None else np.arange(first, first + count) * 1000,
        offset=np.cumsum(size) - size,
        caplen=size,
        wirelen=size.copy(),
        linktype=np.full(count, linktype, np.int32),
        interface=np.zeros(count, np.int32),
    )


def account_of(parts: Iterable[Rows]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part.account)
    return total


def packets_in(parts: Iterable[Rows]) -> int:
    """Packets that rows and accounts name."""
    parts = list(parts)
    more = sum(len(frames) - 1 for part in parts for frames in part.more_frames.values())
    return sum(len(part) for part in parts) + more + sum(account_of(parts).values())


def run(*blocks: PacketBlock, selector: Selector | None = None) -> list[Rows]:
    selector = selector or Selector()
    parts = [selector.select(block) for block in blocks]
    return [*parts, selector.flush()]


def payloads(parts: Iterable[Rows]) -> list[bytes]:
    return [part.data[start:end] for part in parts for start, end in zip(part.start, part.end, strict=True)]


@pytest.mark.parametrize(
    ("payload", "ports"),
    [
        (TEXT, (5060, 5060)),
        (b"SIP/2.0 200 OK\r\n\r\n", (40000, 50000)),
        (b"MEGACO/1 [192.0.2.1]:2944 ", (2944, 2944)),
        (b"!/3 [", (9, 9)),
        (b"\r\n\r\n", (5060, 5060)),
        (b"\r\n", (5060, 5060)),
        (b"\t \r\nabc", (1, 2)),
        (b"\x30\x80\xa1\x03", (2944, 40000)),  # H.248 binary: a SEQUENCE
        (b"\x30\x82\x01\x00" + bytes(256), (40000, 2945)),
        (b"\x00\x01", (2945, 1)),  # a wanted port, whatever it holds
        (b"", (1, 2945)),
    ],
)
def test_udp_wanted(payload: bytes, ports: tuple[int, int]) -> None:
    parts = run(block_of([udp(payload, *ports)]))
    assert payloads(parts) == [payload]
    assert parts[1].ports == [4 << 40 | 17 << 32 | ports[0] << 16 | ports[1]]
    assert account_of(parts) == {}


@pytest.mark.parametrize(
    ("payload", "ports"),
    [
        (b"\x80\x08" + bytes(170), (20000, 30000)),
        (b"\x80\x08\x20\x20", (5060, 2945)),  # RTP never passes
        (b"\xbfIP/", (2945, 2945)),
        (b"SIP", (5060, 5060)),
        (b"", (5060, 5060)),
        (b"\n\n", (5060, 5060)),
        (b"SI\x00/", (5060, 5060)),
        (b"SIP\x7f", (5060, 5060)),
        (b"\xef\xbb\xbfS", (5060, 5060)),
        (b"\x30\x82\x01\x00", (2946, 5060)),
        (b"\x12\x34\x01\x00\x00\x01" + bytes(20), (5353, 53)),
        (b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12), (5060, 3478)),  # STUN
    ],
)
def test_udp_noise(payload: bytes, ports: tuple[int, int]) -> None:
    parts = run(block_of([udp(payload, *ports)]))
    assert (payloads(parts), account_of(parts)) == ([], {"udp other": 1})


def test_udp_ports_are_given() -> None:
    parts = run(
        block_of([udp(bytes(8), 1, 7000), udp(bytes(8), 1, 2945)]), selector=Selector(udp_ports=frozenset((7000,)))
    )
    assert parts[1].frame == [1]


def test_octets_beyond_the_udp_length_are_none() -> None:
    """RFC 768: the length counts, though IP says more."""
    long = ip(17, struct.pack(">HHHH", 5060, 5060, 8 + 6, 1) + b"SIP/2." + b"trailer")
    none = ip(17, struct.pack(">HHHH", 5060, 5060, 8, 1) + b"SIP/2.0")
    parts = run(block_of([long, none]))
    assert (payloads(parts), account_of(parts)) == ([b"SIP/2."], {"udp other": 1})


def test_short_of_four_octets_by_the_snaplen() -> None:
    """What cannot be judged is not called noise."""
    block = block_of([udp(TEXT), udp(TEXT, 2945)])
    block.caplen[:] = 31
    parts = run(block)
    assert (payloads(parts), account_of(parts)) == ([b"OPT"], {"truncated header": 1})
    assert parts[1].missing == [len(TEXT) - 3]


def test_sctp_is_whole() -> None:
    packet = struct.pack(">HHII", 2944, 2945, 7, 8) + b"\x03\0\0\4"
    over_udp = udp(packet, 9899, 9899, identity=2)
    parts = run(block_of([ip(132, packet), over_udp, ip(132, packet[:11])]))
    assert payloads(parts) == [packet, packet]
    assert parts[1].ports == [4 << 40 | 132 << 32 | 2944 << 16 | 2945] * 2
    assert account_of(parts) == {"truncated header": 1}


NOISE = bytes(range(128, 228))


def noise_flow(count: int, start: int = 1, payload: bytes = NOISE, sport: int = 40000) -> list[bytes]:
    return [tcp(payload, sport, seq=start + i * 100, back=bool(i % 2)) for i in range(count)]


def test_tcp_noise_is_ignored_in_both_directions() -> None:
    packets = [tcp(b"", flags=SYN), *noise_flow(JUDGED_PAYLOADS), tcp(b"", seq=9)]
    parts = run(block_of(packets))
    assert (payloads(parts), account_of(parts)) == ([], {"tcp other": 10})


@pytest.mark.parametrize(
    "first",
    [b"MSRP a SEND\r\n", b"\x16\x03\x01\x02\x00", b"\x17\x03\x03\x00\x20", b"\x03\x00\x00\x20", b"\r\n\r\n", b"abc"],
    ids=["text", "handshake", "application-data", "tpkt", "crlf", "brief"],
)
def test_tcp_that_speaks_passes(first: bytes) -> None:
    parts = run(block_of([*noise_flow(20), tcp(first, seq=5000)]))
    # "abc" is text, but too short to tell
    assert len(payloads(parts)) == 21


@pytest.mark.parametrize("few", [0, 1, JUDGED_PAYLOADS - 1])
def test_tcp_in_doubt_passes(few: int) -> None:
    packets = [tcp(b"", flags=SYN), tcp(b"", flags=SYN | ACK, back=True), *noise_flow(few), tcp(b"", flags=RST)]
    assert len(payloads(run(block_of(packets)))) == len(packets)


def test_a_flow_that_spoke_is_not_judged_again() -> None:
    """One MSRP chunk of a large file fills blocks with octets of any kind."""
    blocks = [block_of([tcp(b"MSRP a SEND\r\n")]), block_of(noise_flow(30, 100), first=2)]
    assert len(payloads(run(*blocks))) == 31


def test_noise_is_judged_by_block() -> None:
    blocks = [block_of(noise_flow(10)), block_of([*noise_flow(10, 2000), tcp(b"MSRP a SEND\r\n", seq=9)], first=11)]
    parts = run(*blocks)
    assert (len(payloads(parts)), account_of(parts)) == (11, {"tcp other": 10})


def test_flows_are_judged_apart() -> None:
    packets = [*noise_flow(10, sport=40001), *noise_flow(10, payload=b"MSRP b SEND\r\n", sport=40002)]
    parts = run(block_of(packets))
    assert set(payloads(parts)) == {b"MSRP b SEND\r\n"}
    assert account_of(parts) == {"tcp other": 10}


@pytest.mark.parametrize("version", [4, 6])
def test_ignore_flow(version: int) -> None:
    def packet(text: bytes, back: bool, sport: int = 40000) -> bytes:
        octets = tcp(text, sport, back=back, seq=len(text))
        if version == 4:
            return octets
        ends = [b"\x20\x01" + bytes(13) + b"\1", b"\xfe\x80" + bytes(13) + b"\2"]
        return (
            struct.pack(">IHBB", 6 << 28, len(octets) - 20, 6, 64) + b"".join(ends[:: -1 if back else 1]) + octets[20:]
        )

    selector = Selector()
    first = [selector.select(block_of([packet(b"HTTP", False), packet(b"HTTP", False, 40001)], [0, 100 * MS]))]
    selector.ignore_flow(first[0].addresses[0], first[0].ports[0])
    rest = block_of(
        [packet(b"HTTP/", False), packet(b"HTTP/", True), packet(b"HTTP/", False, 40001)], [200 * MS] * 3, 3
    )
    parts = first + run(rest, selector=selector)
    assert [frame for part in parts for frame in part.frame] == [1, 2, 5]
    assert account_of(parts) == {"ignored flow": 2}


def many_flows() -> list[bytes]:
    chooser = random.Random(7)
    packets = [
        tcp(b"MSRP a SEND\r\n" + bytes(i), 40000 + i % 97, seq=i, back=chooser.random() < 0.5) for i in range(400)
    ]
    packets += [packet for port in range(20) for packet in noise_flow(9, sport=30000 + port)]
    packets += [udp(TEXT, identity=i) for i in range(20)] + [udp(NOISE, 7, 7)] * 20
    packets += [
        ip(1, bytes(8)),
        ip(132, struct.pack(">HHII", 1, 2, 3, 4)),
        packets[0],
        packets[-30],
        b"\x45",
        ip(6, bytes(20)),
    ]
    chooser.shuffle(packets)
    return packets


@pytest.mark.parametrize(("lanes", "shares"), [(1, None), (2, None), (2, (8, 8)), (2, (0, 16)), (3, None), (16, None)])
def test_lanes_share_exactly(lanes: int, shares: tuple[int, ...] | None) -> None:
    """Together they give what one gives; a TCP flow is in one lane, SIP over UDP in lane 1, all else in lane 0."""
    packets = many_flows()
    whole = run(block_of(packets))
    parts = [run(block_of(packets), selector=Selector(lane, lanes, shares=shares)) for lane in range(lanes)]
    assert sorted(frame for lane in parts for part in lane for frame in part.frame) == sorted(
        frame for part in whole for frame in part.frame
    )
    assert sum((account_of(lane) for lane in parts), Counter()) == account_of(whole)
    assert packets_in(whole) == len(packets)
    owners: dict[int, set[int]] = {}
    for number, lane in enumerate(parts):
        for part in lane:
            for transport, ports in zip(part.transport, part.ports, strict=True):
                flow = max(ports & 0xFFFF, ports >> 16 & 0xFFFF) if transport == 6 else -transport
                owners.setdefault(flow, set()).add(number)
    assert owners[-132] == {0}
    assert owners[-17] == {min(lanes - 1, 1)}
    assert all(len(owner) == 1 for owner in owners.values())


@pytest.mark.parametrize(
    ("payload", "lane"),
    [
        (b"INVITE sip:a@b SIP/2.0\r\n", 1),
        (b"SIP/2.0 200 OK\r\n", 1),
        (b"ACK sip:a@b SIP/2.0\r\n", 1),
        (b"MESSAGE sip:a@b SIP/2.0\r\n", 0),
        (b"MEGACO/1 [192.0.2.1] T=1{", 0),
        (b"Megaco/1 [192.0.2.1] T=1{", 0),
        (b"!/1 [192.0.2.1] T=1{", 0),
        (b"AU=0x1:0x2:0x3 !/1 ", 0),
        (b"Authentication=0x1", 0),
        (b"\r\nINVITE sip:a@b SIP/2.0\r\n", 0),
        (b"\r\n", 0),
    ],
)
def test_sip_datagrams_are_of_the_second_lane(payload: bytes, lane: int) -> None:
    """H.248 (Annex B, any case) and all that begins in another way stay in the first."""
    packets = [udp(payload), udp(NOISE, 7, 7)]
    parts = [run(block_of(packets), selector=Selector(number, 2)) for number in range(2)]
    assert [sum(len(part) for part in each) for each in parts] == [1 - lane, lane]
    assert sum((account_of(each) for each in parts), Counter()) == account_of(run(block_of(packets)))


def test_lane_tables() -> None:
    assert lane_table(2, None).tolist() == [1] * 16
    assert lane_table(1, None).tolist() == [0] * 16
    assert lane_table(3, (1, 5, 10)).tolist() == [0] + [1] * 5 + [2] * 10
    for lanes, shares in ((2, (1, 2)), (2, (16,)), (2, (-1, 17))):
        with pytest.raises(ValueError, match="shares"):
            lane_table(lanes, shares)
    with pytest.raises(ValueError, match="lane 2 of 2"):
        Selector(2, 2)


def test_time_order_across_blocks() -> None:
    """Captures are shuffled by a few ms: the last 10 ms wait for the next block."""
    chooser = random.Random(3)
    times = [i * MS for i in range(200)]
    shaken = sorted(range(200), key=lambda i: times[i] + chooser.randrange(9 * MS))
    packets = [udp(TEXT + b"%d" % i, identity=i) for i in shaken]
    blocks = [
        block_of(packets[first : first + 7], [times[i] for i in shaken[first : first + 7]], first + 1)
        for first in range(0, 200, 7)
    ]
    parts = run(*blocks)
    assert [time for part in parts for time in part.time] == times
    assert payloads(parts) == [TEXT + b"%d" % i for i in range(200)]
    assert [len(part) for part in parts][-1] <= 20


def test_equal_times_stay_in_frame_order() -> None:
    parts = run(block_of([udp(TEXT + b"%d" % i, identity=i) for i in range(50)], [5] * 50))
    assert parts[-1].frame == list(range(1, 51))


def test_noise_moves_the_clock() -> None:
    """A row is due as soon as any packet is 10 ms later."""
    parts = run(block_of([udp(TEXT), udp(NOISE)], [0, 10 * MS]))
    assert [part.frame for part in parts] == [[1], []]


def test_packets_without_time() -> None:
    """They take the time of the packet before."""
    times = [NO_TIME, 5 * MS, NO_TIME, NO_TIME, 3 * MS, NO_TIME]
    parts = run(
        block_of([udp(TEXT + b"%d" % i, identity=i) for i in range(6)], times), block_of([udp(b"LAST")], [NO_TIME], 7)
    )
    assert [(f, t) for part in parts for f, t in zip(part.frame, part.time, strict=True)] == [
        (1, NO_TIME),
        (5, 3 * MS),
        (6, 3 * MS),
        (7, 3 * MS),
        (2, 5 * MS),
        (3, 5 * MS),
        (4, 5 * MS),
    ]


def test_what_is_held_back_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture without times at all comes out all the same."""
    monkeypatch.setattr(rows_module, "HOLD_ROWS", 10)
    blocks = [
        block_of([udp(TEXT + b"%d" % i, identity=i) for i in range(first, first + 4)], [NO_TIME] * 4, first)
        for first in range(1, 41, 4)
    ]
    parts = run(*blocks)
    assert [frame for part in parts for frame in part.frame] == list(range(1, 41))
    assert max(len(part) for part in parts) <= 12


def test_empty_block() -> None:
    parts = run(block_of([]), block_of([udp(TEXT)]), block_of([], first=2))
    assert payloads(parts) == [TEXT]


VALID = [
    bytes(12) + b"\x08\x00" + packet
    for packet in (
        udp(TEXT),
        tcp(b"MSRP a SEND\r\n"),
        ip(132, struct.pack(">HHII", 1, 2, 3, 4)),
        udp(struct.pack(">BBHI", 0x30, 255, len(udp(TEXT)), 1) + udp(TEXT), 2152, 2152),
        udp(
            struct.pack(">BBHIHBB", 0x34, 255, 8 + len(udp(TEXT)), 9, 0, 0, 0x85) + b"\1\0\0\0" + udp(TEXT), 2152, 2152
        ),
        udp(b"\x08" + bytes(7) + bytes(12) + b"\x08\0" + udp(TEXT), 1, 4789),
        udp(b"\1\0\x65\x58" + bytes(8) + bytes(12) + b"\x08\0" + udp(TEXT), 1, 6081),
        udp(struct.pack(">HHHHHHH", 0x4A02, 90, 1, 2, 3, 4, 2) + b"\0\0\0\x21" + udp(TEXT), 1701, 1701),
        ip(47, b"\xb0\x00\x08\x00" + bytes(12) + udp(TEXT)),
        ip(47, b"\x10\x00\x22\xeb" + bytes(15) + b"\1" + bytes(8) + bytes(12) + b"\x08\0" + udp(TEXT)),
        ip(4, ip(41, b"\x60" + bytes(3) + b"\0\x20\0\x40" + bytes(32) + b"\x11\0" + bytes(6) + udp(TEXT)[20:])),
        udp(TEXT)[:6] + b"\x20\0" + udp(TEXT)[8:44],
    )
] + [
    bytes(12) + b"\x88\x47\0\1\0\x40\0\1\1\x40" + udp(TEXT),
    bytes(12) + b"\x88\x64\x11\0\0\1\0\x80\0\x21" + udp(TEXT),
    bytes(12) + b"\x81\0\0\5\x88\xa8\0\6\x08\0" + udp(TEXT),
    bytes(12) + b"\0\x40\xaa\xaa\3\0\0\0\x08\0" + udp(TEXT),
]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_packets(data: st.DataObject) -> None:
    """Any octets under any link type: rows within the octets, and every packet named once."""
    packets, linktypes, cut = [], [], []
    for _ in range(data.draw(st.integers(1, 12))):
        packet = bytearray(data.draw(st.one_of(st.sampled_from(VALID), st.binary(max_size=120))))
        for _ in range(data.draw(st.integers(0, 4))):
            if packet:
                packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(
                    st.sampled_from([0, 1, 4, 6, 17, 44, 0x45, 0x60, 0x80, 255])
                )
        packets.append(bytes(packet))
        linktypes.append(data.draw(st.sampled_from([1, 1, 1, 1, *LINKS, 147])))
        cut.append(data.draw(st.integers(0, len(packet))) if data.draw(st.booleans()) else len(packet))
    times = data.draw(st.lists(st.integers(-1, 100 * MS), min_size=len(packets), max_size=len(packets)))
    block = block_of(packets, times)
    block.linktype = np.array(linktypes, np.int32)
    block.caplen = np.array(cut, np.int64)
    split = data.draw(st.integers(0, len(packets)))
    blocks = [
        PacketBlock(block.data, *(getattr(block, name)[part] for name in ("frame", *COLUMNS)))
        for part in (slice(None, split), slice(split, None))
    ]
    parts = run(*blocks)
    for part in parts:
        assert all(0 <= start <= end <= len(part.data) for start, end in zip(part.start, part.end, strict=True))
        assert all(missing >= 0 for missing in part.missing)
        assert part.time == sorted(part.time)
    assert packets_in(parts) == len(packets)
    lanes = [run(*blocks, selector=Selector(lane, 2)) for lane in range(2)]
    assert sum(packets_in(lane) for lane in lanes) == len(packets)


def capture_block(path: Path) -> PacketBlock:
    """All packets of a small classic pcap file."""
    data = path.read_bytes()
    order = "<" if data[:1] == b"\xd4" else ">"
    records, at = [], 24
    while at < len(data):
        records.append((*struct.unpack_from(order + "IIII", data, at), at + 16))
        at += 16 + records[-1][2]
    seconds, fraction, caplen, wirelen, offset = np.array(records, np.int64).T
    count = len(records)
    return PacketBlock(
        data=data,
        frame=np.arange(1, count + 1),
        time=seconds * 1_000_000_000 + fraction * 1000,
        offset=offset,
        caplen=caplen,
        wirelen=wirelen,
        linktype=np.full(count, struct.unpack_from(order + "I", data, 20)[0], np.int32),
        interface=np.zeros(count, np.int32),
    )


def real_capture(name: str) -> PacketBlock:
    path = CAPTURES / name
    if not path.exists():
        pytest.skip("../shared/captures is not there")
    if path.suffix == ".pcap" or path.suffix == ".cap":
        return capture_block(path)
    reader = pytest.importorskip("analyzer.capture.reader").open_captures([str(path)])
    (block,) = reader.blocks()
    assert isinstance(block, PacketBlock)
    return block


def wrapped(block: PacketBlock, before: bytes, skip: int, linktype: int = 1) -> PacketBlock:
    """Each IP packet of an Ethernet capture behind other octets, where `skip` of its own are left out."""
    octets = []
    for offset, size in zip(block.offset.tolist(), block.caplen.tolist(), strict=True):
        packet = block.data[offset : offset + size]
        head = packet[:14] if packet[12:14] != b"\x08\0" else before.replace(b"LENGTH", struct.pack(">H", size - 14))
        octets.append(head + packet[skip if packet[12:14] == b"\x08\0" else 14 :])
    return block_of(octets, block.time.tolist(), linktype=linktype)


def shuffled(block: PacketBlock) -> PacketBlock:
    """As a capture that took packets up to a millisecond late; the copies of one packet keep their order."""
    late = np.random.default_rng(5).integers(0, MS, len(block))
    order = np.argsort(block.time + late, kind="stable")
    columns = (getattr(block, name)[order] for name in COLUMNS)
    return PacketBlock(block.data, np.arange(1, len(block) + 1), *columns)


def twice(block: PacketBlock) -> PacketBlock:
    columns = (np.repeat(getattr(block, name), 2) for name in COLUMNS)
    return PacketBlock(block.data, np.arange(1, 2 * len(block) + 1), *columns)


def halves(block: PacketBlock) -> list[PacketBlock]:
    middle = len(block) // 2
    return [
        PacketBlock(block.data, *(getattr(block, name)[part] for name in ("frame", *COLUMNS)))
        for part in (slice(None, middle), slice(middle, None))
    ]


ETHERNET = bytes(12) + b"\x08\0"
GTP = ip(17, struct.pack(">HHHH", 2152, 2152, 0, 0) + b"\x30\xffLENGTH\0\0\0\1")
GTP = ETHERNET + GTP[:2] + bytes(2) + GTP[4:]  # total length 0: to the end


@pytest.mark.parametrize("name", ["sip-calls.pcap", "sip-h248-fax-gateway.pcap"])
@pytest.mark.parametrize("change", ["shuffled", "halves", "twice", "vlan", "sll", "gtp-u"])
def test_the_same_rows_however_captured(name: str, change: str) -> None:
    """Order, payloads, keys and counts are those of the plain capture."""
    block = real_capture(name)
    blocks = {
        "shuffled": lambda: [shuffled(block)],
        "halves": lambda: halves(block),
        "twice": lambda: [twice(block)],
        "vlan": lambda: [wrapped(block, bytes(12) + b"\x81\0\0\5\x08\0", 14)],
        "sll": lambda: [wrapped(block, b"\0\0\0\1\0\6" + bytes(8) + b"\x08\0", 14, 113)],
        "gtp-u": lambda: [wrapped(block, GTP, 14)],
    }[change]()
    rows = []
    accounts = []
    for parts in (run(block), run(*blocks)):
        rows.append(
            [
                (*row[:-2], part.data[row[-2] : row[-1]])
                for part in parts
                for row in zip(part.time, part.addresses, part.ports, part.seq, part.start, part.end, strict=True)
            ]
        )
        accounts.append(account_of(parts))
    assert rows[0] == rows[1]
    if change == "twice":
        accounts[0] = Counter({reason: 2 * count for reason, count in accounts[0].items()})
        accounts[0]["duplicate"] += len(rows[0])
    if change != "sll":  # there, ARP is behind an Ethernet header all the same
        assert accounts[0] == accounts[1]


FIELDS = ("frame.number", "ip.src", "ip.dst", "udp.srcport", "udp.dstport", "udp.payload", "tcp.srcport", "tcp.dstport")
FIELDS += ("tcp.seq_raw", "tcp.ack_raw", "tcp.payload", "sip", "megaco")


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize(
    ("name", "rows", "account"),
    [
        ("sip-h248-fax-gateway.pcap", 199, {"udp other": 1330, "duplicate": 23}),
        ("sip-calls.pcap", 159, {"arp": 44, "udp other": 488}),
        ("h248-over-sctp.cap", 4, {}),
        ("msrp-node-lib.pcapng", 135, {}),
    ],
)
def test_tshark_sees_the_same(name: str, rows: int, account: dict[str, int]) -> None:
    """Addresses, ports, numbers and payload of each row; every SIP and H.248 message is in a row or a copy of one."""
    parts = run(real_capture(name))
    assert (sum(len(part) for part in parts), account_of(parts)) == (rows, account)
    command = ["tshark", "-r", str(CAPTURES / name), "-T", "fields", "-E", "separator=;", "-E", "occurrence=f"]
    out = subprocess.run(
        [*command, *(f"-e{field}" for field in FIELDS)], capture_output=True, text=True, check=True
    ).stdout
    seen = {int(line.split(";")[0]): line.split(";") for line in out.splitlines()}
    found: dict[int, list[str]] = {}
    for part in parts:
        for i, frame in enumerate(part.frame):
            pair, ports = part.addresses[i], part.ports[i]
            address = [".".join(map(str, (pair >> shift & 0xFFFFFFFF).to_bytes(4))) for shift in (32, 0)]
            number = [str(ports >> 16 & 0xFFFF), str(ports & 0xFFFF)]
            payload = part.data[part.start[i] : part.end[i]].hex()
            transport = {
                6: ["", "", "", *number, str(part.seq[i]), str(part.ack[i]), payload],
                17: [*number, payload, *[""] * 5],
                132: [""] * 8,
            }[part.transport[i]]
            found[frame] = [str(frame), *address, *transport]
    assert {frame: seen[frame][:11] for frame in found} == found
    copies = {copy: first for part in parts for copy, first in part.copies.items()}
    assert len(copies) == account.get("duplicate", 0)
    messages = {frame for frame, line in seen.items() if (line[11] or line[12]) and line[5]}
    assert messages <= found.keys() | copies.keys()
    for copy, first in copies.items():
        assert seen[copy][1:] == seen[first][1:]
