"""Decoding one SIP message (RFC 3261 sections 7, 18.3 and 25.1), tolerant where RFC 4475 shows that peers are.

The header fields that every message is asked for are found in their usual spelling by plain substring search, much
cheaper than splitting the head. Whatever is spelled otherwise (compact, other case, folded, bare LF line ends) takes
the second, general way; both give the same result.
"""

from __future__ import annotations

import re

from dissectors.errors import DecodeError
from dissectors.sip.address import parse_name_addr
from dissectors.sip.message import SipMessage, unfold
from dissectors.sip.parameters import parse_parameters, split_list

# token of section 25.1
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE | re.ASCII)
_STATUS = re.compile(r"(SIP/[0-9]+\.[0-9]+) +([0-9]{3})(?: (.*))?", re.IGNORECASE | re.ASCII | re.DOTALL)
_NUMBER = re.compile(r"0{0,64}[0-9]{1,10}")
_USUAL_METHODS = frozenset(
    (
        "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "SUBSCRIBE", "NOTIFY",
        "REFER", "MESSAGE", "PUBLISH",
    )
)  # fmt: skip
_USUAL = tuple((key, len(key)) for key in ("\nCall-ID: ", "\nFrom: ", "\nTo: ", "\nCSeq: ", "\nContent-Length: "))
_WANTED = re.compile(
    r"\n(call-id|i|from|f|to|t|cseq|content-length|l|via|v)[ \t]*:[ \t]*([^\n]*)", re.IGNORECASE | re.ASCII
)
_PLACE = {
    "call-id": 0, "i": 0, "from": 1, "f": 1, "to": 2, "t": 2, "cseq": 3,
    "content-length": 4, "l": 4, "via": 5, "v": 5,
}  # fmt: skip
_NAMES = ("Call-ID", "From", "To", "CSeq")
_VIA = re.compile(r"\n(?:via|v)[ \t]*:", re.IGNORECASE | re.ASCII)
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")


def decode_sip(data: bytes) -> SipMessage:
    """Decode the message at the start of a datagram; CRLFs before it are skipped (section 7.5).

    Without Content-Length the body reaches to the end; octets beyond it are counted in `trailing` (section 18.3).
    Raises DecodeError when the start line, the empty line, or a usable Call-ID, From, To or CSeq is missing, or when
    the body is shorter than its Content-Length.
    """
    return _decode(data, strict=True)


def decode_sip_as_far(data: bytes, not_captured: int = 0) -> SipMessage:
    """Decode what there is of the message at the start of a datagram; `not_captured` octets of its end are missing.

    A head without its empty line counts as far as its lines are whole, a body that is shorter than Content-Length as
    far as it goes, and one that is longer to the end of the datagram, unless another message begins there. Raises
    DecodeError where not even start line, Call-ID, From, To and CSeq are there.
    """
    message = _decode(data, strict=False)
    message.not_captured = not_captured
    return message


def _decode(data: bytes, *, strict: bool) -> SipMessage:
    message = data.lstrip(b"\r\n")
    skipped = len(data) - len(message)
    head_size = find_head_end(message)
    head_is_cut = head_size < 0 and not strict
    if head_is_cut:
        head_size = message.rfind(b"\n") + 1
        message = message[:head_size]
    if head_size <= 0:
        raise DecodeError("SIP message", skipped, "no empty line after the header fields")
    head = message[:head_size].decode("utf-8", "surrogateescape")
    line_end = head.find("\n")
    usual = None if head_is_cut else _find_usual(head, line_end)
    call_id, from_value, to_value, cseq_value, length, via = usual or _find_any(head)
    call_id = call_id.strip()
    if not call_id:
        raise DecodeError("SIP message", skipped, "no Call-ID")

    start_line = head[: line_end - 1] if head[line_end - 1] == "\r" else head[:line_end]
    is_request = start_line[:4].upper() != "SIP/"
    if is_request:
        words = start_line.split(" ")
        if len(words) != 3:
            words = [word for word in words if word]  # RFC 4475 section 3.1.2.7: stray blanks may be accepted
        if len(words) != 3 or (words[2] != "SIP/2.0" and _VERSION.fullmatch(words[2]) is None):
            raise DecodeError("SIP start line", skipped, "no request line of method, URI and version")
        method, uri, version = words
        if method not in _USUAL_METHODS and _TOKEN.fullmatch(method) is None:
            raise DecodeError("SIP start line", skipped, "the method is no token")
        status, reason_phrase = 0, ""
    else:
        match = _STATUS.fullmatch(start_line)
        if match is None:
            raise DecodeError("SIP start line", skipped, "no status line of version, three-digit code and reason")
        version, code, phrase = match.groups()
        uri, status, reason_phrase = "", int(code), phrase or ""

    # LWS between number and method may be any (section 25.1).
    words = cseq_value.split()
    if len(words) != 2 or _NUMBER.fullmatch(words[0]) is None or (cseq := int(words[0])) >= 1 << 32:
        raise DecodeError("SIP CSeq", skipped, "not a sequence number of 32 bits and a method")
    if not is_request:
        method = words[1]
        if method not in _USUAL_METHODS and _TOKEN.fullmatch(method) is None:
            raise DecodeError("SIP CSeq", skipped, "the method is no token")

    trailing = lacking = beyond = 0
    if length is not None and not head_is_cut:
        length = length.strip()
        if _NUMBER.fullmatch(length) is None:
            raise DecodeError("SIP Content-Length", skipped, "not a number of octets")
        size = head_size + int(length)
        trailing = len(message) - size
        if trailing > 0:
            if not strict and size > head_size and _goes_on(message, size):
                trailing, beyond = 0, trailing
            else:
                message = message[:size]
        elif trailing < 0:
            if strict:
                raise DecodeError("SIP message", skipped + head_size, "body shorter than Content-Length")
            trailing, lacking = 0, -trailing
    return SipMessage(
        message,
        is_request,
        method,
        uri,
        status,
        reason_phrase,
        version,
        call_id,
        _tag(from_value),
        _tag(to_value),
        cseq,
        _branch(via),
        head_size,
        trailing,
        lacking,
        beyond,
        head_is_cut,
    )


