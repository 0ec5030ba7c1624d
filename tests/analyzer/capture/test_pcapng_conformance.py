"""The 48 files of hadrielk/pcapng-test-generator, frame for frame as tshark reads them: no disagreement is known."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from analyzer.capture.blocks import NO_TIME
from analyzer.capture.reader import open_captures

CAPTURES = Path(__file__).resolve().parents[4] / "shared" / "captures"
FILES = sorted((CAPTURES / "pcapng-conformance").glob("*/*/*.pcapng"))
pytestmark = pytest.mark.skipif(not FILES, reason="../shared/captures/pcapng-conformance is not there")

LINKTYPES = {1: 1, 15: 0}
"Wireshark's encapsulation number (wiretap/wtap.h) -> LINKTYPE: Ethernet, BSD loopback."
FIELDS = ("number", "time_epoch", "len", "cap_len", "encap_type", "interface_id")
NO_PACKETS = {"test002", "test003", "test013", "test014", "test015", "test017", "test200"}
"Files without any packet block."


def tshark_rows(path: Path) -> list[tuple[int, ...]]:
    """What tshark reads; custom blocks, which it numbers but which are no packets, left out."""
    arguments = [part for field in FIELDS for part in ("-e", f"frame.{field}")]
    run = subprocess.run(["tshark", "-r", path, "-T", "fields", *arguments], capture_output=True, text=True, check=True)
    rows = []
    for line in run.stdout.splitlines():
        number, time, wirelen, caplen, encapsulation, interface = (line.split("\t") + [""] * 6)[:6]
        if encapsulation:
            nanos = int(time.replace(".", "")) if time else NO_TIME
            rows.append((int(number), nanos, int(wirelen), int(caplen), LINKTYPES[int(encapsulation)], int(interface)))
    return rows


def our_rows(path: Path, block_bytes: int) -> list[tuple[int, ...]]:
    reader = open_captures([str(path)], block_bytes=block_bytes)
    rows: list[tuple[int, ...]] = []
    for block in reader.blocks():
        columns = (block.frame, block.time, block.wirelen, block.caplen, block.linktype, block.interface)
        rows += zip(*(column.tolist() for column in columns), strict=True)
    assert reader.captures[0].damage is None
    assert reader.captures[0].packets == len(rows)
    return rows


def test_all_files_are_there() -> None:
    assert len(FILES) == 48


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("path", FILES, ids=[f"{path.parts[-3]}-{path.stem}" for path in FILES])
def test_read_as_tshark_reads_it(path: Path) -> None:
    rows = our_rows(path, 1 << 20)
    assert rows == tshark_rows(path)
    assert rows == our_rows(path, 64)
    assert (not rows) == (path.stem in NO_PACKETS)


@pytest.mark.parametrize("path", [path for path in FILES if "output_be" in path.parts], ids=lambda path: path.stem)
def test_both_byte_orders_say_the_same(path: Path) -> None:
    assert our_rows(path, 1 << 20) == our_rows(Path(str(path).replace("output_be", "output_le")), 1 << 20)
