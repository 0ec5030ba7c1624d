"""Classic capture files: draft-ietf-opsawg-pcap, and what libpcap still reads of older ones.

Covered: microseconds and nanoseconds, both byte orders, versions 2.0 to 2.4 (the two lengths change places before 2.3),
the FCS bits of the link type field, and Kuznetzov's records of 24 octets. A decoder here is fed with octets; files are
elsewhere.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.blocks import PacketBlock

FILE_HEADER = 24
"""Octets before the first record (draft section 4)."""

MAXIMUM_SNAPLEN = 262144
"""libpcap's and Wireshark's bound on the length of a packet; a record that claims more is damaged."""
LARGE_SNAPLEN = {231: 128 << 20, 249: 128 << 20, 279: 32 << 20}
"""The same bound for D-Bus, USBPcap and EBHSCR, whose packets are legitimately larger."""

MAGICS: dict[bytes, tuple[str, int, int]] = {
    bytes.fromhex("a1b2c3d4"): (">", 1000, 16),
    bytes.fromhex("d4c3b2a1"): ("<", 1000, 16),
    bytes.fromhex("a1b23c4d"): (">", 1, 16),
    bytes.fromhex("4d3cb2a1"): ("<", 1, 16),
    bytes.fromhex("a1b2cd34"): (">", 1000, 24),
    bytes.fromhex("34cdb2a1"): ("<", 1000, 24),
}
"""First four octets -> byte order, nanoseconds per unit of the record's time fraction, octets of a record header."""


class UnsupportedVersionError(ValueError):
    """A pcap header of a version that nobody here reads; the text says which."""


def max_caplen(linktype: int) -> int:
    """The largest plausible packet of a link type, in octets (Wireshark: wtap_max_snaplen_for_encap)."""
    return LARGE_SNAPLEN.get(linktype, MAXIMUM_SNAPLEN)


def walk_pcap(data: bytes, pos: int, big_endian: bool, header: int, length_at: int = 8) -> tuple[list[int], int]:
    """Follow the records that start at `pos`; return where each complete one starts, and where the rest starts.

    `header` is the size of a record header, `length_at` the place of the captured length in it.
    The hot loop of reading: it looks at nothing but the captured length, all other fields are gathered with numpy.
    """
    unpack = struct.Struct(">I" if big_endian else "<I").unpack_from
    positions: list[int] = []
    append = positions.append
    last = len(data) - header
    while pos <= last:
        append(pos)
        pos += header + unpack(data, pos + length_at)[0]
    if pos > len(data):  # the last one is cut
        pos = positions.pop()
    return positions, pos


def gather(data: bytes, starts: NDArray[np.int64], fields: np.dtype[np.void]) -> NDArray[np.void]:
    """The `fields` that stand at each of `starts`, wherever that is; all must lie within `data`.

    An unaligned view with a stride of one octet lets one fancy index fetch them all. It fetches them as opaque octets:
    numpy copies a structured type field by field, which takes twenty times longer.
    """
    size = fields.itemsize
    if not len(starts):
        return np.zeros(0, dtype=fields)
    opaque: NDArray[np.void] = np.ndarray((len(data) - size + 1,), dtype=f"V{size}", buffer=data, strides=(1,))
    return opaque[starts].view(fields)


class PcapDecoder:
    """Records of one pcap file, fed block by block."""

    format = "pcap"
    interfaces = 1

    def __init__(self, header: bytes) -> None:
        """Read the file header, 24 octets from one of `MAGICS` on; `UnsupportedVersionError` for other versions."""
        order, self._unit, self._record = MAGICS[header[:4]]
        major, minor, _zone, _sigfigs, self.snaplen, network = struct.unpack_from(order + "HHiIII", header, 4)
        if major != 2 or minor > 4:
            raise UnsupportedVersionError(f"pcap version {major}.{minor}, only 2.0 to 2.4 are known")
        self._big = order == ">"
        # Draft section 4: bits 28-31 the FCS length, bit 26 says whether it counts, the low 16 bits the link type.
        self.linktype: int = network & 0xFFFF
        self._limit = max_caplen(self.linktype)
        # libpcap sf-pcap.c: before 2.3 the length on the wire came first.
        lengths = ("caplen", "wirelen") if minor >= 3 else ("wirelen", "caplen")
        self._length_at = 8 if minor >= 3 else 12
        self._fields = np.dtype([(name, order + "u4") for name in ("seconds", "fraction", *lengths)])
        self.frames = 0
        "Frames counted so far."
        self.damage: str | None = None
        "Why the records end before the octets do; its place is where `decode` said the rest starts."
        self.wanted = 0
        "Octets that the record at the end of what was given needs to be complete, as far as is known."
        self.skipped: dict[str, int] = {}
        self.secrets: list[tuple[int, bytes]] = []

    def decode(self, data: bytes, pos: int = 0) -> tuple[PacketBlock, int]:
        """Return all whole records of `data` from `pos`, and where the first that is not whole starts."""
        positions, end = walk_pcap(data, pos, self._big, self._record, self._length_at)
        starts = np.array(positions, dtype=np.int64)
        fields = gather(data, starts, self._fields)
        caplen = fields["caplen"].astype(np.int64)
        wirelen = fields["wirelen"].astype(np.int64)
        self.wanted = self._record
        if len(data) - end >= self._record:
            claimed = int(gather(data, np.array([end]), self._fields)["caplen"][0])
            self.wanted += claimed
            if claimed > self._limit:
                self._note_damage(claimed)
        too_long = np.flatnonzero(caplen > self._limit)
        if len(too_long):
            first = int(too_long[0])
            end = positions[first]
            self._note_damage(int(caplen[first]))
            starts, fields, caplen, wirelen = starts[:first], fields[:first], caplen[:first], wirelen[:first]
        time = fields["seconds"].astype(np.int64) * 1_000_000_000
        time += fields["fraction"].astype(np.int64) * self._unit
        count = len(starts)
        frame = np.arange(self.frames + 1, self.frames + 1 + count, dtype=np.int64)
        self.frames += count
        block = PacketBlock(
            data=data,
            frame=frame,
            time=time,
            offset=starts + self._record,
            caplen=caplen,
            wirelen=wirelen,
            linktype=np.full(count, self.linktype, dtype=np.int32),
            interface=np.zeros(count, dtype=np.int32),
        )
        return block, end

    def _note_damage(self, claimed: int) -> None:
        self.damage = f"damaged record header: it claims a packet of {claimed} octets, more than {self._limit}"
