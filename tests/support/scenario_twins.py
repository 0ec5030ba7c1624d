"""Captures from small scenarios that tests keep for themselves, and twins of them written in a few lines of TOML."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from capture_variants import Packets
from judged import Judged, judge_packets

from samples import build


@dataclass(frozen=True)
class Built:
    """The packets of a scenario, each with the step that it belongs to."""

    packets: tuple[tuple[int, bytes], ...]
    steps: tuple[str, ...]

    def frames(self, *wanted: str) -> tuple[int, ...]:
        """Frame numbers: `invite` all of a step's, `connect:0` its first."""
        found: list[int] = []
        for each in wanted:
            step, _, number = each.partition(":")
            own = [frame for frame, name in enumerate(self.steps, 1) if name == step]
            assert own, f"no packet belongs to {step}"
            found.extend([own[int(number)]] if number else own)
        return tuple(sorted(found))

    def without(self, patterns: Iterable[str]) -> Built:
        """The capture without the packets of these steps."""
        kept = [
            (packet, step)
            for packet, step in zip(self.packets, self.steps, strict=True)
            if not any(fnmatchcase(step, pattern) for pattern in patterns)
        ]
        return Built(tuple(packet for packet, _ in kept), tuple(step for _, step in kept))

    def judged(self, folder: Path) -> Judged:
        packets: Packets = list(self.packets)
        return judge_packets(packets, folder)


@cache
def twin(scenarios: Path, base: str, changes: str = "") -> Built:
    """A scenario of a folder of scenarios, with changes as in a fault twin (samples/README.md)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(scenarios / base, folder / base)
        (folder / "twin").mkdir()
        path = folder / "twin" / "scenario.toml"
        path.write_text(f'base = "{base}"\n{changes}', encoding="utf-8")
        _, built = build.packets(path)
    return Built(tuple((each.time, each.data) for each in built), tuple(each.step for each in built))
