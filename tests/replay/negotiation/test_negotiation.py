"""MSRP streams in SDP: roles (RFC 4145, 6135), the remote end with CEMA and without, answers to several streams."""

from __future__ import annotations

import pytest

from dissectors.sdp import Origin, decode_sdp
from replay.negotiation import (
    MsrpMedia,
    Refusal,
    answer_setup,
    opens_connection,
    read_answer,
    read_offer,
    remote_end,
    write_answer,
    write_offer,
)

ORIGIN = Origin("mrfc", "1", "2", "IN", "IP4", "192.0.2.10")
MEDIA = MsrpMedia(
    address="203.0.113.5",
    port=28563,
    proto="TCP/TLS/MSRP",
    setup="active",
    path=("msrps://relay.example.net:2855/r;tcp", "msrps://203.0.113.5:28563/s;tcp"),
    cema=True,
    accept_wrapped_types=("text/plain", "*"),
    chatroom=("nickname", "private-messages"),
    key_mgmt="AQ4F",
)


@pytest.mark.parametrize(
    ("offered", "preferred", "answer"),
    [
        ("actpass", "active", "active"),
        ("actpass", "passive", "passive"),
        ("active", "active", "passive"),
        ("passive", "passive", "active"),
        ("", "active", "passive"),  # RFC 4975 section 5.4: the offerer connects
    ],
)
def test_setup_of_the_answer(offered: str, preferred: str, answer: str) -> None:
    assert answer_setup(offered, preferred) == answer


@pytest.mark.parametrize(
    ("ours", "theirs", "we_offered", "opens"),
    [
        ("actpass", "active", True, False),
        ("actpass", "passive", True, True),
        ("active", "actpass", False, True),
        ("passive", "actpass", False, False),
        ("actpass", "", True, True),
        ("", "", False, False),
    ],
)
def test_who_opens_the_connection(ours: str, theirs: str, we_offered: bool, opens: bool) -> None:
    assert opens_connection(ours, theirs, we_offered) is opens


def test_what_is_written_is_read_the_same() -> None:
    description, number, media = read_offer(write_offer(ORIGIN, "chat-17", MEDIA))
    assert media == MEDIA
    assert number == 0
    assert description.session_name == "chat-17"
    assert str(description.origin) == str(ORIGIN)


def test_the_remote_end() -> None:
    """TS 23.333 clause 6.2.10.3.1: with a=msrp-cema c= and m=, without it the first path entry."""
    assert remote_end(MEDIA) == ("203.0.113.5", 28563)
    offer = write_offer(ORIGIN, "-", MEDIA).replace(b"a=msrp-cema\r\n", b"")
    assert remote_end(read_offer(offer)[2]) == ("relay.example.net", 2855)


@pytest.mark.parametrize("port", [0, 65536])
def test_no_remote_end(port: int) -> None:
    from dataclasses import replace

    with pytest.raises(Refusal, match="no address to connect to"):
        remote_end(replace(MEDIA, port=port))


def test_holdconn_counts_as_nothing() -> None:
    """MSRP has none (RFC 6135 section 4.1)."""
    offer = write_offer(ORIGIN, "-", MEDIA).replace(b"setup:active", b"setup:holdconn")
    assert read_offer(offer)[2].setup == ""


def test_the_other_streams_of_an_offer_are_refused_in_their_places() -> None:
    """RFC 3264 section 6: as many m= lines as in the offer, port 0 for those that are refused."""
    offer = b"v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 4000 RTP/AVP 0 8\r\n" + b"\r\n".join(
        write_offer(ORIGIN, "-", MEDIA).split(b"\r\n")[5:]
    )
    offer += b"m=video 4002 RTP/AVP 96\r\n"
    description, number, _ = read_offer(offer)
    assert number == 1
    answer = decode_sdp(write_answer(ORIGIN, "chat-17", MEDIA, description, number))
    assert [media.lines[0] for media in answer.media] == [
        "m=audio 0 RTP/AVP 0 8",
        "m=message 28563 TCP/TLS/MSRP *",
        "m=video 0 RTP/AVP 96",
    ]


def test_an_answer_of_another_transport() -> None:
    with pytest.raises(Refusal, match="another transport") as refused:
        read_answer(write_offer(ORIGIN, "-", MEDIA), "TCP/MSRP")
    assert refused.value.warning == 302


def test_ipv6() -> None:
    from dataclasses import replace

    six = replace(MEDIA, address="2001:db8::5", path=("msrp://[2001:db8::5]:28563/s;tcp",))
    text = write_offer(ORIGIN, "-", six)
    assert b"c=IN IP6 2001:db8::5\r\n" in text
    assert read_offer(text)[2].path_end == ("2001:db8::5", 28563)
