"""pcapng: draft-ietf-opsawg-pcapng, read as Wireshark reads it.

Covered: sections (each with its own byte order and interfaces), Interface Description, Enhanced, Simple and the
obsolete Packet Block, Decryption Secrets (kept, never shown), resolutions in powers of 10 and 2, time offsets. Other
blocks are passed by and counted; name resolution and statistics are of no use here. A decoder is fed octets; files are
elsewhere.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.blocks import NO_TIME, PacketBlock, empty_block, join_blocks
from analyzer.capture.interfaces import InterfaceTable, decode_interface
from analyzer.capture.pcap import gather

SECTION_HEADER = 0x0A0D0D0A
INTERFACE = 0x00000001
PACKET = 0x00000002
SIMPLE_PACKET = 0x00000003
ENHANCED_PACKET = 0x00000006
SECRETS = 0x0000000A

MAGIC = b"\x0a\x0d\x0d\x0a"
BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
FIELDS = {
    order: np.dtype([(name, order + "u4") for name in ("high", "low", "caplen", "wirelen")]) for order in ("<", ">")
}
"""Enhanced Packet Block from octet 12 on (draft section 4.3)."""
VERSIONS = {(1, 0), (1, 2)}
"""Draft section 4.1: 1.2 was written by some tools and means 1.0."""
NAMES = {
    0x4: "name resolution block",
    0x5: "interface statistics block",
    0x9: "systemd journal block",
    0xBAD: "custom block",
    0x40000BAD: "custom block",
}
"""Blocks that are passed by, as the account calls them."""
NUMBERED = {0x9, 0xBAD, 0x40000BAD, 0x204, 0x216, 0x221}
"""Blocks without a packet that Wireshark 4.0 nevertheless numbers as frames: journal, custom, sysdig events."""

MINIMUM = {SECTION_HEADER: 28, INTERFACE: 20, PACKET: 32, SIMPLE_PACKET: 16, ENHANCED_PACKET: 32, SECRETS: 20}
"""Least total length of a block without options, in octets."""
TLS_KEY_LOG = 0x544C534B
SECRETS_OF = {
    0x5353484B: "SSH",
    0x57474B4C: "WireGuard",
    0x5A4E574B: "ZigBee",
    0x5A415053: "ZigBee",
    0x4F504355: "OPC UA",
}
"""Secrets types, as Wireshark numbers them, of Decryption Secrets Blocks that open nothing that is read here."""
MAXIMUM_BLOCK = (128 << 20) + 131072
"""Wireshark's bound on a block: a larger claim is damage."""
MAXIMUM_INTERFACES = 1 << 16
"""More in one section is taken for damage: the obsolete Packet Block counts interfaces in 16 bits."""
WRONG_LENGTH, OVER_LIMIT = "secrets of a wrong length", "secrets over the limit"
LOST_SECRETS = {WRONG_LENGTH, OVER_LIMIT}
"""Why a Decryption Secrets Block was not read, as the account calls it."""
MAXIMUM_SECRETS = 64 << 20
"""Octets of embedded secrets kept of one file; more is counted in the account."""
MAXIMUM_KINDS = 256
"""Different unknown block types told apart in the account."""


def walk_pcapng(data: bytes, pos: int, big_endian: bool) -> tuple[list[int], list[int], int]:
    """Follow the blocks of a section from `pos`: where each Enhanced Packet Block starts, where each other, the end.

    Stops at a Section Header Block (the next has its own byte order), at a block that is cut or whose length cannot be.
    The hot loop of reading: it looks at type and length, all else is gathered with numpy.
    """
    head = struct.Struct(">II" if big_endian else "<II").unpack_from
    enhanced: list[int] = []
    other: list[int] = []
    append = enhanced.append
    size = len(data)
    last = size - 12
    while pos <= last:
        kind, total = head(data, pos)
        if kind == 6 and 32 <= total <= MAXIMUM_BLOCK:
            append(pos)
        elif kind == SECTION_HEADER or total < MINIMUM.get(kind, 12) or total > MAXIMUM_BLOCK:
            return enhanced, other, pos
        else:
            other.append(pos)
        pos += (total + 3) & ~3  # as Wireshark does where the length is not padded as section 3.1 asks
    if pos > size:  # the last block is cut
        pos = max(enhanced[-1:] + other[-1:])
        (enhanced if enhanced[-1:] == [pos] else other).pop()
    return enhanced, other, pos


