"""csv: one row per message, harmless in a spreadsheet."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO

import pytest

from analyzer.report import Report
from analyzer.report.csv_report import COLUMNS, FINDING_COLUMNS, safe_cell, write_csv, write_findings_csv
from tests.analyzer.report.hand_made import HandMade, broken_dial_in, dial_in_analysis, hostile


def rows(analysis: HandMade) -> list[list[str]]:
    out = BytesIO()
    write_csv(Report(analysis, iter(analysis.numbered())), out)
    assert not out.closed
    return list(csv.reader(StringIO(out.getvalue().decode(), newline="")))


def test_one_row_per_message() -> None:
    header, *lines = rows(dial_in_analysis(1))
    assert tuple(header) == COLUMNS
    assert len(lines) == 12
    assert lines[0] == [
        *("s-1a2b3c4d5e", "message", "ok", "ended", "c-0011223344", "2026-01-01T12:00:00.000000000Z", "1 2", "sip"),
        *("203.0.113.5:5060", "198.51.100.1:5060", "UE", "P-CSCF/IMS-ALG", "INVITE, SDP offer", ""),
    ]


def test_formulas_and_control_characters_are_made_harmless() -> None:
    (_, line) = rows(HandMade([hostile()]))
    assert line[12] == "'=1+1 \\x1b[31m\\r\\n\\xff\\u202e (MESSAGE)"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1", "'=1"),
        ("+49", "'+49"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\t=1", "\\t=1"),
        ("\u200b=1", "\\u200b=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\u3000=1", "\\u3000=1"),
        ("200 OK", "200 OK"),
        ("", ""),
    ],
)
def test_safe_cell(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


def test_an_empty_analysis_is_a_header() -> None:
    assert rows(HandMade([])) == [list(COLUMNS)]


def finding_rows(analysis: HandMade) -> list[list[str]]:
    out = BytesIO()
    write_findings_csv(Report(analysis, iter(analysis.numbered())), out)
    assert not out.closed
    return list(csv.reader(StringIO(out.getvalue().decode(), newline="")))


def test_one_row_per_finding() -> None:
    header, *lines = finding_rows(HandMade([broken_dial_in()]))
    assert tuple(header) == FINDING_COLUMNS
    assert [line[4] for line in lines] == ["TCP-6", "TCP-3", "SEND-4", "GEN-3"]
    assert lines[0] == [
        *("s-1a2b3c4d5e", "tcp-dial-in", "failed", "error", "TCP-6", "TS 23.333 clause 6.2.20.1 step 6"),
        *("The answer came 3 ms before the Add reply.", "6 7", "the answer after the reply"),
        *("the answer 3.0 ms earlier", "See what the MRFC acted on.", "likely", "TCP-5"),
    ]


def test_messages_name_the_step_that_they_fulfil() -> None:
    _, *lines = rows(HandMade([broken_dial_in()]))
    assert [line[13] for line in lines[:4]] == ["TCP-1", "", "TCP-2", "TCP-2"]
