"""The valid messages of RFC 4475 section 3.1.1, with the facts its text states about each."""

from __future__ import annotations

from pathlib import Path

import pytest

from dissectors.sdp import decode_sdp
from dissectors.sip import (
    SipMessage,
    SipStream,
    decode_sip,
    encode_sip,
    parse_name_addr,
    parse_uri,
    parse_via,
    unescape,
)

FOLDER = Path(__file__).parents[2].parent / "shared" / "captures" / "sip-torture-valid"
FILES = sorted(FOLDER.glob("*.dat"))
pytestmark = pytest.mark.skipif(not FILES, reason=f"{FOLDER.name} is not beside the repository")


def decode(name: str) -> SipMessage:
    return decode_sip((FOLDER / f"{name}.dat").read_bytes())


def test_all_thirteen_are_there() -> None:
    assert len(FILES) == 13


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_octets_are_kept(path: Path) -> None:
    data = path.read_bytes()
    message = decode_sip(data)
    assert encode_sip(message) + data[len(message.data) :] == data
    assert message.trailing == (450 if path.stem == "dblreq" else 0)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_stream_gives_the_same(path: Path) -> None:
    data = path.read_bytes()
    whole = SipStream().receive_data(data)
    stream = SipStream()
    pieces = [item for octet in data for item in stream.receive_data(bytes([octet]))]
    assert pieces == whole
    assert [item.error for item in whole] == [None] * (2 if path.stem == "dblreq" else 1)
    assert whole[0].message is not None
    assert whole[0].message.data == decode_sip(data).data


