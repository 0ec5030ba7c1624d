"""A stream of pcap, as tcpdump writes it, as pcapng, up to the packet that marks the end."""

from __future__ import annotations

import struct

from analyzer.export.pcapng import PcapngWriter

NANOSECONDS = 0xA1B23C4D
"Magic number of a file whose times have nanoseconds; it is in the order of octets of the machine that writes."
FILE_HEADER, PACKET_HEADER = 24, 16


class PcapStream:
    """Takes pcap in pieces of any size, gives the pcapng that they make."""

    def __init__(self, writer: PcapngWriter, end_mark: bytes) -> None:
        """A packet that ends with `end_mark` is the end: neither it nor what comes behind it is kept."""
        self._writer = writer
        self._end_mark = end_mark
        self._waiting = bytearray()
        self._order = ""
        self._linktype = 0
        self.ended = False
        "The mark has come: all that was recorded before it is converted."

    def feed(self, data: bytes) -> bytes:
        """The packets that are whole now. Raises ValueError for what is no pcap with nanoseconds."""
        self._waiting += data
        made = b""
        if not self._order:
            if len(self._waiting) < FILE_HEADER:
                return b""
            self._begin()
            made = self._writer.begin()
        while not self.ended and len(self._waiting) >= PACKET_HEADER:
            seconds, fraction, kept, length = struct.unpack_from(f"{self._order}IIII", self._waiting)
            if len(self._waiting) < PACKET_HEADER + kept:
                break
            packet = bytes(self._waiting[PACKET_HEADER : PACKET_HEADER + kept])
            del self._waiting[: PACKET_HEADER + kept]
            if packet.endswith(self._end_mark):
                self.ended = True
                break
            made += self._writer.packet(self._linktype, seconds * 1_000_000_000 + fraction, packet, length)
        return made

    def _begin(self) -> None:
        for order in "<>":
            if struct.unpack_from(f"{order}I", self._waiting)[0] == NANOSECONDS:
                self._order = order
                self._linktype = struct.unpack_from(f"{order}I", self._waiting, 20)[0] & 0xFFFF
                del self._waiting[:FILE_HEADER]
                return
        raise ValueError(f"tcpdump wrote no pcap with nanoseconds, but {bytes(self._waiting[:4]).hex()}")
