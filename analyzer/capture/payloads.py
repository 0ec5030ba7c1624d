"""From IP payloads to rows: what UDP, TCP and SCTP have in common here, and TCP (RFC 9293 section 3.1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyzer.capture import link
from analyzer.capture.flows import Hashes, direction_hash, ends, flow_hash, marks
from analyzer.capture.link import Cut, Octets, Payload, Walk
from analyzer.capture.rows import Columns, Field, Ints, Mask
from analyzer.capture.tags import Tags

TCP, UDP, SCTP = 6, 17, 132
NOT_OURS = ""
"""The reason to drop what another lane hands out or counts."""

_TEXT = np.isin(np.arange(256), (9, 10, 13, *range(0x20, 0x7F)))


class Source(NamedTuple):
    """Where the packets of one pass are."""

    octets: Octets
    base: int
    "Where these octets will start in the octets of the rows."
    frame: Ints
    "Frame number by row of the block, as `Cut.packet` names it."
    time: Ints
    tags: Tags


def text_looking(words: Ints) -> Mask:
    """Are all four octets printable ASCII, CR, LF or TAB?"""
    mask: Mask = (words & 0x80808080) == 0
    few = words[mask]
    mask[mask] = _TEXT[few >> 24] & _TEXT[few >> 16 & 255] & _TEXT[few >> 8 & 255] & _TEXT[few & 255]
    return mask


def narrowed(found: Payload, mask: Mask) -> Payload:
    """The payloads that a mask names."""
    if mask.all():
        return found
    return Payload(found.version, found.cut.where(mask), found.header[mask], found.identity[mask])


def held(found: Payload, size: int, walk: Walk) -> Payload:
    """The payloads that hold `size` octets of transport header; the others are dropped."""
    whole = found.cut.start + size <= found.cut.end
    walk.drop(link.TRUNCATED, found.cut.packet[~whole])
    return narrowed(found, whole)


def address_pairs(octets: Octets, version: int, header: Ints) -> NDArray[np.object_]:
    """The `addresses` of `Rows`."""
    if version == 4:
        pairs = octets.u32(header + 12).view(np.uint64) << np.uint64(32) | octets.u32(header + 16).view(np.uint64)
        return pairs.astype(np.object_)
    data = octets.data
    column = np.empty(len(header), np.object_)
    column[:] = [int.from_bytes(data[at + 8 : at + 40], "big") for at in header.tolist()]
    return column


def as_columns(source: Source, found: Payload, transport: int, ports: Ints, payload: Cut, mark: Ints) -> Columns:
    """Rows of `payload`, which `found` carried."""
    table = np.zeros((len(Field), len(ports)), np.int64)
    table[Field.FRAME] = source.frame[payload.packet]
    table[Field.TIME] = source.time[payload.packet]
    table[Field.TRANSPORT] = transport
    table[Field.PORTS] = ports | found.version << 40 | transport << 32
    table[Field.START] = payload.start + source.base
    table[Field.END] = payload.end + source.base
    table[Field.MISSING] = payload.wire - payload.end
    table[Field.MARK] = mark
    if source.tags.values is not None:
        table[Field.NETWORK] = source.tags.values[payload.packet]
    return Columns(source.octets.data, table, address_pairs(source.octets, found.version, found.header))


class Segments(NamedTuple):
    """TCP segments of one pass, before their flows are judged."""

    source: Source
    found: Payload
    ports: Ints
    sender: Hashes
    receiver: Hashes
    flow: Hashes
    payload: Cut
    loaded: Mask
    "Has payload on the wire."
    speaks: Mask
    "Its payload starts like text, TLS or TPKT, or too little of it is captured to tell."

    def where(self, mask: Mask) -> Segments:
        if mask.all():
            return self
        return Segments(
            self.source,
            narrowed(self.found, mask),
            self.ports[mask],
            self.sender[mask],
            self.receiver[mask],
            self.flow[mask],
            self.payload.where(mask),
            self.loaded[mask],
            self.speaks[mask],
        )

    def numbers(self) -> tuple[int, Hashes, Hashes, Ints, tuple[Ints, ...]]:
        """What `Networks.see` takes."""
        octets, header = self.source.octets, self.found.cut.start
        seq, ack, flags = octets.u32(header + 4), octets.u32(header + 8), octets.u8(header + 13)
        mark = marks(self.sender, self.found.identity, seq, ack, flags, octets.u32(header + 14))
        size = self.payload.wire - self.payload.start + (flags >> 1 & 1) + (flags & 1)
        packet = self.payload.packet
        tags = self.source.tags.values
        tag = tags[packet] if tags is not None else np.zeros(len(packet), np.int64)
        columns = (self.source.time[packet], mark, seq, seq + size & 0xFFFFFFFF, ack, flags)
        return TCP, self.sender, self.receiver, tag, columns

    def columns(self) -> Columns:
        """As rows."""
        octets, header = self.source.octets, self.found.cut.start
        seq, ack, flags = octets.u32(header + 4), octets.u32(header + 8), octets.u8(header + 13)
        mark = marks(
            direction_hash(self.sender, self.receiver),
            self.found.identity,
            seq,
            ack,
            flags,
            octets.u32(header + 14),  # window and checksum: by them repetitions and acknowledgements differ from copies
            self.payload.wire - self.payload.start,
        )
        columns = as_columns(self.source, self.found, TCP, self.ports, self.payload, mark)
        columns.table[Field.SEQ] = seq
        columns.table[Field.ACK] = ack
        columns.table[Field.FLAGS] = flags
        columns.table[Field.FLOW] = self.flow.view(np.int64) & -2 | (self.sender < self.receiver)
        return columns


def tcp_segments(source: Source, found: Payload, walk: Walk) -> Segments:
    """Read the headers, and how the payloads start."""
    octets = source.octets
    found = held(found, 20, walk)
    size = octets.u8(found.cut.start + 12) >> 2 & 0x3C
    good = (size >= 20) & (found.cut.start + size <= found.cut.wire)
    walk.drop(link.MALFORMED, found.cut.packet[~good])
    found, size = narrowed(found, good), size[good]
    cut = found.cut
    ports = octets.u32(cut.start)
    sender, receiver = ends(octets, found.version, found.header, ports)
    start = np.minimum(cut.start + size, cut.end)
    # where options were cut, the payload's octets are counted as missing, the options' are not
    on_wire = cut.wire - (cut.start + size)
    payload = Cut(cut.packet, start, cut.end, start + on_wire)
    legible = cut.end - start >= 4
    word = octets.u32(np.where(legible, start, cut.start))
    loaded = on_wire > 0
    speaks = text_looking(word) | (word & 0xFCFF0000 == 0x14030000) | (word >> 16 == 0x0300)
    speaks = np.where(legible, speaks, loaded)
    return Segments(source, found, ports, sender, receiver, flow_hash(sender, receiver), payload, loaded, speaks)
