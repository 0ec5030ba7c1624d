"""The records of the JSON contract (docs/json.md) as plain dicts; the names of the contract are written here alone.

Keys, message bodies and subscriber identities stay out unless asked for; a subscriber is shown by host alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from analyzer.findings import Finding, Result, Status, StepResult, was_held
from analyzer.identities import masked_identity, masked_path
from analyzer.model import CaptureInfo, Coverage, TimelineEntry
from analyzer.report.marks import with_steps
from analyzer.report.times import day_and_second, iso_time
from analyzer.report.tls_record import tls_record
from analyzer.report.wireshark_filter import wireshark_filter

if TYPE_CHECKING:
    from analyzer.conversations.media import MediaEnd
    from analyzer.correlate.nodes import NodeTable
    from analyzer.correlate.session import Conference, Session
    from analyzer.report import ProjectFile
    from analyzer.transport.flow import Flow

SCHEMA_VERSION = 1

Record = dict[str, Any]


def tool_record(version: str) -> Record:
    return {"name": "mrfscope", "version": version}


def project_record(project_file: ProjectFile | None) -> Record | None:
    return {"path": project_file.path, "keys": list(project_file.keys)} if project_file is not None else None


def capture_record(capture: CaptureInfo) -> Record:
    return {
        "path": capture.path,
        "format": capture.format,
        "packets": capture.packets,
        "first": iso_time(capture.first),
        "last": iso_time(capture.last),
        "damage": capture.damage,
        "skipped": capture.skipped,
    }


def coverage_record(coverage: Coverage) -> Record:
    return {
        "packets": coverage.packets,
        "used": coverage.used,
        "ignored": _counts(coverage.ignored),
        "messages": _counts(coverage.messages),
        "copies": _counts(coverage.copies),
        "undecoded": [
            {"protocol": each.protocol, "frame": each.frame, "offset": each.offset, "reason": each.reason}
            for each in coverage.undecoded
        ],
        "undecoded_total": coverage.undecoded_total,
        "gaps": [{"flow": each.flow, "frame": each.frame, "octets": each.octets} for each in coverage.gaps],
        "gaps_total": coverage.gaps_total,
        "streams": _counts(coverage.streams),
        "tls": {
            "sessions": coverage.tls_sessions,
            "decrypted": coverage.tls_sessions - sum(coverage.tls_undecrypted.values()),
            "undecrypted": _counts(coverage.tls_undecrypted),
            "keys": [{"name": name, "opened": opened, "failed": failed} for name, opened, failed in coverage.keys],
        },
        "unlinked": _counts(coverage.unlinked),
        "unlinked_list": coverage.unlinked_list,
        "notes": _counts(coverage.notes),
    }


def _counts(counter: dict[str, int]) -> Record:
    return {name: counter[name] for name in sorted(counter) if counter[name]}


def conference_record(conference: Conference) -> Record:
    return {"id": conference.id, "uri": conference.uri or None, "sessions": conference.sessions}


def session_record(
    session: Session,
    nodes: NodeTable,
    *,
    identities: bool = False,
    lines: Callable[[Sequence[TimelineEntry], NodeTable], object] | None = None,
    judged: Callable[[Session], Record] | None = None,
) -> Record:
    """One session of the contract.

    `lines` writes its timeline, `entry_records` where it is not given; `judged` what judging filled in, else
    `judged_record`.
    """
    entries = with_steps(session.entries(), session.steps)
    return {
        "id": session.id,
        "kind": session.kind,
        "flow": session.flow,
        **({"flow_reason": session.flow_reason} if session.flow_reason else {}),
        "verdict": session.verdict.value,
        "state": session.state,
        "first": iso_time(session.first),
        "last": iso_time(session.last),
        "conference": None,
        "participants": [
            {
                "role": nodes.role(each.address) or None,
                "address": each.address or None,
                "identity": (each.identity if identities else masked_identity(each.identity)) or None,
            }
            for each in session.participants
        ],
        "nodes": node_records(entries, nodes),
        "media": [_end_record("offer", end, identities) for end in session.offered]
        + [_end_record("answer", end, identities) for end in session.answered],
        "sip": _sip_record(session),
        "h248": [
            {
                "gateway": life.gateway,
                "controller": life.controller,
                "context_id": life.context_id,
                "termination_id": life.termination_id,
                "local": [_end_record(None, end, identities) for end in life.local.values()],
                "remote": [_end_record(None, end, identities) for end in life.remote.values()],
                "errors": [code for code, _ in life.errors],
            }
            for life in session.terminations
        ],
        "tcp": [
            {
                "client": part.connection.client.src,
                "server": part.connection.client.dst,
                "outcome": part.connection.outcome,
                "direction_guessed": part.connection.guessed,
                "protocol": part.connection.protocol or None,
                "retransmissions": part.connection.retransmissions,
                "gaps": part.connection.gaps,
            }
            for part in session.connections
        ],
        "msrp": _msrp_record(session),
        "tls": tls_record(session, identities=identities),
        "connection_model": session.connection_model,
        "links": [
            {"to": link.to, "reason": link.reason, "confidence": link.confidence.value} for link in session.links
        ],
        **(judged or judged_record)(session),
        "timeline": (lines or entry_records)(entries, nodes),
        "wireshark_filter": wireshark_filter(session, entries),
    }


def judged_record(session: Session) -> Record:
    """The members of a session's record that judging filled in."""
    return {
        "steps": [step_record(step, session.results) for step in session.steps],
        "findings": [finding_record(finding) for finding in session.findings],
        "checks": {code: result.status for code, result in session.results.items() if was_held(result)},
        "not_observable": {
            code: result.reason for code, result in session.results.items() if result.status is Status.NOT_OBSERVABLE
        },
    }


