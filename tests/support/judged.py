"""Captures built in memory from the samples, changed, and analysed with every flow and check."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from capture_variants import Packets, write_pcap

from analyzer.checks import CHECKS
from analyzer.correlate.session import Conference, Session
from analyzer.flows import FLOWS
from analyzer.judge import Judge
from analyzer.keys.keys_file import read_keys
from analyzer.keys.ring import KeyRing
from analyzer.model import Coverage
from analyzer.opening.opener import Opener
from analyzer.pipeline import Analysis, Options
from samples import build

SAMPLES = build.DRAWN
PORTS = {5060: "sip", 2944: "h248", 80: "http"}
_JUDGE = Judge(FLOWS, CHECKS)


@dataclass(frozen=True)
class Judged:
    """What an analysis said."""

    sessions: list[Session]
    conferences: list[Conference]
    coverage: Coverage

    @property
    def only(self) -> Session:
        """The one session there is."""
        (session,) = self.sessions
        return session


@cache
def sample_packets(name: str) -> tuple[tuple[int, bytes], ...]:
    """The packets of a sample or of a fault twin, built from its description."""
    _, built = build.packets(SAMPLES / name / "scenario.toml")
    return tuple((packet.time, packet.data) for packet in built)


@cache
def sample_steps(name: str) -> tuple[str, ...]:
    """The step that each packet of a sample belongs to."""
    _, built = build.packets(SAMPLES / name / "scenario.toml")
    return tuple(packet.step for packet in built)


def sample_keys(name: str) -> KeyRing:
    """The keys of a sample; a twin has those of its scenario."""
    path = SAMPLES / name.partition("--")[0] / "keys.toml"
    return KeyRing(read_keys(path.read_text(), path).keys)


def judge_packets(
    packets: Packets, folder: Path, judge: Judge = _JUDGE, *, keys: KeyRing | None = None, identities: bool = False
) -> Judged:
    """Analyse packets as one capture, with keys if there are any."""
    return judge_files([write_pcap(folder / "capture.pcap", packets)], judge, keys=keys, identities=identities)


def judge_files(
    paths: list[Path], judge: Judge = _JUDGE, *, keys: KeyRing | None = None, identities: bool = False
) -> Judged:
    """Analyse captures together."""
    opener = Opener(keys) if keys is not None else None
    options = Options(judge=judge.judge, jobs=1, opener=opener, identities=identities)
    analysis = Analysis([str(path) for path in paths], options)
    sessions = list(analysis.sessions())
    return Judged(sessions, analysis.conferences, analysis.coverage)


def interface_of(data: bytes) -> str:
    """`sip`, `h248`, `http` or `tcp` for an Ethernet frame of a sample; MSRP is what its TCP carries."""
    ports = {int.from_bytes(data[34:36], "big"), int.from_bytes(data[36:38], "big")}
    return next((name for port, name in PORTS.items() if port in ports), "tcp")


def without(packets: Packets, interface: str) -> Packets:
    """A capture that lacks one interface."""
    return [(time, data) for time, data in packets if interface_of(data) != interface]
