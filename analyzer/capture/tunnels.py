"""What carries IP: MPLS (RFC 3032), PPPoE (RFC 2516), GRE (RFC 2784, 2890, 2637), ERSPAN (draft-foschiano-erspan),
GTP-U (TS 29.281), VXLAN (RFC 7348), Geneve (RFC 8926), L2TP data of version 2 (RFC 2661) and 3 (RFC 3931), TZSP.

Each is a function over a `Cut` like those of `link`, so a capture that is tunnelled throughout costs little more than
a plain one. Link types that these do not know are left to scapy, packet by packet (`innermost_ip`).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from analyzer.capture import ip, link
from analyzer.capture.link import Cut, Layer, Octets, Walk
from analyzer.capture.rows import Ints, Mask
from analyzer.capture.tags import TagKind

UNREADABLE = "tunnel unreadable"
LABELS = 16
"""MPLS labels in a stack at most."""
GTP_EXTENSIONS = 8
"""GTP-U extension headers in a packet at most."""


def mpls(octets: Octets, cut: Cut, walk: Walk) -> None:
    """Labels to the bottom of the stack; what follows is told by its first bits (RFC 4928 and RFC 4385, section 3)."""
    for _ in range(LABELS):
        if not len(cut.packet):
            return
        cut = walk.whole(cut, 4, UNREADABLE)
        word = octets.u32(cut.start)
        bottom = (word & 0x100) != 0
        walk.tags.add(cut.packet[bottom], TagKind.MPLS, word[bottom] >> 12)
        _below_labels(octets, cut.where(bottom).after(4), walk)
        cut = cut.where(~bottom).after(4)
    walk.drop(UNREADABLE, cut.packet)


def _below_labels(octets: Octets, cut: Cut, walk: Walk) -> None:
    cut = walk.whole(cut, 1, UNREADABLE)
    kind = octets.u8(cut.start) >> 4
    walk.open(Layer.IPV4, cut.where(kind == 4))
    walk.open(Layer.IPV6, cut.where(kind == 6))
    # A pseudowire: Ethernet, mostly after a control word, whose first four bits are 0
    wire = walk.whole(cut.where((kind != 4) & (kind != 6)), 18, UNREADABLE)
    plain = np.isin(octets.u16(wire.start + 12), (*link.ETHERTYPES, 0x0806))
    control = ~plain & (octets.u8(wire.start) >> 4 == 0)
    walk.open(Layer.ETHERNET, wire.where(plain))
    walk.open(Layer.ETHERNET, wire.where(control).after(4))
    walk.drop(UNREADABLE, wire.packet[~(plain | control)])


def pppoe(octets: Octets, cut: Cut, walk: Walk) -> None:
    """A session packet (RFC 2516 section 4): its length excludes Ethernet padding."""
    cut = walk.whole(cut, 6, UNREADABLE)
    cut = walk.sound(cut, octets.u16(cut.start) == 0x1100, UNREADABLE)
    walk.tags.add(cut.packet, TagKind.PPPOE, octets.u16(cut.start + 2))
    length = octets.u16(cut.start + 4)
    walk.open(Layer.PPP, cut.after(6).first(length))


def gre(octets: Octets, cut: Cut, walk: Walk) -> None:
    """RFC 2784 and 2890; version 1 is PPTP's (RFC 2637 section 4.1); ERSPAN: draft-foschiano-erspan."""
    cut = walk.whole(cut, 4, UNREADABLE)
    word = octets.u32(cut.start)
    version = word >> 16 & 7
    cut = walk.sound(cut, ((word & 0x40000000) == 0) & (version <= 1), UNREADABLE)  # routing: withdrawn by RFC 2784
    word = octets.u32(cut.start)
    numbered = (word >> 28 & 1) == 1
    size = 4 + 4 * ((word >> 31 & 1) + (word >> 29 & 1) + numbered + ((word >> 16 & 7 == 1) & (word >> 23 & 1)))
    # The key stands behind the checksum; that of PPTP is payload length and call id
    keyed = (word >> 29 & 1 == 1) & (cut.start + size <= cut.end) & (word >> 16 & 7 == 0)
    if keyed.any():
        key = octets.u32((cut.start + 4 + 4 * (word >> 31 & 1))[keyed])
        walk.tags.add(cut.packet[keyed], TagKind.GRE, key)
    cut = cut.after(size)
    kind = word & 0xFFFF
    # ERSPAN type I has no sequence number and no header of its own, type II 8 octets, type III 12, or 20 with the O bit
    mirror = kind == 0x88BE
    walk.open(Layer.ETHERNET, cut.where(mirror & ~numbered))
    second = walk.whole(cut.where(mirror & numbered), 8, UNREADABLE)
    walk.tags.add(second.packet, TagKind.ERSPAN, octets.u16(second.start + 2) & 0x3FF)
    walk.open(Layer.ETHERNET, second.after(8))
    third = walk.whole(cut.where(kind == 0x22EB), 12, UNREADABLE)
    walk.tags.add(third.packet, TagKind.ERSPAN, octets.u16(third.start + 2) & 0x3FF)
    walk.open(Layer.ETHERNET, third.after(np.where((octets.u32(third.start + 8) & 1) == 1, 20, 12)))
    rest = ~mirror & (kind != 0x22EB)
    link.by_ethertype(kind[rest], cut.where(rest), walk)


