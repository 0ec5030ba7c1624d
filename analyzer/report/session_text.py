"""One session in words: what stands between its number and its ladder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from analyzer.evidence.connection_model import TABLE, Model
from analyzer.identities import masked_path
from analyzer.model import Confidence
from analyzer.report.coverage_text import number_of
from analyzer.report.findings_text import check_lines, finding_lines, step_lines
from analyzer.report.paint import UNICODE, Glyphs, Paint
from analyzer.report.printable import printable
from analyzer.report.session_list import participant_texts
from analyzer.report.times import duration_text, moment
from analyzer.report.tls_record import tls_texts
from analyzer.report.wireshark_filter import wireshark_filter

if TYPE_CHECKING:
    from analyzer.conversations.media import MediaEnd
    from analyzer.correlate.nodes import NodeTable
    from analyzer.correlate.session import Session
    from analyzer.model import TimelineEntry

_CONFIDENCE_STYLE = {Confidence.CERTAIN: "ok", Confidence.LIKELY: "", Confidence.POSSIBLE: "warnings"}


def session_lines(
    number: int,
    session: Session,
    entries: Sequence[TimelineEntry],
    nodes: NodeTable,
    conference: int,
    paint: Paint,
    *,
    glyphs: Glyphs = UNICODE,
    width: int = 100,
    identities: bool = False,
    everything: bool = False,
) -> Iterator[str]:
    """What is said of a session before its ladder: what went wrong, what it is made of, and its flow step by step.

    Every text from the capture is made printable; only the Wireshark filter is not wrapped.
    """
    title = paint("bold", f"Session {number}  {session.id}")
    verdict = paint(session.verdict.value, session.verdict.value)
    state = printable(session.state)
    # `Session `, the blanks between, and `: `
    fits = len(f"{number}{session.id}{session.kind}{session.verdict.value}{state}") + 14 <= width
    yield f"{title}  {session.kind}  {verdict}" + (f": {state}" if fits else "")
    if not fits:
        yield from _wrapped("state", state, width)
    yield from finding_lines(session, entries, nodes, paint, glyphs, width)
    when = f"{moment(session.first)}, {duration_text(session.last - session.first)}"
    yield from _wrapped("time", when + (f", conference {conference}" if conference else ""), width)
    people = participant_texts(session, nodes, identities=identities)
    if people:
        yield from _wrapped("who", ", ".join(people), width)
    for heading, text in _rows(session, identities):
        yield from _wrapped(heading, printable(text), width)
    heading = "links"
    for link in session.links:
        sure = paint(_CONFIDENCE_STYLE[link.confidence], link.confidence.value)
        yield from _wrapped(heading, printable(link.to), width)
        for line in _wrapped("", f"  {link.confidence.value}: {printable(link.reason)}", width):
            yield line.replace(link.confidence.value, sure, 1)
        heading = ""
    yield from step_lines(session, paint, glyphs, width)
    yield from check_lines(session, width, everything=everything)
    found = wireshark_filter(session, entries)
    if found:
        yield f"{_heading('Wireshark')}{printable(found)}"


def _rows(session: Session, identities: bool) -> Iterator[tuple[str, str]]:
    sip = session.sip
    if sip is not None:
        yield "Call-ID", sip.call_id
        what = [sip.method or "no request seen", f"status {sip.status}" if sip.status else "no final response"]
        what.append(number_of(sip.messages, "message"))
        if sip.retransmissions:
            what.append(f"{sip.retransmissions} of them retransmitted")
        if sip.focus_uri:
            what.append(f"focus {sip.focus_uri}")
        yield "SIP", ", ".join(what)
    for which, ends in (("offer", session.offered), ("answer", session.answered)):
        for end in ends:
            yield which, end_text(end, identities=identities)
    if session.connection_model_reason and sip is not None:
        yield "model", model_text(session)
    for life in session.terminations:
        errors = "".join(f", error {code}" for code, _ in life.errors)
        yield "H.248", f"{life.name} at {life.gateway}, controlled by {life.controller}{errors}"
        for side, ends_by_stream in (("local", life.local), ("remote", life.remote)):
            for stream, end in ends_by_stream.items():
                yield "", f"  {side} {stream}: {end_text(end, identities=identities)}"
    for part in session.connections:
        connection = part.connection
        words = [connection.protocol.upper() or "no octets", connection.outcome]
        if connection.continues:
            words.append("the rest of a connection that was evicted")
        elif connection.guessed:
            words.append("SYN not captured, direction guessed")
        if connection.retransmissions:
            words.append(number_of(connection.retransmissions, "retransmission"))
        if connection.gaps:
            words.append(number_of(connection.gaps, "gap"))
        yield "TCP", f"{connection.client.src} > {connection.client.dst}: {', '.join(words)}"
        for each in part.msrp():
            yield "MSRP", f"session-ids {each.client_session_id or '?'} and {each.server_session_id or '?'}"
            yield (
                "",
                ", ".join(
                    (
                        f"{number_of(each.messages, 'message')} in {number_of(each.chunks, 'chunk')}",
                        number_of(each.octets, "octet"),
                        number_of(each.requests, "request"),
                        number_of(each.responses, "response"),
                        number_of(each.reports, "report"),
                        number_of(each.errors, "error"),
                    )
                ),
            )
    yield from tls_texts(session, identities=identities)


def model_text(session: Session) -> str:
    """The MSRP connection model in force, and how that was told."""
    model = session.connection_model
    return f"{TABLE[Model(model)].title if model else 'not told'}: {session.connection_model_reason}"


def end_text(end: MediaEnd, *, identities: bool = False) -> str:
    """`message TCP/MSRP 203.0.113.5:28563, active, msrp://...`."""
    address = f"[{end.address}]" if ":" in end.address else end.address or "?"
    words = [f"{end.media} {end.protocol} {address}:{end.port or '?'}".strip()]
    if end.setup:
        words.append(end.setup)
    if end.cema:
        words.append("CEMA")
    if end.path:
        words.append(" ".join(end.path if identities else masked_path(end.path)))
    return ", ".join(words)


def _heading(heading: str) -> str:
    return f"  {heading:<9}  "


def _wrapped(heading: str, text: str, width: int) -> Iterator[str]:
    """A heading and a text beside it; URIs and names that are too long for a line stay whole, to be copied."""
    if len(text) + 13 <= width:
        yield _heading(heading) + text
        return
    indent = " " * (15 + len(text) - len(text.lstrip()))
    yield from wrap(
        text,
        width,
        initial_indent=_heading(heading),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
