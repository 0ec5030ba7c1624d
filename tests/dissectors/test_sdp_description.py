"""Session descriptions: RFC 8866, H.248.1 clause 7.1.8 (`$`, alternatives), the attributes of messaging media."""

from __future__ import annotations

import pytest

from dissectors.errors import DecodeError
from dissectors.sdp import (
    Connection,
    MediaDescription,
    Origin,
    SessionDescription,
    decode_sdp,
    decode_sdp_list,
    encode_sdp,
)

# The example of RFC 8866 section 5.
LECTURE = b"""v=0
o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1
s=Call to John Smith
i=SDP Offer #1
u=http://www.jdoe.example.com/home.html
e=Jane Doe <jane@jdoe.example.com>
p=+1 617 555-6011
c=IN IP4 198.51.100.1
t=0 0
m=audio 49170 RTP/AVP 0
m=audio 49180 RTP/AVP 0
m=video 51372 RTP/AVP 99
c=IN IP6 2001:db8::2
a=rtpmap:99 h263-1998/90000
""".replace(b"\n", b"\r\n")


def test_example_of_the_rfc() -> None:
    sdp = decode_sdp(LECTURE)
    assert (sdp.version, sdp.session_name) == ("0", "Call to John Smith")
    assert sdp.origin == Origin("jdoe", "3724394400", "3724394405", "IN", "IP4", "198.51.100.1")
    assert sdp.connection == Connection("IN", "IP4", "198.51.100.1")
    assert [(media.media, media.port, media.proto, media.formats) for media in sdp.media] == [
        ("audio", 49170, "RTP/AVP", ["0"]),
        ("audio", 49180, "RTP/AVP", ["0"]),
        ("video", 51372, "RTP/AVP", ["99"]),
    ]
    assert sdp.media[0].connection == sdp.connection  # section 5.7: the media's own, else the session's
    assert sdp.media[0].own_connection is None
    assert sdp.media[2].connection == Connection("IN", "IP6", "2001:db8::2")
    assert sdp.media[2].attributes == [("rtpmap", "99 h263-1998/90000")]
    assert sdp.values("p") == ["+1 617 555-6011"]
    assert sdp.faults == []


KEY = "mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAGEEoo2pee4hp2 UaDX8ZE22YwKAAAPZG9uYWxkQGR1Y2suY29tAQ=="


def media(*lines: str, session: str = "") -> MediaDescription:
    text = "v=0\r\n" + session + "m=message 7394 TCP/TLS/MSRP *\r\n" + "".join(f"{line}\r\n" for line in lines)
    return decode_sdp(text.encode()).media[0]


ABSENT = {
    "path": [], "setup": None, "connection_reuse": None, "msrp_cema": False, "accept_types": [],
    "accept_wrapped_types": [], "max_size": None, "fingerprints": [], "key_mgmt": [], "direction": None,
    "chatroom": None, "e2ae": None, "floorctrl": [], "confid": None, "userid": None, "floorid": [], "label": None,
}  # fmt: skip


