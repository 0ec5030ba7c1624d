"""json and ndjson: the schema in docs/ holds for what is written, and allows nothing else."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from analyzer.correlate.timeline import pack
from analyzer.model import CaptureInfo
from analyzer.report import FORMATS, Report
from analyzer.report.two_processes import FORK_FROM
from tests.analyzer.report.hand_made import HandMade, broken_dial_in, dial_in, dial_in_analysis, hostile, resaid

DOCS = Path(__file__).resolve().parents[3] / "docs"
SCHEMA = json.loads((DOCS / "report.schema.json").read_text())
DOCUMENT = jsonschema.Draft202012Validator(SCHEMA)
LINE = jsonschema.Draft202012Validator({**SCHEMA, "$ref": "#/$defs/line"})

ANALYSES = {
    "dial-in": dial_in_analysis(3),
    "hostile": HandMade([hostile()], captures=[CaptureInfo("x.pcap", "pcap", 1, None, None, "cut", {"block 9": 1})]),
    "broken": HandMade([broken_dial_in()]),
    "empty": HandMade([]),
}


def written(name: str, analysis: HandMade, **more: Any) -> bytes:
    out = BytesIO()
    FORMATS[name].load()(Report(analysis, iter(analysis.numbered()), version="0.1.0", **more), out)
    return out.getvalue()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", ANALYSES)
def test_the_document_fits_the_schema(name: str) -> None:
    document = json.loads(written("json", ANALYSES[name]))
    DOCUMENT.validate(document)
    assert list(document) == [
        "schema_version",
        "tool",
        "project_file",
        "captures",
        "coverage",
        "conferences",
        "sessions",
    ]
    assert len(document["sessions"]) == len(ANALYSES[name].found)


@pytest.mark.parametrize("name", ANALYSES)
def test_every_line_fits_the_schema(name: str) -> None:
    lines = [json.loads(line) for line in written("ndjson", ANALYSES[name]).splitlines()]
    for line in lines:
        LINE.validate(line)
    kinds = [line["record"] for line in lines]
    assert kinds[0] == "tool"
    assert kinds[-1] == "coverage"
    assert kinds.count("session") == len(ANALYSES[name].found)


def test_both_say_the_same() -> None:
    analysis = ANALYSES["dial-in"]
    document = json.loads(written("json", analysis))
    lines = [json.loads(line) for line in written("ndjson", analysis).splitlines()]
    sessions = [{k: v for k, v in line.items() if k != "record"} for line in lines if line["record"] == "session"]
    assert document["sessions"][0].pop("conference") == "c-0011223344"
    assert document["sessions"] == sessions
    assert document["coverage"] == {k: v for k, v in lines[-1].items() if k != "record"}


def test_two_processes_write_what_one_does() -> None:
    analysis = HandMade([dial_in(number % 7) for number in range(FORK_FROM + 1)])
    alone = written("json", analysis, jobs=1)
    assert written("json", analysis, jobs=2) == alone
    assert len(json.loads(alone)["sessions"]) == FORK_FROM + 1


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(each for child in value.values() for each in _objects(child))]
    return [each for child in value for each in _objects(child)] if isinstance(value, list) else []


COUNTERS = ("ignored", "messages", "undecrypted", "streams", "unlinked", "notes", "skipped")


def test_the_schema_allows_no_other_field() -> None:
    document = json.loads(written("json", ANALYSES["dial-in"]))
    coverage = document["coverage"]
    free = [id(coverage.get(name) or coverage["tls"].get(name)) for name in COUNTERS]
    free += [id(each["skipped"]) for each in document["captures"]]
    strict = [each for each in _objects(document) if id(each) not in free and each is not coverage["notes"]]
    assert len(strict) > 30
    for each in strict:
        if each in (coverage["tls"]["undecrypted"], coverage["notes"]):
            continue
        each["surprise"] = 1
        with pytest.raises(jsonschema.ValidationError):
            DOCUMENT.validate(document)
        del each["surprise"]
    DOCUMENT.validate(document)


def test_every_field_is_explained() -> None:
    text = (DOCS / "json.md").read_text()
    names: set[str] = set()
    for analysis in ANALYSES.values():
        for each in _objects(json.loads(written("json", analysis))):
            names.update(each)
    for counts in (each.coverage for each in ANALYSES.values()):
        for counter in (counts.ignored, counts.messages, counts.streams, counts.notes, counts.unlinked):
            names.difference_update(counter)
    codes = {code for analysis in ANALYSES.values() for session in analysis.found for code in session.results}
    assert [name for name in sorted(names - {"block 9"} - codes) if f"`{name}`" not in text] == []


def test_octets_that_are_no_utf8_are_escaped() -> None:
    (session,) = json.loads(written("json", ANALYSES["hostile"]))["sessions"]
    assert session["timeline"][0]["summary"] == "=1+1 \x1b[31m\r\n\\xff\u202e (MESSAGE)"
    assert session["first"] == "2026-01-01T12:00:00.000000000Z"


UNSEEN = "\u202e\u2028\u200b\ufeff\U000e0041"


def test_no_control_character_is_written_raw() -> None:
    """RFC 8259 section 7 asks to escape those below U+0020 only; DEL, C1 and bidirectional controls matter too."""
    analysis = dial_in_analysis(1)
    entries = analysis.found[0].entries()
    entries[0] = resaid(entries[0], "caf\u00e9 \u00b0 \x1b[1m \x7f \x9b31m \x80\udcff" + UNSEEN)
    analysis.found[0].signalling = pack(entries)
    for name in ("json", "ndjson"):
        text = written(name, analysis).decode()
        assert all(each.isprintable() or each == "\n" for each in text)
        assert (
            "caf\u00e9 \u00b0 \\u001b[1m \\u007f \\u009b31m \\u0080\\\\xff\\u202e\\u2028\\u200b\\ufeff\\udb40\\udc41"
            in text
        )
    (session,) = json.loads(written("json", analysis))["sessions"]
    assert session["timeline"][0]["summary"] == "caf\u00e9 \u00b0 \x1b[1m \x7f \x9b31m \x80\\xff" + UNSEEN


def test_identities_are_masked_unless_asked_for() -> None:
    """docs/decisions/0006-identities.md"""
    for name in ("json", "ndjson", "csv"):
        assert b"alice" not in written(name, ANALYSES["dial-in"])
    assert b'"identity":"sip:alice@ims.example.net"' in written("json", ANALYSES["dial-in"], identities=True)
