"""The SIP message record (RFC 3261 section 7).

What correlation asks of every message is read at once by `dissectors.sip.decode`; all else is read when first asked for
and kept. Treat a message as immutable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from dissectors.sip import fields
from dissectors.sip.body import BodyPart, flatten_body, media_type
from dissectors.sip.parameters import split_list

# RFC 3261 section 7.3.3 and the IANA registry of SIP header fields.
COMPACT_FORMS = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
# LWS = [*WSP CRLF] 1*WSP: a folded value reads as one with single blanks (section 7.3.1).
# The look-behind keeps a long run of blanks linear.
_FOLD = re.compile(r"(?<![ \t])[ \t]*\r?\n[ \t]+")
_FIELD = re.compile(r"\n([^\s:]+)[ \t]*:[ \t]*([^\n]*)")


@lru_cache(maxsize=256)
def _field_of(name: str) -> re.Pattern[bytes]:
    """Finds the fields of one name, long or compact, with the lines they are folded over (section 7.3.1)."""
    compact = next((short for short, long in COMPACT_FORMS.items() if long == name), name)
    either = b"|".join(re.escape(each.encode("utf-8", "surrogateescape")) for each in {name, compact})
    return re.compile(rb"\n(?:" + either + rb")[ \t]*:[ \t]*([^\n]*(?:\n[ \t]+[^\n]*)*)", re.IGNORECASE)


def lower_name(name: str) -> str:
    """A header field name as it is compared: names are tokens of ASCII (section 25.1), other letters have no case."""
    if name.isascii():
        return name.lower()
    return name.encode("utf-8", "surrogateescape").lower().decode("utf-8", "surrogateescape")


def _value(octets: bytes) -> str:
    text = octets.decode("utf-8", "surrogateescape")
    return (unfold(text) if "\n" in text else text).lstrip(" \t").rstrip()


def unfold(head: str) -> str:
    """Start line and header fields with `\\n` line ends and every folded field on one line."""
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head)
    return head.replace("\r\n", "\n")


@dataclass(slots=True)
class SipMessage:
    """One SIP request or response."""

    data: bytes = field(repr=False)
    "The exact octets of this message, without what stood before or after it."
    is_request: bool
    method: str
    "The request's method; for a response the method of its CSeq."
    request_uri: str
    "Empty in a response."
    status: int
    "0 in a request."
    reason_phrase: str
    "Empty in a request."
    version: str
    "`SIP/2.0`"
    call_id: str
    from_tag: str
    "Empty when absent."
    to_tag: str
    "Empty when absent."
    cseq: int
    branch: str
    "Branch parameter of the topmost Via, empty when absent."
    head_size: int
    "Octets of start line, header fields and the empty line."
    trailing: int = 0
    "Octets that followed this message in its datagram (RFC 3261 section 18.3 lets them be discarded)."
    lacking: int = 0
    "Octets that Content-Length counts, and that did not come; only of a message read as far as it goes."
    beyond: int = 0
    "Octets of the body behind what Content-Length counts; likewise."
    head_is_cut: bool = False
    "It ends before the empty line; likewise."
    not_captured: int = 0
    "Octets of its end that were on the wire, and are not in the capture; likewise."
    _headers: list[tuple[str, str]] | None = field(default=None, init=False, repr=False, compare=False)
    _index: dict[str, list[str]] | None = field(default=None, init=False, repr=False, compare=False)
    _parts: list[BodyPart] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def is_cut(self) -> bool:
        """What stands at its end is not all there: what it lacks, it may have said."""
        return self.head_is_cut or self.lacking > 0

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All header fields in order: name as written, value unfolded (UTF-8, other octets as surrogates)."""
        if self._headers is None:
            found = _FIELD.findall(unfold(self.data[: self.head_size].decode("utf-8", "surrogateescape")))
            self._headers = [(name, value.rstrip()) for name, value in found]
        return self._headers

    def header_all(self, name: str) -> list[str]:
        """The values of all header fields of that name, any case, compact or long; one string per field.

        Looks for the one name, which costs a fifth of reading all header fields; most messages are asked for few.
        """
        name = lower_name(name)
        name = COMPACT_FORMS.get(name, name)
        if self._index is None:
            self._index = {}
        values = self._index.get(name)
        if values is None:
            found = _field_of(name).findall(self.data, 0, self.head_size)
            values = [_value(each) for each in found]
            self._index[name] = values
        return values

    def header(self, name: str) -> str | None:
        """The value of the first header field of that name, or None."""
        if self._index is None:
            # The usual spelling is found without reading all header fields.
            key = f"\n{name}: ".encode("utf-8", "surrogateescape")
            begin = self.data.find(key, 0, self.head_size) + len(key)
            if begin >= len(key):
                end = self.data.find(b"\r\n", begin, self.head_size)
                if self.data[end + 2 : end + 3] not in (b" ", b"\t") and end >= 0:
                    return self.data[begin:end].decode("utf-8", "surrogateescape").strip()
        values = self.header_all(name)
        return values[0] if values else None

    def header_list(self, name: str) -> list[str]:
        """All elements of a comma-separated header, over all fields of that name (RFC 3261 section 7.3.1)."""
        return [element for value in self.header_all(name) for element in split_list(value)]

    @property
    def body(self) -> bytes:
        """The octets after the empty line, empty when there is no body."""
        return self.data[self.head_size :]

    @property
    def content_type(self) -> str:
        """Media type of the body, lower case, without parameters; empty when not stated."""
        return media_type(self.header("Content-Type") or "")

    def parts(self) -> list[BodyPart]:
        """The parts of the body, multiparts flattened; empty without body."""
        if self._parts is None:
            if len(self.data) <= self.head_size:
                self._parts = []
            else:
                full_type = self.header("Content-Type") or ""
                self._parts = flatten_body(full_type, self.header("Content-Disposition") or "", self.body)
        return self._parts

    def sdp(self) -> bytes | None:
        """The first session description in the body, or None."""
        if len(self.data) <= self.head_size:
            return None
        if self.content_type == "application/sdp":
            return self.body
        return next((part.data for part in self.parts() if part.content_type == "application/sdp"), None)

    @property
    def cseq_method(self) -> str:
        """The method in CSeq; in a valid request the same as `method` (RFC 3261 section 8.1.1.5)."""
        words = (self.header("CSeq") or "").split()
        return words[1] if len(words) > 1 else ""

    @property
    def rseq(self) -> int | None:
        """Number of a reliable provisional response (RFC 3262 section 7.1)."""
        return fields.read_number(self.header("RSeq"))

    @property
    def rack(self) -> tuple[int, int, str] | None:
        """What a PRACK acknowledges: RSeq number, CSeq number, method (RFC 3262 section 7.2)."""
        return fields.read_rack(self.header("RAck"))

    def contact_uri(self) -> str | None:
        """URI of the first Contact as text; None when absent, unreadable or `*`."""
        return fields.read_contact_uri(split_list(self.header("Contact") or ""))

    def is_focus(self) -> bool:
        """Does a Contact carry `isfocus`: this is a conference (RFC 3840 section 10.1, RFC 4579 section 5.1)?"""
        if b"isfocus" not in self.data[: self.head_size].lower():
            return False
        first = self.header("Contact")
        if first is not None and fields.read_is_focus(split_list(first)):
            return True
        return fields.read_is_focus(self.header_list("Contact"))

    def icid(self) -> str | None:
        """The IMS charging identity, icid-value of P-Charging-Vector (RFC 7315 section 5.6)."""
        return fields.read_icid(self.header("P-Charging-Vector"))

    def session_id(self) -> tuple[str, str] | None:
        """Local and remote UUID of Session-ID, 32 hex digits each (RFC 7989 section 5); remote "" if absent."""
        return fields.read_session_id(self.header("Session-ID"))

    def reasons(self) -> list[fields.Reason]:
        """All values of Reason (RFC 3326 section 2)."""
        return fields.read_reasons(self.header_list("Reason"))
