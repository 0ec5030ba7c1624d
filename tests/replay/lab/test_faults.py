"""`--fault ROW` gives the finding of that row, in every session that it concerns, and only what the table names beside.

All are played at once, each at loopback addresses of its own; tshark reads what was recorded.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from judged import Judged, judge_files
from lab_recording import Recording, record
from oracles import tshark_fields

from analyzer.checks import CHECKS
from analyzer.conformance import requirements
from analyzer.flows import FLOWS
from analyzer.suite import OURS, Suite
from replay.kms import FAULTS as KMS_FAULTS
from replay.lab.ending import Ending
from replay.lab.faults import BESIDE, ELSEWHERE, ENDINGS, FAULTS, NOT_BREAKABLE, endings_of, with_faults
from replay.lab.scenarios import Scenario, find_scenario
from replay.mrfc import FAULTS as MRFC_FAULTS
from replay.mrfp import FAULTS as MRFP_FAULTS
from replay.ue import FAULTS as UE_FAULTS

AT_ONCE = 10
UNDISTURBED = {"MRFP-TLS-2": 1}
"Sessions that the row does not concern: the first leg has no other one to share its key with."
TROUBLE = "_ws.malformed || _ws.expert.severity == 0x00800000"
"Malformed packets, and expert information of severity error."


def scenario_of(row: str) -> Scenario:
    scenario = find_scenario(FAULTS[row].scenario)
    assert scenario is not None
    return with_faults(scenario, [row])


Runs = dict[str, Recording]
"""What came of every fault, by its row."""


async def _record_all(folder: Path) -> Runs:
    few = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, row: str) -> Recording:
        async with few:
            net = os.getpid() * len(FAULTS) + number
            return await record(scenario_of(row), folder / f"{row}.pcapng", net, frozenset({row}))

    return dict(zip(FAULTS, await asyncio.gather(*(one(*each) for each in enumerate(FAULTS))), strict=True))


def _judged(made: Recording) -> Judged:
    return judge_files([made.capture], keys=made.ring)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return asyncio.run(_record_all(tmp_path_factory.mktemp("faults")))


@pytest.mark.parametrize("row", FAULTS)
def test_the_finding_of_the_row(row: str, runs: Runs) -> None:
    sessions = _judged(runs[row]).sessions
    expected = sorted({row} | FAULTS[row].beside)
    free = UNDISTURBED.get(row, 0)
    found = [sorted({each.code for each in session.findings}) for session in sessions]
    assert found == [[]] * free + [expected] * (scenario_of(row).participants - free), runs[row].played


@pytest.mark.parametrize("row", FAULTS)
def test_it_ends_as_the_fault_demands(row: str, runs: Runs) -> None:
    played = runs[row].played
    assert played.as_demanded, played.what
    assert (Ending.THROUGH in endings_of([row])) == played.what.startswith("went through, 2 participants heard ")


def test_tshark_reads_what_was_recorded(runs: Runs) -> None:
    """No malformed packet and no expert information of severity error, whatever is broken."""
    with ThreadPoolExecutor(2) as both:
        read = both.map(lambda row: tshark_fields(runs[row].capture, TROUBLE, ["frame.number"]), FAULTS)
        found = dict(zip(FAULTS, read, strict=True))
    assert {row: frames for row, frames in found.items() if frames} == {}


def test_every_row_with_a_check_is_broken_or_named_as_not_breakable() -> None:
    """Whatever row of the requirements the analyzer judges."""
    assert FAULTS.keys() == {*UE_FAULTS, *MRFC_FAULTS, *MRFP_FAULTS, *KMS_FAULTS}
    suite = Suite()
    suite.add(CHECKS, FLOWS, OURS)
    judged = requirements().keys() & suite.rules.keys()
    assert judged == FAULTS.keys() | NOT_BREAKABLE.keys()
    assert not FAULTS.keys() & NOT_BREAKABLE.keys()
    assert {*ELSEWHERE, *BESIDE, *ENDINGS} <= FAULTS.keys()
    assert all(find_scenario(fault.scenario) is not None for fault in FAULTS.values())
