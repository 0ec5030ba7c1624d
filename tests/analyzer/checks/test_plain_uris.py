"""URIs that SDP-PATH takes as good without reading them are good when they are read (RFC 4975 section 9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.checks.sdp_path import _match_plain
from dissectors.msrp import parse_msrp_uri

URIS = st.from_regex(r"msrps?://[A-Za-z0-9.-]{1,20}:[0-9]{1,5}/[A-Za-z0-9._~+=/-]{0,20};tcp(;x)?", fullmatch=True)


@given(URIS)
def test_plain_is_good(uri: str) -> None:
    plain = _match_plain(uri)
    if plain is not None and int(plain[1]) <= 65535:
        read = parse_msrp_uri(uri)
        assert read.port == int(plain[1])
        assert read.host
        assert read.transport == "tcp"


@pytest.mark.parametrize(
    "uri",
    [
        "msrp://h:0/s;tcp",
        "msrp://h/s;tcp",
        "msrp://u@h:1/s;tcp",
        "msrp://[::1]:1/s;tcp",
        "msrp://h:1/s",
        "msrp://h:1/s;tcp\n",
    ],
)
def test_others_are_read(uri: str) -> None:
    assert _match_plain(uri) is None
