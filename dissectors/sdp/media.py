"""One media description and the attributes of messaging media in it.

RFC 8866 section 5.14 (m=); RFC 4975 section 8, 6135, 6714 and 7701 (MSRP); RFC 4145 (setup, connection); RFC 8122
(fingerprint); RFC 4567 (key-mgmt); RFC 8856 (BFCP); 3GPP TS 24.229 (3ge2ae).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from dissectors.sdp.section import Connection, Section, attribute_line

_NUMBER = re.compile(r"[0-9]{1,18}")


def read_number(text: str | None) -> int | None:
    """A decimal number; None when absent, `$` or anything else."""
    text = text.strip() if text is not None else ""
    return int(text) if _NUMBER.fullmatch(text) else None


@dataclass(slots=True)
class MediaLine:
    """The words of an `m=` line; what is missing is empty."""

    media: str
    port_text: str
    proto: str
    formats: list[str]


@dataclass(slots=True)
class MediaDescription(Section):
    """The lines from one `m=` line to the next; the `m=` line is `lines[0]`."""

    session: Section = field(default_factory=lambda: Section([]), repr=False, compare=False)
    "The session-level lines, which hold for this media where it says nothing itself."
    _media_line: MediaLine | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def build(
        cls,
        media: str,
        port: int | str,
        proto: str,
        formats: Iterable[str] = ("*",),
        *,
        connection: Connection | None = None,
        attributes: Iterable[tuple[str, str]] = (),
    ) -> MediaDescription:
        """A media description of these values; the port may be `$`. Raises ValueError for a line end in a value."""
        description = cls([f"m={' '.join((media, str(port), proto, *formats))}"])
        if connection is not None:
            description.lines.append(f"c={connection}")
        description.lines += [attribute_line(name, value) for name, value in attributes]
        if any("\n" in line or "\r" in line for line in description.lines):
            raise ValueError("an SDP value may not contain a line end")
        return description

    def media_line(self) -> MediaLine:
        """The `m=` line taken apart."""
        if self._media_line is None:
            words = self.lines[0].strip()[2:].split() if self.lines else []
            media, port, proto = words[:3] + [""] * (3 - len(words))
            self._media_line = MediaLine(media, port, proto, words[3:])
        return self._media_line

    @property
    def media(self) -> str:
        """`message`, `audio`, `application`, ..."""
        return self.media_line().media

    @property
    def port_text(self) -> str:
        """The port as written, with the number of ports; `$` in H.248 asks for a choice."""
        return self.media_line().port_text

    @property
    def port(self) -> int | None:
        """The port; None when it is `$` or no number."""
        return read_number(self.media_line().port_text.partition("/")[0])

    @property
    def port_count(self) -> int:
        """How many ports, the number after the slash (RFC 8866 section 5.14); 1 when not stated."""
        return read_number(self.media_line().port_text.partition("/")[2]) or 1

    @property
    def proto(self) -> str:
        """Transport as written: `TCP/MSRP`, `TCP/TLS/MSRP`, `RTP/AVP`, ..."""
        return self.media_line().proto

    @property
    def formats(self) -> list[str]:
        """The words after the transport."""
        return self.media_line().formats

    def set_port(self, port: int | str) -> None:
        """Write another port into the `m=` line."""
        line = self.media_line()
        self.set_line("m", " ".join((line.media, str(port), line.proto, *line.formats)))

    def _changed(self) -> None:
        # Without super(): a slotted dataclass is another class than the one super() would look for.
        Section._changed(self)
        self._media_line = None

    @property
    def connection(self) -> Connection | None:
        """The `c=` line of this media, or that of the session (RFC 8866 section 5.7)."""
        return self.own_connection or self.session.own_connection

    def inherited(self, name: str) -> list[str]:
        """The values of an attribute of this media, or, if it has none, of the session."""
        return self.attribute_all(name) or self.session.attribute_all(name)

    @property
    def direction(self) -> str | None:
        """`sendrecv`, `sendonly`, `recvonly`, `inactive`; None when not stated, which means sendrecv (section 6.7)."""
        return self.own_direction or self.session.own_direction

    @property
    def path(self) -> list[str]:
        """The URIs of `a=path`, next hop first (RFC 4975 section 8.2)."""
        return (self.attribute("path") or "").split()

    @property
    def setup(self) -> str | None:
        """`active`, `passive`, `actpass` or `holdconn`, in lower case (RFC 4145 section 4)."""
        return _first_word(self.inherited("setup"))

    @property
    def connection_reuse(self) -> str | None:
        """`new` or `existing`, the attribute `connection` (RFC 4145 section 5)."""
        return _first_word(self.inherited("connection"))

    @property
    def msrp_cema(self) -> bool:
        """Is CEMA supported (RFC 6714 section 5)?"""
        return self.attribute("msrp-cema") is not None

    @property
    def accept_types(self) -> list[str]:
        """Media types the peer takes (RFC 4975 section 8.6)."""
        return (self.attribute("accept-types") or "").split()

    @property
    def accept_wrapped_types(self) -> list[str]:
        """Media types it takes inside a container only (RFC 4975 section 8.6)."""
        return (self.attribute("accept-wrapped-types") or "").split()

    @property
    def max_size(self) -> int | None:
        """The largest message it wants, in octets (RFC 4975 section 8.6)."""
        return read_number(self.attribute("max-size"))

    @property
    def fingerprints(self) -> list[tuple[str, str]]:
        """Hash function (lower case) and hex digits with colons (upper case) of each (RFC 8122 section 5)."""
        pairs = (value.split(None, 1) for value in self.inherited("fingerprint"))
        return [(pair[0].lower(), pair[1].strip().upper()) for pair in pairs if len(pair) == 2]

    @property
    def key_mgmt(self) -> list[tuple[str, str]]:
        """Protocol and base64 text, without blanks, of each, in order of preference (RFC 4567 section 3.1)."""
        pairs = (value.split(None, 1) for value in self.inherited("key-mgmt"))
        return [(pair[0], "".join(pair[1].split())) for pair in pairs if len(pair) == 2]

    @property
    def chatroom(self) -> list[str] | None:
        """The chat room tokens, perhaps none (RFC 7701 section 8); None when there is no such attribute."""
        value = self.attribute("chatroom")
        return None if value is None else value.split()

    @property
    def e2ae(self) -> str | None:
        """Value of `a=3ge2ae`, end-to-access-edge security (TS 24.229 clause 7.5.2): `requested`, `applied`, ..."""
        value = self.attribute("3ge2ae")
        return None if value is None else value.strip()

    @property
    def label(self) -> str | None:
        """The name others refer to this media by (RFC 4574)."""
        return self.attribute("label")

    @property
    def floorctrl(self) -> list[str]:
        """The floor control roles offered: `c-only`, `s-only`, `c-s` (RFC 8856 section 5.1)."""
        return (self.attribute("floorctrl") or "").split()

    @property
    def confid(self) -> int | None:
        """BFCP conference (RFC 8856 section 5.2)."""
        return read_number(self.attribute("confid"))

    @property
    def userid(self) -> int | None:
        """BFCP user (RFC 8856 section 5.3)."""
        return read_number(self.attribute("userid"))

    @property
    def floorid(self) -> list[tuple[int, list[str]]]:
        """BFCP floors with the labels of their media (RFC 8856 section 5.4; `m-stream` as RFC 4583 had it)."""
        floors = []
        for value in self.attribute_all("floorid"):
            number, _, streams = value.partition(" ")
            floor = read_number(number)
            if floor is not None:
                keyword, _, labels = streams.strip().partition(":")
                floors.append((floor, labels.split() if keyword in ("mstrm", "m-stream") else []))
        return floors


def _first_word(values: list[str]) -> str | None:
    return values[0].strip().lower() or None if values else None
