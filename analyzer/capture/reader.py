"""Captures in, blocks of packets out: what a file is, its parts in order, and what was found in it.

Files are read forward in blocks, with the record that a block cuts carried into the next; memory is bounded by the
block and the largest record, whatever the size of the file. A file that gives nothing at all is a `CaptureError` when
the captures are opened; a cut or damaged tail is a note in `CaptureFile.damage`, and all before it is kept.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from types import TracebackType
from typing import BinaryIO

import numpy as np

from analyzer.capture import pcap, pcapng
from analyzer.capture.blocks import NO_TIME, PacketBlock
from analyzer.capture.clock_offsets import Offset, Sample, offsets
from analyzer.capture.clock_steps import ClockSteps
from analyzer.capture.compressed import FileSource, PipeSource, Source, compression_of
from analyzer.capture.end_of_input import EndablePipe, EndOfInput
from analyzer.capture.errors import CaptureError
from analyzer.capture.likeness import AGAIN_HINT, convert_hint, looks_like
from analyzer.capture.merge import HeldFile, merge_blocks

BLOCK_OCTETS = 4 << 20
"""Octets read at once: enough that numpy's cost per call is lost, little enough to stay in the processor's cache."""
PROBE_OCTETS = 1 << 16
"""Octets looked at when captures are opened, to know what they are and when they begin."""
MERGED_BLOCK_OCTETS = 1 << 18
"""The least block when many files overlap in time and share the memory of one block."""

COMPARED = 8
"""Files whose clocks are compared at most: more are the parts of one long capture."""

Progress = Callable[[int, int], None]
"""Told the octets read so far and in all (0 where that is unknown), over all captures."""


@dataclass(slots=True)
class CaptureFile:
    """One capture: what it is, and after reading what was in it."""

    path: str
    "As the caller named it."
    format: str = ""
    "``pcap`` or ``pcapng``, with ``+gzip`` or ``+zstd`` where it was packed so."
    packets: int = 0
    first: int | None = None
    "Time of the earliest packet, ns since 1970 UTC; None while no packet with a time was read."
    last: int | None = None
    "Time of the latest."
    size: int = 0
    "Octets of the file as it lies there; of standard input, those read."
    damage: str | None = None
    "Why reading stopped before the end of the file, and at which octet (of the unpacked data)."
    skipped: dict[str, int] = field(default_factory=dict)
    "Blocks without packets, and other oddities, counted by name."
    interfaces: int = 1
    "Interfaces that the file describes, at least one."
    clock: ClockSteps = field(default_factory=ClockSteps, repr=False)
    "How its clock was set while it was written."
    offsets: dict[int, Offset] = field(default_factory=dict, repr=False)
    "By interface: how far its clock is from that of another capture point."
    secrets: list[tuple[int, bytes]] = field(default_factory=list, repr=False)
    "Decryption Secrets Blocks: type and octets. Keys: never print them."

    def correct(self, block: PacketBlock) -> None:
        """Put the times of `block` right, as far as is known how wrong the clocks are."""
        block.time = self.clock.corrected(block)
        if self.offsets and self.clock.follows:
            shift = np.zeros(len(block), np.int64)
            for interface, offset in self.offsets.items():
                shift[(block.interface == interface) & (block.time != NO_TIME)] = offset.shift
            block.time = block.time + shift

    def account(self, block: PacketBlock) -> None:
        """Count the packets of `block`."""
        self.packets += len(block)
        known = block.time[block.time != NO_TIME]
        if len(known):
            first, last = int(known.min()), int(known.max())
            self.first = first if self.first is None else min(self.first, first)
            self.last = last if self.last is None else max(self.last, last)


def open_captures(
    paths: Sequence[str],
    *,
    block_bytes: int = BLOCK_OCTETS,
    stdin: BinaryIO | None = None,
    progress: Progress | None = None,
    end: EndOfInput | None = None,
) -> CaptureReader:
    """Look at every capture and get ready to read; `-` is standard input (`stdin`, else the process's own).

    `end` can end what is no regular file before its writer does.

    Raises `CaptureError` for the first that is not there, cannot be read, or is no capture.
    """
    return CaptureReader(paths, block_bytes=block_bytes, stdin=stdin, progress=progress, end=end)


class CaptureReader:
    """Several captures as one stream of blocks; see `open_captures`."""

    def __init__(
        self,
        paths: Sequence[str],
        *,
        block_bytes: int,
        stdin: BinaryIO | None,
        progress: Progress | None,
        end: EndOfInput | None,
    ) -> None:
        self._block_octets = max(block_bytes, 1)
        self._progress = progress
        self._consumed = 0
        self._inputs: list[_Input] = []
        try:
            for path in paths:
                if path == "-" and any(each.capture.path == "-" for each in self._inputs):
                    raise CaptureError("-", "standard input is named twice", "name it once")
                self._inputs.append(_Input(path, stdin, end))
        except BaseException:
            self.close()
            raise
        self.captures: list[CaptureFile] = [each.capture for each in self._inputs]
        "One per path, in the order given; complete once `blocks` is exhausted."
        self._skew = 0
        sizes = [each.capture.size for each in self._inputs]
        self._total = sum(sizes) if all(each.regular for each in self._inputs) else 0

    @property
    def one_clock(self) -> bool:
        """Can times be compared to the millisecond: one interface a file, and files that follow each other in time?

        Files that overlap come from several capture points, whose clocks differ; parts of one long capture do not.
        """
        spans = sorted((each.first, each.last) for each in self.captures if each.first is not None and each.last)
        follow = all(one[1] <= other[0] for one, other in pairwise(spans) if one[1] is not None)
        return follow and all(each.interfaces <= 1 for each in self.captures)

    def blocks(self) -> Iterator[PacketBlock]:
        """All packets: of one file in its order, of several merged by time as mergecap does. Iterate once."""
        try:
            self._compare_clocks()
            if len(self._inputs) == 1:
                only = self._inputs[0]
                for block in self._read(only, self._block_octets):
                    self._correct(only.capture, block)
                    yield block
                return
            size = min(self._block_octets, max(self._block_octets // max(len(self._inputs), 1), MERGED_BLOCK_OCTETS))
            held = [
                HeldFile(at, self._read(each, size), each.first_time, partial(self._correct, each.capture))
                for at, each in enumerate(self._inputs)
            ]
            yield from merge_blocks(held)
        finally:
            self.close()

    def _correct(self, capture: CaptureFile, block: PacketBlock) -> None:
        capture.correct(block)
        block.skew = self._skew

    def _compare_clocks(self) -> None:
        """Look for packets that two capture points have; what is no regular file can be read only once."""
        several = {number: each for number, each in enumerate(self._inputs) if each.regular and each.first_time}
        points = sum(each.capture.interfaces for each in several.values())
        if points < 2 or len(several) > COMPARED:
            return
        since = max(each.first_time or 0 for each in several.values())
        samples = []
        for number, each in several.items():
            sample = Sample(number)
            again = _Input(each.capture.path, None, None)
            sample.read(again.blocks(self._block_octets), since)
            again.close()
            samples.append(sample)
        for (number, interface), offset in offsets(samples).items():
            several[number].capture.offsets[interface] = offset
            self._skew = max(self._skew, abs(offset.shift))

    def close(self) -> None:
        """Close what is open; `blocks` does so itself at its end."""
        for each in self._inputs:
            each.close()

    def __enter__(self) -> CaptureReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, source: _Input, size: int) -> Iterator[PacketBlock]:
        before = 0
        for block in source.blocks(size):
            if self._progress is not None:
                self._consumed += source.consumed - before
                before = source.consumed
                self._progress(self._consumed, self._total)
            if len(block):
                source.capture.account(block)
                yield block


class _Input:
    """One file on its way: opened and looked at, closed, opened again when its turn comes (there may be thousands)."""

    def __init__(self, path: str, stdin: BinaryIO | None, end: EndOfInput | None) -> None:
        self.capture = CaptureFile(path)
        self.regular = False
        self.first_time: int | None = None
        "Time of the first packet, where a look at the first octets tells it and it has one."
        self._stdin = stdin
        self._end = end
        self._file: BinaryIO | EndablePipe | None = None
        self._source: Source | None = None
        self._first = b""
        file = self._open()
        try:
            self._look(file)
        except OSError as error:
            self.close()
            raise _cannot_read(path, error) from error
        except BaseException:
            self.close()
            raise
        if self.regular:
            self.close()

    @property
    def consumed(self) -> int:
        """Octets taken from the file so far."""
        return self._source.consumed if self._source is not None else 0

    def close(self) -> None:
        """Close the file; standard input stays open, it belongs to the caller."""
        if isinstance(self._file, EndablePipe) or (self._file is not None and self.capture.path != "-"):
            self._file.close()
        self._file = None

    def blocks(self, size: int) -> Iterator[PacketBlock]:
        """Read on in pieces of `size` octets until the end or damage."""
        capture = self.capture
        try:
            if self.regular:
                self._source = self._start(self._open(), size)
            if self._source is not None:
                yield from self._decode(self._source, size)
        except OSError as error:
            self._note(f"reading failed: {error.strerror or error}", None)
        finally:
            self.close()
        if not self.regular:
            capture.size = self.consumed

    def _decode(self, source: Source, size: int) -> Iterator[PacketBlock]:
        """The loop of reading: decode what is there, carry what is cut, read on."""
        capture = self.capture
        data = self._first
        begins = 0  # where data[0] stands in the unpacked file
        decoder: pcap.PcapDecoder | pcapng.PcapngDecoder
        pos = 0
        if data[:4] in pcap.MAGICS:
            decoder = pcap.PcapDecoder(data[: pcap.FILE_HEADER])
            pos = pcap.FILE_HEADER
        else:
            decoder = pcapng.PcapngDecoder()
        capture.skipped, capture.secrets = decoder.skipped, decoder.secrets
        self._first = b""
        while True:
            block, end = decoder.decode(data, pos)
            capture.interfaces = max(1, decoder.interfaces)
            if isinstance(decoder, pcapng.PcapngDecoder) and decoder.sections > 1:
                capture.clock.follows = False
            yield block
            if decoder.damage is not None:
                self._note(decoder.damage, begins + end)
                return
            begins += end
            carry = data[end:]
            data = b""
            more = source.read(carry, max(size, decoder.wanted - len(carry)))
            if len(more) == len(carry):
                break
            data, pos = more, 0
        if source.damage is not None:
            self._note(source.damage, None)
        elif carry:
            what = "record" if decoder.format == "pcap" else "block"
            self._note(f"the file ends inside a {what}: {len(carry)} of {decoder.wanted} octets", begins)

    def _note(self, damage: str, at: int | None) -> None:
        self.capture.damage = damage if at is None else f"{damage}, at octet {at}"

    def _open(self) -> BinaryIO | EndablePipe:
        path = self.capture.path
        if path == "-":
            self._file = self._stdin if self._stdin is not None else self._endable(sys.stdin.buffer)
            return self._file
        try:
            status = os.stat(path)
            if stat.S_ISDIR(status.st_mode):
                raise CaptureError(
                    path, "this is a directory", "name the capture files in it, for example with *.pcap*"
                )
            file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise _cannot_read(path, error) from error
        except ValueError as error:  # a NUL in the name
            raise CaptureError(path, "no such file", "check the name") from error
        self.regular = stat.S_ISREG(status.st_mode)
        self._file = file if self.regular else self._endable(file)
        self.capture.size = status.st_size if self.regular else 0
        return self._file

    def _endable(self, file: BinaryIO) -> BinaryIO | EndablePipe:
        return EndablePipe(file, self._end) if self._end is not None else file

    def _start(self, file: BinaryIO | EndablePipe, size: int) -> Source:
        """Read the first `size` octets into `_first`, through the unpacker that they ask for."""
        capture = self.capture
        head = b""
        while len(head) < pcap.FILE_HEADER and (more := file.read(pcap.FILE_HEADER - len(head))):
            head += more
        if not head and self._end is not None and self._end.asked:
            raise KeyboardInterrupt  # there is nothing that could be reported
        if not head:
            raise CaptureError(capture.path, "the file is empty", "capture again, or name another file")
        packed = compression_of(head)
        source: Source
        if packed is None and self.regular and not isinstance(file, EndablePipe):
            file.seek(0)
            source = FileSource(file)
        else:
            source = PipeSource(file, head, packed)
        self._first = source.read(b"", size)
        capture.format = "pcapng" if self._first[:4] == pcapng.MAGIC else "pcap"
        if packed is not None:
            capture.format += f"+{packed}"
        return source

    def _look(self, file: BinaryIO | EndablePipe) -> None:
        """Refuse what is no capture, and learn the time of the first packet."""
        source = self._source = self._start(file, PROBE_OCTETS)
        first, path = self._first, self.capture.path
        packed = self.capture.format.partition("+")[2]
        inside = f"{packed} of " if packed else ""
        try:
            if 0 < len(first) < 4 and any(magic.startswith(first) for magic in (*pcap.MAGICS, pcapng.MAGIC)):
                raise _cut_in_header(path, len(first), pcap.FILE_HEADER)
            if first[:4] in pcap.MAGICS:
                if len(first) < pcap.FILE_HEADER:
                    raise _cut_in_header(path, len(first), pcap.FILE_HEADER)
                block, _ = pcap.PcapDecoder(first[: pcap.FILE_HEADER]).decode(first, pcap.FILE_HEADER)
            elif first[:4] == pcapng.MAGIC:
                decoder = pcapng.PcapngDecoder()
                block, _ = decoder.decode(first)
                if not decoder.sections:
                    if decoder.damage is None and len(first) < PROBE_OCTETS:
                        raise _cut_in_header(path, len(first), decoder.wanted)
                    if decoder.damage is not None:
                        raise CaptureError(path, f"not a readable pcapng file: {decoder.damage}", AGAIN_HINT)
            elif not first:
                why = source.damage or f"{packed} of nothing"
                raise CaptureError(path, f"nothing could be unpacked: {why}", "copy or capture the file again")
            else:
                why = f"not a capture, it looks like {inside}{looks_like(first)}"
                raise CaptureError(path, why, convert_hint(first))
        except pcap.UnsupportedVersionError as error:
            raise CaptureError(path, str(error), AGAIN_HINT) from error
        if self.capture.format.startswith("pcapng"):
            self.capture.interfaces = max(1, decoder.interfaces)
        if len(block) and block.time[0] != NO_TIME:
            self.first_time = int(block.time[0])


def _cannot_read(path: str, error: OSError) -> CaptureError:
    if isinstance(error, FileNotFoundError):
        return CaptureError(path, "no such file", "check the name")
    if isinstance(error, PermissionError):
        return CaptureError(path, "no permission to read it", "ask its owner, or change its mode with chmod")
    return CaptureError(path, f"cannot be read ({error.strerror or error})", "check the disk and the name")


def _cut_in_header(path: str, have: int, want: int) -> CaptureError:
    return CaptureError(path, f"cut inside the file header, {have} of {want} octets", "copy or capture the file again")
