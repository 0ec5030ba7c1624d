"""Any octets give a SIP message or a DecodeError; what is built decodes to what it was built from."""

from __future__ import annotations

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.errors import DecodeError
from dissectors.sip import SipStream, build_request, decode_sip, parse_name_addr, parse_uri, parse_via, unescape

BODY = b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b\r\n\r\n\r\n--b--\r\n"
SEED = (
    b"INVITE sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1, SIP/2.0/UDP b\r\n"
    b't: <sip:b@example.net>\r\nFrom: "A \\" <x" <sip:a@example.net>;tag=1\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n'
    b"Contact: <sip:a@b>;isfocus\r\nP-Charging-Vector: icid-value=1;orig-ioi=x\r\n"
    b"Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=0\r\nRAck: 1 2 INVITE\r\nReason: SIP;cause=200\r\n"
    b"Content-Type: multipart/mixed;boundary=b\r\nContent-Length: %d\r\n\r\n%s"
) % (len(BODY), BODY)
TOKEN = st.text(string.ascii_letters + string.digits + "-.!%*_+`'~", min_size=1, max_size=12)
WORD = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=12)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(SEED)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.integers(0, 12))
        piece = draw(
            st.one_of(
                st.binary(max_size=4), st.sampled_from([b"\r\n", b"\r\n\r\n", b'"', b"<", b",", b";", b" ", b"--b"])
            )
        )
        data[at : at + size] = piece
    return bytes(data)


def read_all(data: bytes) -> None:
    try:
        message = decode_sip(data)
    except DecodeError:
        return
    assert message.data in data
    assert decode_sip(message.data).data == message.data
    _ = (message.headers, message.parts(), message.sdp(), message.content_type, message.cseq_method, message.rseq)
    _ = (
        message.rack,
        message.contact_uri(),
        message.is_focus(),
        message.icid(),
        message.session_id(),
        message.reasons(),
    )
    for name, value in message.headers:
        assert message.header(name) is not None
        for element in message.header_list(name):
            assert element.strip() == element != ""
        for parse in (parse_name_addr, parse_uri, parse_via, unescape):
            try:
                parse(value)
            except DecodeError:
                continue


def test_seed_is_valid() -> None:
    message = decode_sip(SEED)
    assert (message.sdp(), message.trailing, len(message.parts())) == (b"v=0\r\n", 0, 2)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_random(data: bytes) -> None:
    read_all(data)
    read_all(b"SIP/2.0 200 OK\r\n" + data + b"\r\n\r\n")


@given(mutated())
@settings(max_examples=200, deadline=None)
def test_mutated(data: bytes) -> None:
    read_all(data)


@given(st.lists(st.one_of(mutated(), st.binary(max_size=40), st.integers(0, 50)), max_size=5), st.integers(1, 400))
@settings(max_examples=100, deadline=None)
def test_streams(pieces: list[bytes | int], size: int) -> None:
    whole, cut = SipStream(max_message=1000), SipStream(max_message=1000)
    first, second = [], []
    for piece in pieces:
        if isinstance(piece, int):
            first += whole.receive_gap(piece)
            second += cut.receive_gap(piece)
            continue
        first += whole.receive_data(piece)
        for at in range(0, len(piece), size):
            second += cut.receive_data(piece[at : at + size])
    first += whole.receive_eof()
    second += cut.receive_eof()

    def plain(items: list) -> list[tuple[object, ...]]:  # type: ignore[type-arg]
        return [(item.start, item.end, item.message, item.error and item.error.args) for item in items]

    assert plain(first) == plain(second)
    assert whole.empty_lines == cut.empty_lines


@given(
    TOKEN,
    WORD,
    TOKEN,
    TOKEN,
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(TOKEN, WORD), max_size=4),
    st.binary(max_size=50),
)
@settings(max_examples=100, deadline=None)
def test_round_trip(
    method: str, call_id: str, tag: str, branch: str, cseq: int, extra: list[tuple[str, str]], body: bytes
) -> None:
    if method.upper().startswith("SIP/"):
        return
    headers = [
        ("Via", f"SIP/2.0/UDP a;branch={branch}"),
        ("To", "<sip:b@c>"),
        ("From", f"<sip:a@c>;tag={tag}"),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
        *((f"X-{name}", value) for name, value in extra),
    ]
    message = build_request(method, "sip:b@c", headers, body)
    assert (message.method, message.call_id, message.from_tag, message.branch, message.cseq, message.body) == (
        method, call_id, tag, branch, cseq, body,
    )  # fmt: skip
    assert message.headers[:-1] == headers