def test_short_tortuous_invite() -> None:  # section 3.1.1.1
    message = decode("wsinv")
    assert (message.method, message.request_uri) == ("INVITE", "sip:vivekg@chair-dnrc.example.com;unknownparam")
    assert (message.to_tag, message.from_tag, message.cseq) == ("1918181833n", "98asjd8", 9)
    assert message.call_id == "wsinv.ndaksdj@192.0.2.1"
    assert int(message.header("Max-Forwards") or "") == 68
    assert parse_name_addr(message.header("From") or "").display_name == 'J Rosenberg \\"'
    # "Via" three times over two header fields, long and compact, folded.
    vias = [parse_via(via) for via in message.header_list("Via")]
    assert [(via.transport, via.host, via.branch) for via in vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.branch == "390skdjuw"
    assert message.header("Subject") == ""
    assert message.header("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.header("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    contact = parse_name_addr(message.header("Contact") or "")
    assert contact.display_name == 'Quoted string ""'
    assert contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    route = parse_uri(parse_name_addr(message.header("Route") or "").uri)
    assert route.params == {"lr": None, "unknownwith": "value", "unknown-no-value": None}
    assert len(message.body) == 150
    assert [name for name, _ in message.headers][:4] == ["TO", "from", "MaX-fOrWaRdS", "Call-ID"]


def test_wide_range_of_characters() -> None:  # section 3.1.1.2
    message = decode("intmeth")
    assert message.method == message.cseq_method == "!interesting-Method0123456789_*+`.%indeed'~"
    uri = parse_uri(message.request_uri)
    assert uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert (uri.host, uri.port, uri.params, uri.headers) == ("example.com", None, {}, {})
    assert parse_name_addr(message.header("To") or "").display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    sender = parse_name_addr(message.header("From") or "")
    assert sender.display_name == "token1~` token2'+_ token3*%!.-"
    assert sender.params["fromparam''~+*_!.-%"] == "работающий"
    assert message.from_tag == "_token~1'+`*%!-."
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert message.header("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


def test_escapes() -> None:  # section 3.1.1.3
    message = decode("esc01")
    uri = parse_uri(message.request_uri)
    assert (uri.scheme, unescape(uri.user), uri.host) == ("sip", "sips:user@example.com", "example.net")
    to = parse_uri(parse_name_addr(message.header("To") or "").uri)
    assert unescape(to.user) == "user"
    assert unescape(parse_uri(parse_name_addr(message.header("From") or "").uri).user) == "I have spaces"
    contact = parse_uri(message.contact_uri() or "")
    assert unescape(contact.user) == "caller"
    assert [unescape(name) for name in contact.params] == ["lr", "name"]
    assert unescape(contact.params["n%61me"] or "") == "value%41"


def test_escaped_nulls() -> None:  # section 3.1.1.4
    message = decode("escnull")
    assert unescape(parse_uri(parse_name_addr(message.header("To") or "").uri).user) == "null-\x00-null"
    users = [unescape(parse_uri(parse_name_addr(value).uri).user) for value in message.header_list("Contact")]
    assert users == ["\x00", "\x00\x00"]


def test_percent_that_is_no_escape() -> None:  # section 3.1.1.5
    message = decode("esc02")
    assert message.method == "RE%47IST%45R"  # not REGISTER
    assert parse_name_addr(message.header("To") or "").display_name == "%Z%45"
    # C%6Fntact is another header field than Contact.
    assert message.header_list("Contact") == ["<sip:alias1@host1.example.com>", "<sip:alias3@host3.example.com>"]
    assert message.header("C%6Fntact") == "<sip:alias2@host2.example.com>"


def test_no_blank_between_name_and_bracket() -> None:  # section 3.1.1.6
    sender = parse_name_addr(decode("lwsdisp").header("From") or "")
    assert (sender.display_name, sender.uri, sender.params) == ("caller", "sip:caller@example.com", {"tag": "323"})


def test_long_values() -> None:  # section 3.1.1.7
    message = decode("longreq")
    vias = [parse_via(value) for value in message.header_list("Via")]
    assert [via.host for via in vias] == [f"sip{n}.example.com" for n in range(33, 0, -1)] + ["host.example.com"]
    assert vias[-1].branch == "very" + "long" * 50 + "branchvalue"
    assert message.branch == ""  # the topmost Via has none
    assert message.from_tag.startswith("12982982982982982")
    assert len(message.body) == 150


def test_extra_octets_in_a_datagram() -> None:  # section 3.1.1.8
    message = decode("dblreq")
    assert (message.method, message.body, message.cseq) == ("REGISTER", b"", 8)
    # What follows is ignored on UDP; on a stream it is a request of its own, with a broken SDP line.
    items = SipStream().receive_data((FOLDER / "dblreq.dat").read_bytes())
    assert [item.message.method for item in items if item.message] == ["REGISTER", "INVITE"]
    assert items[1].message is not None
    sdp = decode_sdp(items[1].message.sdp() or b"")
    assert [media.media for media in sdp.media] == ["audio"]
    assert sdp.faults == [(7, "not of the form letter=value")]


def test_semicolon_in_user_part() -> None:  # section 3.1.1.9
    message = decode("semiuri")
    uri = parse_uri(message.request_uri)
    assert (unescape(uri.user), uri.host, uri.params) == ("user;par=u@example.net", "example.com", {})
    assert message.header_list("Accept") == [
        "application/sdp",
        "application/pkcs7-mime",
        "multipart/mixed",
        "multipart/signed",
        "message/sip",
        "message/sipfrag",
    ]


def test_transports() -> None:  # section 3.1.1.10
    vias = [parse_via(value) for value in decode("transports").header_list("v")]
    assert [(via.transport, via.host) for via in vias] == [
        ("UDP", "t1.example.com"),
        ("SCTP", "t2.example.com"),
        ("TLS", "t3.example.com"),
        ("UNKNOWN", "t4.example.com"),
        ("TCP", "t5.example.com"),
    ]


def test_multipart_message() -> None:  # section 3.1.1.11
    message = decode("mpart01")
    parts = message.parts()
    assert [part.content_type for part in parts] == ["text/plain", "application/octet-stream"]
    assert parts[0].data == b"Hello"
    assert parts[1].data[:2] == b"0\x82"
    assert parts[1].headers[-1] == ("Content-Transfer-Encoding", "binary")
    # Both parts, what delimits them and their header fields are the whole body.
    assert len(message.body) == 553
    assert message.sdp() is None


def test_unusual_reason_phrase() -> None:  # section 3.1.1.12
    message = decode("unreason")
    assert (message.status, message.method) == (200, "INVITE")
    assert message.reason_phrase == "= 2**3 * 5**2 но сто девяносто девять - простое"


def test_empty_reason_phrase() -> None:  # section 3.1.1.13
    message = decode("noreason")
    assert (message.status, message.reason_phrase, message.method, message.cseq) == (100, "", "INVITE", 35)
