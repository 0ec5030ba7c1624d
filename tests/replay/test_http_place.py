"""A place where HTTP requests are answered: one by one, and not without end."""

from __future__ import annotations

from collections.abc import Sequence

from dissectors.http import HttpMessage
from replay.events import Accepted, Close, Received, Send, Wish
from replay.http_place import AT_ONCE, Answer, HttpPlace

PLACE = ("127.0.0.1", 9100)


def answer(request: HttpMessage) -> Answer:
    return 200, "OK", "text/plain", request.target.encode(), ""


def asked(*counts: int) -> list[Sequence[Wish]]:
    """What the place wishes at each of the pieces with so many requests."""
    place = HttpPlace(PLACE, answer)
    place.receive(Accepted(-1, PLACE, PLACE), 0.0)
    pieces = [b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(count)) for count in counts]
    return [place.receive(Received(-1, piece), 0.0) for piece in pieces]


def test_requests_of_one_piece_are_answered_in_order() -> None:
    for wishes in asked(AT_ONCE - 1, AT_ONCE - 1):
        answers = [wish.data for wish in wishes if isinstance(wish, Send)]
        assert [each.partition(b"\r\n\r\n")[2] for each in answers] == [b"/%d" % n for n in range(AT_ONCE - 1)]
        assert not any(isinstance(wish, Close) for wish in wishes)


def test_after_too_many_in_one_piece_the_connection_is_closed() -> None:
    """RFC 9112 section 9.3.2: what was not answered the client asks again."""
    first, after = asked(10 * AT_ONCE, 1)
    assert sum(isinstance(wish, Send) for wish in first) == AT_ONCE
    assert [wish for wish in first if isinstance(wish, Close)] == [Close(-1)]
    assert not any(isinstance(wish, Send) for wish in after)