def gtp_u(octets: Octets, cut: Cut, walk: Walk) -> None:
    """A G-PDU: TS 29.281 clause 5.1, extension headers clause 5.2."""
    cut = walk.whole(cut, 8, UNREADABLE)
    word = octets.u32(cut.start)
    walk.tags.add(cut.packet, TagKind.GTP_U, octets.u32(cut.start + 4))
    cut = cut.first((word & 0xFFFF) + 8).after(8)
    optional = (word >> 24 & 7) != 0
    walk.open(Layer.IP, cut.where(~optional))
    cut = walk.whole(cut.where(optional), 4, UNREADABLE)
    # the type of the next header counts only where the E flag is set
    following = octets.u8(cut.start + 3) * (octets.u8(cut.start - 8) >> 2 & 1)
    cut = cut.after(4)
    for _ in range(GTP_EXTENSIONS):
        last = following == 0
        walk.open(Layer.IP, cut.where(last))
        cut = walk.whole(cut.where(~last), 4, UNREADABLE)
        if not len(cut.packet):
            return
        size = octets.u8(cut.start) * 4
        held = (size > 0) & (cut.start + size <= cut.end)
        size = size[held]
        cut = walk.sound(cut, held, UNREADABLE)
        following = octets.u8(cut.start + size - 1)
        cut = cut.after(size)
    walk.drop(UNREADABLE, cut.packet)


def tunnelled_ip(octets: Octets, cut: Cut, walk: Walk) -> None:
    link.raw_ip(octets, cut, walk, UNREADABLE)


def vxlan(octets: Octets, cut: Cut, walk: Walk) -> None:
    """RFC 7348 section 5."""
    cut = walk.whole(cut, 8, UNREADABLE)
    walk.tags.add(cut.packet, TagKind.VXLAN, octets.u32(cut.start + 4) >> 8)
    walk.open(Layer.ETHERNET, cut.after(8))


def geneve(octets: Octets, cut: Cut, walk: Walk) -> None:
    """RFC 8926 section 3.4."""
    cut = walk.whole(cut, 8, UNREADABLE)
    word = octets.u32(cut.start)
    walk.tags.add(cut.packet, TagKind.GENEVE, octets.u32(cut.start + 4) >> 8)
    link.by_ethertype(word & 0xFFFF, cut.after(8 + (word >> 24 & 0x3F) * 4), walk)


