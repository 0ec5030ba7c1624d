"""From packets to IP payloads, many at once: link layers, VLAN tags, IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

Covered: Ethernet and IEEE 802.1Q/802.1ad tags, SNAP, Linux cooked v1 and v2, BSD loopback, raw IP, PPP, Cisco HDLC;
IPv4 options, IPv6 extension headers, AH (RFC 4302). A layer is a function over a `Cut`, a column of octet ranges: it
reads a field of all packets with one gather, and puts each packet under what comes next in a `Walk`. A field is only
read of packets known to hold it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.rows import Ints, Mask

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

    __slots__ = ("fragments", "noise", "pending", "sctp", "tcp", "udp")

    def __init__(self) -> None:
        self.pending: list[tuple[Layer, Cut]] = []
        self.tcp: list[Payload] = []
        self.udp: list[Payload] = []
        self.sctp: list[Payload] = []
        self.fragments: list[Fragment] = []
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
    by_ethertype(octets.u16(cut.start + 2), cut.after(4), walk)


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


def ipv4(octets: Octets, cut: Cut, walk: Walk) -> None:
    """RFC 791 section 3.1. The total length bounds the payload: Ethernet padding and trailers are none."""
    cut = walk.whole(cut, 20)
    word = octets.u32(cut.start)
    size = word >> 22 & 0x3C
    total = word & 0xFFFF
    # 0: left to the network card by a sender that segments in hardware
    wire = np.where(total == 0, cut.wire, cut.start + total)
    good = (word >> 28 == 4) & (size >= 20) & (cut.start + size <= wire)
    if not good.all():
        size, wire = size[good], wire[good]
        cut = walk.sound(cut, good)
    cut = Cut(cut.packet, cut.start, np.minimum(cut.end, wire), wire)
    held = cut.start + size <= cut.end
    if not held.all():
        size = size[held]
        cut = walk.sound(cut, held, TRUNCATED)
    header = cut.start
    word = octets.u32(header + 4)
    protocol = octets.u8(header + 9)
    identity = word >> 16
    cut = cut.after(size)
    part = (word & 0x3FFF) != 0
    if part.any():
        offset = (word & 0x1FFF) << 3
        more = (word & 0x2000) != 0
        walk.fragments.append(
            Fragment(4, cut.where(part), header[part], protocol[part], identity[part], offset[part], more[part])
        )
        part = ~part
        cut, header, identity, protocol = cut.where(part), header[part], identity[part], protocol[part]
    by_protocol(octets, 4, cut, header, identity, protocol, walk)


def ipv6(octets: Octets, cut: Cut, walk: Walk) -> None:
    """RFC 8200 section 3."""
    cut = walk.whole(cut, 40)
    word = octets.u32(cut.start)
    cut = walk.sound(cut, word >> 28 == 6)
    identity = octets.u32(cut.start) & 0xFFFFF
    length = octets.u16(cut.start + 4)
    wire = np.where(length == 0, cut.wire, cut.start + 40 + length)  # 0: jumbogram, or segmented in hardware
    header = cut.start
    protocol = octets.u8(cut.start + 6)
    cut = Cut(cut.packet, cut.start + 40, np.minimum(cut.end, wire), wire)
    by_protocol(octets, 6, cut, header, identity, protocol, walk)


EXTENSIONS: dict[int, NDArray[np.bool_]] = {
    4: np.isin(np.arange(256), (51,)),
    6: np.isin(np.arange(256), (0, 43, 44, 51, 60, 135, 139, 140)),
}
"""IP version -> which next header numbers are headers between IP and the payload (RFC 8200 section 4, IANA)."""
EXTENSION_LIMIT = 16


def by_protocol(
    octets: Octets, version: int, cut: Cut, header: Ints, identity: Ints, protocol: Ints, walk: Walk
) -> None:
    """Skip extension headers and put the payloads under their transport or the next layer."""
    for _ in range(EXTENSION_LIMIT):
        extension = EXTENSIONS[version][protocol]
        if not extension.any():
            _deliver(version, cut, header, identity, protocol, walk)
            return
        done = ~extension
        _deliver(version, cut.where(done), header[done], identity[done], protocol[done], walk)
        cut, header, identity, protocol = (
            cut.where(extension),
            header[extension],
            identity[extension],
            protocol[extension],
        )
        held = cut.start + 8 <= cut.end
        if not held.all():
            header, identity, protocol = header[held], identity[held], protocol[held]
            cut = walk.sound(cut, held, TRUNCATED)
        following = octets.u8(cut.start)
        field = octets.u16(cut.start + 2)
        part = (protocol == 44) & ((field & 0xFFF9) != 0)  # RFC 6946: offset 0 and no more is an atomic fragment
        if part.any():
            walk.fragments.append(
                Fragment(
                    version,
                    cut.where(part).after(8),
                    header[part],
                    following[part],
                    octets.u32(cut.start[part] + 4),
                    field[part] & 0xFFF8,
                    (field[part] & 1) == 1,
                )
            )
        size = octets.u8(cut.start + 1)
        size = np.where(protocol == 44, 8, np.where(protocol == 51, size * 4 + 8, size * 8 + 8))
        rest = ~part
        beyond = rest & (cut.start + size > cut.end)
        walk.drop(TRUNCATED, cut.packet[beyond])
        rest &= ~beyond
        cut = cut.after(size).where(rest)
        header, identity, protocol = header[rest], identity[rest], following[rest]
    walk.drop(MALFORMED, cut.packet)


def _deliver(version: int, cut: Cut, header: Ints, identity: Ints, protocol: Ints, walk: Walk) -> None:
    rest = np.ones(len(protocol), np.bool_)
    for number, found in ((17, walk.udp), (6, walk.tcp), (132, walk.sctp)):
        mask = protocol == number
        if mask.all():
            if len(mask):
                found.append(Payload(version, cut, header, identity))
            return
        if mask.any():
            found.append(Payload(version, cut.where(mask), header[mask], identity[mask]))
            rest &= ~mask
    for number, layer in ((4, Layer.IPV4), (41, Layer.IPV6), (47, Layer.GRE), (137, Layer.MPLS)):
        walk.open(layer, cut.where(rest & (protocol == number)))
    icmp = (protocol == 1) | (protocol == 58)
    walk.drop("icmp", cut.packet[icmp])
    rest &= ~(icmp | np.isin(protocol, (4, 41, 47, 137)))
    if rest.any():
        for number in np.unique(protocol[rest]).tolist():
            walk.drop(f"ip protocol {number}", cut.packet[protocol == number])
