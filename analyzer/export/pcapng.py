"""Writing pcapng (draft-ietf-opsawg-pcapng): blocks as octets, nothing kept but the interfaces.

Packets of each link type have an interface of their own; times have nanoseconds.
"""

from __future__ import annotations

import struct

SECTION_HEADER, INTERFACE_DESCRIPTION, ENHANCED_PACKET, DECRYPTION_SECRETS = 0x0A0D0D0A, 1, 6, 0x0A
OPTION_END, COMMENT, IF_TSRESOL, SHB_USERAPPL = 0, 1, 9, 4
TLS_KEY_LOG = 0x544C534B
"Secrets type of a TLS key log (section 4.7)."
MAX_COMMENT = 4096
"Octets of one comment; an option holds 65535."


class PcapngWriter:
    """Makes the blocks of one section; call `begin` first."""

    def __init__(self, application: str) -> None:
        self._application = application
        self._interfaces: dict[int, int] = {}

    def begin(self) -> bytes:
        """The section header."""
        options = _option(SHB_USERAPPL, self._application.encode()) + _option(OPTION_END, b"")
        return _block(SECTION_HEADER, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options)

    def secrets(self, key_log: bytes) -> bytes:
        """A Decryption Secrets Block with key log text: it opens what comes behind it."""
        return _block(DECRYPTION_SECRETS, struct.pack("<II", TLS_KEY_LOG, len(key_log)) + _padded(key_log))

    def packet(self, linktype: int, time: int, octets: bytes, wirelen: int, comment: str = "") -> bytes:
        """One packet (`time` in ns, negative: unknown), with its interface before it where that is a new one."""
        number = self._interfaces.get(linktype)
        made = b""
        if number is None:
            number = self._interfaces[linktype] = len(self._interfaces)
            options = _option(IF_TSRESOL, b"\x09") + _option(OPTION_END, b"")
            made = _block(INTERFACE_DESCRIPTION, struct.pack("<HHI", linktype, 0, 0) + options)
        time = max(time, 0)
        head = struct.pack("<IIIII", number, time >> 32, time & 0xFFFFFFFF, len(octets), max(wirelen, len(octets)))
        options = b""
        if comment:
            options = _option(COMMENT, _cut(comment)) + _option(OPTION_END, b"")
        return made + _block(ENHANCED_PACKET, head + _padded(octets) + options)


def _cut(comment: str) -> bytes:
    """At most `MAX_COMMENT` octets of UTF-8, whole characters."""
    return comment.encode("utf-8", "replace")[:MAX_COMMENT].decode("utf-8", "ignore").encode()


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)
