"""A scenario of the lab, played with real sockets on loopback and recorded, with the keys that open it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from analyzer.keys.keys_file import read_keys
from analyzer.keys.ring import KeyRing
from replay.edge.recorder import Recorder
from replay.lab.faults import endings_of
from replay.lab.keys import draw_keys
from replay.lab.log import LabLog
from replay.lab.play import Played, play, shown
from replay.lab.scenarios import Scenario


@dataclass(frozen=True)
class Recording:
    """What came of a scenario."""

    played: Played
    capture: Path
    ring: KeyRing


async def record(scenario: Scenario, capture: Path, net: int, faults: frozenset[str] = frozenset()) -> Recording:
    """Play it, these rows broken, at loopback addresses told apart by `net`; the recording is written to `capture`."""
    keys, out = draw_keys(shown(scenario)), BytesIO()
    played = await play(
        scenario,
        keys,
        LabLog(quiet=True),
        faults=faults,
        demanded=endings_of(faults),
        recorder=Recorder(out, time.time_ns),
        net=net,
    )
    capture.write_bytes(out.getvalue())
    return Recording(played, capture, KeyRing(read_keys(keys.text(), capture.with_name("keys.toml")).keys))
