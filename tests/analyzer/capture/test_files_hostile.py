"""Any octets give packets or a `CaptureError`: never another exception, never a hang, never memory beyond the claim."""

from __future__ import annotations

import gzip
import io
import random
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyzer.capture.errors import CaptureError
from analyzer.capture.reader import open_captures

CAPTURES = Path(__file__).resolve().parents[4] / "shared" / "captures"
NAMES = ("h248-over-sctp.cap", "tls12-psk-aes128ccm.pcap", "msrp-node-lib.pcapng", "pcapng-conformance")
FILES = [
    path
    for name in NAMES
    for path in (sorted((CAPTURES / name).glob("*/*/*.pcapng")) if name.endswith("e") else [CAPTURES / name])
    if path.exists()
]


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))


def small(order: str) -> list[bytes]:
    """One valid file of each format."""
    pcap = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    pcap += b"".join(struct.pack(order + "IIII", n, n, n, n) + bytes(n) for n in range(5))
    options = struct.pack(order + "HHI", 9, 1, 0) + struct.pack(order + "HHq", 14, 8, 5)
    pcapng = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    pcapng += block(1, struct.pack(order + "HHI", 1, 0, 0) + options, order)
    pcapng += block(6, struct.pack(order + "IIIII", 0, 1, 2, 6, 6) + b"packet", order)
    pcapng += block(3, struct.pack(order + "I", 6) + b"simple", order)
    pcapng += block(2, struct.pack(order + "HHIIII", 0, 0, 1, 2, 3, 3) + b"old", order)
    pcapng += block(10, struct.pack(order + "II", 0x544C534B, 4) + b"keys", order)
    pcapng += block(0xBAD, b"\0\0\0\1", order)
    return [pcap, pcapng]


SEEDS = small("<") + small(">")
SEEDS += [gzip.compress(seed, mtime=0) for seed in SEEDS[:2]] + [zstandard.compress(seed) for seed in SEEDS[:2]]


def check(data: bytes, block_bytes: int = 1 << 16) -> list[tuple[int, int, int, int, bytes]]:
    """Read it; whatever comes is consistent in itself."""
    try:
        reader = open_captures(["-"], stdin=io.BytesIO(data), block_bytes=block_bytes)
    except CaptureError:
        return []
    packets: list[tuple[int, int, int, int, bytes]] = []
    frame = 0
    for each in reader.blocks():
        assert len({len(column) for column in (each.frame, each.time, each.offset, each.caplen, each.wirelen)}) == 1
        assert len(each.linktype) == len(each.interface) == len(each)
        assert int(each.frame[0]) > frame
        assert (each.frame[1:] > each.frame[:-1]).all()
        frame = int(each.frame[-1])
        assert int(each.offset.min()) >= 0
        assert int(each.caplen.min()) >= 0
        assert int((each.offset + each.caplen).max()) <= len(each.data)
        rows = zip(*(column.tolist() for column in (each.time, each.wirelen, each.linktype)), strict=True)
        ends = zip(each.offset.tolist(), (each.offset + each.caplen).tolist(), strict=True)
        octets = [each.data[start:end] for start, end in ends]
        packets += [(*row, octet) for row, octet in zip(((n, *r) for n, r in enumerate(rows)), octets, strict=True)]
    assert reader.captures[0].packets == len(packets)
    return [(0, *packet[1:]) for packet in packets]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS), st.binary(max_size=200))
@example(SEEDS[1][:28], struct.pack("<II", 6, 0))
@example(SEEDS[1][:28], struct.pack("<III", 0x777, 0xFFFFFFFF, 0))
def test_noise_after_a_valid_start(seed: bytes, noise: bytes) -> None:
    check(seed[:28] + noise)
    check(seed + noise)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_noise(data: bytes) -> None:
    check(data)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4))
def test_mutated_files_are_read_alike_in_any_pieces(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    whole = check(bytes(data))
    assert check(bytes(data), 1) == whole
    assert check(bytes(data), 50) == whole


@pytest.mark.parametrize("seed", SEEDS[:4], ids=["pcap le", "pcapng le", "pcap be", "pcapng be"])
def test_every_octet_changed(seed: bytes) -> None:
    for at in range(len(seed)):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            check(seed[:at] + bytes([value]) + seed[at + 1 :])


@pytest.mark.skipif(not FILES, reason="../shared/captures is not there")
def test_mutated_real_captures() -> None:
    chance = random.Random(2)
    for _ in range(1500):
        data = bytearray(chance.choice(FILES).read_bytes())
        for _ in range(chance.randrange(1, 12)):
            data[chance.randrange(min(len(data), 3000))] = chance.choice((0, 255, chance.randrange(256)))
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        check(bytes(data), chance.choice((100, 1 << 20)))


HUGE = {
    "pcap": SEEDS[0][:24] + struct.pack("<IIII", 1, 1, 262144, 262144) + bytes(1000),
    "pcap, 4 GiB": SEEDS[0][:24] + struct.pack("<IIII", 1, 1, 0xFFFFFFFF, 0xFFFFFFFF) + bytes(1000),
    "D-Bus, 128 MiB": SEEDS[0][:20] + struct.pack("<IIIII", 231, 1, 1, 128 << 20, 128 << 20) + bytes(1000),
    "pcapng, 128 MiB": SEEDS[1][:28] + struct.pack("<II", 0x777, 128 << 20) + bytes(1000),
    "pcapng section, 128 MiB": struct.pack("<III", 0x0A0D0D0A, 128 << 20, 0x1A2B3C4D) + bytes(1000),
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("kind", ["file", "pipe", "gzip"])
def test_a_claim_is_not_memory(name: str, kind: str, tmp_path: Path) -> None:
    data = HUGE[name]
    path = tmp_path / "capture"
    path.write_bytes(gzip.compress(data) if kind == "gzip" else data)
    tracemalloc.start()
    try:
        with path.open("rb") as stdin:
            reader = open_captures(["-" if kind == "pipe" else str(path)], stdin=stdin, block_bytes=1 << 16)
            damage = [len(each) for each in reader.blocks()] or reader.captures[0].damage
    except CaptureError as error:
        damage = error.why
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert isinstance(damage, str)
    assert damage.startswith(("the file ends inside a", "cut inside the file header", "damaged record header"))
    assert peak < 4 << 20


SLOW = {
    "empty packets": SEEDS[0][:24] + bytes(16) * 60_000,
    "sections only": SEEDS[1][:28] * 30_000,
    "sections with a packet": (SEEDS[1][:28] + block(1, bytes(8)) + block(6, bytes(20))) * 8_000,
    "interfaces only": SEEDS[1][:28] + block(1, bytes(8)) * 60_000,
    "interfaces and packets": SEEDS[1][:28] + (block(1, bytes(8)) + block(6, bytes(20))) * 20_000,
    "unknown blocks": SEEDS[1][:28] + block(0x777, b"") * 80_000,
    "secrets": SEEDS[1][:28] + block(10, bytes(8)) * 50_000,
}


@pytest.mark.parametrize("name", SLOW)
def test_a_megabyte_takes_no_longer_than_it_should(name: str) -> None:
    """The worst that one megabyte can ask for, by the processor's clock; the usual one takes a few milliseconds."""
    data = SLOW[name]
    start = time.process_time()
    check(data, 1 << 16)
    assert time.process_time() - start < 5
