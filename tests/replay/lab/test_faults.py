"""`--fault ROW` gives the finding of that row, in every session that it concerns, and only what the table names beside.

All are played at once, each at loopback addresses of its own.
"""

from __future__ import annotations

import asyncio
import os
import time
from io import BytesIO
from pathlib import Path

import pytest
from judged import Judged, judge_files

from analyzer.keys.keys_file import read_keys
from analyzer.keys.ring import KeyRing
from replay.edge.recorder import Recorder
from replay.kms import FAULTS as KMS_FAULTS
from replay.lab.faults import ALONE, BESIDE, ELSEWHERE, FAULTS, NOT_SHOWN, with_faults
from replay.lab.keys import draw_keys
from replay.lab.log import LabLog
from replay.lab.play import Played, play, shown
from replay.lab.scenarios import Scenario, find_scenario
from replay.mrfc import FAULTS as MRFC_FAULTS
from replay.mrfp import FAULTS as MRFP_FAULTS
from replay.ue import FAULTS as UE_FAULTS

AT_ONCE = 10


def scenario_of(row: str) -> Scenario:
    scenario = find_scenario(FAULTS[row].scenario)
    assert scenario is not None
    return with_faults(scenario, [row])


class Runs:
    """What came of every fault."""

    def __init__(self, folder: Path) -> None:
        self.played: dict[str, Played] = {}
        self.captures: dict[str, Path] = {}
        self.rings: dict[str, KeyRing] = {}
        asyncio.run(self._play_all(folder))

    def judged(self, row: str) -> Judged:
        return judge_files([self.captures[row]], keys=self.rings[row])

    async def _play_all(self, folder: Path) -> None:
        few = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, row: str) -> None:
            async with few:
                await self._play(folder, row, os.getpid() * len(FAULTS) + number)

        await asyncio.gather(*(one(number, row) for number, row in enumerate(FAULTS)))

    async def _play(self, folder: Path, row: str, net: int) -> None:
        scenario = scenario_of(row)
        keys, out = draw_keys(shown(scenario)), BytesIO()
        recorder = Recorder(out, time.time_ns)
        log = LabLog(quiet=True)
        self.played[row] = await play(scenario, keys, log, faults=frozenset({row}), recorder=recorder, net=net)
        capture = folder / f"{row}.pcapng"
        capture.write_bytes(out.getvalue())
        self.rings[row] = KeyRing(read_keys(keys.text(), folder / "keys.toml").keys)
        self.captures[row] = capture


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("row", FAULTS)
def test_the_finding_of_the_row(row: str, runs: Runs) -> None:
    sessions = runs.judged(row).sessions
    expected = sorted({row} | FAULTS[row].beside)
    found = [sorted({each.code for each in session.findings}) for session in sessions]
    assert found == [expected] * scenario_of(row).participants, runs.played[row]


def test_every_row_that_a_function_can_break_is_shown_or_named_as_not_shown() -> None:
    assert FAULTS.keys() | NOT_SHOWN.keys() == {*UE_FAULTS, *MRFC_FAULTS, *MRFP_FAULTS, *KMS_FAULTS}
    assert not FAULTS.keys() & NOT_SHOWN.keys()
    assert {*ELSEWHERE, *BESIDE, *ALONE} <= FAULTS.keys()
    assert all(find_scenario(fault.scenario) is not None for fault in FAULTS.values())
