"""Whether a scenario ended as it should is said honestly, by words and by exit code."""

from __future__ import annotations

import asyncio
import os

import pytest

from replay.lab.ending import Ending
from replay.lab.keys import draw_keys
from replay.lab.log import LabLog
from replay.lab.play import Played, play, shown
from replay.lab.scenarios import find_scenario
from tests.analyzer.cli.processes import mrfscope, needs_command, refused


def played(name: str, rows: frozenset[str], demanded: frozenset[Ending] = frozenset()) -> Played:
    scenario = find_scenario(name)
    assert scenario is not None
    keys, log = draw_keys(shown(scenario)), LabLog(quiet=True)
    return asyncio.run(play(scenario, keys, log, faults=rows, demanded=demanded, net=os.getpid() * 3))


@pytest.mark.parametrize(
    ("name", "rows", "ending", "what"),
    [
        ("tcp-dial-in", (), Ending.THROUGH, "went through, 2 participants heard 3 messages"),
        (
            "tcp-dial-in",
            ("MRFP-1",),
            Ending.REFUSED,
            "alice is out: 500 Server Internal Error: MRFP gave no address and path, bob is out: 500 Server",
        ),
        ("tcp-refused", (), Ending.ENDED, "the MRFC ended the call"),
        ("tcp-refused", ("TCP-F",), Ending.SILENT, "alice is in a call without MSRP"),
    ],
)
def test_each_end_is_as_demanded_only_where_it_is_demanded(
    name: str, rows: tuple[str, ...], ending: Ending, what: str
) -> None:
    others = frozenset(Ending) - {ending}
    for demanded, good in ((frozenset({ending}), True), (others, False)):
        found = played(name, frozenset(rows), demanded)
        assert (found.as_demanded, found.what.startswith(what)) == (good, True)


@needs_command
def test_exit_codes() -> None:
    """A fault that ends otherwise than the scenario is no failure of the command; wrong usage is."""
    done = mrfscope("lab", "run", "tcp-dial-in", "--fault", "MRFP-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tcp-dial-in with MRFP-1 broken: alice is out: 500 ")
    said = refused("lab", "run", "e2e-dial-in", "--fault", "TLS-2", code=2)
    assert "TLS-2 cannot be broken in the lab: " in said
