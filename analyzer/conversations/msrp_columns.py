"""The usual MSRP messages of a block found all at once (RFC 4975 section 9): where their parts stand, as columns.

Usual is a SEND request with a body that is a whole message, or a response `200 OK`, both with the header fields that
nearly every sender writes, in that order:

    MSRP tid SEND                        MSRP tid 200 OK
    To-Path: ...                         To-Path: ...
    From-Path: ...                       From-Path: ...
    Message-ID: ...                      -------tid$
    Success-Report: yes    (or absent)
    Byte-Range: 1-...      (or absent)
    Content-Type: ...

    body
    -------tid$

A segment counts only when it is made of such messages from its first to its last octet. Which values are good is for
the caller to say: here only the framing is proven, exactly as `dissectors.msrp` would read it. A line of the body that
begins with seven hyphens makes a message unusual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_is_ident = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}").fullmatch
"RFC 4975 section 9; transaction ids and Message-IDs."

Fields = tuple[str, bool, str, str, bytes, int, int]
"""Message-ID, is a success report asked for, Byte-Range behind `1-` (empty: absent), Content-Type, the same inside the
body if it looks like CPIM (empty: to be searched for), where the body starts, its octets."""


@dataclass(slots=True)
class Scan:
    """Messages found, in the order of the segments."""

    data: bytes = b""
    before: list[int] = field(default_factory=list)
    "By segment: how many messages come before it. One element more than segments."
    until: list[int] = field(default_factory=list)
    "By segment: the first one from it on that has octets and is not usual."
    segment: list[int] = field(default_factory=list)
    "By message, as all that follows: its segment."
    side: list[int] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    frame: list[int] = field(default_factory=list)
    "Of its segment, as the caller gave them."
    start: list[int] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    "What stands between transaction id and Message-ID, or end-line."
    transaction_ids: list[str] = field(default_factory=list)
    fields: list[Fields | None] = field(default_factory=list)
    "Of a SEND request; None: a response."


class _Octets:
    """A buffer read at many places at once."""

    __slots__ = ("_words", "data")

    def __init__(self, data: bytes) -> None:
        self.data: NDArray[np.uint8] = np.frombuffer(data, np.uint8)
        self._words = np.ndarray((len(data) - 3,), "<u4", data, 0, (1,))

    def u8(self, at: Ints) -> NDArray[np.uint8]:
        return self.data[at]

    def u32(self, at: Ints) -> NDArray[np.uint32]:
        """Four octets, the first of which is the lowest."""
        return self._words[at]


class _Lines:
    """All lines of some segments, one after the other; a line is named by its number."""

    __slots__ = ("at", "broken", "crlf", "empty", "end", "first", "octets", "segment")

    def __init__(self, octets: _Octets, start: Ints, end: Ints) -> None:
        self.octets = octets
        data = octets.data
        feeds = np.flatnonzero(data == 10)
        first, last = np.searchsorted(feeds, start), np.searchsorted(feeds, end)
        count = last - first
        self.first: Ints = np.cumsum(count) - count
        self.segment: Ints = np.repeat(np.arange(len(start)), count)
        feed = feeds[np.arange(len(self.segment)) + np.repeat(first - self.first, count)]
        self.at: Ints = np.zeros(len(feed), np.int64)
        self.at[1:] = feed[:-1] + 1
        self.at[self.first[count > 0]] = start[count > 0]
        self.crlf: Mask = (feed > self.at) & (data[feed - 1] == 13)
        self.end: Ints = feed - self.crlf
        "Where the CRLF, or a lone LF, stands."
        self.empty: Ints = np.flatnonzero((self.end == self.at) & self.crlf)
        self.broken: Ints = np.concatenate([[0], np.cumsum(~self.crlf)])
        "Lines before each that a lone LF ends."

    def begin(self, lines: Ints, text: str) -> Mask:
        """Which lines begin with a text of at least four characters."""
        at = self.at[lines]
        found = self.end[lines] - at >= len(text)
        at = np.where(found, at, 0)
        for place in (*range(0, len(text) - 4, 4), len(text) - 4):
            found &= self.octets.u32(at + place) == _word(text[place : place + 4])
        return found


def _word(text: str) -> int:
    return int.from_bytes(text.encode(), "little")


def _spread(lines: _Lines, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """The start lines and end-lines of messages, in pairs: of segments where these take turns from first to last."""
    octets = lines.octets
    word = octets.u32(np.minimum(lines.at, len(octets.data) - 4))
    starts, dashes = word == _word("MSRP"), word == _word("----")
    begun, ended = np.flatnonzero(starts), np.flatnonzero(dashes)
    ended = ended[lines.begin(ended, "-------")]
    dashes[:] = False
    dashes[ended] = True
    size = len(start)
    count = np.bincount(lines.segment[begun], minlength=size)
    good = (count > 0) & (count == np.bincount(lines.segment[ended], minlength=size))
    good &= octets.u8(np.maximum(end - 1, 0)) == 10
    # As many of both, each start line but the first right behind an end-line, and the last line an end-line.
    early = begun[~(dashes[begun - 1] | (begun == lines.first[lines.segment[begun]]))]
    good[lines.segment[early]] = False
    last = np.append(lines.first[1:], len(lines.at)) - 1
    some = np.flatnonzero(good)
    good[some] = starts[lines.first[some]] & dashes[last[some]]
    return begun[good[lines.segment[begun]]], ended[good[lines.segment[ended]]]


_FIRST = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF], np.uint32)
"The first octets of a word."


def _same_id(octets: _Octets, one: Ints, other: Ints, size: Ints) -> Mask:
    """Are `size` octets the same at both places; up to 32, and at least three more can be read behind them."""
    same = size <= 32
    for place in range(0, 32, 4):
        rest = np.flatnonzero(same & (size > place))
        if not len(rest):
            break
        differ = octets.u32(one[rest] + place) ^ octets.u32(other[rest] + place)
        same[rest] = differ & _FIRST[np.minimum(size[rest] - place, 4)] == 0
    return same


def scan_msrp(data: bytes, start: Ints, end: Ints, side: Ints, time: Ints, frame: Ints) -> Scan:
    """Look at segments data[start:end] (an empty one has no octets); they may lie in any order."""
    size = len(start)
    scan = Scan(data)
    loaded = end > start
    if len(data) < 64 or not loaded.any():
        scan.before, scan.until = [0] * (size + 1), _until(loaded)
        return scan
    octets = _Octets(data)
    lines = _Lines(octets, start, end)
    first, last = _spread(lines, start, end)
    at, line_end = lines.at[first], lines.end[first]
    brief = np.maximum(line_end, 8)
    is_send = (octets.u32(brief - 4) == _word("SEND")) & (octets.u8(brief - 5) == 32)
    is_ok = (octets.u32(brief - 7) == _word(" 200")) & (octets.u32(brief - 4) == _word("0 OK"))
    head = line_end - np.where(is_send, 5, 7)
    id_size = head - at - 5
    usual = (is_send | is_ok) & (id_size >= 4) & (id_size <= 32) & (octets.u8(at + 4) == 32)
    usual &= lines.end[last] - lines.at[last] == id_size + 8
    usual &= octets.u8(lines.end[last] - 1) == ord("$")
    usual[usual] = _same_id(octets, at[usual] + 5, lines.at[last[usual]] + 7, id_size[usual])
    usual &= np.where(is_send, last - first >= 6, last - first == 3)
    # The empty line behind the header fields; lines of fields before it are Message-ID first and Content-Type last.
    rank = np.searchsorted(lines.empty, first)
    empty = np.append(lines.empty, [len(lines.at)] * 2)
    blank = np.where(is_send, empty[rank], first + 2)
    usual &= blank < last
    usual &= lines.broken[np.where(usual, blank + 1, 0)] == lines.broken[np.where(usual, first, 0)]
    usual &= lines.crlf[last] & lines.crlf[last - 1]
    body = lines.at[np.minimum(blank + 1, last)]
    octets_of = lines.at[last] - 2 - body
    usual &= ~is_send | (octets_of >= 0)
    count = blank - first
    sends = np.flatnonzero(usual & is_send)
    asks, ranged = np.zeros(len(first), np.bool_), np.zeros(len(first), np.bool_)
    if len(sends):
        line, stop, fields = first[sends], blank[sends], count[sends]
        report = lines.begin(line + 4, "Success-Report: yes") & (lines.end[line + 4] - lines.at[line + 4] == 19)
        asks[sends] = report & (fields >= 6)
        ranged[sends] = lines.begin(stop - 2, "Byte-Range: 1-") & (fields >= 6)
        good = (fields == 5 + asks[sends] + ranged[sends]) & lines.begin(line + 3, "Message-ID: ")
        usual[sends] = good & lines.begin(stop - 1, "Content-Type: ")
    inner, inner_end = _inner_types(lines, blank, empty[rank + 1], last, usual & is_send)
    while True:
        usual = _whole(usual, lines.segment[first], size)
        chosen = np.flatnonzero(usual)
        ids = _texts(data, at[chosen] + 5, head[chosen])
        sends = chosen[is_send[chosen]]
        line, stop = first[sends], blank[sends]
        message_ids = _texts(data, lines.at[line + 3] + 12, lines.end[line + 3])
        known = np.ones(len(first), np.bool_)
        known[chosen] = _are_idents(ids)
        known[sends] &= _are_idents(message_ids)
        if known.all():
            break
        usual &= known
    span = np.where(ranged[sends], lines.at[stop - 2] + 14, 0)
    scan.fields = [None] * len(chosen)
    made = zip(
        message_ids,
        asks[sends].tolist(),
        _texts(data, span, np.where(ranged[sends], lines.end[stop - 2], 0)),
        _texts(data, lines.at[stop - 1] + 14, lines.end[stop - 1]),
        _slices(data, inner[sends], inner_end[sends]),
        body[sends].tolist(),
        octets_of[sends].tolist(),
        strict=True,
    )
    for message, fields_of in zip(np.flatnonzero(is_send[chosen]).tolist(), made, strict=True):
        scan.fields[message] = fields_of
    segment = lines.segment[first[chosen]]
    scan.segment, scan.start, scan.transaction_ids = segment.tolist(), at[chosen].tolist(), ids
    scan.side, scan.time, scan.frame = (column[segment].tolist() for column in (side, time, frame))
    scan.heads = _slices(data, head[chosen], lines.end[first[chosen] + 2] + 2)
    own = np.bincount(segment, minlength=size)
    scan.before = np.concatenate([[0], np.cumsum(own)]).tolist()
    scan.until = _until(loaded & (own == 0))
    return scan


def _are_idents(texts: list[str]) -> Mask | bool:
    # Most are made of letters and digits; then only their lengths are to be looked at.
    joined = "".join(texts)
    if joined.isalnum() and joined.isascii():
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
        return (sizes >= 4) & (sizes <= 32)
    return np.array([_is_ident(text) is not None for text in texts], np.bool_)


def _slices(data: bytes, start: Ints, end: Ints) -> list[bytes]:
    return [data[a:b] for a, b in zip(start.tolist(), end.tolist(), strict=True)]


def _texts(data: bytes, start: Ints, end: Ints) -> list[str]:
    """Parts of lines as Latin-1, all at once."""
    return b"\n".join(_slices(data, start, end)).decode("latin-1").split("\n") if len(start) else []


def _whole(usual: Mask, segment: Ints, size: int) -> Mask:
    """The messages of segments that hold no other."""
    broken = np.zeros(size, np.bool_)
    broken[segment[~usual]] = True
    return usual & ~broken[segment]


def _until(other: Mask) -> list[int]:
    """For each segment the first one from it on that a mask names; their number where there is none."""
    named = np.append(np.flatnonzero(other), len(other))
    until: list[int] = named[np.searchsorted(named, np.arange(len(other)))].tolist()
    return until


def _inner_types(lines: _Lines, blank: Ints, inner: Ints, last: Ints, usual: Mask) -> tuple[Ints, Ints]:
    """Where the Content-Type stands that follows the next empty line (RFC 3862 section 2.1); 0 where it does not."""
    start, end = np.zeros(len(blank), np.int64), np.zeros(len(blank), np.int64)
    some = np.flatnonzero(usual & (inner > blank + 1) & (inner + 1 < last))
    line = inner[some]
    good = lines.crlf[line - 1] & lines.crlf[line + 1] & lines.begin(line + 1, "Content-Type: ")
    good &= lines.end[line + 1] - lines.at[line + 1] < 200
    some, line = some[good], line[good]
    start[some], end[some] = lines.at[line + 1] + 14, lines.end[line + 1]
    return start, end
