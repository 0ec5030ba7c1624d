"""IP headers of many packets at once: IPv4 (RFC 791) with options, IPv6 (RFC 8200) with extension headers, AH."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.link import MALFORMED, TRUNCATED, Cut, Fragment, Layer, Octets, Payload, Walk
from analyzer.capture.rows import Ints


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
    for number, layer in ((4, Layer.IPV4), (41, Layer.IPV6), (47, Layer.GRE), (115, Layer.L2TP_V3), (137, Layer.MPLS)):
        walk.open(layer, cut.where(rest & (protocol == number)))
    icmp = (protocol == 1) | (protocol == 58)
    walk.drop("icmp", cut.packet[icmp])
    rest &= ~(icmp | np.isin(protocol, (4, 41, 47, 115, 137)))
    if rest.any():
        for number in np.unique(protocol[rest]).tolist():
            walk.drop(f"ip protocol {number}", cut.packet[protocol == number])
