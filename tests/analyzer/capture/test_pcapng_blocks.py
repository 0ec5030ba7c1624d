"""pcapng (draft-ietf-opsawg-pcapng): blocks, options, resolutions, damage; exact columns, and tshark as oracle."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture.blocks import NO_TIME
from analyzer.capture.errors import CaptureError
from analyzer.capture.interfaces import nanoseconds
from analyzer.capture.reader import CaptureFile, open_captures

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

Row = tuple[int, int, int, int, int, int]
"frame, time, wirelen, caplen, linktype, interface"
ETHERNET, NULL, RAW = 1, 0, 101
ENCAPSULATIONS = {1: ETHERNET, 7: RAW, 15: NULL}
"Wireshark's encapsulation numbers (wiretap/wtap.h) of the link types used here."
SECOND = 10**15
"The time stamp of most packets here: 10^9 s in microseconds."
PAYLOAD = bytes(range(60))
PACKET: Row = (1, 10**18, 60, 60, ETHERNET, 0)


class Writer:
    """Blocks in one byte order."""

    def __init__(self, order: str) -> None:
        self.order = order

    def pack(self, form: str, *values: int) -> bytes:
        return struct.pack(self.order + form, *values)

    def block(self, kind: int, body: bytes, trailer: int | None = None) -> bytes:
        body += bytes(-len(body) % 4)
        total = 12 + len(body)
        return self.pack("II", kind, total) + body + self.pack("I", total if trailer is None else trailer)

    def section(self, major: int = 1, minor: int = 0) -> bytes:
        return self.block(0x0A0D0D0A, self.pack("IHHq", 0x1A2B3C4D, major, minor, -1))

    def interface(self, linktype: int = ETHERNET, snaplen: int = 0, options: bytes = b"") -> bytes:
        return self.block(1, self.pack("HHI", linktype, 0, snaplen) + options)

    def option(self, code: int, value: bytes) -> bytes:
        return self.pack("HH", code, len(value)) + value + bytes(-len(value) % 4)

    def enhanced(
        self,
        interface: int = 0,
        ticks: int = SECOND,
        octets: bytes = PAYLOAD,
        wirelen: int | None = None,
        caplen: int | None = None,
        options: bytes = b"",
    ) -> bytes:
        lengths = (len(octets) if caplen is None else caplen, len(octets) if wirelen is None else wirelen)
        head = self.pack("IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, *lengths)
        return self.block(6, head + octets + bytes(-len(octets) % 4) + options)

    def obsolete(self, interface: int = 0, drops: int = 0xFFFF, ticks: int = SECOND, octets: bytes = PAYLOAD) -> bytes:
        head = self.pack("HHIIII", interface, drops, ticks >> 32, ticks & 0xFFFFFFFF, len(octets), len(octets))
        return self.block(2, head + octets)

    def simple(self, octets: bytes = PAYLOAD, wirelen: int | None = None) -> bytes:
        return self.block(3, self.pack("I", len(octets) if wirelen is None else wirelen) + octets)


ORDERS = {"little": Writer("<"), "big": Writer(">")}


@pytest.fixture(params=ORDERS)
def w(request: pytest.FixtureRequest) -> Writer:
    return ORDERS[request.param]


def read(data: bytes, block_bytes: int = 1 << 20) -> tuple[list[Row], CaptureFile]:
    reader = open_captures(["-"], stdin=io.BytesIO(data), block_bytes=block_bytes)
    rows: list[Row] = []
    for block in reader.blocks():
        columns = (block.frame, block.time, block.wirelen, block.caplen, block.linktype, block.interface)
        rows += zip(*(column.tolist() for column in columns), strict=True)
        assert int((block.offset + block.caplen).max()) <= len(block.data)
    return rows, reader.captures[0]


def both(data: bytes) -> tuple[list[Row], CaptureFile]:
    """Read in one block and in many: the same."""
    rows, capture = read(data)
    for block_bytes in (1, 64):
        again, other = read(data, block_bytes)
        assert again == rows
        assert (other.damage, other.skipped, other.secrets) == (capture.damage, capture.skipped, capture.secrets)
    return rows, capture


def tshark_rows(path: Path) -> tuple[list[Row], bool]:
    """What tshark reads, records that are no packets left out; and whether it complained."""
    fields = (
        "frame.number",
        "frame.time_epoch",
        "frame.len",
        "frame.cap_len",
        "frame.encap_type",
        "frame.interface_id",
    )
    arguments = [part for field in fields for part in ("-e", field)]
    run = subprocess.run(
        ["tshark", "-r", path, "-T", "fields", *arguments], capture_output=True, text=True, check=False
    )
    rows: list[Row] = []
    for line in run.stdout.splitlines():
        number, time, wirelen, caplen, encapsulation, interface = (line.split("\t") + [""] * 6)[:6]
        if encapsulation:
            nanos = int(time.replace(".", "")) if time else NO_TIME
            linktype = ENCAPSULATIONS[int(encapsulation)]
            rows.append((int(number), nanos, int(wirelen), int(caplen), linktype, int(interface)))
    return rows, run.returncode != 0


# Files that Wireshark and we read alike: name -> writer to (octets, rows, damaged).


def _alike(w: Writer) -> dict[str, tuple[bytes, list[Row], bool]]:
    start = w.section() + w.interface()
    one = start + w.enhanced()
    second: Row = (2, *PACKET[1:])  # type: ignore[assignment]
    third: Row = (3, *PACKET[1:])  # type: ignore[assignment]

    def resolution(value: int, ticks: int) -> bytes:
        return w.section() + w.interface(options=w.option(9, bytes([value]))) + w.enhanced(ticks=ticks)

    def at(time: int) -> list[Row]:
        return [(1, time, *PACKET[2:])]  # type: ignore[list-item]

    return {
        "section only": (w.section(), [], False),
        "version 1.2": (w.section(1, 2) + w.interface() + w.enhanced(), [PACKET], False),
        "simple": (start + w.simple(), [(1, NO_TIME, 60, 60, 1, 0)], False),
        "simple cut by snaplen": (
            w.section() + w.interface(snaplen=20) + w.simple(PAYLOAD[:20], 60),
            [(1, NO_TIME, 60, 20, 1, 0)],
            False,
        ),
        "obsolete": (start + w.obsolete(), [PACKET], False),
        "obsolete, second interface": (
            start + w.interface(RAW) + w.obsolete(1),
            [(1, 10**18, 60, 60, RAW, 1)],
            False,
        ),
        "all three kinds": (
            one + w.simple() + w.obsolete() + w.enhanced(wirelen=99),
            [PACKET, (2, NO_TIME, 60, 60, 1, 0), third, (4, 10**18, 99, 60, 1, 0)],
            False,
        ),
        "interfaces of several link types": (
            start + w.interface(RAW) + w.interface(NULL) + w.enhanced(2) + w.enhanced(1) + w.enhanced(0),
            [(1, 10**18, 60, 60, NULL, 2), (2, 10**18, 60, 60, RAW, 1), third],
            False,
        ),
        "interface numbers start again in a section": (
            one + w.section() + w.interface(RAW) + w.interface() + w.enhanced(1) + w.enhanced(),
            [PACKET, (2, 10**18, 60, 60, 1, 1), (3, 10**18, 60, 60, RAW, 0)],
            False,
        ),
        "sections of both byte orders": (
            one + ORDERS["big"].section() + ORDERS["big"].interface() + ORDERS["big"].enhanced() + one,
            [PACKET, second, third],
            False,
        ),
        "unknown block": (one + w.block(0x777, bytes(40)) + w.enhanced(), [PACKET, second], False),
        "custom block is a frame": (one + w.block(0xBAD, bytes(8)) + w.enhanced(), [PACKET, third], False),
        "custom block not to be copied is a frame": (
            one + w.block(0x40000BAD, bytes(8)) + w.enhanced(),
            [PACKET, third],
            False,
        ),
        "journal is a frame": (
            one + w.block(9, b"__REALTIME_TIMESTAMP=1580000000000000\n") + w.enhanced(),
            [PACKET, third],
            False,
        ),
        **{
            f"sysdig {kind:#x} is a frame": (one + w.block(kind, bytes(60)) + w.enhanced(), [PACKET, third], False)
            for kind in (0x204, 0x216, 0x221)
        },
        **{
            f"sysdig {kind:#x} is none": (one + w.block(kind, bytes(60)) + w.enhanced(), [PACKET, second], False)
            for kind in (0x201, 0x208, 0x217, 0x222)
        },
        "seconds": (resolution(0, 7), at(7 * 10**9), False),
        "milliseconds": (resolution(3, 7001), at(7_001_000_000), False),
        "nanoseconds": (resolution(9, 1_700_000_000_123_456_789), at(1_700_000_000_123_456_789), False),
        "1/1024 s": (resolution(0x8A, 5 << 10 | 3), at(5_002_929_687), False),
        "2^-127 s": (resolution(0xFF, 5 * 10**12), at(0), False),
        "offset": (
            w.section() + w.interface(options=w.option(14, w.pack("q", -(10**6)))) + w.enhanced(),
            at(999_000_000 * 10**9),
            False,
        ),
        "resolution of a wrong length": (
            w.section() + w.interface(options=w.option(9, b"\x09\0")) + w.enhanced(),
            [PACKET],
            False,
        ),
        "resolution twice, the first counts": (
            w.section() + w.interface(options=w.option(9, b"\x09") + w.option(9, b"\x03")) + w.enhanced(),
            at(10**15),
            False,
        ),
        "length not padded to 4": (
            one
            + w.pack("II", 6, 93)
            + w.pack("IIIII", 0, SECOND >> 32, SECOND & 0xFFFFFFFF, 61, 61)
            + bytes(64)
            + w.pack("I", 93)
            + w.enhanced(),
            [PACKET, (2, 10**18, 61, 61, 1, 0), third],
            False,
        ),
        "lengths differ": (one + w.block(6, bytes(80), trailer=88) + w.enhanced(), [PACKET], True),
        "block too short": (one + w.block(6, bytes(16)) + w.enhanced(), [PACKET], True),
        "length below a block": (one + w.pack("III", 6, 8, 8) + w.enhanced(), [PACKET], True),
        "length zero": (one + w.pack("III", 6, 0, 0) + w.enhanced(), [PACKET], True),
        "unknown block of length 8": (one + w.pack("III", 0x777, 8, 8) + w.enhanced(), [PACKET], True),
        "block of 256 MiB": (one + w.pack("II", 6, 1 << 28) + w.enhanced(), [PACKET], True),
        "packet longer than its block": (one + w.enhanced(caplen=300) + w.enhanced(), [PACKET], True),
        "simple longer than its block": (one + w.simple(wirelen=600) + w.enhanced(), [PACKET], True),
        "packet over 262144": (one + w.enhanced(octets=bytes(262_145)) + w.enhanced(), [PACKET], True),
        "packet of 262144": (
            one + w.enhanced(octets=bytes(262_144)),
            [PACKET, (2, 10**18, 1 << 18, 1 << 18, 1, 0)],
            False,
        ),
        "interface not described": (one + w.enhanced(1) + w.interface() + w.enhanced(), [PACKET], True),
        "no interface in the second section": (one + w.section() + w.enhanced(), [PACKET], True),
        "simple without interface": (w.section() + w.simple(), [], True),
        "interface too short": (w.section() + w.block(1, bytes(4)) + w.enhanced(), [], True),
        "interface options run out": (
            w.section() + w.interface(options=w.pack("HHI", 9, 40, 9)) + w.enhanced(),
            [],
            True,
        ),
        "later section without magic": (one + w.block(0x0A0D0D0A, bytes(16)) + w.enhanced(), [PACKET], True),
        "later section of version 2": (one + w.section(2) + w.interface() + w.enhanced(), [PACKET], True),
        "cut": (one + w.enhanced()[:-3], [PACKET], True),
        "cut in the first word": (one + w.enhanced()[:3], [PACKET], True),
    }


@pytest.mark.parametrize("name", _alike(ORDERS["little"]))
def test_exact_columns(name: str, w: Writer) -> None:
    data, expected, damaged = _alike(w)[name]
    rows, capture = both(data)
    assert rows == expected
    assert (capture.damage is not None) == damaged
    assert capture.format == "pcapng"
    assert capture.packets == len(expected)


@needs_tshark
@pytest.mark.interop
def test_tshark_reads_the_whole_ones_the_same(tmp_path: Path) -> None:
    """One file of all: pcapng files may be joined end to end (draft section 3.2), and tshark starts slowly."""
    alike = _alike(ORDERS["little"]).items()
    whole = [(data, rows) for name, (data, rows, damaged) in alike if not damaged and name not in REFUSED_SINCE]
    path = tmp_path / "capture.pcapng"
    path.write_bytes(b"".join(data for data, _ in whole))
    theirs, complained = tshark_rows(path)
    assert not complained
    assert theirs == read(path.read_bytes())[0]
    assert [row[1:] for row in theirs] == [row[1:] for _, rows in whole for row in rows]


REFUSED_SINCE = {"2^-127 s": "power-of-2 time stamp resolution 127 > 63"}
"What tshark 4.0 reads as we do, and 4.4 refuses in these words."


@needs_tshark
@pytest.mark.interop
@pytest.mark.parametrize("name", REFUSED_SINCE)
def test_tshark_reads_it_the_same_or_says_that_it_does_not_support_it(name: str, tmp_path: Path) -> None:
    data, expected, _ = _alike(ORDERS["little"])[name]
    path = tmp_path / "capture.pcapng"
    path.write_bytes(data)
    said = subprocess.run(["tshark", "-r", path], capture_output=True, text=True, check=False).stderr
    assert tshark_rows(path) == (([], True) if REFUSED_SINCE[name] in said else (expected, False))


@needs_tshark
@pytest.mark.interop
@pytest.mark.parametrize("name", [name for name, case in _alike(ORDERS["little"]).items() if case[2]])
def test_tshark_stops_at_the_same_damage(name: str, tmp_path: Path) -> None:
    data, expected, _ = _alike(ORDERS["little"])[name]
    path = tmp_path / "capture.pcapng"
    path.write_bytes(data)
    assert tshark_rows(path) == (expected, True)


def _unlike(w: Writer) -> dict[str, tuple[bytes, list[Row]]]:
    """Where we differ from tshark 4.0.17 on purpose."""
    one = w.section() + w.interface() + w.enhanced()

    def resolution(value: int, ticks: int) -> bytes:
        return w.section() + w.interface(options=w.option(9, bytes([value]))) + w.enhanced(ticks=ticks)

    return {
        # tshark multiplies the rest of a second by 10^9 in 64 bits, which overflows: it says 5.012776324.
        "10^-12 s": (resolution(12, 5_123_456_789_012), [(1, 5_123_456_789, 60, 60, 1, 0)]),
        # The same overflow: it says 5.011802496.
        "2^-40 s": (resolution(0x80 | 40, 23 << 38), [(1, 5_750_000_000, 60, 60, 1, 0)]),
        # 10^20 ticks do not fit its 64 bits: it says 0.
        "10^-20 s": (resolution(20, 5 * 10**12), [(1, 50, 60, 60, 1, 0)]),
        # tshark says 4611686019427387904 s, year 146 billion: no count of ns in 64 bits.
        "time out of range": (
            w.section() + w.interface(options=w.option(14, w.pack("q", 2**62))) + w.enhanced(),
            [(1, NO_TIME, 60, 60, 1, 0)],
        ),
        # Options of a packet say nothing that is used here; tshark gives the file up, the packet itself is whole.
        "packet options run out": (
            one + w.enhanced(options=w.pack("HHI", 2, 400, 0)),
            [PACKET, (2, *PACKET[1:])],
        ),
        # Likewise a journal entry below its least length, and secrets that claim more than their block.
        "short journal": (one + w.block(9, b"A=1\n") + w.enhanced(), [PACKET, (3, *PACKET[1:])]),
        "secrets of a wrong length": (
            w.section() + w.block(10, w.pack("II", 0x544C534B, 400) + b"abcd") + w.interface() + w.enhanced(),
            [PACKET],
        ),
    }


@pytest.mark.parametrize("name", _unlike(ORDERS["little"]))
def test_read_better_than_tshark(name: str, w: Writer) -> None:
    data, expected = _unlike(w)[name]
    rows, capture = both(data)
    assert rows == expected
    assert capture.damage is None


@needs_tshark
@pytest.mark.interop
@pytest.mark.parametrize("name", _unlike(ORDERS["little"]))
def test_tshark_still_differs(name: str, tmp_path: Path) -> None:
    """Keeps the list of disagreements honest."""
    data, expected = _unlike(ORDERS["little"])[name]
    path = tmp_path / "capture.pcapng"
    path.write_bytes(data)
    assert tshark_rows(path) != (expected, False)


def test_damage_says_reason_and_octet(w: Writer) -> None:
    one = w.section() + w.interface() + w.enhanced()
    cases = {
        "the file ends inside a block: 89 of 92 octets": w.enhanced()[:-3],
        "the file ends inside a block: 3 of 12 octets": w.enhanced()[:3],
        "the two lengths of a block differ (92 and 88)": w.block(6, bytes(80), trailer=88),
        "block of type 0x6 claims a length that cannot be (28 octets)": w.block(6, bytes(16)),
        "packet of 300 octets, more than its block or any packet can hold": w.enhanced(caplen=300),
        "packet of interface 1, but the section has 1 up to here": w.enhanced(1),
        "section header without the byte-order magic": w.block(0x0A0D0D0A, bytes(16)),
        "pcapng version 2.0, only 1.0 and 1.2 are known": w.section(2),
        "interface description whose options run out of it": w.interface(options=w.pack("HHI", 9, 40, 9)),
    }
    for damage, tail in cases.items():
        assert both(one + tail)[1].damage == f"{damage}, at octet {len(one)}"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\n\r\r\n" + bytes(40), "section header without the byte-order magic"),
        (ORDERS["big"].section(1, 1), r"pcapng version 1\.1, only 1\.0 and 1\.2 are known"),
        (ORDERS["little"].section()[:20], "cut inside the file header, 20 of 28 octets"),
        (ORDERS["little"].section()[:7], "cut inside the file header, 7 of 12 octets"),
    ],
)
def test_bad_first_section_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(CaptureError, match=why):
        read(data)


def test_blocks_passed_by_are_counted(w: Writer) -> None:
    one = w.section() + w.interface() + w.enhanced()
    extra = [(4, 8), (5, 16), (5, 16), (9, 60), (0xBAD, 8), (0x40000BAD, 8), (0x777, 4), (0x80000001, 0)]
    _, capture = both(one + b"".join(w.block(kind, bytes(size)) for kind, size in extra))
    assert capture.skipped == {
        "name resolution block": 1,
        "interface statistics block": 2,
        "systemd journal block": 1,
        "custom block": 2,
        "block of type 0x777": 1,
        "block of type 0x80000001": 1,
    }


def test_many_unknown_types_do_not_fill_the_account(w: Writer) -> None:
    _, capture = read(w.section() + b"".join(w.block(0x10000 + kind, b"") for kind in range(1000)))
    assert len(capture.skipped) == 257
    assert capture.skipped["block of another unknown type"] == 744


def test_embedded_secrets_are_kept_and_not_shown(w: Writer) -> None:
    """Decryption Secrets Block (draft section 4.7): TLS key log, 0x544c534b."""
    secret = b"CLIENT_RANDOM 00 11\n"
    data = w.section() + w.block(10, w.pack("II", 0x544C534B, len(secret)) + secret) + w.interface() + w.enhanced()
    _, capture = both(data)
    assert capture.secrets == [(0x544C534B, secret)]
    assert "CLIENT_RANDOM" not in repr(capture)


def test_cut_at_every_octet_keeps_all_whole_blocks(w: Writer) -> None:
    pieces = [
        w.section(),
        w.interface(),
        w.enhanced(),
        w.simple(),
        w.obsolete(),
        w.block(0x777, b"12345"),
        w.enhanced(),
    ]
    ends = np.cumsum([len(piece) for piece in pieces]).tolist()
    whole = b"".join(pieces)
    packets_at = [0, 0, 1, 2, 3, 3, 4]
    all_rows, _ = read(whole)
    for cut in range(ends[0], len(whole) + 1):
        rows, capture = read(whole[:cut])
        done = sum(end <= cut for end in ends) - 1
        assert rows == all_rows[: packets_at[done]]
        if cut == ends[done]:
            assert capture.damage is None
        else:
            assert capture.damage is not None
            assert capture.damage.endswith(f"at octet {ends[done]}")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 2**40), min_size=1, max_size=5),
    st.integers(0, 255),
    st.integers(-(2**40), 2**40) | st.integers(-(2**63), 2**63 - 1),
)
def test_times_are_exact(ticks: list[int], resolution: int, offset: int) -> None:
    """Draft section 4.2, if_tsresol and if_tsoffset, against Python's integers."""
    base = 2 if resolution & 0x80 else 10
    exact = [tick * 10**9 // base ** (resolution & 0x7F) + offset * 10**9 for tick in ticks]
    fits = [-(2**63) <= time < 2**63 for time in exact]
    times, unfit = nanoseconds(np.array(ticks, dtype=np.uint64), resolution, offset)
    assert times.tolist() == [time if fit else NO_TIME for time, fit in zip(exact, fits, strict=True)]
    assert unfit == fits.count(False)


def test_each_interface_has_its_own_clock(w: Writer) -> None:
    data = (
        w.section()
        + w.interface(options=w.option(9, b"\x09"))
        + w.interface()
        + w.interface(options=w.option(9, b"\x09") + w.option(14, w.pack("q", 100)))
        + w.interface(options=w.option(9, b"\x09"))
        + b"".join(w.enhanced(number, ticks=1_000_000) for number in (0, 1, 2, 3, 1))
    )
    rows, _ = both(data)
    assert [row[1] for row in rows] == [10**6, 10**9, 100 * 10**9 + 10**6, 10**6, 10**9]
