"""Decoding single SIP messages: RFC 3261 sections 7, 18.3, 20; header fields of the extensions."""

from __future__ import annotations

import pytest

from dissectors.errors import DecodeError
from dissectors.sip import Reason, SipMessage, decode_sip

HEADERS = {
    "Via": "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-2;rport",
    "Max-Forwards": "70",
    "To": "<sip:factory@example.net>;tag=t1",
    "From": '"Alice" <sip:alice@example.net>;tag=f1',
    "Call-ID": "abc@10.0.0.1",
    "CSeq": "7 INVITE",
}


def raw(start: str = "INVITE sip:factory@example.net SIP/2.0", body: bytes = b"", **changes: str | None) -> bytes:
    fields = {**HEADERS, "Content-Length": str(len(body))}
    for name, value in changes.items():
        name = name.replace("_", "-")
        if value is None:
            del fields[name]
        else:
            fields[name] = value
    lines = [start, *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def key(message: SipMessage) -> tuple[object, ...]:
    return (
        message.is_request, message.method, message.request_uri, message.status, message.reason_phrase,
        message.call_id, message.from_tag, message.to_tag, message.cseq, message.branch,
    )  # fmt: skip


REQUEST = (True, "INVITE", "sip:factory@example.net", 0, "", "abc@10.0.0.1", "f1", "t1", 7, "z9hG4bK-2")


def test_request() -> None:
    message = decode_sip(raw(body=b"hello"))
    assert key(message) == REQUEST
    assert (message.version, message.body, message.trailing) == ("SIP/2.0", b"hello", 0)
    assert message.headers[:2] == [("Via", HEADERS["Via"]), ("Max-Forwards", "70")]


def test_response_has_the_method_of_its_cseq() -> None:
    message = decode_sip(raw("SIP/2.0 180 Ringing now"))
    assert key(message) == (False, "INVITE", "", 180, "Ringing now", "abc@10.0.0.1", "f1", "t1", 7, "z9hG4bK-2")


@pytest.mark.parametrize(
    "change",
    [
        (b"Via:", b"v:"),
        (b"Call-ID:", b"i:"),
        (b"To:", b"t :"),
        (b"From: ", b"FROM:"),
        (b"Content-Length", b"L"),
        (b"CSeq: 7 INVITE", b"cseq: 0007\r\n\tINVITE"),
        (b"Via: ", b"Via:\r\n "),
        (b";tag=t1", b" ;\r\n Tag = t1"),
        (b"From: ", b"From: \r\n  "),
        (b"Call-ID: ", b"Call-ID:    "),
        (b"\r\n", b"\n"),
        (b"INVITE sip:factory@example.net SIP/2.0", b"INVITE  sip:factory@example.net  SIP/2.0 "),
        (b"Content-Length: 0\r\n", b""),
        (b";branch=z9hG4bK-2;rport", b";rport;Branch=z9hG4bK-2, SIP/2.0/UDP 10.0.0.1;branch=other"),
    ],
)
def test_other_spellings_mean_the_same(change: tuple[bytes, bytes]) -> None:
    """RFC 3261 section 7.3.1 (blanks, folding, case) and 7.3.3 (compact forms)."""
    assert change[0] in raw()
    assert key(decode_sip(raw().replace(*change))) == REQUEST


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("<sip:a@b>;tag=x", "x"),
        ("sip:a@b;tag=x", "x"),  # without brackets the parameter is the header field's (section 20.10)
        ("<sip:a@b;tag=uri>", ""),
        ("<sip:a@b;tag=uri>;tag=x ", "x"),
        ('"q;tag=no" <sip:a@b>;tag=x', "x"),
        ('"a > b" <sip:a@b>;p="; tag=no";tag=x', "x"),
        ('<sip:a@b>;tag=x;p=">"', "x"),
        ("<sip:a@b>;other=1", ""),
        ("<sip:a@b> ; TAG = x ;y", "x"),
        ('"unclosed <sip:a@b>;tag=x', "x"),
    ],
)
def test_tags(value: str, tag: str) -> None:
    assert decode_sip(raw(From=value)).from_tag == tag


def test_topmost_via_is_taken_whatever_its_spelling() -> None:
    data = raw().replace(b"\r\nVia:", b"\r\nMax-Forwards: 1\r\nv: SIP/2.0/TCP a;branch=top\r\nVia:")
    assert decode_sip(data).branch == "top"
    assert decode_sip(raw(Via=None)).branch == ""


