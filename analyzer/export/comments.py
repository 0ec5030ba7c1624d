"""What an analysis says of single packets, as comments that Wireshark shows beside them: session, step, finding."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.correlate.session import Session
from analyzer.report.printable import printable

MAX_LINES = 8
"Lines of one comment: a frame may concern many sessions."


def packet_comments(sessions: Iterable[tuple[int, Session]]) -> dict[int, str]:
    """Frame to comment: the first packet of each session, those of flow steps, and those of findings."""
    lines: dict[int, dict[str, None]] = {}

    def say(frame: int, text: str) -> None:
        known = lines.setdefault(frame, {})
        if len(known) < MAX_LINES:
            known[printable(text)] = None

    for number, session in sessions:
        name = f"session {number} ({session.id})"
        first = next((entry.frames[0] for entry in session.entries() if entry.frames), None)
        if first is not None:
            flow = f", flow {session.flow}" if session.flow else ""
            say(first, f"{name}: {session.kind}{flow}, {session.verdict.value}: {session.state}")
        for step in session.steps:
            for frame in step.frames:
                say(frame, f"{name}: {step.id} {step.status.value} ({step.clause})")
        for finding in session.findings:
            for frame in finding.frames:
                say(frame, f"{name}: {finding.severity.value} {finding.code}: {finding.message}")
    return {frame: "\n".join(texts) for frame, texts in lines.items()}


def frames_of(sessions: Iterable[Session]) -> set[int]:
    """Every frame that belongs to these sessions."""
    found: set[int] = set()
    for session in sessions:
        for entry in session.entries():
            found.update(entry.frames)
        for part in session.connections:
            if part.connection.tls is not None:
                found.update(part.connection.tls.frames)
    return found
