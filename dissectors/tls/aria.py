"""The block cipher ARIA (RFC 5794), which the cryptography library lacks.

One round is a substitution and a diffusion over 16 octets. Both are linear in the octets' positions once substituted,
so a round is 16 table look-ups and exclusive-ors of 128-bit integers, as AES is done with T-tables. The tables, about
8,000 integers, are made at first use.
"""

from __future__ import annotations

from functools import lru_cache

# Which octets of its input each octet of the diffusion layer A is the sum of (section 2.4.3).
_DIFFUSION = (
    (3, 4, 6, 8, 9, 13, 14),
    (2, 5, 7, 8, 9, 12, 15),
    (1, 4, 6, 10, 11, 12, 15),
    (0, 5, 7, 10, 11, 13, 14),
    (0, 2, 5, 8, 11, 14, 15),
    (1, 3, 4, 9, 10, 14, 15),
    (0, 2, 7, 9, 10, 12, 13),
    (1, 3, 6, 8, 11, 12, 13),
    (0, 1, 4, 7, 10, 13, 15),
    (0, 1, 5, 6, 11, 12, 14),
    (2, 3, 5, 6, 8, 13, 15),
    (2, 3, 4, 7, 9, 12, 14),
    (1, 2, 6, 7, 9, 11, 12),
    (0, 3, 6, 7, 8, 10, 13),
    (0, 3, 4, 5, 9, 11, 14),
    (1, 2, 4, 5, 8, 10, 15),
)
_C1 = 0x517CC1B727220A94FE13ABE8FA9A6EE0
_C2 = 0x6DB14ACC9E21C820FF28B1D5EF5DE2B0
_C3 = 0xDB92371D2126E9700324977504E8C90E
_CONSTANTS = {16: (_C1, _C2, _C3), 24: (_C2, _C3, _C1), 32: (_C3, _C1, _C2)}
_ROUNDS = {16: 12, 24: 14, 32: 16}
_MASK = (1 << 128) - 1
_Table = list[list[int]]


def _multiply(a: int, b: int) -> int:
    """In GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    out = 0
    while b:
        if b & 1:
            out ^= a
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return out


def _affine(value: int, columns: tuple[int, ...], constant: int) -> int:
    for bit, column in enumerate(columns):
        if value >> bit & 1:
            constant ^= column
    return constant


def _boxes() -> tuple[bytes, bytes, bytes, bytes]:
    """SB1 (that of AES), SB2 from x^247, and their inverses SB3, SB4 (section 2.4.2)."""
    power = [1] * 256
    for x in range(256):
        for _ in range(247):
            power[x] = _multiply(power[x], x)
    inverse = [1] * 256
    for x in range(256):
        for _ in range(254):
            inverse[x] = _multiply(inverse[x], x)
    sb1 = bytes(_affine(x, (0x1F, 0x3E, 0x7C, 0xF8, 0xF1, 0xE3, 0xC7, 0x8F), 0x63) for x in inverse)
    sb2 = bytes(_affine(x, (0xAC, 0xC5, 0x12, 0xCF, 0x5B, 0x5F, 0x85, 0xEE), 0xE2) for x in power)
    return sb1, sb2, bytes(map(sb1.index, range(256))), bytes(map(sb2.index, range(256)))


@lru_cache(maxsize=1)
def _tables() -> tuple[_Table, _Table, tuple[bytes, ...], tuple[bytes, ...], _Table]:
    """Odd and even rounds with diffusion, the substitutions alone, and the diffusion alone."""
    spread = [sum(1 << 8 * (15 - y) for y in range(16) if x in _DIFFUSION[y]) for x in range(16)]
    sb1, sb2, sb3, sb4 = _boxes()
    odd = (sb1, sb2, sb3, sb4) * 4
    even = (sb3, sb4, sb1, sb2) * 4
    plain = (bytes(range(256)),) * 16
    made = [[[box[v] * spread[x] for v in range(256)] for x, box in enumerate(boxes)] for boxes in (odd, even, plain)]
    return made[0], made[1], odd, even, made[2]


def _through(table: _Table, value: int) -> int:
    out = 0
    for row, octet in zip(table, value.to_bytes(16, "big"), strict=True):
        out ^= row[octet]
    return out


def _rotate_right(value: int, bits: int) -> int:
    return (value >> bits | value << (128 - bits)) & _MASK


class Aria:
    """ARIA under one key of 16, 24 or 32 octets."""

    __slots__ = ("_decrypting", "_encrypting")

    def __init__(self, key: bytes) -> None:
        odd, even, _, _, diffusion = _tables()
        ck1, ck2, ck3 = _CONSTANTS[len(key)]
        padded = int.from_bytes(key.ljust(32, b"\0"), "big")
        w0 = padded >> 128
        w1 = _through(odd, w0 ^ ck1) ^ (padded & _MASK)
        w2 = _through(even, w1 ^ ck2) ^ w0
        w3 = _through(odd, w2 ^ ck3) ^ w1
        words = (w0, w1, w2, w3)
        keys = []
        for rotation in (19, 31, 128 - 61, 128 - 31, 128 - 19):
            for index in range(4):
                left, right = words[index], words[(index + 1) % 4]
                # The fourth key of each row rotates W0, the others their right-hand word (section 2.2).
                keys.append(left ^ _rotate_right(right, rotation))
        rounds = _ROUNDS[len(key)]
        self._encrypting = keys[: rounds + 1]
        backwards = self._encrypting[::-1]
        self._decrypting = [backwards[0], *(_through(diffusion, key) for key in backwards[1:-1]), backwards[-1]]

    def encrypt_blocks(self, data: bytes) -> bytes:
        """Each block of 16 octets on its own (ECB)."""
        return self._blocks(data, self._encrypting)

    def decrypt_blocks(self, data: bytes) -> bytes:
        """Each block of 16 octets on its own (ECB)."""
        return self._blocks(data, self._decrypting)

    @staticmethod
    def _blocks(data: bytes, keys: list[int]) -> bytes:
        odd, even, _, last, _ = _tables()
        out = bytearray()
        middle = [(even if number & 1 else odd, key) for number, key in enumerate(keys[:-2])]
        before, after = keys[-2:]
        for at in range(0, len(data), 16):
            value = int.from_bytes(data[at : at + 16], "big")
            for table, key in middle:
                value = _through(table, value ^ key)
            value ^= before
            octets = value.to_bytes(16, "big")
            value = int.from_bytes(bytes(box[octet] for box, octet in zip(last, octets, strict=True)), "big") ^ after
            out += value.to_bytes(16, "big")
        return bytes(out)