class PcapngDecoder:
    """Blocks of one pcapng file, fed in any pieces that begin at a block."""

    format = "pcapng"

    def __init__(self) -> None:
        self.frames = 0
        "Frames counted so far."
        self.sections = 0
        "Section headers read."
        self.damage: str | None = None
        "Why the blocks end before the octets do; its place is where `decode` said the rest starts."
        self.wanted = 12
        "Octets that the block at the end of what was given needs to be complete, as far as is known."
        self.skipped: dict[str, int] = {}
        "Blocks passed by and oddities, counted by name."
        self.secrets: list[tuple[int, bytes]] = []
        "Decryption Secrets Blocks: type and octets. Keys: never print them."
        self._secret_octets = 0
        self._order = "<"
        self._interfaces = InterfaceTable()
        self.interfaces = 0
        "Interfaces described so far, in all sections."

    def decode(self, data: bytes, pos: int = 0) -> tuple[PacketBlock, int]:
        """Return the packets of all whole blocks of `data` from `pos`, and where the first that is not whole starts."""
        parts: list[PacketBlock] = []
        while True:
            if self.sections:
                part, pos = self._section(data, pos)
                if len(part):
                    parts.append(part)
            after = pos if self.damage else self._start(data, pos)
            if after == pos:
                return join_blocks(data, parts), pos
            pos = after

    def _start(self, data: bytes, pos: int) -> int:
        """Read the Section Header Block at `pos` (draft section 4.1), return its end; `pos` where none stands."""
        self.wanted = 12
        if len(data) - pos < 12:
            return pos
        order = self._order
        if data[pos : pos + 4] == MAGIC:  # a palindrome: it reads alike in both byte orders, its length does not
            order = BYTE_ORDERS.get(data[pos + 8 : pos + 12], "")
            if not order:
                self.damage = "section header without the byte-order magic"
                return pos
        kind, claimed = struct.unpack_from(order + "II", data, pos)
        total: int = (claimed + 3) & ~3
        if claimed < MINIMUM.get(kind, 12) or claimed > MAXIMUM_BLOCK:
            self.damage = f"block of type {kind:#x} claims a length that cannot be ({claimed} octets)"
        elif len(data) - pos < total:
            self.wanted = total
        elif struct.unpack_from(order + "HH", data, pos + 12) not in VERSIONS:
            major, minor = struct.unpack_from(order + "HH", data, pos + 12)
            self.damage = f"pcapng version {major}.{minor}, only 1.0 and 1.2 are known"
        elif (struct.unpack_from(order + "I", data, pos + total - 4)[0] + 3) & ~3 != total:
            self.damage = "the two lengths of a section header differ"
        else:
            self.sections += 1
            self._order = order
            self._interfaces = InterfaceTable()
            return pos + total
        return pos

    def _section(self, data: bytes, pos: int) -> tuple[PacketBlock, int]:
        """All packets from `pos` to the end of the section or of the octets, and where that is."""
        enhanced, other, end = walk_pcapng(data, pos, self._order == ">")
        if not enhanced and not other:
            return empty_block(data), end
        words = _words(data, self._order)
        starts = np.array(enhanced, dtype=np.int64)
        blocks = np.sort(np.concatenate((starts, np.array(other, dtype=np.int64)))) if other else starts
        total = (words[blocks + 4].astype(np.int64) + 3) & ~3
        trailer = (words[blocks + total - 4].astype(np.int64) + 3) & ~3
        differ = np.flatnonzero(trailer != total)
        if len(differ):
            first = int(differ[0])
            end = int(blocks[first])
            self.damage = f"the two lengths of a block differ ({total[first]} and {trailer[first]})"
        known = len(self._interfaces)
        simple: list[int] = []
        numbered: list[int] = []
        described: list[int] = []
        for at in other:
            if at >= end:
                break
            kind, size = struct.unpack_from(self._order + "II", data, at)
            if kind == INTERFACE:
                if not self._add_interface(data[at + 8 : at + size - 4]):
                    end = at
                    break
                described.append(at)
            elif kind == SIMPLE_PACKET:
                simple.append(at)
            elif kind == PACKET:
                enhanced.append(at)
            elif kind == SECRETS:
                self._keep_secrets(data[at + 8 : at + size - 4])
            else:
                self._pass_by(kind)
                if kind in NUMBERED:
                    numbered.append(at)
        starts = np.array(enhanced + simple, dtype=np.int64) if other else starts
        is_simple = np.arange(len(starts)) >= len(enhanced)
        if other or len(differ):
            order = np.argsort(starts, kind="stable")
            order = order[starts[order] < end]
            starts, is_simple = starts[order], is_simple[order]
        # How many interfaces were described before each packet.
        defined = known + np.searchsorted(np.array(described, dtype=np.int64), starts)
        block, end = self._columns(data, starts, is_simple, defined, end)
        numbers = np.array(numbered, dtype=np.int64)
        block.frame += self.frames + np.searchsorted(numbers, starts[: len(block)])
        self.frames += len(block) + int(np.searchsorted(numbers, end))
        return block, end

    def _columns(
        self,
        data: bytes,
        starts: NDArray[np.int64],
        is_simple: NDArray[np.bool_],
        defined: NDArray[np.int64],
        end: int,
    ) -> tuple[PacketBlock, int]:
        """The columns of the packet blocks at `starts`, up to the first that cannot be; frames count from 1."""
        words = _words(data, self._order)
        interface = words[starts + 8].astype(np.int64)
        obsolete = words[starts] == PACKET
        if obsolete.any():  # 16 bits of interface id, then 16 bits of drop count (appendix A)
            interface = np.where(obsolete, interface >> 16 if self._order == ">" else interface & 0xFFFF, interface)
        has_simple = bool(is_simple.any())
        if has_simple:
            interface[is_simple] = 0
        unknown = np.flatnonzero(interface >= defined)
        if len(unknown):
            count = int(unknown[0])
            end = int(starts[count])
            self.damage = f"packet of interface {interface[count]}, but the section has {defined[count]} up to here"
            starts, is_simple, interface = starts[:count], is_simple[:count], interface[:count]
        if not len(starts):
            return empty_block(data), end
        linktypes, limits, snaplens = self._interfaces.columns
        # A Simple Packet Block is shorter: shifted so, all four words of it lie inside, and its length is the third.
        fields = gather(data, starts + 12 - 12 * is_simple, FIELDS[self._order])
        caplen = fields["caplen"].astype(np.int64)
        wirelen = fields["wirelen"].astype(np.int64)
        ticks = fields["high"].astype(np.uint64) << np.uint64(32) | fields["low"]
        if has_simple:
            ticks[is_simple] = 0
            wirelen[is_simple] = caplen[is_simple]
            caplen[is_simple] = np.minimum(caplen[is_simple], snaplens[0])
        head = 28 - 16 * is_simple
        room = words[starts + 4] - head - 4
        bad = np.flatnonzero((caplen > room) | (caplen > limits[interface]))
        count = len(starts)
        if len(bad):
            count = int(bad[0])
            end = int(starts[count])
            self.damage = f"packet of {caplen[count]} octets, more than its block or any packet can hold"
        narrow = interface[:count].astype(np.int32)
        time, unfit = self._interfaces.times(ticks[:count], narrow)
        time[is_simple[:count]] = NO_TIME
        if unfit:
            self._count("time out of range", unfit)
        block = PacketBlock(
            data=data,
            frame=np.arange(1, count + 1, dtype=np.int64),
            time=time,
            offset=(starts + head)[:count],
            caplen=caplen[:count],
            wirelen=wirelen[:count],
            linktype=linktypes[narrow],
            interface=narrow,
        )
        return block, end

    def _add_interface(self, body: bytes) -> bool:
        interface = decode_interface(body, self._order)
        if interface is None:
            self.damage = "interface description whose options run out of it"
        elif len(self._interfaces) >= MAXIMUM_INTERFACES:
            self.damage = f"more than {MAXIMUM_INTERFACES} interfaces in one section"
        else:
            self._interfaces.add(interface)
            self.interfaces += 1
            return True
        return False

    def _keep_secrets(self, body: bytes) -> None:
        """Decryption Secrets Block (draft section 4.7): type, length, octets."""
        kind, length = struct.unpack_from(self._order + "II", body)
        if length > len(body) - 8:
            self._count(WRONG_LENGTH)
        elif self._secret_octets + length > MAXIMUM_SECRETS:
            self._count(OVER_LIMIT)
        else:
            if kind != TLS_KEY_LOG:
                self._count(f"secrets of {SECRETS_OF.get(kind, 'another kind')}")
            self.secrets.append((kind, body[8 : 8 + length]))
            self._secret_octets += length + 64

    def _pass_by(self, kind: int) -> None:
        name = NAMES.get(kind) or f"block of type {kind:#x}"
        if name not in self.skipped and len(self.skipped) >= MAXIMUM_KINDS:
            name = "block of another unknown type"
        self._count(name)

    def _count(self, name: str, times: int = 1) -> None:
        self.skipped[name] = self.skipped.get(name, 0) + times


def _words(data: bytes, order: str) -> NDArray[np.uint32]:
    """A view in which index i is the word at octet i; as in `gather`."""
    return np.ndarray((len(data) - 3,), dtype=order + "u4", buffer=data, strides=(1,))
