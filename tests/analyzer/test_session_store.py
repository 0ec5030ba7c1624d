"""Sessions that wait in a file come back as they were: every report has the same octets wherever they waited."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import hostile_captures as hostile
import pytest
from capture_variants import Packets, write_pcap

from analyzer.checks import CHECKS
from analyzer.correlate.session import Session
from analyzer.findings import ELSEWHERE, NOT_IN_FLOW
from analyzer.flows import FLOWS
from analyzer.judge import Judge
from analyzer.pipeline import Analysis, Options
from analyzer.report import FORMATS, Report, json_report, tables
from analyzer.session_store import SessionStore
from benchmarks.generate import generate

IN_ORDER = [name for name, form in FORMATS.items() if not form.early]


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "dense.pcap"
    generate("dense", path, 2500)
    return path


def reported(path: Path, name: str, kept: int) -> bytes:
    options = Options(jobs=1, judge=Judge(FLOWS, CHECKS).judge, kept_sessions=kept)
    analysis = Analysis([str(path)], options)
    out = BytesIO()
    FORMATS[name].load()(Report(analysis, enumerate(analysis.sessions(), 1), jobs=1, verbosity=1), out)
    return out.getvalue()


@pytest.mark.parametrize("name", IN_ORDER)
def test_the_same_octets(dense: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reported(dense, name, 1 << 30)
    assert whole
    monkeypatch.setattr(json_report, "RENDERED", 7)
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 5)
    assert reported(dense, name, 0) == whole
    assert reported(dense, name, 20) == whole


@pytest.mark.parametrize(
    "packets", [hostile.shared_connection(30), hostile.one_context(20), hostile.one_port(20)], ids=["shared", "h", "p"]
)
def test_what_sessions_share(packets: Packets, tmp_path: Path) -> None:
    """RFC 4975 section 5.4: each session of a connection still shows its own rows alone."""
    path = write_pcap(tmp_path / "capture.pcap", packets)
    for name in ("json", "csv-findings"):
        whole = reported(path, name, 1 << 30)
        assert len(whole) > 2000
        assert reported(path, name, 0) == whole


def sessions_of(path: Path) -> list[Session]:
    return list(Analysis([str(path)], Options(jobs=1, judge=Judge(FLOWS, CHECKS).judge)).sessions())


def test_identities_stay(dense: Path) -> None:
    """Reports leave out rules of other flows by identity; a connection of many sessions exists once."""
    sessions = sessions_of(dense)
    before = [result for session in sessions for result in session.results.values()]
    with SessionStore(0) as store:
        for session in sessions:
            store.add(session)
        again = [result for session in store.in_order() for result in session.results.values()]
    assert again == before
    for known in (ELSEWHERE, NOT_IN_FLOW):
        assert sum(each is known for each in again) == sum(each is known for each in before) > 50


def test_a_file_that_nobody_else_can_open(dense: Path) -> None:
    """It has no name, and is closed with the store."""
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    with SessionStore(2) as store:
        for session in sessions_of(dense):
            store.add(session)
        assert store._file is not None
        assert os.fstat(store._file.fileno()).st_nlink == 0
        file = store._file
    assert file.closed
    assert not before or set(os.listdir("/proc/self/fd")) == before
