"""Link layers of many packets at once, and the means to walk their layers.

Covered: Ethernet and its tags (IEEE 802.1Q, 802.1ad, VN-Tag), SNAP, Linux cooked v1 and v2, BSD loopback, raw IP, PPP,
Cisco HDLC. A layer is a function over a `Cut`, a column of octet ranges: it reads a field of all packets with one
gather, and puts each packet under what comes next in a `Walk`. A field is only read of packets known to hold it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from analyzer.capture.rows import Ints, Mask
from analyzer.capture.tags import TagKind, Tags

TRUNCATED = "truncated header"
MALFORMED = "malformed header"


class Octets:
    """A buffer and its overlapping big-endian views: a field of many packets is one gather, wherever it stands."""

    __slots__ = ("_views", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._views = [
            np.ndarray(
                (max(0, len(data) - width + 1),), f">u{width}", data if len(data) >= width else bytes(width), 0, (1,)
            )
            for width in (1, 2, 4)
        ]

    def u8(self, at: Ints) -> Ints:
        return self._views[0][at].astype(np.int64)

    def u16(self, at: Ints) -> Ints:
        return self._views[1][at].astype(np.int64)

    def u32(self, at: Ints) -> Ints:
        return self._views[2][at].astype(np.int64)


class Cut(NamedTuple):
    """One octet range of each of many packets."""

    packet: Ints
    "Row of the packet in its block."
    start: Ints
    end: Ints
    "Where the captured octets end, padding of outer layers excluded."
    wire: Ints
    "Where the octets on the wire ended; beyond `end` when the capture cut them."

    def where(self, mask: Mask) -> Cut:
        if mask.all():
            return self
        return Cut(self.packet[mask], self.start[mask], self.end[mask], self.wire[mask])

    def after(self, size: int | Ints) -> Cut:
        return Cut(self.packet, self.start + size, self.end, self.wire)

    def first(self, size: int | Ints) -> Cut:
        """The ranges, ended `size` octets after their start where they are longer."""
        wire = np.minimum(self.wire, self.start + size)
        return Cut(self.packet, self.start, np.minimum(self.end, wire), wire)


class Layer(IntEnum):
    """What a `Cut` starts with."""

    ETHERNET = 1
    VLAN = 2
    SNAP = 3
    PPP = 4
    HDLC = 5
    IP = 6
    "IPv4 or IPv6, as the first four bits say."
    IPV4 = 7
    IPV6 = 8
    MPLS = 9
    PPPOE = 10
    GRE = 11
    GTP_U = 12
    VXLAN = 13
    GENEVE = 14
    L2TP = 15
    VN_TAG = 16
    TZSP = 17
    L2TP_V3 = 18
    "From the session identifier on."


class Payload(NamedTuple):
    """The IP payloads of one transport protocol and IP version."""

    version: int
    cut: Cut
    header: Ints
    "Where the IP header starts."
    identity: Ints
    "IPv4 identification; IPv6 flow label."


class Fragment(NamedTuple):
    """Fragments of one IP version."""

    version: int
    cut: Cut
    header: Ints
    protocol: Ints
    identity: Ints
    offset: Ints
    "Of the payload in the whole datagram, octets."
    more: Mask


class Walk:
    """What the layers found: ranges still to be opened, transport payloads, fragments, and packets given up."""

    __slots__ = ("foreign", "fragments", "hep", "noise", "pending", "sctp", "tags", "tcp", "udp")

    def __init__(self, tags: Tags | None = None) -> None:
        self.tags = tags if tags is not None else Tags()
        "Of every packet of the block."
        self.pending: list[tuple[Layer, Cut]] = []
        self.tcp: list[Payload] = []
        self.udp: list[Payload] = []
        self.sctp: list[Payload] = []
        self.fragments: list[Fragment] = []
        self.foreign: list[tuple[int, Cut]] = []
        "Link type and frames that are for scapy."
        self.hep: list[Cut] = []
        "Packets of HEP3, which are read one by one."
        self.noise: list[tuple[str, Ints]] = []

    def open(self, layer: Layer, cut: Cut) -> None:
        if len(cut.packet):
            self.pending.append((layer, cut))

    def drop(self, reason: str, packets: Ints) -> None:
        if len(packets):
            self.noise.append((reason, packets))

    def whole(self, cut: Cut, size: int, reason: str = TRUNCATED) -> Cut:
        """The ranges that hold at least `size` octets; the others are dropped."""
        return self.sound(cut, cut.start + size <= cut.end, reason)

    def sound(self, cut: Cut, good: Mask, reason: str = MALFORMED) -> Cut:
        """The ranges that pass; the others are dropped."""
        if good.all():
            return cut
        self.drop(reason, cut.packet[~good])
        return cut.where(good)


ETHERTYPES: dict[int, Layer] = {
    0x0800: Layer.IPV4,
    0x86DD: Layer.IPV6,
    0x8100: Layer.VLAN,  # IEEE 802.1Q
    0x88A8: Layer.VLAN,  # IEEE 802.1ad
    0x9100: Layer.VLAN,  # QinQ before 802.1ad
    0x8926: Layer.VN_TAG,  # IEEE 802.1BR's predecessor
    0x8847: Layer.MPLS,
    0x8848: Layer.MPLS,
    0x8864: Layer.PPPOE,
    0x6558: Layer.ETHERNET,  # transparent Ethernet bridging
    0x880B: Layer.PPP,
}


def by_ethertype(types: Ints, cut: Cut, walk: Walk) -> None:
    """Put ranges under the layer that their EtherType (IEEE 802 numbers) names."""
    rest = np.ones(len(types), np.bool_)
    for number, layer in ETHERTYPES.items():
        mask = types == number
        if mask.any():
            walk.open(layer, cut.where(mask))
            rest &= ~mask
            if not rest.any():
                return
    length = rest & (types <= 1500)  # IEEE 802.3: a length, then LLC
    walk.open(Layer.SNAP, cut.where(length))
    arp = rest & (types == 0x0806)
    walk.drop("arp", cut.packet[arp])
    walk.drop("not IP", cut.packet[rest & ~length & ~arp])


def ethernet(octets: Octets, cut: Cut, walk: Walk) -> None:
    cut = walk.whole(cut, 14)
    by_ethertype(octets.u16(cut.start + 12), cut.after(14), walk)


def vlan(octets: Octets, cut: Cut, walk: Walk) -> None:
    cut = walk.whole(cut, 4)
    walk.tags.add(cut.packet, TagKind.VLAN, octets.u16(cut.start) & 0xFFF)
    by_ethertype(octets.u16(cut.start + 2), cut.after(4), walk)


def vn_tag(octets: Octets, cut: Cut, walk: Walk) -> None:
    """VN-Tag, of which the EtherType was read: direction and the two virtual interfaces, then the real EtherType."""
    cut = walk.whole(cut, 6)
    by_ethertype(octets.u16(cut.start + 4), cut.after(6), walk)


def snap(octets: Octets, cut: Cut, walk: Walk) -> None:
    """LLC, of which only SNAP with an EtherType (RFC 1042) can hold IP."""
    cut = walk.whole(cut, 8, "not IP")
    head = (octets.u32(cut.start) == 0xAAAA0300) & (octets.u16(cut.start + 4) == 0)
    cut = walk.sound(cut, head, "not IP")
    types = octets.u16(cut.start + 6)
    real = types > 1500
    by_ethertype(types[real], walk.sound(cut, real, "not IP").after(8), walk)


def cooked(octets: Octets, cut: Cut, walk: Walk) -> None:
    """LINKTYPE_LINUX_SLL: the protocol closes the header of 16 octets."""
    cut = walk.whole(cut, 16)
    by_ethertype(octets.u16(cut.start + 14), cut.after(16), walk)


def cooked_v2(octets: Octets, cut: Cut, walk: Walk) -> None:
    """LINKTYPE_LINUX_SLL2: the protocol opens the header of 20 octets."""
    cut = walk.whole(cut, 20)
    by_ethertype(octets.u16(cut.start), cut.after(20), walk)


def loopback(octets: Octets, cut: Cut, walk: Walk) -> None:
    """LINKTYPE_NULL, the address family in the byte order of whoever captured, and LINKTYPE_LOOP, in network order."""
    cut = walk.whole(cut, 4)
    family = octets.u32(cut.start)
    family = np.where(family > 0xFFFF, octets.u8(cut.start) | octets.u8(cut.start + 1) << 8, family)
    v4 = family == 2
    v6 = np.isin(family, (10, 24, 28, 30))  # AF_INET6 of Linux, the BSDs, FreeBSD, Darwin
    walk.open(Layer.IPV4, cut.after(4).where(v4))
    walk.open(Layer.IPV6, cut.after(4).where(v6))
    walk.drop("not IP", cut.packet[~(v4 | v6)])


def raw_ip(octets: Octets, cut: Cut, walk: Walk, otherwise: str = "not IP") -> None:
    cut = walk.whole(cut, 1)
    version = octets.u8(cut.start) >> 4
    walk.open(Layer.IPV4, cut.where(version == 4))
    walk.open(Layer.IPV6, cut.where(version == 6))
    walk.drop(otherwise, cut.packet[(version != 4) & (version != 6)])


def hdlc(octets: Octets, cut: Cut, walk: Walk) -> None:
    """Cisco HDLC: address, control, EtherType (RFC 1547 section 4.3.1)."""
    cut = walk.whole(cut, 4)
    by_ethertype(octets.u16(cut.start + 2), cut.after(4), walk)


def ppp(octets: Octets, cut: Cut, walk: Walk) -> None:
    """PPP (RFC 1661 section 2), with HDLC-like framing (RFC 1662 section 3.1) and compressed protocol field or not."""
    cut = walk.whole(cut, 4)
    framed = octets.u16(cut.start) == 0xFF03
    cut = cut.after(np.where(framed, 2, 0))
    short = (octets.u8(cut.start) & 1) == 1
    protocol = np.where(short, octets.u8(cut.start), octets.u16(cut.start))
    cut = cut.after(np.where(short, 1, 2))
    for number, layer in ((0x21, Layer.IPV4), (0x57, Layer.IPV6), (0x281, Layer.MPLS)):
        walk.open(layer, cut.where(protocol == number))
    walk.drop("not IP", cut.packet[~np.isin(protocol, (0x21, 0x57, 0x281))])


LINKS: dict[int, Callable[[Octets, Cut, Walk], None]] = {
    0: loopback,
    1: ethernet,
    9: ppp,
    12: raw_ip,  # LINKTYPE values that old systems wrote for raw IP: 12, 14
    14: raw_ip,
    50: ppp,
    101: raw_ip,
    104: hdlc,
    108: loopback,
    113: cooked,
    228: lambda octets, cut, walk: walk.open(Layer.IPV4, cut),
    229: lambda octets, cut, walk: walk.open(Layer.IPV6, cut),
    276: cooked_v2,
}
"""LINKTYPE value (tcpdump.org/linktypes) -> how its header is read."""