def step_record(step: StepResult, results: Mapping[str, Result]) -> Record:
    """One step of the flow; a broken one that only follows from something else says from what."""
    return {
        "id": step.id,
        "clause": step.clause,
        "status": step.status,
        "frames": step.frames,
        "reason": step_reason(step, results) or None,
    }


def step_reason(step: StepResult, results: Mapping[str, Result]) -> str:
    """Why it is not observable or not applicable, or from what its failure follows."""
    result = results.get(step.id)
    return step.reason or (result.reason if result is not None else "")


def finding_record(finding: Finding) -> Record:
    """One finding."""
    return {
        "code": finding.code,
        "clause": finding.clause,
        "severity": finding.severity,
        "message": finding.message,
        "frames": finding.frames,
        "expected": finding.expected,
        "actual": finding.actual,
        "hint": finding.hint,
        "confidence": finding.confidence,
        "causes": finding.causes,
    }


def node_records(entries: Iterable[TimelineEntry], nodes: NodeTable) -> list[Record]:
    """Every address in the session's timeline with its role, in the order of appearance."""
    addresses: dict[str, None] = {}
    flows = [flow for _, _, _, flow, _, _ in entries]
    for flow in dict(zip(map(id, flows), flows, strict=True)).values():
        addresses[flow.src_ip] = None
        addresses[flow.dst_ip] = None
    return [{"address": address, "role": nodes.role(address) or None} for address in addresses]


def _sip_record(session: Session) -> Record | None:
    sip = session.sip
    if sip is None:
        return None
    return {
        "call_id": sip.call_id,
        "method": sip.method or None,
        "status": sip.status or None,
        "messages": sip.messages,
        "retransmissions": sip.retransmissions,
        "from_tag": sip.from_tag,
        "to_tag": sip.to_tag,
        "focus": sip.focus_uri or None,
        "exchanges": [
            {
                "offer": exchange.offer,
                "answer": exchange.answer,
                "to_tag": exchange.to_tag,
                "rejected": exchange.rejected or None,
            }
            for exchange in sip.exchanges
        ],
    }


