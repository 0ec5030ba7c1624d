"""`announced_ends` reads of a session description what `dissectors.sdp` reads of it (RFC 8866, RFC 4975 section 8)."""

from __future__ import annotations

import pytest
from capture_variants import SHARED
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import shared_capture

from analyzer.capture.reader import open_captures
from analyzer.conversations.media import MediaEnd, announced_ends, plain_address
from analyzer.streams.lane import Lane
from dissectors.errors import DecodeError
from dissectors.msrp import session_id_of
from dissectors.sdp import decode_sdp


def by_codec(octets: bytes) -> list[MediaEnd]:
    ends = []
    for media in decode_sdp(octets).media:
        connection = media.connection
        address = connection.address if connection is not None else ""
        path = tuple(uri for uri in media.path if "$" not in uri)
        ends.append(
            MediaEnd(
                address="" if "$" in address else plain_address(address.partition("/")[0]),
                port=media.port or 0,
                media=media.media,
                protocol=media.proto,
                path=path,
                session_id=session_id_of(path[-1]) if path else "",
                setup=media.setup or "",
                cema=media.msrp_cema,
            )
        )
    return ends


MSRP = b"""v=0\r
o=- 1 1 IN IP4 198.51.100.7\r
s=-\r
c=IN IP4 198.51.100.7\r
t=0 0\r
m=message 7394 TCP/MSRP *\r
a=accept-types:message/cpim\r
a=path:msrp://198.51.100.7:7394/jshA7weztas;tcp\r
a=setup:actpass\r
a=msrp-cema\r
"""


def test_an_msrp_offer() -> None:
    path = "msrp://198.51.100.7:7394/jshA7weztas;tcp"
    expected = MediaEnd("198.51.100.7", 7394, "message", "TCP/MSRP", (path,), "jshA7weztas", "actpass", True)
    assert announced_ends(MSRP) == [expected]


@pytest.mark.parametrize(
    "octets",
    [
        MSRP,
        MSRP.replace(b"\r\n", b"\n"),
        b"c=IN IP4 $\nm=message $ TCP/MSRP *\na=setup:active\na=path:$\n",
        b"v=0\nc=IN IP6 2001:DB8:0::1\nm=audio 49170/2 RTP/AVP 0 8\nc=IN IP6 2001:db8::2\nm=video 0 RTP/AVP 31\n",
        b"v=0\na=setup:passive\nm=message 9 TCP/TLS/MSRP *\na=path:msrps://r.example:2855/x;tcp msrps://b/y;tcp\n",
        b"v=0\nc=IN IP4 233.252.0.1/127\nm=application 50000 TCP/BFCP *\na=setup:active\nm=message 7 TCP/MSRP *\n",
        b"v=0\nm=broken\nm=message x TCP/MSRP *\n",
    ],
)
def test_as_the_codec_reads_it(octets: bytes) -> None:
    assert announced_ends(octets) == [end for end in by_codec(octets) if end.protocol]


def test_every_description_of_the_fax_gateway() -> None:
    lane = Lane()
    reader = open_captures([str(shared_capture(SHARED / "sip-h248-fax-gateway.pcap"))])
    messages = [message for block in reader.blocks() for message in lane.feed(block).messages]
    messages += lane.finish().messages
    bodies = [message.decoded.sdp() for message in messages if message.protocol == "sip"]
    for message in messages:
        if message.protocol == "h248":
            for part in message.decoded.transactions:
                for command in (each for action in getattr(part, "actions", ()) for each in action.commands):
                    if command.media is not None:
                        for stream in command.media.streams.values():
                            bodies += [stream.local, stream.remote]
    found = [body for body in bodies if body]
    assert len(found) == 41
    for body in found:
        assert announced_ends(body) == by_codec(body)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*MSRP.splitlines(keepends=True), b"m=audio 1 RTP/AVP 0\r\n", b"c=IN IP4 $\r\n"])))
def test_lines_in_any_order(lines: list[bytes]) -> None:
    octets = b"".join(lines)
    try:
        expected = by_codec(octets)
    except DecodeError:
        expected = []
    assert announced_ends(octets) == expected


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets(octets: bytes) -> None:
    announced_ends(octets)
    announced_ends(b"m=" + octets + b"\nc=" + octets + b"\na=path:" + octets)