@pytest.mark.parametrize("name", ABSENT)
def test_absent_attributes(name: str) -> None:
    assert getattr(media(), name) == ABSENT[name]


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        # RFC 4975 section 8
        (
            "a=path:msrps://relay.example:2855/a1;tcp msrps://alice.example:7394/2s93i;tcp",
            "path",
            ["msrps://relay.example:2855/a1;tcp", "msrps://alice.example:7394/2s93i;tcp"],
        ),
        ("a=path: msrp://a:1/x;tcp ", "path", ["msrp://a:1/x;tcp"]),
        ("a=accept-types:message/cpim text/*", "accept_types", ["message/cpim", "text/*"]),
        ("a=accept-wrapped-types:*", "accept_wrapped_types", ["*"]),
        ("a=max-size:8000", "max_size", 8000),
        ("a=max-size:$", "max_size", None),
        # RFC 4145 sections 4 and 5
        ("a=setup:actpass", "setup", "actpass"),
        ("a=setup: Active", "setup", "active"),
        ("a=connection:existing", "connection_reuse", "existing"),
        ("a=msrp-cema", "msrp_cema", True),  # RFC 6714 section 5
        ("a=fingerprint:SHA-256 4a:Ad:b9", "fingerprints", [("sha-256", "4A:AD:B9")]),  # RFC 8122 section 5
        ("a=fingerprint:sha-1", "fingerprints", []),
        (f"a=key-mgmt:{KEY}", "key_mgmt", [("mikey", KEY[6:].replace(" ", ""))]),  # RFC 4567 section 3.1
        (f"a=key-mgmt: {KEY}", "key_mgmt", [("mikey", KEY[6:].replace(" ", ""))]),
        ("a=sendonly", "direction", "sendonly"),
        # RFC 7701 section 8
        ("a=chatroom", "chatroom", []),
        ("a=chatroom:nickname private-messages", "chatroom", ["nickname", "private-messages"]),
        ("a=3ge2ae:requested", "e2ae", "requested"),  # TS 24.229 clause 7.5.2
        # RFC 8856 section 5
        ("a=floorctrl:c-only s-only", "floorctrl", ["c-only", "s-only"]),
        ("a=confid:4321", "confid", 4321),
        ("a=userid:1234", "userid", 1234),
        ("a=userid:x", "userid", None),
        ("a=floorid:1 mstrm:10 11", "floorid", [(1, ["10", "11"])]),
        ("a=floorid:2 m-stream:12", "floorid", [(2, ["12"])]),
        ("a=floorid:3", "floorid", [(3, [])]),
        ("a=label:10", "label", "10"),
    ],
)
def test_attributes(line: str, name: str, value: object) -> None:
    assert getattr(media(line), name) == value


@pytest.mark.parametrize(
    ("session", "name", "value"),
    [
        ("a=setup:passive\r\n", "setup", "passive"),
        ("a=fingerprint:sha-1 AB\r\n", "fingerprints", [("sha-1", "AB")]),
        ("a=key-mgmt:mikey AB==\r\n", "key_mgmt", [("mikey", "AB==")]),
        ("a=inactive\r\n", "direction", "inactive"),
        ("a=path:x\r\n", "path", []),  # a media-level attribute (RFC 4975 section 14)
        ("a=max-size:5\r\n", "max_size", None),
        ("a=msrp-cema\r\n", "msrp_cema", False),
    ],
)
def test_session_level_attributes(session: str, name: str, value: object) -> None:
    assert getattr(media(session=session), name) == value


def test_media_level_overrides_session_level() -> None:
    both = media(
        "a=setup:active", "a=sendonly", "a=key-mgmt:mikey BB", "a=key-mgmt:x CC", "c=IN IP6 ::1",
        session="c=IN IP4 1.1.1.1\r\na=setup:passive\r\na=inactive\r\na=key-mgmt:mikey AA\r\n",
    )  # fmt: skip
    assert (both.setup, both.direction, both.key_mgmt) == ("active", "sendonly", [("mikey", "BB"), ("x", "CC")])
    assert str(both.connection) == "IN IP6 ::1"


