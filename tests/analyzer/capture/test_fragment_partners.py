"""An IP identification that comes again: pieces find their partners by the checksum (RFC 768), or are counted."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from analyzer.capture.fragments import checksum_is_right
from tests.analyzer.capture.test_fragments import IP, MS, TEXT, UDP, block_of, inet, pieces, raw, run

OTHER = TEXT[::-1].replace(b"~", b"S")
WRONG = "ip fragments whose checksum is wrong together"
OVERLAP, INCOMPLETE = "ip fragment overlap", "ip fragment incomplete"


def texts(packets: list[Any], times: list[int] | None = None) -> tuple[list[bytes], dict[str, int]]:
    found, account = run(block_of(packets, times))
    return [row[3] for row in found], account


def two() -> tuple[list[Any], list[Any]]:
    """Two datagrams of five fragments each with the same ends and identification."""
    return pieces(4), pieces(4, OTHER)


def test_identification_reused_after_seconds_with_a_piece_lost_of_each() -> None:
    """A whole that no sender sent: its pieces are counted with the reason."""
    one, other = two()
    mixed = one[:2] + other[2:]
    assert texts(mixed, [0, MS, 5000 * MS, 5001 * MS, 5002 * MS]) == ([], {WRONG: 5})


def test_identification_reused_at_once_where_checksums_tell_something() -> None:
    one, other = two()
    before = pieces(4, identity=9)
    assert texts(before + one[:2] + other[2:]) == ([TEXT], {WRONG: 5})


def test_checksums_that_are_never_right_tell_nothing() -> None:
    """The neighbour: a tool rewrote addresses and left checksums; what came together in a moment is one datagram."""
    packets = []
    for part in pieces(4):
        part.src = "192.0.2.77"
        del part.chksum
        packets.append(part)
    assert texts(packets) == ([TEXT], {})


def test_no_checksum_is_no_wrong_one() -> None:
    """RFC 768: all zeros means that the sender generated none."""
    datagram = IP(src="192.0.2.1", dst="198.51.100.2", id=7) / UDP(sport=5060, dport=5060, chksum=0) / raw(TEXT)
    parts = inet.fragment(datagram, 900)
    assert texts(parts, [0, MS, 2 * MS, 5000 * MS, 5001 * MS]) == ([TEXT], {})


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_the_rest_of_the_first_is_lost(lost: int) -> None:
    """The second is whole, whatever is left of the first."""
    one, other = two()
    left = 5 - lost
    times = [n * MS for n in range(left)] + [(2000 + n) * MS for n in range(5)]
    assert texts(one[:left] + other, times) == ([OTHER], {INCOMPLETE: left})


def test_pieces_of_two_in_turn() -> None:
    """Two networks with the same addresses and identifications: both datagrams."""
    one, other = two()
    found, account = texts([part for pair in zip(one, other, strict=True) for part in pair])
    assert (sorted(found), account) == (sorted([TEXT, OTHER]), {})


def test_one_inside_the_other() -> None:
    one, other = two()
    found, account = texts(one[:2] + other + one[2:])
    assert (sorted(found), account) == (sorted([TEXT, OTHER]), {})


def test_a_mirror_of_rivals_is_counted_as_copies() -> None:
    """But for the last copy of the first, which comes when only the second is remembered."""
    one, other = two()
    found, account = texts([part for pair in zip(one, other, strict=True) for part in (*pair, *pair)])
    assert (sorted(found), account) == (sorted([TEXT, OTHER]), {"duplicate": 9, INCOMPLETE: 1})


def test_rivals_are_bounded() -> None:
    """However many come for one place, sixteen wait."""
    one, _ = two()
    rivals = []
    for number in range(40):
        part = one[0].copy()
        part[raw].load = bytes((number,)) * len(part[raw].load)
        rivals.append(part)
    found, account = texts(one[:1] + rivals + one[1:])
    assert found == [TEXT]
    assert account == {OVERLAP: 39, INCOMPLETE: 1}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [0, 1, 2, 1001])
def test_checksum_as_scapy_computes_it(version: int, size: int) -> None:
    from scapy.layers.inet6 import IPv6

    base = IP(src="192.0.2.1", dst="198.51.100.2") if version == 4 else IPv6(src="2001:db8::1", dst="2001:db8::2")
    for transport in (UDP(sport=1, dport=2), inet.TCP(sport=1, dport=2)):
        packet = bytes(base / transport / bytes(range(256))[:size] if size < 256 else base / transport / (b"ab" * size))
        head = 20 if version == 4 else 40
        assert checksum_is_right(version, packet[:head], packet[head:]) is True
        broken = packet[:-1] + struct.pack("B", packet[-1] ^ 1)
        assert checksum_is_right(version, broken[:head], broken[head:]) is False
