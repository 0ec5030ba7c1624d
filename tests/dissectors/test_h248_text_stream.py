"""H.248 text on TCP without TPKT: braces alone say where a message ends (H.248.1 Annex B.2, against section D.2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.errors import DecodeError
from dissectors.framing import Framed
from dissectors.h248 import H248Message, TextStream, decode_h248_text

MESSAGES = Path(__file__).parents[3] / "shared" / "captures" / "h248-messages"
ADD = (
    b"MEGACO/2 [192.0.2.10]:2944\r\nTransaction = 7 { Context = $ { Add = ip/1/$ { Media { Stream = 1 { "
    b"Local {\r\nv=0\r\n"
    b's=a \\} b; "x\r\nm=message $ TCP/MSRP *\r\n} , Remote { v=0\r\n} } } } } } ; a comment with } and "\r\n'
)
REPLY = b'!/2 [192.0.2.20]:2944 P=7{C=1{ER=500{"a } in quotes"}}}'
TWO = b"!/1 [192.0.2.10]:2944 T=1{C=1{AV=a}} T=2{C=2{AV=b}}"


def read(octets: bytes, size: int) -> list[Framed[H248Message]]:
    stream = TextStream()
    found = [each for at in range(0, len(octets), size) for each in stream.receive_data(octets[at : at + size])]
    return found + stream.receive_eof()


def ids(found: list[Framed[H248Message]]) -> list[int | None]:
    """Transaction ids in order; None where something was no message."""
    return [
        number
        for each in found
        for number in ([part.transaction_id for part in each.message.transactions] if each.message else [None])
    ]


@pytest.mark.parametrize("size", [1, 2, 7, 100_000])
def test_messages_behind_each_other_are_told_apart(size: int) -> None:
    found = read(ADD + REPLY + b"\r\n\r\n" + ADD, size)
    assert ids(found) == [7, 7, 7]
    assert found[1].end == len(ADD) + len(REPLY)
    local = found[0].message.transactions[0].actions[0].commands[0]  # type: ignore[union-attr]
    assert "ip/1/$" in local.termination_ids


@pytest.mark.skipif(not MESSAGES.is_dir(), reason="../shared/captures/h248-messages is not here")
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_erlangs_messages_twice_in_a_stream(size: int) -> None:
    for path in sorted(MESSAGES.glob("*.txt")):
        octets = path.read_bytes()
        count = len(decode_h248_text(octets).transactions)
        found = read(octets + b"\r\n" + octets, size)
        assert [each.error for each in found if each.error] == []
        assert (path.name, sum(len(each.message.transactions) for each in found if each.message)) == (
            path.name,
            2 * count,
        )


def test_a_message_is_there_with_its_last_brace() -> None:
    """Nobody waits for the next one: a reply that comes late would look like none."""
    stream = TextStream()
    assert stream.receive_data(REPLY[:-1]) == []
    assert ids(stream.receive_data(REPLY[-1:])) == [7]
    assert stream.receive_eof() == []


def test_transactions_that_a_segment_cut_from_their_header_are_read_with_it() -> None:
    stream = TextStream()
    cut = TWO.index(b" T=2")
    found = stream.receive_data(TWO[:cut]) + stream.receive_data(TWO[cut:])
    assert ids(found) == ids(read(TWO, len(TWO))) == [1, 2]
    assert {each.message.mid for each in found if each.message} == {"[192.0.2.10]:2944"}


def test_what_is_broken_costs_only_itself() -> None:
    found = read(REPLY + b"MEGACO/2 [192.0.2.20]:2944 Nonsense = 1 { a }\r\n" + REPLY, 9)
    assert ids(found) == [7, None, 7]
    assert found[1].error is not None
    assert found[1].error.what == "H.248 message"


def test_behind_a_loss_it_begins_with_the_next_message() -> None:
    stream = TextStream()
    assert stream.receive_data(ADD[:60]) == []
    (lost,) = stream.receive_gap(100)
    assert (lost.error and lost.error.why) == "octets of the message are lost"
    found = stream.receive_data(b"more } } }\r\n" + REPLY)
    assert ids(found) == [None, 7]
    assert found[1].start >= 60 + 100


def test_the_end_inside_a_message_is_told() -> None:
    (found,) = read(ADD[:100], 100)
    assert isinstance(found.error, DecodeError)
    assert found.error.why == "the stream ends inside a message"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([b"{", b"}", b'"', b";", b"\n", b"L{", b"\\}", b"!/1 a ", b"T=1", b"x", ADD]), max_size=30)
)
def test_any_octets_are_accounted_for_once(parts: list[bytes]) -> None:
    octets = b"".join(parts)
    end = 0
    for each in read(octets, 3):
        assert end <= each.start <= each.end <= len(octets)
        end = each.end
