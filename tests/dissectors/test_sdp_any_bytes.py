"""Any octets give a session description that encodes to them, or a DecodeError; H.248's own bodies as input too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.errors import DecodeError
from dissectors.sdp import decode_sdp, decode_sdp_list, encode_sdp

FOLDER = Path(__file__).parents[2].parent / "shared" / "captures" / "h248-messages"
SEED = (
    b"v=0\r\no=a 1 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 $\r\nt=0 0\r\na=key-mgmt:mikey AA==\r\n"
    b"m=message 7/2 TCP/MSRP *\r\n"
    b"a=path:msrp://a:1/x;tcp\r\na=fingerprint:sha-1 AB\r\na=floorid:1 mstrm:2\r\na=max-size:9\r\na=chatroom:x\r\n"
)
ACCESSORS = (
    "media", "port", "port_count", "proto", "formats", "connection", "direction", "path", "setup", "connection_reuse",
    "msrp_cema", "accept_types", "accept_wrapped_types", "max_size", "fingerprints", "key_mgmt", "chatroom", "e2ae",
    "label", "floorctrl", "confid", "userid", "floorid", "attributes",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(SEED)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.integers(0, 12))
        pieces = [b"\r\n", b"\n", b"\r", b"m=", b"v=0", b" ", b":", b"="]
        data[at : at + size] = draw(st.one_of(st.binary(max_size=4), st.sampled_from(pieces)))
    return bytes(data)


def read_all(data: bytes) -> None:
    try:
        sdp = decode_sdp(data)
    except DecodeError:
        return
    assert encode_sdp(sdp) == data
    assert b"".join(map(encode_sdp, decode_sdp_list(data))) == data
    _ = (sdp.version, sdp.origin, sdp.session_name, sdp.connection, sdp.direction, sdp.attributes)
    assert all(1 <= number <= data.count(b"\n") + 1 for number, _ in sdp.faults)
    for media in sdp.media:
        for name in ACCESSORS:
            getattr(media, name)


@given(st.one_of(st.binary(max_size=300), st.text("amv=\r\n :$x0", max_size=80).map(str.encode)))
@settings(max_examples=200, deadline=None)
def test_random(data: bytes) -> None:
    read_all(data)


@given(mutated())
@settings(max_examples=200, deadline=None)
def test_mutated(data: bytes) -> None:
    read_all(data)


@pytest.mark.skipif(not FOLDER.exists(), reason=f"{FOLDER.name} is not beside the repository")
def test_bodies_in_h248_messages() -> None:
    """The Local and Remote descriptors that Erlang's megaco wrote: all their SDP reads without fault."""
    bodies = []
    for path in sorted(FOLDER.glob("*.pretty.txt")):
        bodies += re.findall(rb"(?:Local|Remote)\s*\{([^}]*)\}", path.read_bytes())
    assert len(bodies) > 50
    for body in bodies:
        for sdp in decode_sdp_list(body):
            assert sdp.faults == []
            assert sdp.media or sdp.version  # one body has all its lines in one, as the example it is from
        assert b"".join(map(encode_sdp, decode_sdp_list(body))) == body
