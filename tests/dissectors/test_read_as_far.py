"""Messages that a capture cut, or whose length is wrong, are read as far as they go (RFC 3261 sections 18.3, 20.14)."""

from __future__ import annotations

import pytest

from dissectors.errors import DecodeError
from dissectors.h248 import decode_h248_as_far, decode_h248_text
from dissectors.h248.model import TransactionRequest
from dissectors.sip import decode_sip, decode_sip_as_far

BODY = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message 7394 TCP/MSRP *\r\n"


def invite(length: int = len(BODY), body: bytes = BODY, cseq: str = "1") -> bytes:
    head = (
        "INVITE sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=f\r\n"
        f"To: <sip:b@x>\r\nCall-ID: cut@x\r\nCSeq: {cseq} INVITE\r\nContact: <sip:a@192.0.2.1>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n"
    )
    return head.encode() + body


def test_a_whole_message_is_read_as_ever() -> None:
    assert decode_sip_as_far(invite()) == decode_sip(invite())
    assert not decode_sip_as_far(invite()).is_cut


@pytest.mark.parametrize("size", [1, 40, len(BODY)])
def test_a_body_is_read_as_far_as_it_goes(size: int) -> None:
    octets = invite()[:-size]
    message = decode_sip_as_far(octets, size)
    assert (message.method, message.call_id, message.cseq, message.from_tag) == ("INVITE", "cut@x", 1, "f")
    assert (message.lacking, message.not_captured, message.is_cut) == (size, size, True)
    assert (message.sdp() or b"") == BODY[: len(BODY) - size]
    with pytest.raises(DecodeError, match="body shorter than Content-Length"):
        decode_sip(octets)


def test_a_head_is_read_as_far_as_its_lines_are_whole() -> None:
    octets = invite().partition(b"\r\nContact: ")[0] + b"\r\nConta"
    message = decode_sip_as_far(octets, 300)
    assert (message.method, message.call_id, message.branch, message.head_is_cut) == (
        "INVITE",
        "cut@x",
        "z9hG4bK1",
        True,
    )
    assert message.headers[-1] == ("CSeq", "1 INVITE")
    assert message.sdp() is None


def test_too_little_of_a_head_is_no_message() -> None:
    with pytest.raises(DecodeError, match="no Call-ID"):
        decode_sip_as_far(invite().partition(b"Call-ID")[0], 400)


def test_a_body_behind_content_length_belongs_to_it() -> None:
    message = decode_sip_as_far(invite(len(BODY) - 10))
    assert (message.beyond, message.lacking, message.sdp()) == (10, 0, BODY)
    assert decode_sip(invite(len(BODY) - 10)).sdp() == BODY[:-10]


@pytest.mark.parametrize("rest", [b"\r\n\r\n", b"\0\0\0\0", b"BYE sip:b@x SIP/2.0\r\n\r\n"])
def test_padding_and_another_message_do_not(rest: bytes) -> None:
    message = decode_sip_as_far(invite(body=BODY + rest))
    assert (message.beyond, message.trailing, message.sdp()) == (0, len(rest), BODY)


@pytest.mark.parametrize(
    ("text", "number"), [("00000000001", 1), ("0000000000000004711", 4711), ("4294967295", 2**32 - 1)]
)
def test_leading_zeros_of_cseq(text: str, number: int) -> None:
    assert decode_sip(invite(cseq=text)).cseq == number


@pytest.mark.parametrize("text", ["4294967296", "", "-1"])
def test_what_is_no_sequence_number(text: str) -> None:
    with pytest.raises(DecodeError):
        decode_sip(invite(cseq=text))


ADD = (
    b"MEGACO/2 [192.0.2.10]:2944\r\nTransaction = 10 { Context = $ { Add = ip/1/$ { Media { Stream = 1 { "
    b'LocalControl { Mode = SendReceive, test/name = "a } b" }, Local {\r\nv=0\r\nc=IN IP4 $\r\nm=message $ TCP/MSRP *'
    b"\r\na=path:$\r\n}, Remote {\r\nv=0\r\nc=IN IP4 198.51.100.7\r\n} } }, Events = 1 { tcpbcc/BNCChange } } } }"
)


def test_h248_is_closed_where_it_was_cut() -> None:
    """Wherever it is cut behind its first item, transaction and context are told, and nothing that was not there."""
    whole = decode_h248_text(ADD)
    assert decode_h248_as_far(ADD, 0) == whole
    for size in range(ADD.index(b"Media"), len(ADD)):
        octets = ADD[:size]
        message = decode_h248_as_far(octets, len(ADD) - size)
        (request,) = message.transactions
        assert isinstance(request, TransactionRequest)
        assert (request.transaction_id, message.not_captured, message.data) == (10, len(ADD) - size, octets)
        for command in (each for action in request.actions for each in action.commands):
            assert command.termination_ids == ["ip/1/$"]
            for stream in command.media.streams.values() if command.media is not None else ():
                assert (stream.local or b"") in ADD


def test_sdp_goes_as_far_as_its_lines_are_whole() -> None:
    octets = ADD[: ADD.index(b"TCP/MSRP")]
    (request,) = decode_h248_as_far(octets, 100).transactions
    assert isinstance(request, TransactionRequest)
    media = request.actions[0].commands[0].media
    assert media is not None
    assert media.streams[1].local == b"v=0\r\nc=IN IP4 $\r\n"


def test_a_message_that_is_only_wrong_stays_an_error() -> None:
    with pytest.raises(DecodeError):
        decode_h248_as_far(ADD[:-20], 0)
