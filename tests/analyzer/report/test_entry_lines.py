"""The quick way to write a timeline as JSON gives the octets of the general one, whatever the lines say."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.correlate.nodes import NodeTable
from analyzer.model import TimelineEntry
from analyzer.report.json_report import dumps
from analyzer.report.records import entry_lines, entry_records
from tests.analyzer.report.hand_made import MRFC, PROXY, ROLES, START, UE, entry, flow

FLOWS = [
    flow(f"{UE}:5060", f"{PROXY}:5060"),
    flow(f"{PROXY}:5060", f"{MRFC}:5060"),
    flow("[2001:db8::1]:2855", "[2001:db8::2]:2855", 6),
]
NODES = NodeTable(ROLES)
PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'))
TIMES = st.one_of(st.integers(0, 1 << 63), st.integers(START, START + 3_000_000_000))


def lines(summaries: st.SearchStrategy[str]) -> st.SearchStrategy[list[TimelineEntry]]:
    one = st.builds(
        TimelineEntry,
        TIMES,
        st.lists(st.integers(1, 1 << 40), max_size=3).map(tuple),
        st.sampled_from(["sip", "h248", "tcp", "tls", "msrp"]),
        st.sampled_from(FLOWS),
        summaries,
        st.sampled_from([None, "TCP-1", 'a"b']),
    )
    return st.lists(one, max_size=5).map(lambda found: sorted(found, key=lambda each: each.time))


def written(entries: list[TimelineEntry]) -> tuple[bytes, bytes]:
    return dumps({"timeline": entry_lines(entries, NODES)}), dumps({"timeline": entry_records(entries, NODES)})


@given(lines(PLAIN))
def test_plain_lines(entries: list[TimelineEntry]) -> None:
    quick, general = written(entries)
    assert quick == general


@given(lines(st.text(st.characters(exclude_categories=()))))
def test_any_lines(entries: list[TimelineEntry]) -> None:
    quick, general = written(entries)
    assert quick == general


@pytest.mark.parametrize("text", ['say "hi"', "back\\slash", "tab\t", "caf\u00e9", "\x7f", "\udcff"])
def test_what_needs_escapes_takes_the_general_way(text: str) -> None:
    assert isinstance(entry_lines([entry(0, 1, "sip", FLOWS[0], text)], NODES), list)


def test_usual_lines_take_the_quick_way() -> None:
    assert isinstance(entry_lines([entry(0, 1, "sip", FLOWS[0], "INVITE, SDP offer")], NODES), orjson.Fragment)