def test_content_length() -> None:
    """Section 18.3: without it the body reaches to the end of the datagram, with it what follows is discarded."""
    message = decode_sip(raw(body=b"12345", Content_Length="3"))
    assert (message.body, message.trailing) == (b"123", 2)
    assert decode_sip(raw(body=b"12345", Content_Length=None)).body == b"12345"
    assert decode_sip(b"\r\n\r\n" + raw(body=b"x")).data == raw(body=b"x")  # section 7.5


@pytest.mark.parametrize(
    ("data", "what", "why"),
    [
        (b"", "SIP message", "no empty line"),
        (b"\r\n\r\n", "SIP message", "no empty line"),
        (raw()[:-2], "SIP message", "no empty line"),
        (raw(Call_ID=None), "SIP message", "no Call-ID"),
        (raw(Call_ID="  "), "SIP message", "no Call-ID"),
        (raw(CSeq=None), "SIP message", "no CSeq"),
        (raw(From=None), "SIP message", "no From"),
        (raw(To=None), "SIP message", "no To"),
        (raw(CSeq="x INVITE"), "SIP CSeq", "not a sequence number"),
        (raw(CSeq="4294967296 INVITE"), "SIP CSeq", "not a sequence number"),
        (raw(CSeq="٣ INVITE"), "SIP CSeq", "not a sequence number"),
        (raw(CSeq="7"), "SIP CSeq", "not a sequence number"),
        (raw("SIP/2.0 200 OK", CSeq="7 IN(VITE"), "SIP CSeq", "no token"),
        (raw("SIP/2.0 4294967301 better"), "SIP start line", "no status line"),  # RFC 4475 section 3.1.2.19
        (raw("SIP/2.0 20 OK"), "SIP start line", "no status line"),
        (raw("INVITE sip:a b@c SIP/2.0"), "SIP start line", "no request line"),
        (raw("INVITE sip:a HTTP/1.1"), "SIP start line", "no request line"),
        (raw("IN(VITE sip:a SIP/2.0"), "SIP start line", "no token"),
        (raw(Content_Length="-999"), "SIP Content-Length", "not a number"),  # RFC 4475 section 3.1.2.3
        (raw(Content_Length="1_0"), "SIP Content-Length", "not a number"),
        (raw(Content_Length="9"), "SIP message", "body shorter than Content-Length"),
    ],
)
def test_errors(data: bytes, what: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why) as caught:
        decode_sip(data)
    assert caught.value.what == what


def test_error_offset_counts_what_was_skipped() -> None:
    with pytest.raises(DecodeError) as caught:
        decode_sip(b"\r\n\r\n" + raw(Content_Length="9"))
    assert caught.value.offset == 4 + len(raw())


def test_headers_by_name() -> None:
    message = decode_sip(raw(m='<sip:a@b>, "x, y" <sip:c,d@e>;p="1,2"', Contact="<sip:f@g>", Supported=""))
    assert message.header("contact") == message.header("M") == '<sip:a@b>, "x, y" <sip:c,d@e>;p="1,2"'
    assert message.header_all("Contact") == ['<sip:a@b>, "x, y" <sip:c,d@e>;p="1,2"', "<sip:f@g>"]
    assert message.header_list("m") == ["<sip:a@b>", '"x, y" <sip:c,d@e>;p="1,2"', "<sip:f@g>"]
    assert (message.header("k"), message.header("Absent"), message.header_all("Absent")) == ("", None, [])


def test_octets_that_are_no_utf8_survive() -> None:
    data = raw(Subject="?").replace(b"?", b"\xff\xfe")
    message = decode_sip(data)
    assert message.data == data
    assert (message.header("s") or "").encode("utf-8", "surrogateescape") == b"\xff\xfe"


MIXED = (
    b"preamble\r\n--b1\r\nContent-Type: application/SDP;x=y\r\nContent-Disposition: session;handling=required\r\n\r\n"
    b"v=0\r\n\r\n--b1\r\nContent-Type: multipart/alternative;\r\n boundary=b2\r\n\r\n--b2\r\n\r\nplain\r\n--b2 \r\n"
    b"C: text/html\r\nContent-Disposition: alert\r\n\r\n<p>\r\n--b2x\r\n--b2--\r\n--b1--\r\nepilogue"
)


def test_multipart() -> None:
    """RFC 2046 section 5.1: nested, default type, line end before a delimiter, look-alike delimiters."""
    message = decode_sip(raw(body=MIXED, Content_Type='multipart/mixed; boundary="b1"'))
    assert [(part.content_type, part.disposition, part.data) for part in message.parts()] == [
        ("application/sdp", "session", b"v=0\r\n"),
        ("text/plain", "render", b"plain"),
        ("text/html", "alert", b"<p>\r\n--b2x"),
    ]
    assert message.sdp() == b"v=0\r\n"


