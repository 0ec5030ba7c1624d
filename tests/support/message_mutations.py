"""Captures whose frames are sound and whose messages are not: lengths, sequence numbers and checksums are right.

SIP is changed line by line with Content-Length set anew, its MIKEY octet by octet inside base64, H.248 token by token;
what TCP carries keeps its size, so that the stream stays whole. Every copy follows from its number alone.
"""

from __future__ import annotations

import base64
import binascii
import random
import re
import struct

from capture_variants import Packets
from mutations import TOKENS, Subject, as_pcap, payload_offset

VALUES = (
    b"", b" ", b"0", b"-1", b"4294967295", b"4294967296", b"9" * 5000, b"\xff", b"\xe7\xe9", b"\xed\xa0\x80", b"\xc3(",
    b"\0", b"a" * 3000, b"<", b'"', b"sip:", b"<sip:\xe7@b>;tag=\xff", b"msrp://", b"msrp://[::/;tcp", b"$",
    b"msrp://\xff:1/\xff;tcp", b"msrp://a:99999/b;tcp", b"*", b"TCP/TLS/MSRP", b"mikey AAAA", b"mikey ====",
    b";" * 500, b"," * 500, b"(" * 500, b"\xe2\x80\xae", b"%00", b"%ff", b"=?utf-8?b?/w==?=", b"99 INVITE", b"0 0",
    b"multipart/mixed;boundary=\xff",
)  # fmt: skip
"What a value may be that nobody expects."
_KEY_MGMT = re.compile(rb"(key-mgmt:mikey )([A-Za-z0-9+/=]+)")
_NUMBER = re.compile(rb"[0-9]+")
_LENGTH = re.compile(rb"(?im)^(content-length|l)[ \t]*:[ \t]*[0-9]+")


def with_other_messages(subject: Subject, number: int) -> bytes:
    """Copy `number` of a capture with some messages changed; always the same for the same number."""
    chance = random.Random(number)
    packets: Packets = list(subject.packets)
    held = [at for at, (_, data) in enumerate(packets) if _payload(data)]
    for at in chance.sample(held, min(len(held), chance.choice((1, 1, 2, 5, len(held))))):
        time, data = packets[at]
        packets[at] = time, _changed(data, chance)
    return as_pcap(packets)


def _payload(data: bytes) -> bytes:
    head = payload_offset(data)
    return b"" if head is None else data[head:]


def _changed(data: bytes, chance: random.Random) -> bytes:
    head = payload_offset(data) or len(data)
    payload = data[head:]
    if data[23] != 17:
        return with_checksums(data[:head] + _same_size(payload, chance))
    made = _sip(payload, chance) if b"SIP/2.0" in payload[:2000] else _tokens(payload, chance)
    changed = bytearray(data[:head] + made[: 65_000 - head])
    struct.pack_into(">H", changed, 16, len(changed) - 14)
    struct.pack_into(">H", changed, head - 4, len(changed) - head + 8)
    return with_checksums(bytes(changed))


def _sip(message: bytes, chance: random.Random) -> bytes:
    head, empty, body = message.partition(b"\r\n\r\n")
    if body and chance.random() < 0.6:
        body = _lines(_mikey(body, chance), chance)
    else:
        head = _lines(head, chance)
    if chance.random() < 0.9:
        head = _LENGTH.sub(b"Content-Length: %d" % len(body), head)
    return head + empty + body


def _lines(text: bytes, chance: random.Random) -> bytes:
    """Lines lost, said twice, in another order, or with another value."""
    lines = text.split(b"\r\n")
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(lines))
        match chance.randrange(7):
            case 0 if len(lines) > 1:
                del lines[at]
            case 1:
                lines.insert(chance.randrange(len(lines) + 1), lines[at])
            case 2:
                other = chance.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                name, mark, _ = lines[at].partition(chance.choice((b":", b"=", b" ")))
                lines[at] = name + mark + chance.choice(VALUES)
            case 4:
                lines[at] = _NUMBER.sub(lambda _: chance.choice(VALUES), lines[at], chance.randint(1, 2))
            case 5:
                place = chance.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + chance.choice(VALUES) + lines[at][place:]
            case _:
                place = chance.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + lines[at][place + chance.choice((1, 3, 20)) :]
    return b"\r\n".join(lines)