def _goes_on(message: bytes, size: int) -> bool:
    """Is what stands behind Content-Length more of the body: no padding, no other message?"""
    rest = message[size:]
    return bool(rest.strip(b"\r\n\0 ")) and b"SIP/2.0" not in rest[:1024]


def find_head_end(data: bytes) -> int:
    """Octets up to and with the first empty line; -1 when there is none.

    When the first line ends in a bare LF, the empty line may have one too; else only CRLF counts.
    """
    first = data.find(b"\n")
    if first > 0 and data[first - 1] == 13:
        end = data.find(b"\r\n\r\n", first - 1)
        return end + 4 if end >= 0 else -1
    match = _EMPTY_LINE.search(data)
    return match.end() if match else -1


_Found = tuple[str, str, str, str, str | None, str]


def _find_usual(head: str, line_end: int) -> _Found | None:
    """Call-ID, From, To, CSeq, Content-Length and topmost Via, when all are spelled as in the RFC; else None."""
    find = head.find
    if head[line_end - 1] != "\r":
        return None
    values = []
    for key, size in _USUAL:
        begin = find(key) + size
        end = find("\r\n", begin)
        # Not there, or folded: the empty line at the end of the head makes `end + 2` safe.
        if begin < size or head[end + 2] in " \t":
            return None
        values.append(head[begin:end])
    begin = find("\nVia: ", line_end)
    # A hop may have written its Via above in another spelling.
    if begin != line_end and (begin < 0 or _VIA.search(head, line_end, begin) is not None):
        return None
    end = find("\r\n", begin)
    if "" in values or head[end + 2] in " \t":
        return None
    call_id, from_value, to_value, cseq, length = values
    return call_id, from_value, to_value, cseq, length, head[begin + 6 : end]


def _find_any(head: str) -> _Found:
    found: dict[int, str] = {}
    for name, value in _WANTED.findall(unfold(head)):
        found.setdefault(_PLACE[name.lower()], value)
    for place, name in enumerate(_NAMES):
        if not found.get(place):
            raise DecodeError("SIP message", 0, f"no {name}")
    return found[0], found[1], found[2], found[3], found.get(4), found.get(5, "")


def _tag(value: str) -> str:
    after = value.rfind(">") + 1
    begin = value.find(";tag=", after)
    if begin < 0 and value.find(";", after) < 0 and '"' not in value:
        return ""
    if begin < 0 or value.find('"', after) >= 0:
        # Blanks, another case, or a quoted parameter that may hold any of the marks.
        try:
            return parse_name_addr(value).params.get("tag") or ""
        except DecodeError:
            return parse_parameters(value[after:]).get("tag") or ""
    end = value.find(";", begin + 5)
    return (value[begin + 5 : end] if end >= 0 else value[begin + 5 :]).rstrip()


def _branch(value: str) -> str:
    if "," in value:
        elements = split_list(value)
        value = elements[0] if elements else ""
    begin = value.find(";branch=")
    if begin < 0 or '"' in value:
        return parse_parameters(value[value.find(";") :]).get("branch") or "" if ";" in value else ""
    end = value.find(";", begin + 8)
    return (value[begin + 8 : end] if end >= 0 else value[begin + 8 :]).rstrip()
