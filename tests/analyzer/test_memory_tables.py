"""Tables give back what they took: ends that were, and calls and terminations whose end never comes."""

from __future__ import annotations

from pathlib import Path

import hostile_captures as hostile
import pytest
from capture_variants import Packets, write_pcap

from analyzer.correlate import correlator
from analyzer.correlate.index import EndIndex
from analyzer.pipeline import Analysis, Options

HOUR = 3600 * 1000 * hostile.MS


def handed_out_early(packets: Packets, path: Path) -> tuple[int, int]:
    """How many sessions are handed out before the end of a capture, and how many in all; read in small blocks."""
    analysis = Analysis([str(write_pcap(path, packets))], Options(jobs=1))
    analysis.reader._block_octets = 4096
    early = total = 0
    for _ in analysis.sessions(early=True):
        total += 1
        if analysis.coverage.packets < len(packets):
            early = total
    return early, total


def test_index_forgets_ends_that_were() -> None:
    index: EndIndex[list[int]] = EndIndex()
    thing = [1]
    index.add(thing, ["a"], [("192.0.2.1", 7000)])
    index.add(thing, ["b", ""], [("192.0.2.1", 7001), ("", 1), ("192.0.2.1", 0)])
    assert index.by_session_id("a") == index.by_session_id("b") == index.by_port("192.0.2.1", 7000) == [thing]
    index.remove(thing)
    assert not index._by_session_id
    assert not index._by_port
    assert not index._keys
    index.remove(thing)


@pytest.mark.parametrize("case", [hostile.one_context, hostile.constant_identities])
def test_what_never_ends_leaves(case: object, tmp_path: Path) -> None:
    """After hours of silence, though neither BYE nor Subtract was captured."""
    packets = case(40)  # type: ignore[operator]
    later = [(time + 5 * HOUR, data) for time, data in hostile.repeated_request(200)]
    early, total = handed_out_early(packets + later, tmp_path / "idle.pcap")
    assert early == 40
    assert total >= 41


@pytest.mark.parametrize("case", [hostile.one_context, hostile.constant_identities])
def test_a_flood_of_openings_leaves(case: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlator, "MAX_OPEN", 50)
    early, total = handed_out_early(case(300), tmp_path / "flood.pcap")  # type: ignore[operator]
    assert total == 300
    assert early >= 200
