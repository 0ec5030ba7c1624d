"""Opening captures: packed, piped, refused; what is told about each file; memory that does not grow with the file."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import struct
import subprocess
import threading
import tracemalloc
import zlib
from pathlib import Path

import pytest
import zstandard

from analyzer.capture.compressed import compression_of
from analyzer.capture.errors import CaptureError
from analyzer.capture.reader import CaptureFile, open_captures

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
SECTION = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)


def records(count: int, size: int = 50) -> bytes:
    return b"".join(struct.pack("<IIII", 1000 + n, n, size, size) + bytes([n & 255]) * size for n in range(count))


CAPTURE = HEADER + records(300)


def drain(*paths: str, stdin: bytes | None = None, block_bytes: int = 1 << 20) -> tuple[list[bytes], list[CaptureFile]]:
    reader = open_captures(paths, block_bytes=block_bytes, stdin=None if stdin is None else io.BytesIO(stdin))
    packets = []
    for block in reader.blocks():
        ends = zip(block.offset.tolist(), (block.offset + block.caplen).tolist(), strict=True)
        packets += [block.data[start:end] for start, end in ends]
    return packets, reader.captures


PLAIN = drain("-", stdin=CAPTURE)[0]


def zstd(data: bytes, **options: int | bool) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(data)  # type: ignore[arg-type]


SKIPPABLE = b"\x55\x2a\x4d\x18" + struct.pack("<I", 5) + b"hello"
PACKED = {
    "gzip": (gzip.compress(CAPTURE), "pcap+gzip"),
    "gzip, three members": (
        b"".join(gzip.compress(CAPTURE[a:b]) for a, b in ((0, 10), (10, 999), (999, None))),
        "pcap+gzip",
    ),
    "gzip, an empty member first": (gzip.compress(b"") + gzip.compress(CAPTURE), "pcap+gzip"),
    "gzip padded with zeros": (gzip.compress(CAPTURE) + bytes(512), "pcap+gzip"),
    "zstd": (zstd(CAPTURE), "pcap+zstd"),
    "zstd with checksum": (zstd(CAPTURE, write_checksum=True), "pcap+zstd"),
    "zstd, two frames": (zstd(CAPTURE[:77]) + zstd(CAPTURE[77:]), "pcap+zstd"),
    "zstd, skippable frames": (
        SKIPPABLE + zstd(CAPTURE[:77]) + SKIPPABLE + zstd(CAPTURE[77:]) + SKIPPABLE,
        "pcap+zstd",
    ),
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("block_bytes", [64, 1 << 20])
def test_packed_captures(name: str, block_bytes: int, tmp_path: Path) -> None:
    """RFC 1952 section 2.2: members; RFC 8878 section 3: frames. Told by magic, not by name."""
    data, form = PACKED[name]
    path = tmp_path / "capture.txt"
    path.write_bytes(data)
    packets, (capture,) = drain(str(path), block_bytes=block_bytes)
    assert packets == PLAIN
    assert (capture.format, capture.damage, capture.size) == (form, None, len(data))
    piped, (other,) = drain("-", stdin=data, block_bytes=block_bytes)
    assert piped == PLAIN
    assert (other.format, other.damage, other.size) == (form, None, len(data))


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_packed_pcapng(pack: object) -> None:
    assert callable(pack)
    _, (capture,) = drain("-", stdin=pack(SECTION))
    assert capture.format in ("pcapng+gzip", "pcapng+zstd")


def drain_or_refuse(data: bytes) -> tuple[list[bytes], str | None]:
    """Packets and damage; of a capture that is refused none, and why."""
    try:
        packets, (capture,) = drain("-", stdin=data)
    except CaptureError as error:
        return [], error.why
    return packets, capture.damage


def test_gzip_cut_anywhere_keeps_what_can_be_unpacked() -> None:
    data = gzip.compress(CAPTURE, mtime=0)
    for cut in range(24, len(data)):
        unpacked = zlib.decompressobj(31).decompress(data[:cut])
        packets, damage = drain_or_refuse(data[:cut])
        if len(unpacked) >= 24:
            assert packets == PLAIN[: (len(unpacked) - 24) // 66]
            assert damage == f"gzip data cut at octet {cut} of the file"
        else:
            assert damage is not None
            assert damage.startswith(("nothing could be unpacked: gzip data cut", "cut inside the file header"))


def test_zstd_cut_keeps_whole_blocks() -> None:
    """RFC 8878 section 3.1.1.2: a block is unpacked whole, of at most 128 KiB."""
    capture = HEADER + records(9000)
    whole = drain("-", stdin=capture)[0]
    data = zstd(capture, write_checksum=True)
    for cut in (len(data) - 1, len(data) - 4, len(data) - 5, len(data) * 3 // 4, len(data) // 2):
        packets, damage = drain_or_refuse(data[:cut])
        assert damage == f"zstd data cut at octet {cut} of the file"
        assert packets == whole[: len(packets)]
        blocks = 5 if cut >= len(data) - 4 else 1
        assert len(packets) >= min(blocks * 131072, len(capture)) // 66 - 1


def test_gzip_wrong_checksum_keeps_all_packets() -> None:
    """RFC 1952 section 2.3.1: CRC32 stands after the data, all of which was good to unpack."""
    data = bytearray(gzip.compress(CAPTURE))
    data[-6] ^= 1
    packets, (capture,) = drain("-", stdin=bytes(data))
    assert packets == PLAIN
    assert capture.damage == f"gzip data damaged before octet {len(data)} of the file"


def test_zstd_second_frame_damaged_keeps_the_first() -> None:
    good = zstd(CAPTURE)
    packets, (capture,) = drain("-", stdin=good + b"\x28\xb5\x2f\xfd" + b"\xff" * 40)
    assert packets == PLAIN
    assert capture.damage is not None
    assert capture.damage.startswith("zstd data damaged before octet ")


def test_garbage_after_a_gzip_member_is_damage() -> None:
    packets, (capture,) = drain("-", stdin=gzip.compress(CAPTURE) + b"garbage")
    assert packets == PLAIN
    assert capture.damage is not None


def test_cut_record_inside_packed_data() -> None:
    packets, (capture,) = drain("-", stdin=gzip.compress(CAPTURE[:-1]))
    assert packets == PLAIN[:-1]
    assert capture.damage == f"the file ends inside a record: 65 of 66 octets, at octet {24 + 299 * 66}"


@pytest.mark.parametrize(
    ("first", "packing"),
    [
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x50\x2a\x4d\x18", "zstd"),
        (b"\x5f\x2a\x4d\x18", "zstd"),
        (b"\x60\x2a\x4d\x18", None),
        (b"\xd4\xc3\xb2\xa1", None),
        (b"", None),
    ],
)
def test_packing_is_told_by_magic(first: bytes, packing: str | None) -> None:
    assert compression_of(first) == packing


NOT_CAPTURES = {
    "empty": (b"", "the file is empty", "capture again"),
    "text": (b"INVITE sip:a@example.com SIP/2.0\r\n", "not a capture, it looks like text", "text2pcap"),
    "utf-8 text": ("größer\n".encode() * 20, "not a capture, it looks like text", "text2pcap"),
    "ELF": (b"\x7fELF\x02\x01\x01" + bytes(60), "not a capture, it looks like an ELF program", "name a pcap"),
    "zeros": (bytes(5000), "not a capture, it looks like nothing but zeros", "name a pcap"),
    "latin-1 text": (
        "Grüße ".encode("latin-1") + b"from the gateway, line by line\n" * 9,
        "looks like text",
        "text2pcap",
    ),
    "high octets": (bytes(range(128, 255)), "it looks like some other kind of binary data", "name a pcap"),
    "binary": (bytes(range(1, 255)), "not a capture, it looks like some other kind of binary data", "name a pcap"),
    "snoop": (b"snoop\0\0\0" + bytes(40), "not a capture, it looks like a snoop capture", "editcap -F pcapng IN OUT"),
    "xz": (b"\xfd7zXZ\0" + bytes(40), "not a capture, it looks like xz data", "unxz"),
    "bzip2": (b"BZh91AY" + bytes(40), "not a capture, it looks like bzip2 data", "bunzip2"),
    "lz4": (b"\x04\x22\x4d\x18" + bytes(40), "not a capture, it looks like lz4 data", "lz4 -d"),
    "zip": (b"PK\x03\x04" + bytes(40), "not a capture, it looks like a ZIP archive", "unzip"),
    "gzip of text": (gzip.compress(b"some text\n"), "not a capture, it looks like gzip of text", "text2pcap"),
    "zstd of ELF": (zstd(b"\x7fELF" + bytes(60)), "not a capture, it looks like zstd of an ELF program", "name a pcap"),
    "gzip of gzip": (gzip.compress(gzip.compress(CAPTURE)), "it looks like gzip of gzip data", "gunzip"),
    "gzip of nothing": (gzip.compress(b""), "nothing could be unpacked: gzip of nothing", "again"),
    "gzip, cut": (gzip.compress(CAPTURE)[:12], "nothing could be unpacked: gzip data cut", "again"),
    "gzip, damaged": (b"\x1f\x8b" + b"\xff" * 40, "nothing could be unpacked: gzip data damaged", "again"),
    "zstd, damaged": (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "nothing could be unpacked: zstd data damaged", "again"),
    "two octets": (HEADER[:2], "cut inside the file header, 2 of 24 octets", "again"),
    "header cut": (HEADER[:10], "cut inside the file header, 10 of 24 octets", "again"),
    "section cut": (SECTION[:20], "cut inside the file header, 20 of 28 octets", "again"),
}


@pytest.mark.parametrize("name", NOT_CAPTURES)
def test_not_a_capture_is_refused(name: str, tmp_path: Path) -> None:
    data, why, hint = NOT_CAPTURES[name]
    path = tmp_path / "input"
    path.write_bytes(data)
    for source, stdin in ((str(path), None), ("-", io.BytesIO(data))):
        with pytest.raises(CaptureError) as caught:
            open_captures([source], stdin=stdin)
        assert caught.value.path == source
        assert why in caught.value.why
        assert hint in caught.value.hint
        assert "\n" not in str(caught.value)


def test_missing_directory_and_strange_names(tmp_path: Path) -> None:
    for path, why in (
        (str(tmp_path / "none.pcap"), "no such file"),
        (str(tmp_path), "this is a directory"),
        ("a\0b", "no such file"),
        (str(tmp_path / ("x" * 300)), "cannot be read"),
    ):
        with pytest.raises(CaptureError, match=why):
            open_captures([path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.pcap"
    path.write_bytes(CAPTURE)
    path.chmod(0)
    with pytest.raises(CaptureError, match="no permission to read it"):
        open_captures([str(path)])


def test_permission_error_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.pcap"
    path.write_bytes(CAPTURE)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(CaptureError, match="no permission to read it; ask its owner"):
        open_captures([str(path)])


def test_standard_input_only_once() -> None:
    with pytest.raises(CaptureError, match="standard input is named twice"):
        open_captures(["-", "-"], stdin=io.BytesIO(CAPTURE))


def test_one_bad_file_among_good_ones_is_told_at_once(tmp_path: Path) -> None:
    good = tmp_path / "good.pcap"
    good.write_bytes(CAPTURE)
    with pytest.raises(CaptureError, match="no such file"):
        open_captures([str(good), str(tmp_path / "none")])


def test_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(CAPTURE,))
    writer.start()
    packets, (capture,) = drain(str(path))
    writer.join()
    assert packets == PLAIN
    assert capture.size == len(CAPTURE)


def test_pipe_in_small_pieces() -> None:
    class Drip(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(1 if size else 0)

    reader = open_captures(["-"], stdin=Drip(CAPTURE[:1000]), block_bytes=64)
    assert sum(len(block) for block in reader.blocks()) == 14
    assert reader.captures[0].damage is not None


def test_progress_reaches_the_size(tmp_path: Path) -> None:
    paths = []
    for name, data in (("a", CAPTURE), ("b", gzip.compress(CAPTURE)), ("c", zstd(CAPTURE))):
        (tmp_path / name).write_bytes(data)
        paths.append(str(tmp_path / name))
    told: list[tuple[int, int]] = []
    reader = open_captures(paths, progress=lambda read, total: told.append((read, total)), block_bytes=1000)
    for _ in reader.blocks():
        pass
    size = sum(os.path.getsize(path) for path in paths)
    assert told[-1] == (size, size)
    assert [read for read, _ in told] == sorted(read for read, _ in told)
    assert all(total == size for _, total in told)


def test_progress_of_a_pipe_has_no_total() -> None:
    told: list[tuple[int, int]] = []
    reader = open_captures(["-"], stdin=io.BytesIO(CAPTURE), progress=lambda *each: told.append(each))
    assert sum(len(block) for block in reader.blocks()) == 300
    assert told[-1] == (len(CAPTURE), 0)


def test_first_and_last_times_are_the_extremes() -> None:
    disordered = b"".join(struct.pack("<IIII", second, 0, 0, 0) for second in (50, 70, 40, 60))
    _, (capture,) = drain("-", stdin=HEADER + disordered)
    assert (capture.first, capture.last) == (40 * 10**9, 70 * 10**9)


def test_files_are_closed_when_reading_stops_early(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(CAPTURE)
    with open_captures([str(path)], block_bytes=100) as reader:
        blocks = reader.blocks()
        next(blocks)
        blocks.close()  # type: ignore[attr-defined]
    path.unlink()


def _peak(path: Path, block_bytes: int) -> tuple[int, int]:
    tracemalloc.start()
    try:
        reader = open_captures([str(path)], block_bytes=block_bytes)
        packets = sum(len(block) for block in reader.blocks())
        return packets, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_by_the_block_not_by_the_file(tmp_path: Path) -> None:
    """Plain, and a bomb that unpacks to a thousand times its size."""
    body = records(2000, 8000)  # 16 MB
    plain, bomb = tmp_path / "a.pcap", tmp_path / "b.pcap.zst"
    with plain.open("wb") as file:
        file.write(HEADER)
        for _ in range(6):
            file.write(body)
    compressor = zstandard.ZstdCompressor(level=1)
    bomb.write_bytes(compressor.compress(HEADER) + compressor.compress(body) * 6)
    for path in (plain, bomb):
        packets, peak = _peak(path, 1 << 20)
        assert packets == 12_000
        assert peak < 8 << 20
    zeros = tmp_path / "zeros.pcap.gz"
    zeros.write_bytes(gzip.compress(HEADER + struct.pack("<IIII", 1, 0, 262144, 262144) + bytes(16 << 20), 1))
    packets, peak = _peak(zeros, 1 << 20)
    assert packets == 1 + ((16 << 20) - 262144) // 16
    assert peak < 24 << 20  # 65536 empty packets in each MiB


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
def test_editcap_writes_what_we_read(tmp_path: Path) -> None:
    """Every pcap-like format that editcap writes says the same packets."""
    source = tmp_path / "source.pcap"
    source.write_bytes(CAPTURE)
    for form in ("pcap", "nsecpcap", "pcapng"):
        path = tmp_path / f"out.{form}"
        subprocess.run(["editcap", "-F", form, source, path], check=True, capture_output=True)
        packets, (capture,) = drain(str(path))
        assert packets == PLAIN
        assert (capture.first, capture.last) == (1000 * 10**9, 1299 * 10**9 + 299_000)