@pytest.mark.parametrize("content_type", ["multipart/mixed", "multipart/mixed;boundary=zz", "multipart/mixed;boundary"])
def test_damaged_multipart_is_one_part(content_type: str) -> None:
    parts = decode_sip(raw(body=MIXED, Content_Type=content_type)).parts()
    assert [(part.content_type, part.data) for part in parts] == [("multipart/mixed", MIXED)]


def test_multipart_depth_is_bounded() -> None:
    body = b"x"
    for depth in range(40):
        body = b"--%d\r\nContent-Type: multipart/mixed;boundary=%d\r\n\r\n%s\r\n--%d--" % (
            depth,
            depth - 1,
            body,
            depth,
        )
    parts = decode_sip(raw(body=body, Content_Type="multipart/mixed;boundary=39")).parts()
    assert [part.content_type for part in parts] == ["multipart/mixed"]


@pytest.mark.parametrize("name", ["Content-Type", "c", "CONTENT-TYPE "])
def test_sdp_body(name: str) -> None:
    message = decode_sip(raw(body=b"v=0\r\n", **{name: "Application/SDP ; charset=x"}))
    assert (message.content_type, message.sdp()) == ("application/sdp", b"v=0\r\n")
    assert [(part.content_type, part.disposition) for part in message.parts()] == [("application/sdp", "session")]


def test_no_body() -> None:
    message = decode_sip(raw(Content_Type="application/sdp"))
    assert (message.body, message.parts(), message.sdp()) == (b"", [], None)


@pytest.mark.parametrize(
    ("value", "icid"),
    [
        ("icid-value=1234bc9876e;icid-generated-at=192.0.6.8;orig-ioi=home1.net", "1234bc9876e"),
        (
            'icid-value="AyretyU0dm+6O2IrT5tAFrbHLso=023551024";orig-ioi=home1.net',
            "AyretyU0dm+6O2IrT5tAFrbHLso=023551024",
        ),
        ("orig-ioi=home1.net; ICID-Value = abc", "abc"),
        ("orig-ioi=home1.net", None),
    ],
)
def test_icid(value: str, icid: str | None) -> None:
    """RFC 7315 section 5.6."""
    assert decode_sip(raw(P_Charging_Vector=value)).icid() == icid


A, B = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2"


@pytest.mark.parametrize(
    ("value", "pair"),
    [
        (f"{A};remote={B}", (A, B)),
        (f"{A.upper()} ; remote={'0' * 32}", (A, "0" * 32)),
        (A, (A, "")),
        (f"{A};logme", (A, "")),
        (f"{A}0", None),
        ("", None),
    ],
)
def test_session_id(value: str, pair: tuple[str, str] | None) -> None:
    """RFC 7989 section 5; the form without remote is RFC 7329's."""
    assert decode_sip(raw(Session_ID=value)).session_id() == pair


def test_reasons() -> None:
    """The values of RFC 3326 section 2's examples."""
    message = decode_sip(
        raw(Reason='Q.850 ;cause=16 ;text="Terminated, normally", SIP;cause=600;text=x', reason="RTCP")
    )
    assert message.reasons() == [
        Reason("Q.850", 16, "Terminated, normally"),
        Reason("SIP", 600, "x"),
        Reason("RTCP", None, ""),
    ]


def test_reliable_provisional_responses() -> None:
    """RFC 3262 sections 7.1 and 7.2."""
    message = decode_sip(raw(RSeq="988789", RAck="776656 1 INVITE"))
    assert (message.rseq, message.rack) == (988789, (776656, 1, "INVITE"))
    bad = decode_sip(raw(RSeq="99999999999", RAck="1 INVITE"))
    assert (bad.rseq, bad.rack) == (None, None)
    assert (decode_sip(raw()).rseq, decode_sip(raw()).rack) == (None, None)


@pytest.mark.parametrize(
    ("contact", "uri", "focus"),
    [
        ("<sip:conf@mrfc.example>;isfocus", "sip:conf@mrfc.example", True),
        ("<sip:conf@mrfc.example>;x;ISFOCUS", "sip:conf@mrfc.example", True),
        ("<sip:conf@mrfc.example;isfocus>", "sip:conf@mrfc.example;isfocus", False),
        ('"isfocus" <sip:a@b>', "sip:a@b", False),
        ("*", None, False),
        ("<sip:a@b", None, False),
        (None, None, False),
    ],
)
def test_contact(contact: str | None, uri: str | None, focus: bool) -> None:
    """isfocus is a header field parameter (RFC 3840 section 9, RFC 4579 section 5.1)."""
    message = decode_sip(raw(**({} if contact is None else {"Contact": contact})))
    assert (message.contact_uri(), message.is_focus()) == (uri, focus)
