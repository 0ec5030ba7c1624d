"""Which tags are different networks, as their conversations show.

Two customers may have the same addresses and ports in two VLANs. But a tag alone proves nothing: a mirror port sees a
packet before and behind a router, GTP-U and MPLS number each direction for itself, and so do asymmetric VLANs. So all
packets are of one network, 0, until one direction of one flow has packets with two tags in turn that cannot be of one
conversation:

- TCP: their SYNs have different numbers, or the numbers of their segments are further apart than any window;
- UDP: both tags come in both directions, in turn.

Where a packet with one of them is the copy of one with the other, the two are one network for good. What answers a tag
is of its network: the same tag, or in TCP one that acknowledges its octets.

Everything here is taken from headers that every lane sees, so that all of them decide alike.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from analyzer.capture.flows import Hashes, among, mixed
from analyzer.capture.rows import Field, Ints, Mask
from analyzer.capture.tags import Tags, tag_name

COPY_WINDOW = 20_000_000
"""Nanoseconds between a packet and its copy at most."""
IN_USE = 60_000_000_000
"""Nanoseconds after a packet in which its tag is in use: a path that moved elsewhere does not come back at once."""
FAR = 1 << 26
"""Sequence numbers further apart are of no one window (RFC 7323 section 2.3: at most 2^30, seldom seen)."""
NETWORKS = 255
"""Networks told apart at most."""
DIRECTIONS = 1 << 17
"""Directions remembered with the first tag that they had, at most."""
WATCHED = 1024
"""Flows with several tags in one direction that are watched at a time, at most."""
TAGS = 16
"""Tags of one direction of a flow that are compared, at most."""
PAIRS = 1 << 16
"""Pairs of tags remembered as one network, at most."""
SYN, RST = 2, 4

Seen = tuple[int, int, int, int, int, int, int, int]
"""Time, direction, tag, hash of what copies share, sequence number, its end, acknowledgement, flags (UDP: zeros)."""


@dataclass(slots=True)
class _Way:
    """One direction of a flow."""

    last_tag: int = -1
    last_time: dict[int, int] = field(default_factory=dict)
    "By tag."
    sequence: dict[int, int] = field(default_factory=dict)
    "By tag: the latest sequence number."
    initial: dict[int, int] = field(default_factory=dict)
    "By tag: the number of its SYN."
    turns: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    "How often a tag came after another, while both were in use."
    recent: dict[int, tuple[int, int]] = field(default_factory=dict)
    "What copies share -> time and tag of the first."
    ends: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    "By tag: where its segments end, a few."
    acks: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def used_together(self, one: int, other: int) -> bool:
        """Did one of them come again after the other?"""
        return self.turns[one, other] + self.turns[other, one] > 0

    def in_turn(self, one: int, other: int, times: int) -> bool:
        """Did each of them come after the other so often? A path that moves does so once."""
        return min(self.turns[one, other], self.turns[other, one]) >= times


class Networks:
    """The tags that were found to be another network than the first."""

    def __init__(self) -> None:
        self._of: dict[int, int] = {}
        self._same: set[frozenset[int]] = set()
        "Pairs of tags of which copies were seen."
        self._first_tag = -1
        self._directions: Hashes = np.zeros(0, np.uint64)
        self._tags: Ints = np.zeros(0, np.int64)
        self._taken: dict[int, list[tuple[Hashes, Hashes, Ints, *tuple[Ints, ...]]]] = defaultdict(list)
        self._watched: dict[tuple[int, int], tuple[_Way, _Way]] = {}
        self.found: dict[int, int] = {}
        "Network -> the tag that it was first known by, for networks above 0; 0 has the tag that it differed from."

    @property
    def is_split(self) -> bool:
        """Is there more than one network?"""
        return bool(self._of)

    def several(self, tags: Tags) -> bool:
        """Are there, or were there, packets with different tags?"""
        if tags.values is None or not len(tags.values):
            return False
        if self._first_tag < 0:
            self._first_tag = int(tags.values[0])
        return bool((tags.values != self._first_tag).any())

    def of(self, tag: int) -> int:
        """The network of a tag."""
        return self._of.get(tag, 0)

    def settle(self, table: Ints) -> None:
        """Put the numbers of networks where the tags stand in a table of rows, and into the keys of their flows."""
        tags = table[Field.NETWORK]
        ranked = np.array(sorted(self._of), np.int64)
        network = np.zeros(len(tags), np.int64)
        if len(ranked):
            at = np.minimum(np.searchsorted(ranked, tags), len(ranked) - 1)
            numbers = np.array([self._of[tag] for tag in ranked.tolist()], np.int64)
            network = np.where(ranked[at] == tags, numbers[at], 0)
        table[Field.NETWORK] = network
        rows = network > 0
        if rows.any():
            number = network[rows]
            table[Field.PORTS, rows] |= number << 48
            spread = mixed(number.astype(np.uint64)).view(np.int64) & -2
            flow = table[Field.FLOW, rows]
            table[Field.FLOW, rows] = np.where(flow == 0, 0, flow ^ spread)

    def names(self) -> list[str]:
        """What reports call each network, by its number; empty where there is one."""
        return [tag_name(self.found[number]) for number in sorted(self.found)]

    # ------------------------------------------------------------------ what is seen

    def see(self, transport: int, source: Hashes, destination: Hashes, tag: Ints, columns: tuple[Ints, ...]) -> None:
        """Take some packets of a block; `decide` looks at all that were taken.

        `source` and `destination` are hashes of their ends; `columns` are time, hash of what copies share, sequence
        number, its end, acknowledgement and flags.
        """
        self._taken[transport].append((source, destination, tag, *columns))

    def decide(self) -> None:
        """Learn from the packets of a block what is another network."""
        for transport, parts in self._taken.items():
            source, destination, tag, *columns = (np.concatenate(column) for column in zip(*parts, strict=True))
            self._look_at(transport, source, destination, tag, columns)
        self._taken.clear()

    def _look_at(self, transport: int, source: Hashes, destination: Hashes, tag: Ints, columns: list[Ints]) -> None:
        turned = source > destination
        flow = mixed(source + destination + np.uint64(transport))
        direction = flow & ~np.uint64(1) | turned
        doubtful = self._with_several_tags(direction, tag)
        if not len(doubtful):
            return
        rows = np.flatnonzero(among(flow >> np.uint64(1), doubtful))
        seen = zip(*(column[rows].tolist() for column in (columns[0], turned, tag, *columns[1:])), strict=True)
        by_flow: dict[int, list[Seen]] = defaultdict(list)
        for key, each in zip((flow[rows] >> np.uint64(1)).tolist(), seen, strict=True):
            by_flow[key].append(each)
        for key, packets in by_flow.items():
            ways = self._watched.pop((transport, key), None) or (_Way(), _Way())
            self._watched[transport, key] = ways
            if len(self._watched) > WATCHED:
                del self._watched[next(iter(self._watched))]
            for packet in sorted(packets):
                self._follow(ways, packet)
            self._judge(ways, transport)

    def _with_several_tags(self, direction: Hashes, tag: Ints) -> Hashes:
        """The flows, by their hash without its last bit, that have or had another tag in one of their directions."""
        order = np.argsort(direction, kind="stable")
        ranked, tags = direction[order], tag[order]
        begins = np.ones(len(ranked), np.bool_)
        begins[1:] = ranked[1:] != ranked[:-1]
        first = np.flatnonzero(begins)
        group = np.cumsum(begins) - 1
        differs: Mask = tags != tags[first][group]
        names, firsts = ranked[first], tags[first]
        known = among(names, self._directions)
        if known.any():
            at = np.searchsorted(self._directions, names[known])
            other = np.zeros(len(names), np.bool_)
            other[known] = self._tags[at] != firsts[known]
            differs |= other[group]
        self._remember(names[~known], firsts[~known])
        doubtful = ranked[differs] >> np.uint64(1)
        return np.unique(doubtful)

    def _remember(self, directions: Hashes, tags: Ints) -> None:
        if not len(directions):
            return
        if len(self._directions) + len(directions) > DIRECTIONS:
            self._directions, self._tags = self._directions[:0], self._tags[:0]
        every = np.concatenate([self._directions, directions])
        order = np.argsort(every, kind="stable")
        self._directions, self._tags = every[order], np.concatenate([self._tags, tags])[order]

    def _follow(self, ways: tuple[_Way, _Way], packet: Seen) -> None:
        time, direction, tag, mark, seq, end, ack, flags = packet
        way = ways[direction]
        if tag not in way.sequence and len(way.sequence) >= TAGS:
            return
        before = way.recent.get(mark)
        if before is not None and time - before[0] <= COPY_WINDOW and before[1] != tag:
            if len(self._same) < PAIRS:
                self._same.add(frozenset((before[1], tag)))
            return
        if len(way.recent) >= WATCHED:
            way.recent.clear()
        way.recent[mark] = time, tag
        if flags & RST:
            return
        if way.last_tag not in (tag, -1) and time - way.last_time.get(tag, -IN_USE) < IN_USE:
            way.turns[way.last_tag, tag] += 1
        way.last_tag = tag
        way.last_time[tag] = time
        way.sequence[tag] = seq
        if flags & SYN:
            way.initial.setdefault(tag, seq)
        for numbers, number in ((way.ends[tag], end), (way.acks[tag], ack)):
            if len(numbers) < WATCHED:
                numbers.add(number)

    # ------------------------------------------------------------------ what it proves

    def _judge(self, ways: tuple[_Way, _Way], transport: int) -> None:
        """Part the tags of a flow that cannot be of one conversation."""
        for way, back in (ways, ways[::-1]):
            tags = list(way.sequence)
            for place, tag in enumerate(tags):
                for earlier in tags[:place]:
                    if frozenset((earlier, tag)) in self._same:
                        continue
                    if transport == 6:
                        parted = way.used_together(earlier, tag) and _cannot_be_one(way, earlier, tag)
                    else:
                        parted = way.in_turn(earlier, tag, 2) and back.in_turn(earlier, tag, 2)
                    if parted:
                        self._part(way, back, earlier, tag)

    def _part(self, way: _Way, back: _Way, one: int, other: int) -> None:
        if self.of(one) != self.of(other) or len(self._of) >= NETWORKS * 4 or len(self.found) > NETWORKS:
            return
        number = max(self.found, default=0) + 1
        self.found.setdefault(0, one)
        self.found[number] = other
        self._of[other] = number
        for tag, acks in back.acks.items():
            answers = tag not in way.sequence and tag not in self._of
            if answers and acks & way.ends[other] and not acks & way.ends[one]:
                self._of[tag] = number


def _cannot_be_one(way: _Way, one: int, other: int) -> bool:
    """Are the sequence numbers of two tags those of two connections?"""
    if one in way.initial and other in way.initial:
        return way.initial[one] != way.initial[other]
    apart = (way.sequence[one] - way.sequence[other]) & 0xFFFFFFFF
    return min(apart, (1 << 32) - apart) > FAR