def l2tp(octets: Octets, cut: Cut, walk: Walk) -> None:
    """A data message: RFC 2661 section 3.1."""
    cut = walk.whole(cut, 6, UNREADABLE)
    flags = octets.u16(cut.start)
    has_length, has_numbers, has_offset = flags >> 14 & 1, flags >> 11 & 1, flags >> 9 & 1
    size = 6 + 2 * has_length + 4 * has_numbers
    padded = has_offset == 1
    held = ~padded | (cut.start + size + 2 <= cut.end)
    size, padded = size[held], padded[held]
    cut = walk.sound(cut, held, UNREADABLE)
    pad = np.zeros(len(size), np.int64)
    pad[padded] = 2 + octets.u16((cut.start + size)[padded])
    walk.open(Layer.PPP, cut.after(size + pad))


L2TP_OFFSETS = (0, 4, 8, 12)
"""Octets between an L2TPv3 session identifier and the frame: no cookie, one of 4 or of 8 octets (RFC 3931 section
4.1), no sublayer, or one of 4 octets (section 4.6). Only the ends of the session know; so what verifies is taken."""


def l2tp_v3(octets: Octets, cut: Cut, walk: Walk) -> None:
    """A data message from its session identifier on (RFC 3931 section 4.1): Ethernet, PPP or IP, as it verifies."""
    cut = walk.whole(cut, 4, UNREADABLE)
    session = octets.u32(cut.start)
    control = session == 0
    walk.tags.add(cut.packet, TagKind.L2TP, session)
    walk.drop("l2tp control", cut.packet[control])
    rest = cut.where(~control).after(4)
    for looks, layer in ((_is_ethernet, Layer.ETHERNET), (_is_ppp, Layer.PPP), (_is_ip, Layer.IP)):
        for offset in L2TP_OFFSETS:
            if not len(rest.packet):
                return
            inner = rest.after(offset)
            fits = looks(octets, inner)
            walk.open(layer, inner.where(fits))
            rest = rest.where(~fits)
    walk.drop(UNREADABLE, rest.packet)


def _is_ip(octets: Octets, cut: Cut) -> Mask:
    """Does an IP header stand here whose length is that of the range (behind Ethernet: or less, for the padding)?"""
    return _ip_room(octets, cut, 0)


def _is_ethernet(octets: Octets, cut: Cut) -> Mask:
    held = cut.start + 34 <= cut.end
    at = np.where(held, cut.start, 0) + 12
    kind = octets.u16(np.where(held, at, 0))
    fits = held & np.isin(kind, (*link.ETHERTYPES, 0x0806))
    is_ip = fits & np.isin(kind, (0x0800, 0x86DD))
    fits[is_ip] = _ip_room(octets, cut.after(14).where(is_ip), 46)
    return fits


def _is_ppp(octets: Octets, cut: Cut) -> Mask:
    held = cut.start + 24 <= cut.end
    word = octets.u32(np.where(held, cut.start, 0))
    fits = held & np.isin(word, (0xFF030021, 0xFF030057))
    fits[fits] = _ip_room(octets, cut.after(4).where(fits), 0)
    return fits


def _ip_room(octets: Octets, cut: Cut, padded: int) -> Mask:
    """Which ranges hold an IP packet that fills them, or less than `padded` octets of a range."""
    held = cut.start + 20 <= cut.end
    word = octets.u32(np.where(held, cut.start, 0))
    version = word >> 28
    following = octets.u16(np.where(held, cut.start + 4, 0))
    total = np.where(version == 4, word & 0xFFFF, following + 40)
    room = cut.wire - cut.start
    plausible = held & (((version == 4) & (word >> 24 & 15 >= 5)) | (version == 6))
    fits: Mask = plausible & ((total == room) | ((total < room) & (room <= padded)))
    return fits


