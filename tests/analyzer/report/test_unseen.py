"""No format writes a character that a terminal acts upon or does not show, wherever a capture or a user put it."""

from __future__ import annotations

import csv
import json
from io import BytesIO, StringIO
from typing import Any
from xml.etree import ElementTree

import pytest

from analyzer.conversations.connection import Connection, ConnectionPart
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.tls_facts import TlsFacts
from analyzer.correlate.session import Conference, Participant, Session
from analyzer.correlate.timeline import pack
from analyzer.findings import Finding, Result, Severity, Status, not_observable
from analyzer.model import CaptureInfo, Confidence, Coverage, Gap, Link, Undecoded
from analyzer.report import FORMATS, Report
from analyzer.report.csv_report import FORMULA
from analyzer.report.printable import is_printable
from tests.analyzer.report.hand_made import START, HandMade, broken_dial_in, entry, flow

UNSEEN = "\u202e\u2066\u2028\u2029\u200b\u200d\u2060\ufeff\u061c\xad\u180e\x7f\x9b\x1b\ufff9\U000e0041\u3164\ufe0f"
ESCAPES = (
    *("\\u202e", "\\u2066", "\\u2028", "\\u2029", "\\u200b", "\\u200d", "\\u2060", "\\ufeff", "\\u061c"),
    *("\\u180e", "\\ufff9", "\\u3164", "\\ufe0f"),
)
"As text, CSV and JUnit, and as JSON write them; the others they write differently."


def marked(text: str) -> str:
    return f"={text}{UNSEEN}"


def session() -> Session:
    found = broken_dial_in()
    way = flow("192.0.2.1:2855", "192.0.2.2:2855", 6)
    found.state = marked("state")
    found.participants = [Participant(marked("UE"), "192.0.2.1", f"sip:{marked('alice')}@{marked('host')}")]
    found.offered = [MediaEnd("192.0.2.1", 1, marked("m"), marked("p"), (f"msrp://h:1/{marked('s')};tcp",), "x", "y")]
    found.links = [Link(marked("link"), marked("reason"), Confidence.POSSIBLE)]
    found.signalling = pack([entry(0, 1, "sip", flow("192.0.2.1:5060", "192.0.2.2:5060"), marked("INVITE"))])
    told = (marked("message"), (1,), marked("expected"), marked("actual"), marked("hint"))
    found.findings = [Finding("SIP-4XX", marked("clause"), Severity.ERROR, *told)]
    found.results = {"SIP-4XX": Result(Status.FAILED, findings=tuple(found.findings)), "X": not_observable(UNSEEN)}
    connection = Connection(way, flow("192.0.2.2:2855", "192.0.2.1:2855", 6), START, START)
    connection.tls = TlsFacts(
        explanation=marked("why"),
        psk_identity=marked("identity").encode(),
        psk_hint=marked("hint").encode(),
        server_name=marked("name"),
        key=marked("key"),
    )
    found.connections = [ConnectionPart(connection, set())]
    return found


def analysis() -> HandMade:
    coverage = Coverage(packets=9)
    for counter in (coverage.ignored, coverage.messages, coverage.streams, coverage.notes, coverage.unlinked):
        counter[marked("count")] = 1
    coverage.unlinked_list = [marked("unlinked")]
    coverage.keys = [(marked("key"), 0, 1)]
    coverage.add_undecoded(Undecoded("sip", 1, 1, marked("undecoded")))
    coverage.add_gap(Gap("192.0.2.1:1 > 192.0.2.2:2", 1, 1))
    captures = [CaptureInfo(marked("a.pcap"), "pcap", 9, START, START, marked("damage"), {marked("block"): 1})]
    found = session()
    conferences = [Conference("c-0011223344", f"sip:{marked('chat')}@conf.example.net", [found.id])]
    return HandMade([found], captures=captures, coverage=coverage, conferences=conferences)


def written(name: str, **more: Any) -> str:
    out = BytesIO()
    made = analysis()
    report = Report(made, iter(made.numbered()), version="0.1.0", selection=marked("f"), limits=marked("l"), **more)
    FORMATS[name].load()(report, out)
    return out.getvalue().decode()


@pytest.mark.parametrize("identities", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_nothing_unseen_is_written(name: str, identities: bool) -> None:
    text = written(name, identities=identities, verbosity=1)
    assert sorted({each for each in text if not is_printable(each)} - {"\n", "\r"}) == []
    assert [each for each in ESCAPES if each not in text] == []


@pytest.mark.parametrize("name", ["json", "ndjson"])
def test_json_means_what_was_sent(name: str) -> None:
    text = written(name, identities=True)
    records = [json.loads(text)] if name == "json" else [json.loads(line) for line in text.splitlines()]
    found = records[0]["sessions"][0] if name == "json" else records[1]
    assert found["state"] == marked("state")
    assert found["participants"][0]["identity"] == f"sip:{marked('alice')}@{marked('host')}"
    assert found["tls"]["psk_identity"] == marked("identity")
    assert found["timeline"][0]["summary"] == marked("INVITE")


@pytest.mark.parametrize("name", ["csv", "csv-findings"])
def test_no_cell_is_a_formula(name: str) -> None:
    rows = list(csv.reader(StringIO(written(name), newline="")))
    assert len(rows) > 1
    assert [cell for row in rows for cell in row if cell.lstrip().startswith(FORMULA)] == []


def test_junit_stays_xml() -> None:
    assert ElementTree.fromstring(written("junit")).tag == "testsuites"  # noqa: S314: our own