def test_choose_and_alternatives_of_h248() -> None:
    """H.248.1 clause 7.1.8: `$` for any value, several descriptions, no o=, s= and t=."""
    data = b"\nv=0\nc=IN IP4 $ \nm=audio $ RTP/AVP 4\na=ptime:30\nv=0\nc=$\nm=message $/$ TCP/MSRP $\na=path:$\n\n"
    first, second = decode_sdp_list(data)
    assert encode_sdp(first) + encode_sdp(second) == data
    assert first.media[0].connection == Connection("IN", "IP4", "$")
    assert (first.media[0].port, first.media[0].port_text, first.media[0].port_count) == (None, "$", 1)
    assert second.media[0].connection == Connection("$", "$", "$")
    assert (second.media[0].port, second.media[0].formats, second.media[0].path) == (None, ["$"], ["$"])
    assert first.origin is None
    assert first.session_name is None
    assert first.faults == second.faults == []
    assert len(decode_sdp(data).media) == 2
    assert decode_sdp(data).faults == [(6, "v= is not the first line")]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"c=IN IP4 $\r\nm=audio $ RTP/AVP 4\r\n", 1),
        (b"m=audio 1 RTP/AVP 4\r\nv=0\r\nm=audio 2 RTP/AVP 4", 2),
        (b"v=0\n v=0\n\n", 2),
        (b"\r\n  \r\nv=0", 1),
        (b"a=v=0", 1),
    ],
)
def test_list_splits_at_version_lines(data: bytes, count: int) -> None:
    found = decode_sdp_list(data)
    assert len(found) == count
    assert b"".join(map(encode_sdp, found)) == data


def test_port_count() -> None:
    sdp = decode_sdp(b"m=video 49170/2 RTP/AVP 31\r\nm=audio 0 RTP/AVP 0")
    assert (sdp.media[0].port, sdp.media[0].port_count) == (49170, 2)
    assert sdp.media[1].port == 0


@pytest.mark.parametrize(
    "data",
    [
        LECTURE,
        LECTURE[:-2],
        LECTURE.replace(b"\r\n", b"\n"),
        LECTURE.replace(b"\r\n", b"\n", 3),
        LECTURE.replace(b"\r\n", b"\n", 3)[:-1],
        LECTURE + b"\r\n\r\n",
        b"\r\n" + LECTURE,
        b"m=x\n\xff\xfe\nq=unknown\nZ\n\x00",
        b"a=x\r",
        b"  m=audio 1 RTP/AVP 0 \n\tc=IN IP4 $",
    ],
)
def test_octets_are_kept(data: bytes) -> None:
    assert encode_sdp(decode_sdp(data)) == data


def test_mixed_line_ends_do_not_reach_values() -> None:
    sdp = decode_sdp(b"v=0\r\ns=x\nm=message 1 TCP/MSRP *\r\na=path:p\r\na=setup:active\n")
    assert (sdp.session_name, sdp.media[0].formats, sdp.media[0].path, sdp.media[0].setup) == (
        "x",
        ["*"],
        ["p"],
        "active",
    )


def test_faults() -> None:
    data = b"v=0\r\no=x\r\nno equals sign\r\nc=IN\r\n\r\nm=audio\r\nM=x\r\nb=AS:1\r\n"
    sdp = decode_sdp(data)
    assert sdp.faults == [
        (2, "o= has not six values"),
        (3, "not of the form letter=value"),
        (4, "c= has not network type, address type and address"),
        (6, "m= has not media, port, transport and format"),
        (7, "not of the form letter=value"),
    ]
    assert (sdp.origin, sdp.connection, sdp.media[0].media, sdp.media[0].port, sdp.media[0].proto) == (
        None, None, "audio", None, "",
    )  # fmt: skip
    assert encode_sdp(sdp) == data


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\x00" * 50, b"hello\r\nA=b\r\n", b"xy=z"])
@pytest.mark.parametrize("decode", [decode_sdp, decode_sdp_list])
def test_nothing_of_sdp(data: bytes, decode: object) -> None:
    assert callable(decode)
    with pytest.raises(DecodeError, match="no line of the form"):
        decode(data)


BUILT = b"""v=0
o=mrfp 1 1 IN IP4 10.0.0.9
s=-
c=IN IP4 10.0.0.9
t=0 0
m=message 2855 TCP/MSRP *
a=accept-types:message/cpim
a=path:msrp://10.0.0.9:2855/abcd;tcp
a=msrp-cema
m=audio $ RTP/AVP 0 8
c=IN IP6 $
""".replace(b"\n", b"\r\n")


