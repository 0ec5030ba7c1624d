"""What a network writes before the packets of each of its customers: VLAN, VNI, key, label, tunnel.

The tags of a packet are one number, so that those of many packets are a column: the innermost tag, its kind and value,
can be read from it, and what stood outside of it is in a hash. 0 is a packet without any, as nearly all are; the column
is only there when a tag is seen.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from analyzer.capture.rows import Ints

_OUTER = 37
"""Bits of kind and value; above them 25 bits of hash."""


class TagKind(IntEnum):
    """What kind of tag it is."""

    VLAN = 1
    VXLAN = 2
    GENEVE = 3
    GRE = 4
    ERSPAN = 5
    GTP_U = 6
    MPLS = 7
    PPPOE = 8
    L2TP = 9


NAMES = {
    TagKind.VLAN: "VLAN",
    TagKind.VXLAN: "VXLAN VNI",
    TagKind.GENEVE: "Geneve VNI",
    TagKind.GRE: "GRE key",
    TagKind.ERSPAN: "ERSPAN session",
    TagKind.GTP_U: "GTP-U TEID",
    TagKind.MPLS: "MPLS label",
    TagKind.PPPOE: "PPPoE session",
    TagKind.L2TP: "L2TP session",
}


class Tags:
    """The tags of each packet of a block."""

    __slots__ = ("_size", "values")

    def __init__(self, size: int = 0) -> None:
        self._size = size
        self.values: Ints | None = None
        "By row of the block; None where no packet has a tag."

    def add(self, packets: Ints, kind: TagKind, value: Ints) -> None:
        """A layer of these packets has a tag; a value of 0 is none (IEEE 802.1Q: a priority alone)."""
        if not len(packets):
            return
        if self.values is None:
            self.values = np.zeros(self._size, np.int64)
        outer = self.values[packets]
        spread = (outer * 0x9E3779B97F4A7C1) >> 20 & 0x1FFFFFF
        made = np.where(outer == 0, 0, np.maximum(spread, 1)) << _OUTER | int(kind) << 32 | value
        self.values[packets] = np.where(value == 0, outer, made)


def tag_name(tag: int) -> str:
    """How reports call the innermost tag; a packet without one is untagged."""
    if not tag:
        return "untagged"
    return f"{NAMES[TagKind(tag >> 32 & 31)]} {tag & 0xFFFFFFFF}"
