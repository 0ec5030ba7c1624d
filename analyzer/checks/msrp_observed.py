"""What the rules about MSRP faults have in common: observations of one kind become findings, alike ones together.

The observations are made while messages pass (`analyzer.conversations.msrp_watch`), and only where nothing is missing
in the capture; so a rule whose kind was not observed is satisfied wherever there is MSRP to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import OK, Finding, Result, Status, not_observable

NO_MSRP = not_observable("no readable MSRP of this session in the capture")

Seen = tuple[MsrpView, Observation]
Tell = Callable[[MsrpView, list[Observation]], Finding | None]
"""Makes one finding of observations of one kind that are alike; None where they are no fault."""
Key = Callable[[Observation], Hashable]


def told(evidence: Evidence, kinds: Iterable[str], tell: Tell, alike: Key = lambda seen: seen.kind) -> Result:
    """The result of a rule about these kinds: one finding for each side and each value of `alike`."""
    observed = evidence.observed
    if not observed:
        return OK if evidence.has_msrp else NO_MSRP
    groups: dict[Hashable, tuple[MsrpView, list[Observation]]] = {}
    for kind in kinds:
        for view, seen in observed.get(kind, ()):
            groups.setdefault((id(view), seen.direction, alike(seen)), (view, []))[1].append(seen)
    findings = tuple(each for each in (tell(view, group) for view, group in groups.values()) if each is not None)
    return Result(Status.FAILED, findings=findings) if findings else OK


def frames_of(group: Iterable[Observation]) -> list[int]:
    """The frames of all of them."""
    return [frame for seen in group for frame in seen.frames]


def times(group: list[Observation]) -> str:
    """`` (3 times)`` where there is more than one."""
    return f" ({len(group)} times)" if len(group) > 1 else ""


def number(seen: Observation, name: str) -> int:
    """A number of the detail; 0 where it has none."""
    value = seen.detail.get(name)
    return value if isinstance(value, int) else 0


def seconds(seen: Observation, name: str) -> str:
    """A length of time of the detail, in seconds."""
    return f"{number(seen, name) / 1e9:.0f} s"


def word(seen: Observation, name: str) -> str:
    """A text of the detail; empty where it has none."""
    value = seen.detail.get(name)
    return " ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)


__all__ = ["NO_MSRP", "Seen", "Tell", "frames_of", "number", "seconds", "times", "told", "word"]
