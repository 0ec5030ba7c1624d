"""The TRANSFER_INIT of a session's offer, which most rows of secured joining are about (RFC 6043 section 6.1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

from analyzer.checks.rule import Rule
from analyzer.evidence import Announced, Evidence
from analyzer.evidence.mikey import TRANSFER_INIT, KeyManagement, transfer_init
from analyzer.findings import Result, Status, not_applicable, not_observable

if TYPE_CHECKING:
    from dissectors.mikey import MikeyMessage

Held = Callable[[Rule, Evidence], Result]
"""Holds a row against a session."""
HeldAgainstInit = Callable[[Rule, Evidence, KeyManagement, "MikeyMessage"], Result]
"""The same, given the TRANSFER_INIT and what carries it."""


def of_transfer_init(judge: HeldAgainstInit) -> Held:
    """A row about TRANSFER_INIT: without one it is not observable, or does not apply."""

    @wraps(judge)
    def held(rule: Rule, evidence: Evidence) -> Result:
        if evidence.offer is None:
            return not_observable("the offer was not captured")
        found = transfer_init(evidence)
        if found is None or found.message is None or found.data_type != TRANSFER_INIT:
            return not_applicable("the offer has no TRANSFER_INIT that can be read")
        return judge(rule, evidence, found, found.message)

    return held


def at(announced: Announced) -> Result:
    """Satisfied by a description."""
    return Result(Status.OK, frames=announced.frames, begin=announced.time, end=announced.sent)
