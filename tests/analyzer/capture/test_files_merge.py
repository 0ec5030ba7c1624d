"""Several captures as one: the order of mergecap, frames counted over all, only what overlaps in time is held."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyzer.capture.reader import CaptureReader, open_captures

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
Packet = tuple[int | None, bytes]
"Time in microseconds (None: a Simple Packet Block), octets."


def pcap(packets: Sequence[Packet]) -> bytes:
    return HEADER + b"".join(
        struct.pack("<IIII", (time or 0) // 10**6, (time or 0) % 10**6, len(octets), len(octets)) + octets
        for time, octets in packets
    )


def block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def pcapng(packets: Sequence[Packet]) -> bytes:
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0))
    for time, octets in packets:
        if time is None:
            out += block(3, struct.pack("<I", len(octets)) + octets)
        else:
            lengths = (len(octets), len(octets))
            out += block(6, struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, *lengths) + octets)
    return out


def named(files: Sequence[Sequence[int | None]]) -> list[list[Packet]]:
    """Times per file -> packets whose octets say file and row, of different sizes."""
    return [
        [(time, f"{index}/{row}".encode().ljust(4 + (row * 7) % 40, b".")) for row, time in enumerate(times)]
        for index, times in enumerate(files)
    ]


def mergecap_order(files: Sequence[Sequence[Packet]]) -> list[bytes]:
    """What wiretap/merge.c does, packet by packet: the earliest head, a head without time at once."""
    at = [0] * len(files)
    out = []
    while True:
        chosen: tuple[int, int] | None = None
        for index, packets in enumerate(files):
            if at[index] == len(packets):
                continue
            time = packets[at[index]][0]
            if time is None:  # the first of those
                chosen = (-1, index)
                break
            if chosen is None or time <= chosen[0]:  # of equals the last
                chosen = (time, index)
        if chosen is None:
            return out
        out.append(files[chosen[1]][at[chosen[1]]][1])
        at[chosen[1]] += 1


def write(folder: Path, files: Sequence[bytes]) -> list[str]:
    paths = [folder / f"{number}.cap" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    return [str(path) for path in paths]


def drain(reader: CaptureReader) -> tuple[list[bytes], list[int]]:
    packets, frames = [], []
    for each in reader.blocks():
        ends = zip(each.offset.tolist(), (each.offset + each.caplen).tolist(), strict=True)
        packets += [each.data[start:end] for start, end in ends]
        frames += each.frame.tolist()
    return packets, frames


TIMES = st.integers(0, 12)
FILES = st.lists(st.lists(st.none() | TIMES, max_size=12), min_size=2, max_size=4)


@settings(max_examples=150, deadline=None)
@given(FILES, st.sampled_from([1, 64, 300, 1 << 20]))
@example([[5, 3], [5, 5]], 1)
@example([[5, 5], [5, 3]], 1)
@example([[3, None, 9], [None, 3]], 1)
def test_order_of_mergecap(tmp_path_factory: pytest.TempPathFactory, files: list[list[int | None]], size: int) -> None:
    packets = named(files)
    paths = write(tmp_path_factory.mktemp("merge"), [pcapng(each) for each in packets])
    merged, frames = drain(open_captures(paths, block_bytes=size))
    assert merged == mergecap_order(packets)
    assert frames == list(range(1, len(merged) + 1))


def disordered(seed: int, count: int, start: int) -> list[int | None]:
    chance = random.Random(seed)
    return [start + row * 10 + chance.choice((0, 0, 0, -25, 40)) for row in range(count)]


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("mergecap") is None, reason="mergecap is not installed")
@pytest.mark.parametrize("seed", range(4))
def test_mergecap_itself(seed: int, tmp_path: Path) -> None:
    """Times that go back within a file, ties between files, a file that starts after another ends."""
    files = [
        disordered(seed * 10 + number, 300, start) for number, start in enumerate((10_000, 10_005, 10_000, 20_000))
    ]
    for number in (2, 3):
        files[number] = [None if row % 9 == seed else time for row, time in enumerate(files[number])]
    paths = write(tmp_path, [pcap(each) if index == 1 else pcapng(each) for index, each in enumerate(named(files))])
    target = tmp_path / "merged.pcapng"
    subprocess.run(["mergecap", "-w", target, *paths], check=True, capture_output=True)
    theirs = drain(open_captures([str(target)]))
    for size in (700, 4 << 20):
        assert drain(open_captures(paths, block_bytes=size)) == theirs


def test_split_capture_comes_together_again(tmp_path: Path) -> None:
    packets = named([[row * 1000 for row in range(200)]])[0]
    whole = drain(open_captures(write(tmp_path, [pcap(packets)])))
    paths = write(tmp_path, [pcap(packets[start : start + 20]) for start in range(0, 200, 20)])
    assert drain(open_captures(paths)) == whole
    assert drain(open_captures(paths[::-1])) == whole


def test_records_that_are_no_packets_count_as_frames(tmp_path: Path) -> None:
    """As Wireshark numbers them in one file; here the custom block of the second file comes before its packet."""
    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0))
    packet = block(6, struct.pack("<IIIII", 0, 0, 5, 0, 0))
    paths = write(tmp_path, [pcap([(1, b"a"), (9, b"b")]), section + block(0xBAD, bytes(8)) + packet])
    assert drain(open_captures(paths)) == ([b"a", b"", b"b"], [1, 3, 4])


def test_each_file_has_its_account(tmp_path: Path) -> None:
    good = pcap([(1, b"a"), (3, b"b")])
    cut = pcap([(2, b"c"), (4, b"dddd")])[:-1]
    reader = open_captures([*write(tmp_path, [good, cut]), "-"], stdin=io.BytesIO(pcapng([(2, b"e")])))
    assert drain(reader) == ([b"a", b"e", b"c", b"b"], [1, 2, 3, 4])
    assert [(each.format, each.packets, each.first, each.last) for each in reader.captures] == [
        ("pcap", 2, 1000, 3000),
        ("pcap", 1, 2000, 2000),
        ("pcapng", 1, 2000, 2000),
    ]
    assert [each.damage for each in reader.captures] == [
        None,
        "the file ends inside a record: 19 of 20 octets, at octet 41",
        None,
    ]


def test_files_without_packets(tmp_path: Path) -> None:
    paths = write(tmp_path, [pcap([]), pcap([(1, b"a")]), pcapng([])])
    assert drain(open_captures(paths)) == ([b"a"], [1])
    assert drain(open_captures([paths[0], paths[2]])) == ([], [])


def test_files_that_do_not_overlap_are_read_one_after_another(tmp_path: Path) -> None:
    """A ring of a thousand files must not be open, or in memory, at once."""
    count = 1200
    paths = write(tmp_path, [pcap([(number * 100, b"x"), (number * 100 + 50, b"y")]) for number in range(count)])
    reader = open_captures(paths)
    most = 0
    packets = 0
    for each in reader.blocks():
        packets += len(each)
        most = max(most, sum(source._file is not None for source in reader._inputs))
    assert packets == 2 * count
    assert most <= 2
