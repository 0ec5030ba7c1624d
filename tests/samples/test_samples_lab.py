"""The samples of the lab: rebuilt octet for octet, a twin for each row, and what the lab does with real sockets."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from judged import Judged, judge_files
from lab_recording import record
from oracles import tshark_fields

from analyzer.keys.keys_file import read_keys
from analyzer.keys.ring import KeyRing
from replay.lab.faults import BESIDE, FAULTS
from replay.lab.scenarios import find_scenario
from samples import build
from samples.virtual.description import LabSampleError, load
from samples.virtual.play import play

LAB = sorted(path.parent for path in build.FOLDER.glob("*/lab.toml"))
GOOD = [folder for folder in LAB if not build.is_twin(folder.name)]
VARIANTS = {"no-cema", "refused", "tls-failed", "second"}
"Twins that break no row."
FLOWS = ("tcp-dial-in", "tcp-dial-out", "e2e-dial-in", "e2e-dial-out")


def described(name: str) -> Path:
    return build.FOLDER / name / "lab.toml"


def judged(folder: Path, tmp_path: Path) -> Judged:
    made = play(load(folder / "lab.toml"))
    capture, keys = tmp_path / "capture.pcapng", tmp_path / "keys.toml"
    capture.write_bytes(build.octets_of(folder))
    return judge_files([capture], keys=KeyRing(read_keys(made.keys.text(), keys).keys))


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_what_is_kept_is_what_the_lab_makes(folder: Path) -> None:
    """After a change: `make samples`."""
    made = build.made(folder)
    assert made.capture == (folder / "capture.pcapng").read_bytes()
    keys = folder / "keys.toml"
    assert made.keys == (keys.read_text() if keys.exists() else "")
    assert bool(made.keys) == folder.name.startswith("e2e")


def test_every_row_that_the_lab_breaks_has_a_twin() -> None:
    rows = {folder.name.partition("--")[2] for folder in LAB if build.is_twin(folder.name)}
    assert rows == FAULTS.keys() | VARIANTS


@pytest.mark.parametrize("folder", [each for each in LAB if build.is_twin(each.name)], ids=lambda folder: folder.name)
def test_a_twin_breaks_its_row_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    row = folder.name.partition("--")[2]
    if row in VARIANTS:
        return
    assert load(folder / "lab.toml").faults == {row}
    found = [[each.code for each in session.findings] for session in judged(folder, tmp_path).sessions]
    assert found[-1] == sorted({row, *BESIDE.get(row, ())})
    assert not any(found[:-1])


@pytest.mark.parametrize(
    ("name", "differing"),
    [("TCP-3", 1), ("OFFER-6", 1), ("TCP-6", 1), ("TCP-1", 1), ("GEN-3", 1), ("TCP-4", 2)],
)
def test_a_twin_differs_in_the_packets_of_its_fault_alone(name: str, differing: int) -> None:
    """Chance is the same for both, and so is every other packet."""
    base, twin = (play(load(described(each))).packets for each in ("tcp-dial-in", f"tcp-dial-in--{name}"))
    assert [each.time for each in base] == [each.time for each in twin]
    assert sum(one.data != other.data for one, other in zip(base, twin, strict=True)) == differing


@pytest.mark.parametrize("name", FLOWS)
def test_the_lab_with_real_sockets_says_the_same(name: str, tmp_path: Path) -> None:
    """Flow, verdict and steps of a sample are those of a run of `mrfscope lab run`, with TLS of OpenSSL."""
    scenario = find_scenario(name)
    assert scenario is not None
    made = asyncio.run(record(scenario, tmp_path / "real.pcapng", os.getpid() * 5))
    real = judge_files([made.capture], keys=made.ring).sessions[0]
    sample = judged(build.FOLDER / name, tmp_path).only
    assert said(sample) == said(real)
    assert sample.findings == []


def said(session: Any) -> tuple[Any, ...]:
    return session.flow, session.verdict, {each.id: each.status for each in session.steps}


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_tshark_finds_nothing_wrong(folder: Path) -> None:
    trouble = "_ws.malformed || _ws.expert.severity == 0x00800000"
    assert tshark_fields(folder / "capture.pcapng", trouble, ["frame.number"]) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('base = "tcp-dial-in"\ncolour = 1\n', "colour: not known"),
        ('base = "tcp-dial-in"\n[[words]]\nat = 1.0\nwho = "zoe"\nsays = "x"\n', "'zoe'"),
        ('base = "nothing"\n', "nothing"),
        ('base = "tcp-dial-in"\n[[participant]]\nname = "alice"\n', "leaves"),
    ],
)
def test_a_description_that_cannot_be_meant_is_refused(text: str, said: str, tmp_path: Path) -> None:
    base = tmp_path / "tcp-dial-in"
    base.mkdir()
    (base / "lab.toml").write_bytes(described("tcp-dial-in").read_bytes())
    path = tmp_path / "twin" / "lab.toml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(LabSampleError, match=said):
        load(path)
