"""What was found in one session, in words: the sentence it opens with, its findings, its flow step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analyzer.findings import BROKEN, NOT_SELECTED, SEVERITIES, Finding, Severity, Status, was_held
from analyzer.model import Confidence, TimelineEntry, Verdict
from analyzer.report import Tally
from analyzer.report.ladder import frames_text
from analyzer.report.paint import Glyphs, Paint
from analyzer.report.printable import folded, printable
from analyzer.report.records import step_reason

if TYPE_CHECKING:
    from analyzer.correlate.nodes import NodeTable
    from analyzer.correlate.session import Session

LABEL = 13
"Columns before the texts of a report's session."
FRAMES_NAMED = 4
CODES_NAMED = 8


def counted(findings: Sequence[Finding]) -> list[str]:
    """`2 errors`, `1 warning`: how many findings of each severity, the worst first; what is not there is left out."""
    counts = Counter(finding.severity for finding in findings)
    return [severity_count(severity, counts[severity]) for severity in reversed(SEVERITIES) if counts[severity]]


def severity_count(severity: Severity, count: int) -> str:
    """`1 error`, `2 warnings`, `3 info`."""
    plural = "" if count == 1 or severity is Severity.INFO else "s"
    return f"{count} {severity.value}{plural}"


def frame_words(frames: Sequence[int]) -> str:
    """`frame 8`, `frames 1 and 8`, `frames 3, 4 and 8`, `frames 3 to 99` where they are many."""
    if len(frames) == 1:
        return f"frame {frames[0]}"
    if len(frames) > FRAMES_NAMED:
        return f"frames {min(frames)} to {max(frames)}"
    return f"frames {', '.join(map(str, frames[:-1]))} and {frames[-1]}"


def opening(session: Session, entries: Sequence[TimelineEntry], nodes: NodeTable) -> str:
    """One plain sentence on what went wrong and where, for a session that failed; else empty."""
    if session.verdict is not Verdict.FAILED:
        return ""
    errors = [finding for finding in session.findings if finding.severity is Severity.ERROR]
    if not errors:
        return f"It did not come about: {session.state}."
    worst = errors[0]
    sentence = worst.message.rstrip().removesuffix(".")
    where = [frame_words(worst.frames)] if worst.frames else []
    shown = [entry for entry in entries if not set(worst.frames).isdisjoint(entry.frames)]
    if shown:
        flow = shown[-1].flow
        ends = (" ".join(filter(None, (nodes.role(ip), ip))) for ip in (flow.src_ip, flow.dst_ip))
        where.append(" to ".join(ends))
    if where:
        sentence += f" ({', '.join(where)})"
    more = len(errors) - 1
    if more:
        sentence += f", and {more} more {'error was' if more == 1 else 'errors were'} found"
    return f"{sentence}."


def finding_lines(
    session: Session, entries: Sequence[TimelineEntry], nodes: NodeTable, paint: Paint, glyphs: Glyphs, width: int
) -> Iterator[str]:
    """The opening sentence of a failed session, and its findings, each a block."""
    sentence = opening(session, entries, nodes)
    if sentence:
        for line in folded(printable(sentence), width - 2):
            yield "  " + paint("failed", line)
    quoted = next((each for each in session.findings if sentence and each.severity is Severity.ERROR), None)
    for finding in session.findings:
        yield ""
        yield from _block(finding, paint, glyphs, width, quoted=finding is quoted)
    if session.findings:
        yield ""


def _block(finding: Finding, paint: Paint, glyphs: Glyphs, width: int, *, quoted: bool) -> Iterator[str]:
    head = f"{finding.severity.value} {finding.code}"
    frames = frames_text(finding.frames, glyphs.ellipsis)
    rest = f"{printable(finding.clause)}, frame{'s' if len(finding.frames) != 1 else ''} {frames}"
    yield f"  {paint(finding.severity.value, head)}  {rest}"
    if not quoted:
        for line in folded(printable(finding.message), width - 4):
            yield f"    {line}"
    yield from _labelled("expected", finding.expected, width)
    yield from _labelled("actual", finding.actual, width)
    yield from _labelled("what to do", finding.hint, width)
    if finding.confidence is not Confidence.CERTAIN:
        yield from _labelled("how sure", finding.confidence.value, width)
    if finding.causes:
        yield from _labelled("so also", f"{', '.join(finding.causes)} (broken only because of this)", width)


def _labelled(label: str, text: str, width: int) -> Iterator[str]:
    if not text:
        return
    lines = folded(printable(text), max(width - LABEL - 3, 40))
    for number, line in enumerate(lines):
        yield f"    {label if not number else '':<10}  {line}"


_SEVERITY_OF = {**dict.fromkeys(BROKEN, "bad"), Status.OK: "good", Status.NOT_OBSERVABLE: "unknown"}


def step_lines(session: Session, paint: Paint, glyphs: Glyphs, width: int) -> Iterator[str]:
    """The flow, a line a step: mark, id, frames, and what passes, or why it was not judged."""
    # What the user did not select is no news.
    steps = [step for step in session.steps if step.reason != NOT_SELECTED.reason]
    if session.flow is None and session.flow_reason:
        lines = folded(printable(f"none: {session.flow_reason}"), max(width - LABEL - 2, 40))
        for number, line in enumerate(lines):
            yield f"  {'flow' if not number else '':<9}  {line}"
    if session.flow is None or not steps:
        return
    yield f"  {'flow':<9}  {printable(session.flow)}"
    longest = max(len(step.id) for step in steps)
    texts = [frames_text(step.frames, glyphs.ellipsis) if step.frames else "-" for step in steps]
    widest = max(map(len, texts))
    indent = LABEL + 2 + longest + 2 + widest + 2
    for step, frames in zip(steps, texts, strict=True):
        mark = paint(step.status.value, getattr(glyphs, _SEVERITY_OF.get(step.status, "idle")))
        reason = step_reason(step, session.results)
        words = [] if step.status is Status.OK else [step.status.value]
        words.append(reason or step.what)
        lines = folded(printable(": ".join(filter(None, words))), max(width - indent, 30)) or [""]
        head = f"{mark} {step.id:<{longest}}  {frames:<{widest}}  "
        yield f"{' ' * LABEL}{head}{_painted(step.status, lines[0], paint)}".rstrip()
        for line in lines[1:]:
            yield " " * indent + line


def _painted(status: Status, text: str, paint: Paint) -> str:
    return text if status is Status.OK else text.replace(status.value, paint(status.value, status.value), 1)


def check_lines(session: Session, width: int, *, everything: bool = False) -> Iterator[str]:
    """How many rules were held against the session and what they said; with `everything` why some could not tell."""
    held = {code: result for code, result in session.results.items() if was_held(result)}
    if not held:
        return
    by_status: dict[Status, list[str]] = {}
    for code, result in held.items():
        by_status.setdefault(result.status, []).append(code)
    words = []
    for status in Status:
        codes = by_status.get(status)
        if codes:
            named = ", ".join(codes) if status in BROKEN or status is Status.NOT_OBSERVABLE else ""
            if status is Status.NOT_OBSERVABLE and len(codes) > CODES_NAMED:
                named = "-v lists them"
            words.append(f"{len(codes)} {status.value}" + (f" ({named})" if named else ""))
    number = f"{len(held)} rule" + ("" if len(held) == 1 else "s")
    lines = folded(f"{number}: {', '.join(words)}", width - LABEL)
    for index, line in enumerate(lines):
        yield f"  {'checks' if not index else '':<9}  {line}"
    if everything:
        for code in by_status.get(Status.NOT_OBSERVABLE, ()):
            text = f"{code}: {held[code].reason}"
            for index, line in enumerate(folded(printable(text), width - LABEL - 4)):
                yield " " * (LABEL + (2 if not index else 4)) + line


def summary_line(tally: Tally, paint: Paint) -> str:
    """The last line of a report: `3 sessions: 1 failed, 2 ok; 2 errors: OFFER-6, TCP-F. See: ...`."""
    sessions = f"{tally.shown} session" + ("" if tally.shown == 1 else "s")
    verdicts = [
        paint(verdict.value, f"{tally.verdicts[verdict]} {verdict.value}")
        for verdict in (Verdict.FAILED, Verdict.WARNINGS, Verdict.INCOMPLETE, Verdict.OK)
        if tally.verdicts[verdict]
    ]
    found = [
        paint(severity.value, severity_count(severity, tally.severities[severity]))
        for severity in reversed(SEVERITIES)
        if tally.severities[severity]
    ]
    text = f"{sessions}: {', '.join(verdicts)}" if verdicts else sessions
    if not found:
        return f"{text}; no findings."
    # The worst first, of equals the most frequent.
    ranked = sorted(tally.codes.items(), key=lambda each: (-SEVERITIES.index(each[0][0]), -each[1], each[0][1]))
    codes = list(dict.fromkeys(code for (_, code), _ in ranked))
    more = f" and {len(codes) - CODES_NAMED} more codes" if len(codes) > CODES_NAMED else ""
    return f"{text}; {', '.join(found)}: {', '.join(codes[:CODES_NAMED])}{more}. See: mrfscope explain {codes[0]}"
