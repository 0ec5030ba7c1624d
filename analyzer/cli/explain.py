"""`mrfscope explain CODE`: what a finding means, why it matters, where it comes from, and what to do."""

from __future__ import annotations

import click

from analyzer.cli.checks import show_rule
from analyzer.cli.suite_options import suite_options


@click.command(short_help="What a finding means, and what to do about it.")
@click.argument("code", metavar="CODE")
@suite_options
def explain(code: str, plugins: tuple[str, ...], config: str | None) -> int:
    """Explain the code of a finding, of a flow step, or of a requirement.

    What it demands and where that is written, how severe it is, why it matters, likely causes, how to confirm them, how
    to fix them, and an example.
    """
    return show_rule(code, plugins, config, everything=True)
