"""What the account says about the clocks of the captures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from analyzer.capture.reader import CaptureFile

LISTED = 20
"Steps of one file that are named one by one."


def clock_notes(captures: Iterable[CaptureFile]) -> list[str]:
    """A line for each time that a clock was set back, or right again, and for each that differs from another's."""
    captures = list(captures)
    return [line for capture in captures for line in (*_offsets(capture, captures), *_steps(capture))]


def _offsets(capture: CaptureFile, captures: Sequence[CaptureFile]) -> Iterator[str]:
    for interface, offset in sorted(capture.offsets.items()):
        file, other = offset.reference
        way = "behind" if offset.shift > 0 else "ahead of"
        yield (
            f"clock of {_point(capture, interface)} {abs(offset.shift) / 1e9:.3f} s {way} that of "
            f"{_point(captures[file], other)}, by {offset.packets} packets that both have: its times are corrected"
        )


def _point(capture: CaptureFile, interface: int) -> str:
    name = os.path.basename(capture.path)
    return f"{name} interface {interface}" if capture.interfaces > 1 else name


def _steps(capture: CaptureFile) -> Iterator[str]:
    name = os.path.basename(capture.path)
    for step in capture.clock.steps[:LISTED]:
        if step.back > 0:
            yield (
                f"clock of {name} set back by about {step.back / 1e9:.1f} s before its frame {step.frame}: "
                "times are given as if it had not been"
            )
        else:
            yield f"clock of {name} set forward by about {-step.back / 1e9:.1f} s before its frame {step.frame}"
    if len(capture.clock.steps) > LISTED:
        yield f"clock of {name} set {len(capture.clock.steps) - LISTED} times more"
