"""INTERNAL: a fault of mrfscope or of a plugin costs the one session that it met (`analyzer.internal`).

Held against no session: the finding is made where linking, decrypting, judging or writing a session fails.
"""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.findings import OK, Result, Severity
from analyzer.internal import CLAUSE, CODE


def judge(_: Evidence) -> Result:
    """Nothing to hold: whoever is asked has not failed."""
    return OK


RULE = Rule(
    code=CODE,
    title="mrfscope and its plugins analyse every session without an error of their own.",
    clause=CLAUSE,
    severity=Severity.ERROR,
    judge=judge,
    kinds=frozenset(),
    why="What was to be said of this session may be missing from the report; all others are complete. Its verdict is "
    "`incomplete` unless something else makes it `failed`, so that nothing unseen passes for right.",
    causes=(
        "A message that mrfscope has never met: the fault is ours.",
        "A plugin whose rule or flow fails on this session: the finding names it and the line.",
    ),
    confirm="Run the same command with -v: the traceback is shown on standard error.",
    fix="Report it with the finding, `mrfscope --version` and the traceback, and with a capture of this session alone "
    "if you may share it (its Wireshark filter stands in the report). If it is a plugin, correct that.",
    example="INTERNAL  mrfscope failed while judging this session: KeyError in analyzer.flows.macs, line 147.",
)
