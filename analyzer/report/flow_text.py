"""The ladder that a flow expects, drawn as the ladders of sessions are, with row and clause beside each arrow."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.flows.flow import Flow, Step
from analyzer.report.lanes import Lanes
from analyzer.report.paint import UNICODE, Glyphs, Paint
from analyzer.report.printable import folded

GAP = 10
LEAST_TEXT = 30


def flow_lines(flow: Flow, paint: Paint, glyphs: Glyphs = UNICODE, width: int = 100) -> Iterator[str]:
    """Title, ladder, and what the figure leaves open."""
    yield f"{paint('bold', flow.id)}  {flow.title}"
    yield flow.clause
    yield ""
    yield from ladder_lines(flow, paint, glyphs, width)
    for note in flow.notes:
        yield ""
        yield from folded(note, width)
    yield ""
    yield "`after` is causal order: a step that comes before what it needs is late. The order of the others is free."


def ladder_lines(flow: Flow, paint: Paint, glyphs: Glyphs = UNICODE, width: int = 100) -> Iterator[str]:
    """The ladder alone."""
    lanes = Lanes(len(flow.roles), GAP, glyphs)
    number = max(4, *(len(step.number) for step in flow.steps))
    row = max(3, *(len(step.id) for step in flow.steps))
    left = number + 2 + row + 2
    room = max(width - left - lanes.width - 2, LEAST_TEXT)
    for index, role in enumerate(flow.roles):
        lead = f"{'step':<{number}}  {'row':<{row}}  " if index == 0 else " " * left
        yield paint("dim", lead + lanes.before(index)) + paint("bold", role)
    for step in flow.steps:
        arrow = lanes.arrow(flow.roles.index(step.who), flow.roles.index(step.whom))
        what = folded(step.what + (" (if it applies)" if step.optional else ""), room) or [""]
        yield f"{step.number:<{number}}  {paint('bold', f'{step.id:<{row}}')}  {arrow}  {what[0]}"
        for line in what[1:]:
            yield f"{' ' * left}{lanes.idle}  {line}"
        for line in folded(_terms(step), room):
            yield f"{' ' * left}{lanes.idle}  {paint('dim', line)}"


def _terms(step: Step) -> str:
    """Clause, and what must have come before."""
    return step.rule.clause + (f"; after {', '.join(step.after)}" if step.after else "")
