"""What a file that is no capture looks like by its first octets, and what to do with it."""

from __future__ import annotations

REWRITE_HINT = "rewrite it with Wireshark: editcap -F pcapng IN OUT"
AGAIN_HINT = "write it again with a current Wireshark or tcpdump"
NO_HINT = "name a pcap or pcapng file"

SIGNATURES: list[tuple[bytes, str, str]] = [
    (b"snoop\0\0\0", "a snoop capture", REWRITE_HINT),
    (b"TRSNIFF data", "a Sniffer capture", REWRITE_HINT),
    (b"XCP\0", "a NetXRay capture", REWRITE_HINT),
    (b"GMBU", "a Network Monitor capture", REWRITE_HINT),
    (b"RTSS", "a Network Monitor capture", REWRITE_HINT),
    (b"iptrace ", "an AIX iptrace capture", REWRITE_HINT),
    (b"btsnoop\0", "a Bluetooth btsnoop capture", REWRITE_HINT),
    (bytes.fromhex("1c0001ac"), "an Ixia capture", REWRITE_HINT),
    (bytes.fromhex("ac01001c"), "an Ixia capture", REWRITE_HINT),
    (bytes.fromhex("1c0001ab"), "an Ixia capture", REWRITE_HINT),
    (bytes.fromhex("ab01001c"), "an Ixia capture", REWRITE_HINT),
    (b"BZh", "bzip2 data", "unpack it first: bunzip2 FILE"),
    (b"\xfd7zXZ\0", "xz data", "unpack it first: unxz FILE"),
    (b"\x04\x22\x4d\x18", "lz4 data", "unpack it first: lz4 -d FILE"),
    (b"\x1f\x8b", "gzip data", "unpack it first: gunzip FILE"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data", "unpack it first: unzstd FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (b"PK\x03\x04", "a ZIP archive", "unpack it first: unzip FILE"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"\x7fELF", "an ELF program", NO_HINT),
    (b"MZ", "a Windows program", NO_HINT),
    (b"%PDF", "a PDF document", NO_HINT),
    (b"\x89PNG", "a PNG image", NO_HINT),
    (b"SQLite format 3\0", "an SQLite database", NO_HINT),
]


def looks_like(first: bytes) -> str:
    """What octets that are no capture seem to be, in words that continue "it looks like"."""
    for signature, name, _ in SIGNATURES:
        if first.startswith(signature):
            return name
    if first[257:262] == b"ustar":
        return "a tar archive"
    if not first.strip(b"\0"):
        return "nothing but zeros"
    return "text" if _is_text(first) else "some other kind of binary data"


def convert_hint(first: bytes) -> str:
    """What to do with it."""
    for signature, _, hint in SIGNATURES:
        if first.startswith(signature):
            return hint
    if first[257:262] == b"ustar":
        return "unpack it first: tar -xf FILE"
    if first.strip(b"\0") and _is_text(first):
        return "a hex dump becomes a capture with Wireshark's text2pcap"
    return NO_HINT


def _is_text(first: bytes) -> bool:
    head = first[:1024]
    if any(octet < 32 and octet not in b"\t\n\r\f" for octet in head):
        return False
    strange = head.decode("utf-8", "replace").count("\ufffd")
    return strange <= 3 + len(head) // 20  # the cut at the end, and some Latin-1
