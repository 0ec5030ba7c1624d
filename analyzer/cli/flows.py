"""`mrfscope flows list|show ID`: the flows that sessions should follow, with the ladder that each expects."""

from __future__ import annotations

import sys

import click

from analyzer.cli.checks import refuse, show
from analyzer.cli.suite_options import load_rules, suite_options
from analyzer.cli.terminal import is_utf8, wants_colour, width


@click.group(short_help="The flows that sessions should follow.")
def flows() -> None:
    """The flows that sessions should follow: list them, or draw the ladder of one."""


@flows.command("list", short_help="Every flow, a line each.")
@suite_options
def list_flows(plugins: tuple[str, ...], config: str | None) -> int:
    """List every flow; a session is matched with the first that applies."""
    from analyzer.report.tables import table

    suite, _ = load_rules(plugins, config)
    rows = [[flow.id, str(len(flow.steps)), flow.title, flow.clause] for flow in suite.flows]
    show(table(rows, ["flow", "steps", "title", "clause"], width(sys.stdout.isatty()), grows=2))
    return 0


@flows.command("show", short_help="The ladder that a flow expects.")
@click.argument("flow_id", metavar="ID")
@suite_options
def show_flow(flow_id: str, plugins: tuple[str, ...], config: str | None) -> int:
    """Draw the ladder that a flow expects, with row and clause beside each arrow."""
    from analyzer.report.flow_text import flow_lines
    from analyzer.report.paint import ASCII, UNICODE, Paint

    suite, _ = load_rules(plugins, config)
    found = {flow.id.lower(): flow for flow in suite.flows}
    flow = found.get(flow_id.lower())
    if flow is None:
        refuse(flow_id, [each.id for each in suite.flows], "flow", "mrfscope flows list")
    to_terminal = sys.stdout.isatty()
    glyphs = UNICODE if is_utf8() else ASCII
    show(flow_lines(flow, Paint(to_terminal and wants_colour()), glyphs, width(to_terminal)))
    return 0
