"""From IP payloads to rows: which UDP datagrams (RFC 768) are wanted, which are tunnels; all SCTP (RFC 9260)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from analyzer.capture import link
from analyzer.capture.flows import direction_hash, ends, marks
from analyzer.capture.link import Cut, Layer, Octets, Payload, Walk
from analyzer.capture.networks import Networks
from analyzer.capture.payloads import NOT_OURS, SCTP, UDP, Source, as_columns, held, narrowed, text_looking
from analyzer.capture.rows import Columns, Ints, Mask

OTHER = "udp other"

_WANTED, _H248, _GTP_U, _VXLAN, _GENEVE, _L2TP, _SCTP, _TZSP, _HEP = (1 << i for i in range(9))
_CARRIERS = _GTP_U | _VXLAN | _GENEVE | _L2TP | _SCTP | _TZSP | _HEP
_PORTS = {
    2944: _H248,
    2945: _H248,
    2152: _GTP_U,
    4789: _VXLAN,
    6081: _GENEVE,
    1701: _L2TP,
    9060: _HEP,
    9899: _SCTP,
    37008: _TZSP,
}
_HEP3 = 0x48455033
"""`HEP3` opens each packet of the protocol, whatever its port."""


def udp_payload(octets: Octets, cut: Cut) -> tuple[Mask, Cut]:
    """Which UDP lengths are possible, and the payloads. Length 0: a jumbogram (RFC 2675), or hardware fills it in."""
    length = octets.u16(cut.start + 4)
    return (length >= 8) | (length == 0), cut.after(8).first(np.where(length == 0, 1 << 32, length - 8))


def sip_looking(words: Ints) -> Mask:
    """May SIP begin with these four octets: a method in capitals, or `SIP/`? H.248 begins otherwise.

    What begins like MEGACO or Authentication (H.248.1 Annex B), in any case, is left out, and with it the method
    MESSAGE.
    """
    first, pair = words >> 24, words >> 16 | 0x2020
    mask: Mask = (first >= 0x41) & (first <= 0x5A) & (pair != 0x6D65) & (pair != 0x6175)
    return mask


TELLING = 16
"""Octets of a datagram at least that are compared with another: keep-alives are alike everywhere."""


def see_datagrams(networks: Networks, source: Source, found: Payload) -> None:
    """Show text in UDP to `Networks`, whatever this lane takes of it."""
    octets, tags = source.octets, source.tags.values
    found = narrowed(found, found.cut.start + 8 + TELLING <= found.cut.end)
    found = narrowed(found, text_looking(octets.u32(found.cut.start + 8)))
    if tags is None or not len(found.header):
        return
    start = found.cut.start
    sender, receiver = ends(octets, found.version, found.header, octets.u32(start))
    mark = marks(sender, found.identity, octets.u32(start + 4), octets.u32(start + 20))
    packet, none = found.cut.packet, np.zeros(len(start), np.int64)
    networks.see(UDP, sender, receiver, tags[packet], (source.time[packet], mark, none, none, none, none))


class DatagramPicker:
    """Picks the datagrams worth reading. Of several lanes the second hands out what looks like SIP over UDP, the first
    all else; any others only open tunnels.
    """

    __slots__ = ("_mine", "_ports", "_sip")

    def __init__(self, wanted_ports: Iterable[int], lane: int = 0, lanes: int = 1) -> None:
        self._mine = lane == 0
        self._sip = lane == 1 or lanes == 1
        self._ports = np.zeros(65536, np.int64)
        for port, kind in _PORTS.items():
            self._ports[port] = kind
        for port in wanted_ports:
            self._ports[port] |= _WANTED

    def udp(self, source: Source, found: Payload, walk: Walk) -> list[Columns]:
        """The datagrams wanted; tunnels go back to the walk. The rest, mostly RTP, leaves after three gathers."""
        octets = source.octets
        found = held(found, 8, walk)
        ports = octets.u32(found.cut.start)
        known = self._ports[ports >> 16] | self._ports[ports & 0xFFFF]
        legible = found.cut.start + 12 <= found.cut.end
        columns: list[Columns] = []
        if not legible.all():
            short = ~legible
            columns = self._short(source, narrowed(found, short), ports[short], known[short], walk)
            found, ports, known = narrowed(found, legible), ports[legible], known[legible]
        word = octets.u32(found.cut.start + 8)
        likely = (known & _CARRIERS) != 0
        if self._mine:
            likely = (known != 0) | ((word & 0x80808080) == 0)
        elif self._sip:
            likely |= sip_looking(word)
        else:
            likely |= word == _HEP3
        walk.drop(OTHER, found.cut.packet[~likely])
        found, ports, known, word = narrowed(found, likely), ports[likely], known[likely], word[likely]
        good, payload = udp_payload(octets, found.cut)
        if not good.all():
            walk.drop(link.MALFORMED, found.cut.packet[~good])
            found, ports, known, word = narrowed(found, good), ports[good], known[good], word[good]
            payload = payload.where(good)
        # four octets may be captured, but be padding beyond the UDP length
        brief = payload.wire - payload.start < 4
        if brief.any():
            columns += self._short(source, narrowed(found, brief), ports[brief], known[brief], walk)
        rest = ~brief
        homer = rest & (word == _HEP3)
        if homer.any():
            walk.hep.append(payload.where(homer))
            rest &= ~homer
        if (known & _CARRIERS).any():
            rest = self._open_tunnels(payload, known, word, rest, walk)
            carried = rest & ((known & _SCTP) != 0)  # RFC 6951
            columns += self.sctp(source, narrowed(found, carried), walk, payload.where(carried))
            rest &= ~carried
        wanted = text_looking(word) | ((known & _WANTED) != 0) | (((known & _H248) != 0) & (word >> 24 == 0x30))
        wanted &= rest & (word >> 30 != 2)  # version 2: RTP and RTCP (RFC 3550 section 5.1)
        walk.drop(OTHER, found.cut.packet[rest & ~wanted])
        if not (self._mine and self._sip):
            sip = sip_looking(word)
            ours = ~sip if self._mine else sip & self._sip
            walk.drop(NOT_OURS, found.cut.packet[wanted & ~ours])
            wanted &= ours
        return columns + self._rows(source, narrowed(found, wanted), ports[wanted], payload.where(wanted))

    def sctp(self, source: Source, found: Payload, walk: Walk, cut: Cut | None = None) -> list[Columns]:
        """Every SCTP packet, from its common header (section 3.1); `cut` where it is not the IP payload."""
        octets = source.octets
        cut = found.cut if cut is None else cut
        whole = cut.start + 12 <= cut.end
        walk.drop(link.TRUNCATED, cut.packet[~whole])
        cut, found = cut.where(whole), narrowed(found, whole)
        if not self._mine:
            walk.drop(NOT_OURS, cut.packet)
            return []
        ports = octets.u32(cut.start)
        mark = marks(
            direction_hash(*ends(octets, found.version, found.header, ports)),
            found.identity,
            octets.u32(cut.start + 4),
            octets.u32(cut.start + 8),
            cut.wire - cut.start,
        )
        return [as_columns(source, found, SCTP, ports, cut, mark)]

    @staticmethod
    def _open_tunnels(payload: Cut, known: Ints, word: Ints, rest: Mask, walk: Walk) -> Mask:
        """Open what is on a tunnel's port and starts as it does; return the others."""
        first = word >> 24
        for kind, layer, looks in (
            (_GTP_U, Layer.GTP_U, (word >> 28 == 3) & ((word >> 16 & 0xFF) == 0xFF)),  # version 1, G-PDU
            (_VXLAN, Layer.VXLAN, (first & 0x7F) == 8),  # the I flag; 0x80 is the G flag of group policies
            (_GENEVE, Layer.GENEVE, (first < 0x40) & np.isin(word & 0xFFFF, tuple(link.ETHERTYPES))),
            (_L2TP, Layer.L2TP, (word >> 16 & 0x800F) == 2),  # version 2, data
            (_TZSP, Layer.TZSP, (first == 1) & (word >> 16 & 0xFF <= 5)),
        ):
            mask = rest & ((known & kind) != 0) & looks
            walk.open(layer, payload.where(mask))
            rest = rest & ~mask
        third = rest & ((known & _L2TP) != 0) & ((word >> 16 & 0x800F) == 3)  # RFC 3931 section 4.1.2.1
        walk.open(Layer.L2TP_V3, payload.where(third).after(4))
        rest &= ~third
        return rest

    def _short(self, source: Source, found: Payload, ports: Ints, known: Ints, walk: Walk) -> list[Columns]:
        """Less than four octets of payload are there: CRLF keep-alives, wanted ports, and what the snaplen cut."""
        octets = source.octets
        good, payload = udp_payload(octets, found.cut)
        cut_off = good & (payload.wire - payload.start >= 4)
        wanted = good & ((known & _WANTED) != 0)
        pairs = np.flatnonzero(good & ~cut_off & (payload.end - payload.start >= 2))
        wanted[pairs] |= octets.u16(payload.start[pairs]) == 0x0D0A
        walk.drop(link.MALFORMED, found.cut.packet[~good])
        walk.drop(link.TRUNCATED, found.cut.packet[cut_off & ~wanted])
        walk.drop(OTHER, found.cut.packet[good & ~cut_off & ~wanted])
        if not self._mine:
            walk.drop(NOT_OURS, found.cut.packet[wanted])
            return []
        return self._rows(source, narrowed(found, wanted), ports[wanted], payload.where(wanted))

    @staticmethod
    def _rows(source: Source, found: Payload, ports: Ints, payload: Cut) -> list[Columns]:
        if not len(ports):
            return []
        octets = source.octets
        mark = marks(
            direction_hash(*ends(octets, found.version, found.header, ports)),
            found.identity,
            octets.u16(found.cut.start + 6),
            payload.wire - payload.start,
        )
        return [as_columns(source, found, UDP, ports, payload, mark)]
