"""Byte-Range held against the octets, and messages in chunks (RFC 4975 sections 5.1 and 7.1.1)."""

from __future__ import annotations

import pytest

from analyzer.conversations.msrp_chunks import characters_of
from tests.analyzer.conversations.msrp_talk import LONG, SECOND, Talk


def ranged(span: str, body: str = "Hello", **more: str) -> Talk:
    return Talk().send(f"Byte-Range: {span}\r\n", body, **more).ok()


def chunk(talk: Talk, span: str, body: str, flag: str = "+") -> Talk:
    return talk.send(f"Byte-Range: {span}\r\n", body, flag=flag).ok()


@pytest.mark.parametrize("span", ["1-5/5", "1-*/5", "1-*/*", "1-5/*", "unreadable"])
def test_ranges_that_fit(span: str) -> None:
    assert ranged(span).over().kinds == []


def test_an_empty_body_is_1_to_0() -> None:
    assert ranged("1-0/0", "").over().kinds == []


def test_range_end() -> None:
    seen = ranged("1-4/5").over().only("range-end")
    assert (seen.direction, seen.frames) == (0, (1,))
    assert seen.detail == {"message_id": "m123", "start": 1, "announced": 4, "octets": 5}


def test_range_end_in_characters() -> None:
    """The known defect: characters are counted, not octets."""
    seen = ranged("1-5/*", "Grüße").over().only("range-end")
    assert seen.detail == {"message_id": "m123", "start": 1, "announced": 5, "octets": 7, "characters": 5}


def test_range_end_of_a_chunk_in_characters() -> None:
    talk = chunk(chunk(Talk(), "1-*/*", "Hello"), "6-10/*", "Grüße", "$").over()
    assert talk.only("range-end").detail["characters"] == 5


def test_who_gives_up_need_not_keep_to_the_range() -> None:
    assert ranged("1-9/9", flag="#").over().kinds == ["aborted"]


def test_range_total() -> None:
    seen = ranged("1-*/6").over().only("range-total")
    assert seen.detail == {"message_id": "m123", "announced": 6, "octets": 5}


def test_end_and_total_that_are_wrong_alike_are_one_fact() -> None:
    seen = ranged("1-5/5", "Grüße").over().only("range-total")
    assert seen.detail == {"message_id": "m123", "announced": 5, "octets": 7, "characters": 5}


def test_range_total_of_chunks() -> None:
    talk = chunk(chunk(Talk(), "1-*/10", "Grüße"), "8-*/10", "Grüße", "$").over()
    seen = talk.only("range-total")
    assert seen.frames == (3,)
    assert seen.detail == {"message_id": "m123", "announced": 10, "octets": 14, "characters": 10}


@pytest.mark.parametrize(("span", "start", "end"), [("1-5/4", 1, 5), ("6-*/4", 6, None)])
def test_range_beyond_total(span: str, start: int, end: int | None) -> None:
    talk = ranged(span, flag="+").over()
    assert talk.kinds == ["range-beyond-total"]
    assert talk.seen[0].detail == {"message_id": "m123", "start": start, "end": end, "total": 4}


def test_chunk_lost() -> None:
    talk = chunk(chunk(Talk(), "1-*/15", "Hello"), "11-15/15", "again", "$").wait().over()
    seen = talk.only("chunk-lost")
    assert seen.frames == (3, 1)
    assert seen.detail == {"message_id": "m123", "octets": 10, "missing": 5}


def test_the_first_chunk_lost() -> None:
    talk = chunk(Talk(), "6-10/10", "again", "$").over(finished=(True, False))
    assert talk.only("chunk-lost").detail["missing"] == 5


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(chunk(Talk().lose(0), "6-10/10", "again", "$").wait().over(), id="begun before the capture"),
        pytest.param(
            chunk(chunk(Talk(), "1-*/15", "Hello").lose(0), "11-15/15", "again", "$").wait().over(), id="a gap between"
        ),
        pytest.param(
            chunk(chunk(Talk(), "1-*/15", "Hello"), "11-15/15", "again", "$").over(), id="the capture ends at once"
        ),
        pytest.param(
            chunk(chunk(chunk(Talk(), "1-*/15", "Hello"), "11-15/15", "again", "$"), "6-10/15", "World").wait().over(),
            id="it comes last",
        ),
    ],
)
def test_chunk_lost_is_not_observed(talk: Talk) -> None:
    assert talk.kinds == []


def test_chunk_overlap() -> None:
    talk = chunk(chunk(Talk(), "1-*/8", "Hello"), "4-8/8", "World", "$").over()
    seen = talk.only("chunk-overlap")
    assert seen.frames == (1, 3)
    assert seen.detail == {"message_id": "m123", "twice": 2}


def test_a_whole_message_sent_again_is_no_overlap() -> None:
    assert chunk(chunk(Talk(), "1-5/5", "Hello", "$"), "1-5/5", "Hello", "$").over().kinds == []


def test_unfinished() -> None:
    seen = chunk(Talk(), "1-*/15", "Hello").wait().over().only("unfinished")
    assert seen.frames == (1,)
    assert seen.detail == {"message_id": "m123", "octets": 5, "waited": LONG + SECOND}
    assert chunk(Talk(), "1-*/15", "Hello").over(finished=(True, False)).kinds == ["unfinished"]


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(chunk(Talk(), "1-*/15", "Hello").over(), id="the capture ends"),
        pytest.param(chunk(Talk(), "1-*/15", "Hello").over(finished=(False, True)), id="the other side ends"),
        pytest.param(chunk(Talk(), "1-*/15", "Hello").lose(0).wait().over(), id="the rest may be in a gap"),
    ],
)
def test_unfinished_is_not_observed(talk: Talk) -> None:
    assert talk.kinds == []


def test_aborted() -> None:
    talk = chunk(chunk(Talk(), "1-*/15", "Hello"), "6-*/15", "Wo", "#").wait().over()
    seen = talk.only("aborted")
    assert seen.frames == (3, 1)
    assert seen.detail == {"message_id": "m123", "octets": 7}


@pytest.mark.parametrize(
    ("body", "characters"),
    [(b"", 0), (b"abc", 3), ("Grüße".encode(), 5), ("€😀".encode(), 2), ("ü".encode()[1:], 0), (None, None)],
)
def test_characters(body: bytes | None, characters: int | None) -> None:
    assert characters_of(body) == characters
