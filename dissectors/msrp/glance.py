"""What the commonest MSRP messages say, without building a message (RFC 4975 section 7, RFC 7701 section 7.1).

Most of what a connection carries are whole SEND requests, requests without body, and responses, each in one piece and
spelled alike. Who only counts and sums them up needs a few words of each. `glance_msrp` finds these with one regular
expression, and says nothing about everything else: then `codec` decides, which gives the same facts.
"""

from __future__ import annotations

import re

Glance = tuple[str, str, str, str, str, int]
"""what (`SEND`, `REPORT`, `NICKNAME`, or status and comment of a response), paths (the lines of To-Path and From-Path,
CRLF included), Message-ID, code of the Status header, Content-Type (empty: no body), octets of the body. Of a SEND it
is a whole message, not one of several chunks. Fields that are absent are empty."""

# As in `codec`: possessive where octets are counted, and no captures inside possessive groups. A header that stands
# elsewhere, twice, or that is not named here ends the match. Byte-Range starts at 1: a first chunk; flag `$`: the last.
_REPORTS = r"(?:(?:Success|Failure)-Report: [!-~]++\r\n)*+"
_GLANCE = re.compile(
    r"MSRP ([A-Za-z0-9.\-+%=]{1,64}+) (SEND|REPORT|NICKNAME|[1-9][0-9]{2}(?: [ -~]{0,900}+)?)\r\n"
    r"(To-Path: [!-~]++\r\nFrom-Path: [!-~]++\r\n)"
    rf"(?:Message-ID: ([!-~]++)\r\n)?{_REPORTS}"
    rf"(?:Byte-Range: 1-(?:[0-9]{{1,19}}+|\*)/(?:[0-9]{{1,19}}+|\*)\r\n)?{_REPORTS}"
    r"(?:Status: [0-9]{3} ([0-9]{3})(?: [ -~]*+)?\r\n)?(?:Use-Nickname: [ -~]*+\r\n)?"
    r"(?:-------\1\$\r\n|Content-Type: ([!-~]++(?: [!-~]++)*+)\r\n\r\n)"
)


def glance_msrp(data: bytes) -> Glance | None:
    """The facts of the one message that `data` is; None when it is not one, or not spelled as usual."""
    if data[-3:] != b"$\r\n":
        return None
    text = data.decode("latin-1")
    match = _GLANCE.match(text)
    if match is None:
        return None
    transaction_id, what, paths, message_id, code, content_type = match.groups("")
    end = match.end()
    size = len(text)
    if not content_type:
        return (what, paths, message_id, code, "", 0) if end == size else None
    found = size - 12 - len(transaction_id)
    # The first end-line must be the last octets. An end-line right behind the empty line is for the complete reader.
    if text.find("\r\n-------" + transaction_id, end) != found or text.startswith("-------", end):
        return None
    return what, paths, message_id, code, content_type, found - end
