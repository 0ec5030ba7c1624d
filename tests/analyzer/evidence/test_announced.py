"""Attributes of an MSRP stream, read from the octets: the same as from the whole description."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.conversations.media import announced_ends
from analyzer.conversations.offer_answer import Described
from analyzer.evidence import Announced
from analyzer.model import Message
from dissectors.sdp import decode_sdp
from tests.analyzer.conversations.made import Dialog

ONE = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=setup:passive\r\na=max-size:1\r\n"
    "m=message 7394 TCP/MSRP *\r\na=setup:active\r\na=accept-types:message/cpim  text/*\r\na=max-size:2048\r\n"
    "a=max-size:4096\r\na=msrp-cema\r\na=accept-types-of-another:x\r\na=path:msrp://192.0.2.1:7394/a;tcp\r\n"
)
TWO = ONE + "m=audio 4000 RTP/AVP 0\r\na=max-size:7\r\n"
BEHIND = TWO.replace("m=message", "m=audio 4002 RTP/AVP 8\r\na=max-size:9\r\nm=message")
BARE = ONE.replace("\r\n", "\n")


def message() -> Message:
    return Dialog().request("INVITE")


@pytest.mark.parametrize("text", [ONE, TWO, BEHIND, BARE, ONE.rstrip()])
@pytest.mark.parametrize("name", ["setup", "accept-types", "max-size", "msrp-cema", "path", "key-mgmt", "accept"])
def test_same_as_the_whole_description(text: str, name: str) -> None:
    octets = text.encode()
    ends = announced_ends(octets)
    described = Described(message(), octets, ends)
    for index, end in enumerate(ends):
        expected = decode_sdp(octets).media[index].attribute_all(name)
        assert Announced(described, index, end).attributes(name) == expected


def test_a_stream_that_is_not_there_has_none() -> None:
    octets = ONE.encode()
    end = replace(announced_ends(octets)[0])
    assert Announced(Described(message(), octets, [end]), 3, end).attributes("path") == []
