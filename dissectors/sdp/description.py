"""Session descriptions (RFC 8866), decoded leniently and encoded to the same octets.

Lines may come in any order, end in CRLF or LF, and be unknown; v=, o=, s= and t= may be missing and `$` may stand for
any value, as in the Local and Remote descriptors of H.248 (H.248.1 clause 7.1.8), where several descriptions may
follow each other as alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from dissectors.errors import DecodeError
from dissectors.sdp.media import MediaDescription
from dissectors.sdp.section import Connection, Origin, Section, attribute_line, read_connection, read_origin

_ANY_LINE = re.compile(rb"^[ \t]*[a-z]=", re.MULTILINE)
_VERSION_LINE = re.compile(rb"^[ \t]*v=", re.MULTILINE)


@dataclass(slots=True)
class SessionDescription(Section):
    """One session description; `lines` are those of the session level."""

    media: list[MediaDescription] = field(default_factory=list)
    line_end: str = "\r\n"
    "What stands between lines; where both kinds occur LF, and the CRs are kept at the end of their lines."
    ended: bool = True
    "Does the last line have a line end too?"

    @classmethod
    def build(
        cls,
        *,
        origin: Origin | str | None = "- 0 0 IN IP4 0.0.0.0",
        session_name: str | None = "-",
        connection: Connection | None = None,
        times: Iterable[str] = ("0 0",),
        attributes: Iterable[tuple[str, str]] = (),
        media: Iterable[MediaDescription] = (),
    ) -> SessionDescription:
        """A description of these values in the order of RFC 8866 section 5; None leaves out a line.

        Raises ValueError for a line end in a value.
        """
        lines = ["v=0"]
        lines += [f"o={origin}"] if origin is not None else []
        lines += [f"s={session_name}"] if session_name is not None else []
        lines += [f"c={connection}"] if connection is not None else []
        lines += [f"t={each}" for each in times]
        lines += [attribute_line(name, value) for name, value in attributes]
        if any("\n" in line or "\r" in line for line in lines):
            raise ValueError("an SDP value may not contain a line end")
        description = cls(lines)
        for each in media:
            description.add_media(each)
        return description

    def add_media(self, media: MediaDescription) -> None:
        """Append a media description; from then on it inherits from this session."""
        media.session = self._session()
        self.media.append(media)

    def _session(self) -> Section:
        # The media refer to a section that shares these lines, not to the description: no reference cycle.
        return self.media[0].session if self.media else Section(self.lines)

    def _changed(self) -> None:
        # Without super(): a slotted dataclass is another class than the one super() would look for.
        Section._changed(self)
        if self.media:
            self.media[0].session._changed()

    @property
    def version(self) -> str | None:
        """The `v=` value, `0` (section 5.1)."""
        return next(iter(self.values("v")), None)

    @property
    def origin(self) -> Origin | None:
        """The `o=` line (section 5.2); None when absent or unreadable."""
        values = self.values("o")
        return read_origin(values[0]) if values else None

    @property
    def session_name(self) -> str | None:
        """The `s=` line (section 5.3)."""
        return next(iter(self.values("s")), None)

    @property
    def connection(self) -> Connection | None:
        """The `c=` line of the session level."""
        return self.own_connection

    @property
    def direction(self) -> str | None:
        """The direction of the session level; None when not stated."""
        return self.own_direction

    @property
    def faults(self) -> list[tuple[int, str]]:
        """Number (from 1) of each line that could not be read, and what is wrong with it; empty lines are none."""
        found = []
        number = 0
        begun = False
        for section in (self, *self.media):
            for line in section.lines:
                number += 1
                text = line.strip()
                if text:
                    why = _fault(text, begun)
                    begun = True
                    if why:
                        found.append((number, why))
        return found


def _fault(text: str, begun: bool) -> str:
    letter, value = text[0], text[2:]
    if text[1:2] != "=" or not ("a" <= letter <= "z"):
        return "not of the form letter=value"
    if letter == "m" and len(value.split()) < 4:
        return "m= has not media, port, transport and format"
    if letter == "c" and read_connection(value) is None:
        return "c= has not network type, address type and address"
    if letter == "o" and value.strip() != "$" and read_origin(value) is None:
        return "o= has not six values"
    if letter == "v" and begun:
        return "v= is not the first line"
    return ""


def decode_sdp(data: bytes) -> SessionDescription:
    """Decode one session description. Raises DecodeError when no line of it is of the form `letter=value`."""
    if _ANY_LINE.search(data) is None:
        raise DecodeError("SDP", 0, "no line of the form letter=value")
    return _decode(data)


def decode_sdp_list(data: bytes) -> list[SessionDescription]:
    """Decode session descriptions that follow each other, each but the first beginning with `v=`.

    Raises DecodeError when no line is of the form `letter=value`.
    """
    if _ANY_LINE.search(data) is None:
        raise DecodeError("SDP", 0, "no line of the form letter=value")
    starts = [match.start() for match in _VERSION_LINE.finditer(data)]
    # What stands before the first v= is a description without v=, or only blank lines, which go with the first.
    if not starts or _ANY_LINE.search(data[: starts[0]]) is not None:
        starts.insert(0, 0)
    else:
        starts[0] = 0
    return [_decode(data[start:end]) for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


def _decode(data: bytes) -> SessionDescription:
    text = data.decode("utf-8", "surrogateescape")
    line_end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(line_end)
    if line_end == "\r\n" and text.count("\n") != len(lines) - 1:
        line_end = "\n"
        lines = text.split("\n")
    ended = not lines[-1]
    if ended:
        del lines[-1]
    starts = [position for position, line in enumerate(lines) if line[:2] == "m=" or line.lstrip()[:2] == "m="]
    if not starts:
        return SessionDescription(lines, [], line_end, ended)
    session_lines = lines[: starts[0]]
    session = Section(session_lines)
    stops = starts[1:]
    stops.append(len(lines))
    media = [MediaDescription(lines[start:stop], session) for start, stop in zip(starts, stops, strict=True)]
    return SessionDescription(session_lines, media, line_end, ended)


def encode_sdp(description: SessionDescription) -> bytes:
    """The octets of a description; what was decoded and not changed comes out as it came in."""
    lines = list(description.lines)
    for media in description.media:
        lines += media.lines
    if description.ended:
        lines.append("")
    return description.line_end.join(lines).encode("utf-8", "surrogateescape")
