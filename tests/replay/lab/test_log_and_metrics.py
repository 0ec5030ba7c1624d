"""What strangers can make the lab write, and what the metrics page answers."""

from __future__ import annotations

import io
import json

import pytest

from replay.events import Accepted, Datagram, Listen, Note, Received, Send
from replay.lab.log import LabLog
from replay.lab.metrics import Metered, Metrics, MetricsPage

PLACE = ("127.0.0.1", 9100)


def test_of_very_many_notes_of_a_kind_the_number_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    second = 5.0
    monkeypatch.setattr("time.monotonic", lambda: second)
    out = io.StringIO()
    log = LabLog(out=out)
    for number in range(1000):
        log.note("kms", Note("connection closed", {"number": number}))
    log.note("mrfc", Note("something else"))
    second = 6.0
    log.note("kms", Note("connection closed", {"number": 1000}))
    for _ in range(150):
        log.note("kms", Note("connection closed"))
    log.finish()
    lines = [line[14:] for line in out.getvalue().splitlines()]
    assert lines[:100] == [f"kms     connection closed  number={number}" for number in range(100)]
    assert lines[100:103] == [
        "mrfc    something else",
        "kms     connection closed  not written=900",
        "kms     connection closed  number=1000",
    ]
    assert lines[103:] == ["kms     connection closed"] * 99 + ["kms     connection closed  not written=51"]


@pytest.mark.parametrize("as_json", [False, True])
def test_what_strangers_say_is_one_line_that_no_terminal_acts_upon(as_json: bool) -> None:
    said = "a\x1b[2J\r\nb\x7f\x9b\u202e\u2028\udcff"
    out = io.StringIO()
    LabLog(out=out, as_json=as_json).note("mrfc", Note("refused", {"why": said}))
    (line,) = out.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    if as_json:
        assert json.loads(line)["details"] == {"why": said}
    else:
        assert line[14:] == "mrfc    refused  why=a\\x1b[2J\\r\\nb\\x7f\\x9b\\u202e\\u2028\\xff"


class Silent:
    """A core that wishes for nothing."""

    name = "mrfp"

    def start(self, now: float) -> list[Listen]:
        return []

    receive = stop = lambda self, *more: []


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /metrics HTTP/1.1", b"200 OK"),
        ("GET /metrics?name[]=x HTTP/1.1", b"200 OK"),
        ("GET /secrets HTTP/1.1", b"404 Not Found"),
        ("POST /metrics HTTP/1.1", b"405 Method Not Allowed"),
    ],
)
def test_the_page(request_line: str, status: bytes) -> None:
    metrics = Metrics(PLACE)
    Metered(Silent(), metrics).receive(Datagram(PLACE, PLACE, b"12345"), 0.0)
    page = MetricsPage(metrics)
    assert list(page.start(0.0)) == [Listen(PLACE)]
    page.receive(Accepted(-1, PLACE, PLACE), 0.0)
    (sent,) = [
        wish for wish in page.receive(Received(-1, f"{request_line}\r\n\r\n".encode()), 0.0) if isinstance(wish, Send)
    ]
    assert sent.data.startswith(b"HTTP/1.1 %b\r\n" % status)
    assert (b'mrfscope_lab_octets_total{direction="received",function="mrfp"} 5.0\n' in sent.data) == (
        status == b"200 OK"
    )