def _msrp_record(session: Session) -> Record | None:
    parts = [each for part in session.connections for each in part.msrp()]
    if not parts:
        return None
    return {
        "messages": sum(each.messages for each in parts),
        "chunks": sum(each.chunks for each in parts),
        "requests": sum(each.requests for each in parts),
        "responses": sum(each.responses for each in parts),
        "reports": sum(each.reports for each in parts),
        "errors": sum(each.errors for each in parts),
        "octets": sum(each.octets for each in parts),
        "session_ids": [[each.client_session_id, each.server_session_id] for each in parts],
    }


def _end_record(which: str | None, end: MediaEnd, identities: bool) -> Record:
    record: Record = {
        "media": end.media,
        "protocol": end.protocol,
        "address": end.address or None,
        "port": end.port or None,
        "path": list(end.path) if identities else masked_path(end.path),
        "setup": end.setup or None,
        "cema": end.cema,
    }
    return record if which is None else {"from": which, **record}


def entry_records(entries: Iterable[TimelineEntry], nodes: NodeTable) -> list[Record]:
    """Timeline lines; this runs once per message of the capture, so it looks up each flow once."""
    known: dict[int, tuple[str, str, str | None, str | None]] = {}
    records = []
    this_second = -1
    clock = ""
    for time, frames, protocol, flow, summary, step in entries:
        second, fraction = divmod(time, 1_000_000_000)
        if second != this_second:  # one look at the calendar for all entries of a second
            this_second = second
            clock = day_and_second(second)
        ends = known.get(id(flow))
        if ends is None:
            roles = nodes.role(flow.src_ip) or None, nodes.role(flow.dst_ip) or None
            ends = known[id(flow)] = (flow.src, flow.dst, *roles)
        records.append(
            {
                "time": f"{clock}.{fraction:09d}Z" if clock else iso_time(time),
                "frames": frames,
                "protocol": protocol,
                "src": ends[0],
                "dst": ends[1],
                "from_role": ends[2],
                "to_role": ends[3],
                "summary": summary,
                "step": step,
            }
        )
    return records


def entry_lines(entries: Sequence[TimelineEntry], nodes: NodeTable) -> orjson.Fragment | list[Record]:
    """What `entry_records` gives as JSON text, made in half of the time; the records where a text needs escapes."""
    if not entries or entries[0].time < 1_000_000_000:
        return entry_records(entries, nodes)
    said = "".join([summary for _, _, _, _, summary, _ in entries])
    if not (said.isascii() and said.isprintable()) or '"' in said or "\\" in said:
        return entry_records(entries, nodes)
    middles: dict[tuple[int, str], str] = {}
    lines = []
    this_second = clock = ""
    for time, frames, protocol, flow, summary, step in entries:
        digits = str(time)
        second = digits[:-9]
        if second != this_second:
            this_second = second
            clock = day_and_second(int(second))
            if not clock:
                return entry_records(entries, nodes)
        middle = middles.get((id(flow), protocol))
        if middle is None:
            middle = middles[id(flow), protocol] = _middle(protocol, flow, nodes)
        numbers = frames[0] if len(frames) == 1 else ",".join(map(str, frames))
        told = "null" if step is None else orjson.dumps(step).decode()
        lines.append(
            f'{{"time":"{clock}.{digits[-9:]}Z","frames":[{numbers}],{middle},"summary":"{summary}","step":{told}}}'
        )
    return orjson.Fragment(f"[{','.join(lines)}]".encode())


def _middle(protocol: str, flow: Flow, nodes: NodeTable) -> str:
    """The members of an entry that are the same for all of a protocol and flow."""
    told = _json(nodes.role(flow.src_ip)), _json(nodes.role(flow.dst_ip))
    # Addresses and the names of protocols need no escapes.
    return f'"protocol":"{protocol}","src":"{flow.src}","dst":"{flow.dst}","from_role":{told[0]},"to_role":{told[1]}'


@lru_cache(maxsize=256)
def _json(text: str) -> str:
    return orjson.dumps(text or None).decode()
