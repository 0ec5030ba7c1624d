"""A lane that takes MSRP pieces before they become events finds what one finds that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from capture_variants import SHARED, VARIANTS, read_packets, write_pcap

from analyzer.capture.reader import open_captures
from analyzer.streams.lane import Lane
from dissectors.msrp import Glance, MsrpStream

ROOT = Path(__file__).resolve().parents[3]
CAPTURES = {
    "tcp-dial-in": ROOT / "samples" / "tcp-dial-in" / "capture.pcapng",
    "msrp-node-lib": SHARED / "msrp-node-lib.pcapng",
}


def connections_of(path: Path) -> tuple[list[Any], Any]:
    lane = Lane()
    outputs = [lane.feed(block) for block in open_captures([str(path)]).blocks()]
    outputs.append(lane.finish())
    # `marshal` writes equal rows in several ways: which objects are the same one shows in its octets.
    connections = [each for output in outputs for each in output.connections]
    return [(each.to_wire()[:-1], each.rows) for each in connections], lane.coverage


def counted(glance: Callable[..., Glance | None], taken: list[Glance]) -> Callable[..., Glance | None]:
    def count(stream: MsrpStream, data: bytes) -> Glance | None:
        found = glance(stream, data)
        taken.extend([found] if found is not None else [])
        return found

    return count


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", CAPTURES)
def test_the_same_without_glances(name: str, variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not CAPTURES[name].exists():
        pytest.skip(f"{CAPTURES[name].name} is not there")
    change, linktype = VARIANTS[variant]
    path = write_pcap(tmp_path / "changed.pcap", change(read_packets(CAPTURES[name])), linktype)
    taken: list[Glance] = []
    monkeypatch.setattr(MsrpStream, "receive_glance", counted(MsrpStream.receive_glance, taken))
    quick = connections_of(path)
    monkeypatch.setattr(MsrpStream, "receive_glance", lambda stream, data: None)
    assert connections_of(path) == quick
    assert taken
