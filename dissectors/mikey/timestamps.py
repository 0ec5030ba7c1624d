"""Times of T and TR (RFC 3830 section 6.6; RFC 6043 section 6.6)."""

from __future__ import annotations

from dissectors.mikey.numbers import TsType

TS_LENGTH: dict[int, int] = {TsType.NTP_UTC: 8, TsType.NTP: 8, TsType.COUNTER: 4, TsType.NTP_UTC_32: 4}
"Octets of a value by TS type."

_NTP_TO_UNIX = 2_208_988_800  # seconds from 1900 to 1970


def sixty_four_bits(ts_type: int, value: bytes) -> bytes:
    """A time as 64 bits, as the IV of AES-CM has it: a counter padded on the left, a short NTP time on the right."""
    return value.rjust(8, b"\0") if ts_type == TsType.COUNTER else value.ljust(8, b"\0")


def unix_nanoseconds(ts_type: int, value: bytes) -> int | None:
    """The time in ns since 1970, read as one of 1968 to 2104; None for a counter or an unregistered type."""
    if ts_type not in (TsType.NTP_UTC, TsType.NTP, TsType.NTP_UTC_32):
        return None
    full = int.from_bytes(sixty_four_bits(ts_type, value), "big")
    if not full >> 63:
        full += 1 << 64  # the era that begins in 2036
    return (full * 1_000_000_000 >> 32) - _NTP_TO_UNIX * 1_000_000_000


def ntp_utc(unix_ns: int) -> bytes:
    """The value of TS type NTP-UTC for a time in ns since 1970."""
    return ((((unix_ns + _NTP_TO_UNIX * 1_000_000_000) << 32) // 1_000_000_000) & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
