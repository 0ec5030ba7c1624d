"""`mrfscope lab`: network functions on loopback, together or alone, and scenarios that are recorded (docs/lab.md)."""

from __future__ import annotations

import click

from replay.lab.cli.alone import COMMANDS as ALONE
from replay.lab.cli.lists import list_faults, list_scenarios
from replay.lab.cli.run import run
from replay.lab.cli.up import up


@click.group(short_help="UE, MRFC, MRFP and KMS of our own, on loopback.")
def lab() -> None:
    """Network functions that really talk: a lab to join, and scenarios to record, with a fault where you want one."""


for _command in (up, run, list_scenarios, list_faults, *ALONE):
    lab.add_command(_command)
