"""New MSRP messages (RFC 4975 sections 7.1 and 7.2), and decoded ones with other headers.

What is built is read back by the decoder before it is handed out, so a message that would not arrive as meant never
leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dissectors.errors import DecodeError
from dissectors.msrp.codec import decode_msrp
from dissectors.msrp.message import ByteRange, MsrpMessage, split_headers


def draw_transaction_id() -> str:
    """Sixteen random hexadecimal digits: the 64 bits that RFC 4975 section 7.1 asks for."""
    import secrets  # slow to import, and readers of captures need no chance

    return secrets.token_hex(8)


def pick_transaction_id(body: bytes | None, draw: Callable[[], str] = draw_transaction_id) -> str:
    """Draw a transaction id whose end-line does not occur in the body (RFC 4975 section 7.1).

    Give `draw` for ids that are the same in every run. ValueError when a hundred draws do not help.
    """
    for _ in range(100):
        transaction_id = draw()
        if body is None or not ends_body(body, transaction_id):
            return transaction_id
    raise ValueError("every transaction id drawn occurs in the body as an end-line")


def ends_body(body: bytes, transaction_id: str) -> bool:
    """Whether the body holds the hyphens and this transaction id: a reader could take that for the end-line.

    Stricter than the grammar, which needs CRLF before and a flag after: RFC 4975 section 7.1 forbids the string itself.
    """
    return b"-------" + transaction_id.encode() in body


def build_request(
    method: str,
    to_path: str,
    from_path: str,
    *,
    transaction_id: str | None = None,
    message_id: str = "",
    byte_range: ByteRange | None = None,
    success_report: str = "",
    failure_report: str = "",
    headers: Iterable[tuple[str, str]] = (),
    content_type: str = "",
    body: bytes | None = None,
    flag: str = "$",
) -> MsrpMessage:
    """A new request; `headers` are further ones, before Content-Type, which is the last (RFC 4975 section 9).

    Without `transaction_id` one is drawn that suits the body. ValueError for what cannot be sent: an id that occurs in
    the body, a body without content_type, or text that would not come back the same.
    """
    if transaction_id is None:
        transaction_id = pick_transaction_id(body)
    lines = [("To-Path", to_path), ("From-Path", from_path)]
    lines += [("Message-ID", message_id)] if message_id else []
    lines += [("Byte-Range", str(byte_range))] if byte_range else []
    lines += [("Success-Report", success_report)] if success_report else []
    lines += [("Failure-Report", failure_report)] if failure_report else []
    lines += headers
    lines += [("Content-Type", content_type)] if content_type else []
    if (body is None) != (not content_type):
        raise ValueError("a body and its content_type go together")
    message = _assemble(transaction_id, method, lines, body, flag)
    if not message.is_request:
        raise ValueError("this method would be read as a status")
    return message


def build_response(
    request: MsrpMessage, status: int, comment: str = "", headers: Iterable[tuple[str, str]] = ()
) -> MsrpMessage:
    """The response to a request (RFC 4975 section 7.2).

    It goes to the previous hop: the first URI of the From-Path after a SEND, the whole From-Path after other methods.
    It comes from the first URI of the To-Path.
    """
    to_path = request.from_path.split(" ", 1)[0] if request.method == "SEND" else request.from_path
    lines = [("To-Path", to_path), ("From-Path", request.to_path.split(" ", 1)[0]), *headers]
    return _assemble(request.transaction_id, f"{status:03} {comment}".rstrip(" "), lines, None, "$")


def replace_headers(message: MsrpMessage, values: dict[str, str], *, transaction_id: str | None = None) -> MsrpMessage:
    """The same message with other values for headers it has, and perhaps another transaction id; the rest stays.

    ValueError when the message has no such header, or the id occurs in the body. Names match in any case.
    """
    wanted = {name.lower(): value for name, value in values.items()}
    lines = [(name, wanted.pop(name.lower(), value)) for name, value in split_headers(message.head)]
    if wanted:
        raise ValueError(f"no header {', '.join(sorted(wanted))} in the message")
    if not message.body_kept:
        raise ValueError("the body of this message was not kept")
    what = message.method if message.is_request else f"{message.status:03} {message.comment}".rstrip(" ")
    return _assemble(transaction_id or message.transaction_id, what, lines, message.body, message.flag)


def _assemble(
    transaction_id: str, what: str, headers: Iterable[tuple[str, str]], body: bytes | None, flag: str
) -> MsrpMessage:
    if body is not None and ends_body(body, transaction_id):
        raise ValueError("the transaction id occurs in the body as an end-line")
    headers = list(headers)
    head = f"MSRP {transaction_id} {what}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    data = head.encode("utf-8", "surrogateescape")
    if body is not None:
        data += b"\r\n%b\r\n" % body
    try:
        message = decode_msrp(data + f"-------{transaction_id}{flag}\r\n".encode())
    except DecodeError as error:
        raise ValueError(f"not a message that can be sent: {error}") from error
    same = (message.transaction_id, message.headers, message.body, message.flag) == (
        transaction_id,
        headers,
        body,
        flag,
    )
    if not same or what != (message.method or f"{message.status:03} {message.comment}".rstrip(" ")):
        raise ValueError("a part of this message would be read as something else")
    return message