def _mikey(body: bytes, chance: random.Random) -> bytes:
    def other(found: re.Match[bytes]) -> bytes:
        try:
            octets = bytearray(base64.b64decode(found[2]))
        except binascii.Error:
            return found[0]
        for _ in range(chance.choice((0, 1, 1, 3))):
            at = chance.randrange(len(octets)) if octets else 0
            match chance.randrange(4):
                case 0:
                    octets[at : at + 1] = bytes((chance.randrange(256),))
                case 1:
                    del octets[at : at + chance.choice((1, 2, 30))]
                case 2:
                    octets[at:at] = chance.randbytes(chance.choice((1, 4, 60)))
                case _:
                    octets[at : at + 2] = b"\xff\xff"
        return found[1] + base64.b64encode(octets)

    return _KEY_MGMT.sub(other, body)


def _tokens(payload: bytes, chance: random.Random) -> bytes:
    """H.248 and whatever else: tokens put in and out, numbers replaced, octets of BER changed."""
    made = bytearray(payload)
    for _ in range(chance.choice((1, 1, 2, 6))):
        at, size = chance.randrange(len(made) + 1), chance.choice((1, 2, 8))
        match chance.randrange(6):
            case 0:
                made[at:at] = chance.choice((*TOKENS, *VALUES))
            case 1:
                del made[at : at + size]
            case 2:
                made[at : at + 1] = bytes((chance.randrange(256),))
            case 3:
                made[at:at] = made[at : at + chance.choice((8, 60))] * chance.choice((1, 3, 40))
            case 4:
                numbers = list(_NUMBER.finditer(made))
                if numbers:
                    found = chance.choice(numbers)
                    made[found.start() : found.end()] = chance.choice(VALUES)
            case _:
                made[at : at + size] = b"\xff" * size
    return bytes(made)


def _same_size(payload: bytes, chance: random.Random) -> bytes:
    """Octets, digits and tokens replaced: TCP's sequence numbers stay true, and TLS's and MSRP's lengths nearly so."""
    made = bytearray(payload)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(made))
        match chance.randrange(4):
            case 0:
                made[at] = chance.randrange(256)
            case 1:
                token = chance.choice((*TOKENS, *VALUES))[: len(made) - at]
                made[at : at + len(token)] = token
            case 2:
                numbers = list(_NUMBER.finditer(made))
                if numbers:
                    found = chance.choice(numbers)
                    made[found.start() : found.end()] = chance.choice((b"9", b"0", b"\xb2")) * len(found[0])
            case _:
                # Handshake types, versions and lengths stand in front.
                made[min(at, chance.randrange(60)) % len(made)] ^= 1 << chance.randrange(8)
    return bytes(made)


def with_checksums(data: bytes) -> bytes:
    """The frame with the checksums of IPv4, TCP and UDP that it should have."""
    transport = 14 + (data[14] & 15) * 4
    frame = bytearray(data)
    frame[24:26] = b"\0\0"
    struct.pack_into(">H", frame, 24, _checksum(bytes(frame[14:transport])))
    place = {6: transport + 16, 17: transport + 6}.get(data[23])
    if place is not None and place + 2 <= len(frame):
        frame[place : place + 2] = b"\0\0"
        segment = bytes(frame[transport:])
        pseudo = bytes(frame[26:34]) + struct.pack(">BBH", 0, data[23], len(segment))
        struct.pack_into(">H", frame, place, _checksum(pseudo + segment) or 0xFFFF)
    return bytes(frame)


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    data += bytes(len(data) & 1)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
