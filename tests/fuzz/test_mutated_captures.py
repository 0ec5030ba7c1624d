"""Whatever a capture holds: every report is written, in time and bounded memory, and says nothing raw to a terminal."""

from __future__ import annotations

import json
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from types import FrameType

import jsonschema
import pytest
from mutations import Subject, mutated, subject

from analyzer.capture.errors import CaptureError
from analyzer.pipeline import Analysis, Options
from analyzer.report import FORMATS, Report

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "captures"
CAPTURES = [
    *sorted((ROOT / "samples").glob("*/capture.pcapng")),
    *(SHARED / name for name in ("sip-h248-fax-gateway.pcap", "msrp-node-lib.pcapng", "sip-calls.pcap")),
    *(SHARED / name for name in ("h248-over-sctp.cap", "tls12-psk-aes128ccm.pcap")),
]
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "report.schema.json").read_text()))
EACH_SECONDS = 2.0
"Of processor time for one copy; the longest capture takes 0.02 s."
GROWTH_MB = 120
"By which the process may grow over all copies of one capture."
COPIES = 50
SOAK_COPIES = 10_000


class Hung(BaseException):
    """No `Exception`, so that nothing on the way may take it for a damaged message."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Stop what takes longer."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Hung(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@cache
def _subject(path: Path) -> Subject:
    return subject(path)


def analysed(path: Path, format_: str, *, identities: bool) -> bytes | None:
    """One report of a capture, or None where it is refused as none."""
    try:
        analysis = Analysis([str(path)], Options(jobs=1))
    except CaptureError:
        return None
    form = FORMATS[format_]
    out = BytesIO()
    sessions = enumerate(analysis.sessions(early=form.early), 1)
    form.load()(Report(analysis, sessions, identities=identities, verbosity=1), out)
    return out.getvalue()


def feed_copies(path: Path, numbers: range, target: Path) -> None:
    """Analyse these damaged copies of a capture."""
    if not path.exists():
        pytest.skip(f"{path} is not here")
    whole = _subject(path)
    formats = list(FORMATS)
    for number in numbers:
        target.write_bytes(mutated(whole, number))
        # Four kinds of damage take turns; so do the formats, at another pace.
        name = formats[number // 4 % len(formats)] if number % 3 else "json"
        try:
            with within(EACH_SECONDS):
                report = analysed(target, name, identities=number % 2 == 0)
        except BaseException as error:
            error.add_note(f"copy {number} of {path.name}, format {name}")
            raise
        if report is None:
            continue
        text = report.decode()
        assert text.isprintable() or all(each.isprintable() or each in "\r\n" for each in text), (path.name, number)
        if name == "json":
            document = json.loads(text)
            if number % 60 == 0:
                SCHEMA.validate(document)


@pytest.fixture(autouse=True, scope="module")
def _loaded() -> None:
    """Scapy is loaded when the first rare link type turns up: seconds, and megabytes, that are no copy's fault."""
    from scapy.layers import all as _everything  # noqa: F401


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.parent.name + "-" + path.stem)
def test_mutated_captures(path: Path, tmp_path: Path) -> None:
    feed_copies(path, range(COPIES), tmp_path / "mutated")
    before = _peak_mb()
    feed_copies(path, range(COPIES, 2 * COPIES), tmp_path / "mutated")
    assert _peak_mb() - before < GROWTH_MB


@pytest.mark.soak
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.parent.name + "-" + path.stem)
def test_mutated_captures_soak(path: Path, tmp_path: Path) -> None:
    share = SOAK_COPIES // len(CAPTURES) + 1
    feed_copies(path, range(1000, 1100), tmp_path / "mutated")
    before = _peak_mb()
    feed_copies(path, range(1100, 1100 + share), tmp_path / "mutated")
    assert _peak_mb() - before < GROWTH_MB
