"""From packet blocks to the transport payloads worth reading, many packets at once; noise is counted, never an object.

The layers of `link` and `tunnels` are opened round by round over all packets of a block. What ends in UDP or SCTP is
picked by `datagrams`, TCP by flow (`payloads`, `flows`). Fragments come one by one (`fragments`); what they make is
walked again, like what scapy digs out of rare link types, and what
HEP3 holds. Rows leave in time order (`rows`), without copies
(`duplicates`).

Two processes can share a capture: each sees all packets, and owns by flow a part of TCP; SIP over UDP is lane 1's, the
rest, and the account of what belongs to no TCP flow, is lane 0's. The accounts and rows of all lanes together name
every packet once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from analyzer.capture import fragments, hep, link, tunnels
from analyzer.capture.blocks import NO_TIME, PacketBlock
from analyzer.capture.datagrams import DatagramPicker, see_datagrams
from analyzer.capture.duplicates import DuplicateFilter
from analyzer.capture.flows import SLOTS, FlowJudge, lane_table
from analyzer.capture.link import Cut, Layer, Octets, Walk
from analyzer.capture.networks import Networks
from analyzer.capture.payloads import NOT_OURS, Segments, Source, tcp_segments
from analyzer.capture.rows import Columns, HoldBack, Ints, Rows
from analyzer.capture.tags import Tags

DEPTH = 16
"""Layers above the IP payload at most, each VLAN tag, tunnel header and IP header being one."""
PASSES = 8
"""How often what fragments and scapy gave is walked again at most."""


class _Dug(NamedTuple):
    """An IP packet that no pass could reach in place: made of fragments, or found by scapy."""

    packet: int
    "Row in the block."
    octets: bytes


def next_pass(dug: list[_Dug], before: Source) -> tuple[Source, Walk]:
    """A walk over IP packets laid end to end; their octets follow those of the pass before."""
    walk = Walk(before.tags)
    end = np.cumsum([len(part.octets) for part in dug])
    start = np.concatenate([[0], end[:-1]])
    walk.open(Layer.IP, Cut(np.array([part.packet for part in dug]), start, end, end))
    octets = Octets(b"".join([part.octets for part in dug]))
    return before._replace(octets=octets, base=before.base + len(before.octets.data)), walk


def _each(octets: Octets, cut: Cut) -> Iterator[tuple[int, bytes]]:
    """Row in the block, and the octets, of each range."""
    for row, start, end in zip(cut.packet.tolist(), cut.start.tolist(), cut.end.tolist(), strict=True):
        yield row, octets.data[start:end]


class Selector:
    """Selects block by block; what it holds back (10 ms of rows, unfinished fragments) comes later or with `flush`.

    `lane` of `lanes` is the part of the work that is done here, `shares` how many of the 16 parts of TCP each lane
    has. A UDP datagram from or to one of `udp_ports` is wanted whatever it holds, RTP excepted.
    """

    def __init__(
        self,
        lane: int = 0,
        lanes: int = 1,
        udp_ports: frozenset[int] = frozenset((2945,)),
        shares: tuple[int, ...] | None = None,
    ) -> None:
        if not 0 <= lane < lanes:
            raise ValueError(f"lane {lane} of {lanes}")
        self._lane = lane
        self._owner = lane_table(lanes, shares)
        self._picker = DatagramPicker(udp_ports, lane, lanes)
        self._judge = FlowJudge()
        self._account: Counter[str] = Counter()
        self._reassembler = fragments.Reassembler()
        self._more: dict[int, tuple[int, ...]] = {}
        "Frame -> all frames, of packets that came in fragments and are not handed out yet."
        self._hold = HoldBack()
        self._copies = DuplicateFilter()
        self.networks = Networks()
        "Which tags were found to be different networks."
        self._last_time = NO_TIME

    def ignore_flow(self, addresses: int, ports: int) -> None:
        """From the next block on, count both directions of this TCP flow as "ignored flow"."""
        if not self.networks.is_split:  # else the same ends may be another's in another network
            self._judge.ignore(addresses, ports)

    def select(self, block: PacketBlock) -> Rows:
        """Take the packets of a block; return the rows that are due."""
        if not len(block):
            return self._due(Columns.empty())
        time = self._times(block.time)
        self._hold.now = max(self._hold.now, int(time.max()))
        self._hold.skew = max(self._hold.skew, block.skew)
        columns: list[Columns] = []
        segments: list[Segments] = []
        buffers: list[bytes] = []
        tags = Tags(len(block))
        source = Source(Octets(block.data), 0, block.frame, time, tags)
        walk = self._first_pass(source.octets, block, tags)
        dug: list[_Dug] = []
        for _ in range(PASSES):
            columns += self._descend(source, walk)
            for found in walk.sctp:
                columns += self._picker.sctp(source, found, walk)
            for found in walk.tcp:
                part = tcp_segments(source, found, walk)
                if self.networks.several(tags):
                    self.networks.see(*part.numbers())
                segments.append(self._own(part, walk))
            dug += self._reassemble(source, walk)
            dug += self._unwrap(source.octets, walk)
            self._give_up_all(source, walk)
            buffers.append(source.octets.data)
            walk = Walk(tags)
            if not dug:
                break
            source, walk = next_pass(dug, source)
            dug = []
        self._give_up_all(source, walk)
        columns += self._judged(segments)
        made = Columns.over(buffers[0] if len(buffers) == 1 else b"".join(buffers), columns)
        if tags.values is not None or self.networks.of(0):
            self.networks.decide()
            self.networks.settle(made.table)
        return self._due(made)

    def flush(self) -> Rows:
        """The end of the capture: all that was held, and what fragments are left counted."""
        self._reassembler.flush()
        self._hold.now = 1 << 62
        return self._due(Columns.empty())

    def _times(self, time: Ints) -> Ints:
        """The times, that of the packet before where there is none."""
        known = time != NO_TIME
        if not known.all():
            at = np.maximum.accumulate(np.where(known, np.arange(len(time)), -1))
            time = np.where(at >= 0, time[at], self._last_time)
        self._last_time = int(time[-1])
        return time

    @staticmethod
    def _first_pass(octets: Octets, block: PacketBlock, tags: Tags) -> Walk:
        """Take the link headers off."""
        walk = Walk(tags)
        wire = block.offset + np.maximum(block.wirelen, block.caplen)
        whole = Cut(np.arange(len(block)), block.offset, block.offset + block.caplen, wire)
        first = int(block.linktype[0])
        kinds = [first] if (block.linktype == first).all() else np.unique(block.linktype).tolist()
        for kind in kinds:
            cut = whole.where(block.linktype == kind)
            if kind in link.LINKS:
                link.LINKS[kind](octets, cut, walk)
            else:
                walk.foreign.append((kind, cut))
        return walk

    def _descend(self, source: Source, walk: Walk) -> list[Columns]:
        """Open layers until only transport payloads are left; return the datagrams of UDP that are wanted."""
        columns: list[Columns] = []
        for _ in range(DEPTH):
            pending, walk.pending = walk.pending, []
            for layer, cut in pending:
                tunnels.LAYERS[layer](source.octets, cut, walk)
            udp, walk.udp = walk.udp, []
            for found in udp:
                if self.networks.several(walk.tags):
                    see_datagrams(self.networks, source, found)
                columns += self._picker.udp(source, found, walk)
            if not walk.pending:
                break
        return columns

    def _own(self, segments: Segments, walk: Walk) -> Segments:
        """The segments whose flows are of this lane."""
        own = self._owner[(segments.flow & np.uint64(SLOTS - 1)).view(np.int64)] == self._lane
        walk.drop(NOT_OURS, segments.payload.packet[~own])
        return segments.where(own)

    def _judged(self, segments: list[Segments]) -> list[Columns]:
        """The segments whose flows are not ignored, and do not look like noise."""
        segments = [part for part in segments if len(part.flow)]
        if not segments:
            return []
        ignored, noise = self._judge.judge(
            np.concatenate([part.flow for part in segments]),
            np.concatenate([part.loaded for part in segments]),
            np.concatenate([part.speaks for part in segments]),
        )
        columns = []
        first = 0
        for part in segments:
            own = slice(first, first + len(part.flow))
            first = own.stop
            self._give_up("ignored flow", part.source.frame[part.payload.packet[ignored[own]]])
            self._give_up("tcp other", part.source.frame[part.payload.packet[noise[own]]])
            columns.append(part.where(~(ignored[own] | noise[own])).columns())
        return columns

    @staticmethod
    def _unwrap(octets: Octets, walk: Walk) -> list[_Dug]:
        """What is read packet by packet: link types that only scapy knows, and HEP3."""
        dug: list[_Dug] = []
        for kind, cut in walk.foreign:
            if not tunnels.known_to_scapy(kind):
                walk.drop(f"unsupported link type {kind}", cut.packet)
                continue
            for row, packet in _each(octets, cut):
                inner = tunnels.innermost_ip(kind, packet)
                if inner is None:
                    walk.drop("not IP", np.array([row]))
                else:
                    dug.append(_Dug(row, inner))
        for cut in walk.hep:
            whole = cut.end == cut.wire
            walk.drop("hep packet truncated", cut.packet[~whole])
            for row, packet in _each(octets, cut.where(whole)):
                unwrapped = hep.ip_packet(packet)
                if unwrapped.packet:
                    dug.append(_Dug(row, unwrapped.packet))
                else:
                    walk.drop(unwrapped.why, np.array([row]))
        return dug

    def _reassemble(self, source: Source, walk: Walk) -> list[_Dug]:
        """Take the fragments of a pass, in time order; return the datagrams that became whole."""
        pieces: list[tuple[int, int, int, fragments.Key, bytes, int, bool, bytes]] = []
        data = source.octets.data
        for part in walk.fragments:
            whole = part.cut.end == part.cut.wire
            walk.drop("ip fragment truncated", part.cut.packet[~whole])
            cut = part.cut.where(whole)
            columns = (cut.packet, source.time[cut.packet], source.frame[cut.packet], cut.start, cut.end)
            columns += tuple(column[whole] for column in part[2:])
            for row, time, frame, start, end, at, protocol, identity, offset, more in zip(
                *(column.tolist() for column in columns), strict=True
            ):
                if part.version == 4:
                    header = data[at : at + ((data[at] & 15) << 2)]
                    key = (4, data[at + 12 : at + 20], identity, protocol)
                else:
                    header = data[at : at + 6] + bytes((protocol,)) + data[at + 7 : at + 40]
                    key = (6, data[at + 8 : at + 40], identity, 0)
                if self.networks.is_split and source.tags.values is not None:
                    network = self.networks.of(int(source.tags.values[row]))
                    key = (key[0], key[1] + network.to_bytes(2), *key[2:])
                pieces.append((time, frame, row, key, header, offset, more, data[start:end]))
        pieces.sort(key=lambda piece: piece[:2])
        dug = []
        for time, frame, row, key, header, offset, more, payload in pieces:
            frames = self._more.pop(frame, (frame,))
            datagram = self._reassembler.receive(key, time, frames, header, offset, more, payload)
            if datagram is not None:
                self._more[frame] = datagram.frames
                dug.append(_Dug(row, datagram.packet))
        return dug

    def _give_up_all(self, source: Source, walk: Walk) -> None:
        """Count what the walk dropped or did not come to; all of that is lane 0's."""
        noise = walk.noise + [(tunnels.UNREADABLE, cut.packet) for _, cut in walk.pending]
        for reason, packets in noise:
            self._give_up(reason if self._lane == 0 else NOT_OURS, source.frame[packets])

    def _give_up(self, reason: str, frames: Ints) -> None:
        if not len(frames):
            return
        count = len(frames)
        if self._more:
            count = sum(len(self._more.pop(frame, (frame,))) for frame in frames.tolist())
        if reason != NOT_OURS:
            self._account[reason] += count

    def _due(self, new: Columns) -> Rows:
        """Merge new rows with those held, remove copies, hand out what is due."""
        merged = self._hold.merge(new)
        fresh, copies = self._copies.sift(merged)
        if copies:
            self._account[fragments.DUPLICATE] += sum(len(self._more.pop(frame, (frame,))) for frame in copies)
            merged = merged.take(fresh)
        due = self._hold.release(merged)
        self._copies.remember(due)
        if self._lane == 0:
            self._account.update(self._reassembler.account)
        self._reassembler.account.clear()
        account, self._account = dict(self._account), Counter()
        return due.rows(account, self._more, copies)
