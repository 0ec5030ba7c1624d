"""What a flow is: a table of steps with who, whom, what and the causal order, laid beside the clause it comes from.

Each step is a rule (`analyzer.checks.rule`), so that a row of the requirements is judged in one place whether it
stands in a flow or alone; the flow adds who talks to whom, and what must come before what. Only causal order binds:
a step that needs another's result comes after it. The order of independent steps in a figure does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow of the ladder."""

    rule: Rule
    number: str
    "The step of the figure: `1`, `2-4`."
    who: str
    whom: str
    what: str
    "What passes, in a few words."
    after: tuple[str, ...] = ()
    "Rows whose result it needs."
    optional: bool = False
    too_early: tuple[str, ...] = ()
    "Rules that tell it when it comes before all else, so that nothing is called late for it."

    @property
    def id(self) -> str:
        return self.rule.code


@dataclass(frozen=True, slots=True)
class Flow:
    """One example flow of the specifications."""

    id: str
    "`tcp-dial-in`, ...: also the name of its sample."
    title: str
    clause: str
    roles: tuple[str, ...]
    "The columns of its ladder, left to right."
    steps: tuple[Step, ...]
    applies: Callable[[Evidence], bool]
    "Is this the flow that a session should follow?"
    notes: tuple[str, ...] = ()
    "What the figure leaves open, in a sentence each."
    followers: tuple[tuple[Step, tuple[Step, ...]], ...] = field(init=False, repr=False)
    "Every step with those that need its result."

    def __post_init__(self) -> None:
        followers = tuple((step, tuple(each for each in self.steps if step.id in each.after)) for step in self.steps)
        object.__setattr__(self, "followers", followers)