def tzsp(octets: Octets, cut: Cut, walk: Walk) -> None:
    """TaZmen Sniffer Protocol: version 1, type, encapsulated protocol, tagged fields up to END, then the frame."""
    cut = walk.whole(cut, 5, UNREADABLE)
    kind = octets.u8(cut.start + 1)
    walk.drop("tzsp control", cut.packet[kind > 1])  # configuration, keep-alive, port opener
    cut = cut.where(kind <= 1)
    protocol = octets.u16(cut.start + 2)
    cut = cut.after(4)
    for _ in range(TZSP_FIELDS):
        if not len(cut.packet):
            return
        held = cut.start < cut.end
        protocol, cut = protocol[held], walk.sound(cut, held, UNREADABLE)
        tag = octets.u8(cut.start)
        last = tag == TZSP_END
        _encapsulated(cut.where(last).after(1), protocol[last], walk)
        cut, protocol, tag = cut.where(~last), protocol[~last], tag[~last]
        padding = tag == 0
        held = padding | (cut.start + 2 <= cut.end)
        protocol, padding, cut = protocol[held], padding[held], walk.sound(cut, held, UNREADABLE)
        size = np.ones(len(padding), np.int64)
        size[~padding] = 2 + octets.u8(cut.start[~padding] + 1)
        cut = cut.after(size)
    walk.drop(UNREADABLE, cut.packet)


TZSP_END = 1
TZSP_FIELDS = 64
"""Tagged fields in a TZSP packet at most."""
TZSP_LAYERS = {1: Layer.ETHERNET, 4: Layer.PPP, 7: Layer.IP}
"""Encapsulated protocol of TZSP, as Wireshark numbers them -> how it is opened."""
TZSP_FOREIGN = {18: 105, 119: 119}
"""The same -> link type for scapy: IEEE 802.11, and that with a Prism header."""


def _encapsulated(cut: Cut, protocol: Ints, walk: Walk) -> None:
    known = np.isin(protocol, (*TZSP_LAYERS, *TZSP_FOREIGN))
    walk.drop(UNREADABLE, cut.packet[~known])
    for number, layer in TZSP_LAYERS.items():
        walk.open(layer, cut.where(protocol == number))
    for number, linktype in TZSP_FOREIGN.items():
        if (protocol == number).any():
            walk.foreign.append((linktype, cut.where(protocol == number)))


@cache
def _scapy_links() -> dict[int, Any]:
    """Scapy's classes by link type. Imported late: it costs half a second, and few captures need it."""
    logging.getLogger("scapy.runtime").setLevel(logging.ERROR)  # it complains of this machine's interfaces
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from scapy.config import conf
        from scapy.layers import all as _everything  # noqa: F401  (registers the link types)
    return {int(number): layer for number, layer in conf.l2types.num2layer.items()}


def known_to_scapy(linktype: int) -> bool:
    return linktype in SCAPY_LINKS and linktype in _scapy_links()


def innermost_ip(linktype: int, packet: bytes) -> bytes | None:
    """The octets of the innermost IP packet, header included; None where scapy finds none, whatever its trouble."""
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6

    found = None
    try:
        layer = _scapy_links()[linktype](packet)
        while layer is not None and layer.original is not None:
            if isinstance(layer, IP | IPv6):
                found = bytes(layer.original)
            layer = layer.payload if layer.payload else None
    except Exception:  # scapy raises whatever its fields raise; hostile octets are its input here
        return found
    return found


SCAPY_LINKS = frozenset((51, 105, 119, 127, 144, 192, 204, 274))
"""Link types worth asking scapy: PPPoE, 802.11 without and with radio headers, IrDA, PPI, directed PPP, mPackets."""

LAYERS: dict[Layer, Callable[[Octets, Cut, Walk], None]] = {
    Layer.ETHERNET: link.ethernet,
    Layer.VLAN: link.vlan,
    Layer.SNAP: link.snap,
    Layer.PPP: link.ppp,
    Layer.HDLC: link.hdlc,
    Layer.IP: tunnelled_ip,
    Layer.IPV4: ip.ipv4,
    Layer.IPV6: ip.ipv6,
    Layer.MPLS: mpls,
    Layer.PPPOE: pppoe,
    Layer.GRE: gre,
    Layer.GTP_U: gtp_u,
    Layer.VXLAN: vxlan,
    Layer.GENEVE: geneve,
    Layer.L2TP: l2tp,
    Layer.VN_TAG: link.vn_tag,
    Layer.TZSP: tzsp,
    Layer.L2TP_V3: l2tp_v3,
}
"""How each layer is opened."""
