"""A display filter that shows one session in Wireshark: its call, its connections, and its H.248 by frame number.

H.248 goes by frame number because the context is `$` in the very request that makes it, and one message may speak of
many.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.correlate.session import Session
    from analyzer.model import TimelineEntry


def wireshark_filter(session: Session, entries: Iterable[TimelineEntry]) -> str:
    """One line to paste into Wireshark's filter bar; `entries` is the timeline."""
    parts: list[str] = []
    if session.sip is not None:
        parts.append(f"sip.Call-ID == {quoted(session.sip.call_id)}")
    for part in session.connections:
        flow = part.connection.client
        ip = "ipv6" if flow.version == 6 else "ip"
        parts.append(
            "("
            + " && ".join(f"{ip}.addr == {address}" for address in dict.fromkeys((flow.src_ip, flow.dst_ip)))
            + f" && tcp.port == {flow.sport} && tcp.port == {flow.dport})"
        )
    # What no address and port of the session finds.
    apart = [frames for _, frames, protocol, _, _, _ in entries if protocol in ("h248", "http")]
    frames = sorted(set(chain.from_iterable(apart)))
    if frames:
        parts.append(f"frame.number in {{{', '.join(ranges(frames))}}}")
    return " || ".join(parts)


def quoted(text: str) -> str:
    """A string of Wireshark's filter language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    if not escaped.isprintable() or not escaped.isascii():
        octets = escaped.encode("utf-8", "surrogateescape")
        escaped = "".join(chr(each) if 0x20 <= each < 0x7F else f"\\x{each:02x}" for each in octets)
    return f'"{escaped}"'


def ranges(numbers: Iterable[int]) -> list[str]:
    """`1..3` for runs, from numbers in ascending order."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [str(first) if first == last else f"{first}..{last}" for first, last in found]
