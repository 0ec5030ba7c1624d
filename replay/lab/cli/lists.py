"""`mrfscope lab scenarios` and `mrfscope lab faults`."""

from __future__ import annotations

import sys

import click

from analyzer.cli.checks import show
from analyzer.cli.terminal import width


@click.command("scenarios", short_help="What can be played.")
def list_scenarios() -> int:
    """List the scenarios that `mrfscope lab run` plays."""
    from analyzer.report.tables import table
    from replay.lab.scenarios import MOST, SCENARIOS

    rows = [[each.name, each.title, each.clause] for each in SCENARIOS]
    rows.append(["conference-N", f"N UEs dial in and chat, from 2 to {MOST}", "TS 23.333 clause 6.2.20.1"])
    show(table(rows, ["scenario", "what happens", "clause"], width(sys.stdout.isatty()), grows=1))
    return 0


@click.command("faults", short_help="What can be broken.")
def list_faults() -> int:
    """List the requirement rows that `mrfscope lab run SCENARIO --fault ROW` breaks, and in which scenario."""
    from analyzer.report.tables import table
    from replay.lab.faults import FAULTS

    rows = [[fault.row, fault.scenario, "; ".join(fault.does)] for fault in FAULTS.values()]
    show(table(rows, ["row", "scenario", "what is done wrong"], width(sys.stdout.isatty()), grows=2))
    return 0