def build() -> SessionDescription:
    return SessionDescription.build(
        origin=Origin("mrfp", "1", "1", "IN", "IP4", "10.0.0.9"),
        connection=Connection("IN", "IP4", "10.0.0.9"),
        media=[
            MediaDescription.build(
                "message",
                2855,
                "TCP/MSRP",
                attributes=[
                    ("accept-types", "message/cpim"),
                    ("path", "msrp://10.0.0.9:2855/abcd;tcp"),
                    ("msrp-cema", ""),
                ],
            ),
            MediaDescription.build("audio", "$", "RTP/AVP", ["0", "8"], connection=Connection("IN", "IP6", "$")),
        ],
    )


def test_build() -> None:
    sdp = build()
    assert encode_sdp(sdp) == BUILT
    assert sdp == decode_sdp(BUILT)
    assert str(sdp.media[0].connection) == "IN IP4 10.0.0.9"
    assert encode_sdp(SessionDescription.build(origin=None, session_name=None, times=())) == b"v=0\r\n"


def test_change() -> None:
    sdp = decode_sdp(BUILT)
    message, audio = sdp.media
    assert (message.port, message.setup, str(message.connection)) == (2855, None, "IN IP4 10.0.0.9")
    sdp.set_line("c", "IN IP4 10.0.0.1")
    message.set_port(9)
    message.set_attribute("path", "msrp://10.0.0.1:9/x;tcp")
    message.add_attribute("setup", "active")
    message.remove_attribute("msrp-cema")
    audio.set_line("c", "IN IP4 $")
    audio.set_line("b", "AS:64")
    assert (message.port, message.setup, str(message.connection)) == (9, "active", "IN IP4 10.0.0.1")
    assert (message.path, message.msrp_cema, str(audio.connection)) == (["msrp://10.0.0.1:9/x;tcp"], False, "IN IP4 $")
    assert encode_sdp(sdp) == (
        BUILT.replace(b"10.0.0.9:2855/abcd", b"10.0.0.1:9/x")
        .replace(b"c=IN IP4 10.0.0.9", b"c=IN IP4 10.0.0.1")
        .replace(b" 2855 ", b" 9 ")
        .replace(b"a=msrp-cema\r\n", b"a=setup:active\r\n")
        .replace(b"c=IN IP6 $\r\n", b"c=IN IP4 $\r\nb=AS:64\r\n")
    )


def test_line_is_put_where_the_rfc_has_it() -> None:
    """RFC 8866 section 5: c= between s= and t=, b= after c=; in media before the attributes."""
    sdp = decode_sdp(b"v=0\r\ns=-\r\nt=0 0\r\nm=message 1 TCP/MSRP *\r\na=x\r\n")
    sdp.set_line("b", "AS:1")
    sdp.set_line("c", "IN IP4 1.1.1.1")
    sdp.media[0].set_line("c", "IN IP4 2.2.2.2")
    assert encode_sdp(sdp).split() == (
        b"v=0 s=- c=IN IP4 1.1.1.1 b=AS:1 t=0 0 m=message 1 TCP/MSRP * c=IN IP4 2.2.2.2 a=x".split()
    )


def test_add_media_inherits() -> None:
    sdp = SessionDescription.build(connection=Connection("IN", "IP4", "1.1.1.1"))
    sdp.add_media(MediaDescription.build("message", 1, "TCP/MSRP"))
    sdp.set_line("c", "IN IP4 2.2.2.2")
    assert str(sdp.media[0].connection) == "IN IP4 2.2.2.2"


def test_no_line_ends_inside() -> None:
    sdp = build()
    for call in (
        lambda: sdp.set_line("c", "x\r\ny"),
        lambda: sdp.media[0].add_attribute("a\nb"),
        lambda: sdp.media[0].set_attribute("a", "b\r"),
        lambda: MediaDescription.build("a\n", 1, "b"),
        lambda: SessionDescription.build(session_name="a\n"),
    ):
        with pytest.raises(ValueError, match="line end"):
            call()
    assert encode_sdp(sdp) == BUILT
