"""Responses to MSRP requests, and reports about messages (RFC 4975 sections 7.1.2, 7.2 and 10)."""

from __future__ import annotations

from dissectors.msrp import MsrpMessage

COMMENTS = {
    200: "OK",
    400: "Unintelligible",
    403: "Not allowed",
    404: "Unknown recipient",
    408: "Timeout",
    413: "Stop sending this message",
    415: "Media type not understood",
    424: "Malformed nickname",
    425: "Nickname reserved or already in use",
    428: "Private messages not supported",
    481: "No such session",
    501: "Unknown method",
    506: "Session already in use",
}
"""RFC 4975 section 10; RFC 7701 sections 6 and 7 for 404, 424, 425 and 428."""


def is_wanted(request: MsrpMessage, code: int) -> bool:
    """Whether the sender wants this response (Failure-Report: RFC 4975 section 7.1.2; a REPORT never gets one)."""
    if request.method == "REPORT":
        return False
    wish = request.failure_report
    return wish != "no" and (wish != "partial" or code != 200)


def response(request: MsrpMessage, code: int) -> bytes:
    """The octets of a response: to the previous hop of a SEND, to the whole From-Path of other methods."""
    to_path = request.from_path.partition(" ")[0] if request.method == "SEND" else request.from_path
    tid = request.transaction_id
    return (
        f"MSRP {tid} {code} {COMMENTS[code]}\r\n"
        f"To-Path: {to_path}\r\nFrom-Path: {request.to_path.partition(' ')[0]}\r\n-------{tid}$\r\n"
    ).encode("utf-8", "surrogateescape")


def report(tid: bytes, paths: bytes, message_id: str, octets: int, code: int) -> bytes:
    """The octets of a REPORT about a message of so many octets; `paths` are the lines of To-Path and From-Path."""
    last = f"Message-ID: {message_id}\r\nByte-Range: 1-{octets}/{octets}\r\nStatus: 000 {code} {COMMENTS.get(code, '')}"
    head = last.rstrip().encode("utf-8", "surrogateescape")
    return b"MSRP %b REPORT\r\n%b%b\r\n-------%b$\r\n" % (tid, paths, head, tid)
