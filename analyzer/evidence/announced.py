"""What SDP of SIP and of H.248 says about one MSRP stream, side by side (RFC 4975 section 8, H.248.1 clause 7.1.8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from analyzer.conversations.media import REMEMBERED_OCTETS, MediaEnd, first_end
from analyzer.conversations.offer_answer import Described
from analyzer.model import Message
from dissectors.errors import DecodeError
from dissectors.sdp import MediaDescription


@dataclass(slots=True)
class Announced:
    """One side of an offer/answer exchange, as far as its MSRP stream goes."""

    described: Described
    index: int
    "Which `m=` line, from 0."
    end: MediaEnd
    sent: int = 0
    "When it was first sent, ns; 0 where what was captured is a repetition, and the first copy is not in the capture."
    _media: MediaDescription | None = field(default=None, repr=False)

    @property
    def message(self) -> Message:
        """The SIP message that carries it."""
        return self.described.message

    @property
    def frames(self) -> tuple[int, ...]:
        return self.described.message.frames

    @property
    def time(self) -> int:
        return self.described.message.time

    @property
    def media(self) -> MediaDescription | None:
        """The whole `m=` section; None when the description cannot be read."""
        if self._media is None:
            try:
                found = self.described.sdp().media
            except DecodeError:
                return None
            self._media = found[self.index] if self.index < len(found) else None
        return self._media

    def attributes(self, name: str) -> list[str]:
        """The values of all `a=` lines of that name in the `m=` section."""
        marker = b"\na=%b" % name.encode()
        octets = self.described.octets
        if marker not in octets:
            return []
        # Read here, since taking the whole description apart costs a hundred times as much.
        start = -1
        for _ in range(self.index + 1):
            start = octets.find(b"\nm=", start + 1)
            if start < 0:
                return []
        end = octets.find(b"\nm=", start + 1)
        section = octets[start:end] if end >= 0 else octets[start:]
        found: list[str] = []
        for rest in section.split(marker)[1:]:
            line = rest.partition(b"\n")[0].rstrip()
            if not line or line.startswith(b":"):
                found.append(line[1:].decode("utf-8", "surrogateescape"))
        return found


def msrp_of(described: Described) -> Announced | None:
    """The first MSRP stream of a description, unless the capture cut it: what it lacks, it may have said."""
    if described.is_cut:
        return None
    for index, end in enumerate(described.ends):
        if end.is_msrp:
            return Announced(described, index, end)
    return None


@dataclass(slots=True)
class Descriptor:
    """A Local or Remote descriptor as one command has it; `$` asks the gateway to choose (H.248.1 clause 7.1.8)."""

    octets: bytes
    address: str = ""
    "As in the `c=` line, or `$`; empty when there is none."
    port: str = ""
    "As in the `m=` line, or `$`."
    proto: str = ""
    path: tuple[str, ...] = ()
    "The URIs of `a=path`, also those with `$`."
    setup: str = ""
    _end: MediaEnd | None = field(default=None, repr=False, compare=False)

    @property
    def end(self) -> MediaEnd | None:
        """The same as an announced end; None when there is no `m=` line."""
        if self._end is None:
            self._end = first_end(self.octets)
        return self._end

    @property
    def is_empty(self) -> bool:
        """Present without content: releases that direction."""
        return not self.octets.strip()

    @property
    def chooses_path(self) -> bool:
        """The gateway is asked for an MSRP URI (`a=path:$`, or `$` inside it; the form is not standardised)."""
        return any("$" in uri for uri in self.path)

    @property
    def chooses_address(self) -> bool:
        return "$" in self.address

    @property
    def chooses_port(self) -> bool:
        return "$" in self.port


def read_descriptor(octets: bytes) -> Descriptor:
    """Read the first session description of a Local or Remote descriptor; remembered, and so not to change."""
    return _read_cached(octets) if len(octets) <= REMEMBERED_OCTETS else _read(octets)


def _read(octets: bytes) -> Descriptor:
    found = Descriptor(octets)
    session_address = address = ""
    for line in octets.decode("utf-8", "surrogateescape").split("\n"):
        kind = line[:2]
        if kind == "a=":
            if line.startswith("a=path:"):
                found.path = found.path or tuple(line[7:].split())
            elif line.startswith("a=setup:"):
                found.setup = found.setup or line[8:].strip().lower()
        elif kind == "c=":
            words = line.split()
            told = words[2].partition("/")[0] if len(words) > 2 else ""
            if found.proto or found.port:
                address = address or told
            else:
                session_address = session_address or told
        elif kind == "m=":
            if found.proto or found.port:
                break
            words = line.split()
            found.port = words[1].partition("/")[0] if len(words) > 1 else ""
            found.proto = words[2] if len(words) > 2 else ""
    found.address = address or session_address
    return found


# What asks the gateway to choose is the same for every participant.
_read_cached = lru_cache(maxsize=1024)(_read)
