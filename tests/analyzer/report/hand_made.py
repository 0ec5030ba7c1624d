"""A session made by hand: what reports must show of it is known exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from analyzer.conversations.connection import Connection, ConnectionPart, MsrpSession
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.sip_call import SipDigest
from analyzer.correlate.nodes import NodeTable
from analyzer.correlate.session import Conference, Participant, Session
from analyzer.correlate.timeline import pack
from analyzer.findings import (
    ELSEWHERE,
    Finding,
    Result,
    Severity,
    Status,
    StepResult,
    not_applicable,
    not_observable,
)
from analyzer.model import CaptureInfo, Confidence, Coverage, Gap, Link, TimelineEntry, Undecoded, Verdict
from analyzer.transport.flow import Flow

START = 1_767_268_800_000_000_000
"2026-01-01 12:00:00 UTC."
MS = 1_000_000
UE, PROXY, MRFC, MRFP = "203.0.113.5", "198.51.100.1", "198.51.100.2", "198.51.100.7"
ROLES = {UE: "UE", PROXY: "P-CSCF/IMS-ALG", MRFC: "MRFC", MRFP: "MRFP"}


def flow(source: str, target: str, transport: int = 17) -> Flow:
    """`flow("192.0.2.1:5060", "192.0.2.2:5060")`, `[2001:db8::1]:5060` for IPv6."""
    (src, _, sport), (dst, _, dport) = source.rpartition(":"), target.rpartition(":")
    one, two = ip_address(src.strip("[]")), ip_address(dst.strip("[]"))
    bits = 128 if one.version == 6 else 32
    return Flow(int(one) << bits | int(two), one.version << 40 | transport << 32 | int(sport) << 16 | int(dport))


def entry(at_ms: float, frames: int | tuple[int, ...], protocol: str, way: Flow, summary: str) -> TimelineEntry:
    numbers = frames if isinstance(frames, tuple) else (frames,)
    return TimelineEntry(START + round(at_ms * MS), numbers, protocol, way, summary)


def resaid(line: TimelineEntry, summary: str) -> TimelineEntry:
    """The same line with another summary."""
    return TimelineEntry(line.time, line.frames, line.protocol, line.flow, summary)


@dataclass
class HandMade:
    """Stands for `analyzer.pipeline.Analysis`."""

    found: list[Session]
    nodes: NodeTable = field(default_factory=lambda: NodeTable(ROLES))
    captures: list[CaptureInfo] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)
    conferences: list[Conference] = field(default_factory=list)

    def numbered(self) -> list[tuple[int, Session]]:
        return list(enumerate(self.found, 1))


def call(call_id: str, **facts: Any) -> SipDigest:
    """An INVITE that was answered, with other facts where they are given."""
    given: dict[str, Any] = {
        "method": "INVITE",
        "status": 200,
        "messages": 5,
        "retransmissions": 0,
        "from_tag": "a1",
        "to_tag": "b2",
        "focus_uri": "sip:chat-17@conf.example.net",
        "exchanges": [],
    }
    return SipDigest(call_id, **{**given, **facts})


def dial_in(chat: int = 3) -> Session:
    """A participant dials in to a conference through a proxy, `chat` SENDs follow, and it leaves."""
    to_proxy, from_proxy = flow(f"{UE}:5060", f"{PROXY}:5060"), flow(f"{PROXY}:5060", f"{UE}:5060")
    to_focus, from_focus = flow(f"{PROXY}:5060", f"{MRFC}:5060"), flow(f"{MRFC}:5060", f"{PROXY}:5060")
    down, up = flow(f"{MRFC}:2944", f"{MRFP}:2944"), flow(f"{MRFP}:2944", f"{MRFC}:2944")
    out, back = flow(f"{UE}:28563", f"{MRFP}:7394", 6), flow(f"{MRFP}:7394", f"{UE}:28563", 6)
    entries = [
        entry(0, (1, 2), "sip", to_proxy, "INVITE, SDP offer"),
        entry(1.5, (3, 4), "sip", to_focus, "INVITE, SDP offer"),
        entry(3, 5, "h248", down, "Add $ C=$ T=101"),
        entry(5, 6, "h248", up, "Add ip/1/mb/33 C=17 reply T=101"),
        entry(8, 7, "sip", from_focus, "200 OK (INVITE), SDP answer"),
        entry(9, 8, "sip", from_proxy, "200 OK (INVITE), SDP answer"),
        entry(12, 9, "tcp", out, "SYN"),
        entry(13, 10, "tcp", back, "SYN ACK"),
        entry(14, 11, "tcp", out, "ACK, established"),
    ]
    frame = 12
    for number in range(chat):
        entries.append(entry(20 + 10 * number, frame, "msrp", out, f"SEND m{number} text/plain 5 octets"))
        entries.append(entry(22 + 10 * number, frame + 1, "msrp", back, "200 OK"))
        frame += 2
    entries.append(entry(34_200, frame, "sip", to_proxy, "BYE"))
    client = MediaEnd(UE, 28563, "message", "TCP/MSRP", (f"msrp://{UE}:28563/abc;tcp",), "abc", "active")
    server = MediaEnd(MRFP, 7394, "message", "TCP/MSRP", (f"msrp://{MRFP}:7394/xyz;tcp",), "xyz", "passive")
    life = Termination(f"{MRFP}:2944", f"{MRFC}:2944", 17, "ip/1/mb/33", START, START)
    life.local[1], life.remote[1] = server, client
    msrp = MsrpSession("abc", "xyz", chat, chat, chat, chat, 0, 0, 5 * chat)
    connection = Connection(out, back, START, START, 1, protocol="msrp", outcome="closed", sessions=[msrp])
    return Session(
        id="s-1a2b3c4d5e",
        kind="message",
        state="ended",
        verdict=Verdict.OK,
        first=entries[0].time,
        last=entries[-1].time,
        sip=call("call-1@203.0.113.5"),
        terminations=[life],
        connections=[ConnectionPart(connection, {0})],
        links=[
            Link(f"h248 context 17 ip/1/mb/33 at {MRFP}:2944", "SDP equals local MSRP session-id", Confidence.CERTAIN),
            Link(f"tcp {UE}:28563 > {MRFP}:7394", "both MSRP session-ids of the SDP", Confidence.CERTAIN),
        ],
        participants=[
            Participant("", UE, "sip:alice@ims.example.net"),
            Participant("", MRFP, "sip:chat@conf.example.net"),
        ],
        offered=[client],
        answered=[server],
        signalling=pack(entries),
    )


def hostile() -> Session:
    """A call whose every text from outside tries to reach the terminal or a spreadsheet."""
    way = flow("192.0.2.1:5060", "192.0.2.2:5060")
    return Session(
        id="s-ffffffffff",
        kind="sip",
        state="rejected 488",
        verdict=Verdict.FAILED,
        first=START,
        last=START,
        sip=call("=cmd|' /C calc'!A0\x1b[2J", method="MESSAGE", status=488, focus_uri="", messages=1),
        participants=[
            Participant("", "192.0.2.1", "sip:\x1b]0;x\x07@host\udcff"),
            Participant("", "", "sip:x@host\x0c"),
        ],
        offered=[MediaEnd("a\x1b[2J", 1, "message\x07", "TCP/MSRP\x9b", ("msrp://h:1/\x1bc;tcp",), "\x1bc", "\x1b7")],
        links=[Link("tcp \x1b8", "\x1b[1m", Confidence.POSSIBLE)],
        signalling=pack([entry(0, 1, "sip", way, "=1+1 \x1b[31m\r\n\udcff\u202e (MESSAGE)")]),
    )


def dial_in_analysis(chat: int = 3) -> HandMade:
    """One capture with the call of `dial_in` and some noise."""
    coverage = Coverage(packets=60)
    coverage.ignored = Counter({"udp other": 35, "arp": 2})
    coverage.messages = Counter({"sip": 5, "sdp": 4, "h248": 2, "msrp": 2 * chat})
    coverage.streams = Counter({"msrp": 1})
    coverage.unlinked = Counter({"h248": 1})
    coverage.unlinked_list = ["frame 3: h248 AuditValue ROOT"]
    coverage.add_undecoded(Undecoded("sip", 40, 17, "no Call-ID"))
    coverage.add_gap(Gap(f"{UE}:28563 > {MRFP}:7394", 44, 1460))
    session = dial_in(chat)
    return HandMade(
        [session],
        captures=[CaptureInfo("call.pcapng", "pcapng", 60, START, START + 40_000 * MS)],
        coverage=coverage,
        conferences=[Conference("c-0011223344", "sip:chat-17@conf.example.net", [session.id])],
    )


def broken_dial_in() -> Session:
    """The call of `dial_in(20)` with findings of every severity, and a flow in which every status occurs."""
    session = dial_in(20)
    session.verdict = Verdict.FAILED
    session.flow = "tcp-dial-in"
    clause = "TS 23.333 clause 6.2.20.1 step"
    session.steps = [
        StepResult("TCP-1", f"{clause} 1", Status.OK, (1, 2), "", "INVITE, SDP offer", ("sip",)),
        StepResult("TCP-2", f"{clause} 2", Status.OK, (5, 6), "", "Reserve And Configure", ("h248",)),
        StepResult("TCP-3", f"{clause} 3", Status.MISSING, (5,), "", "Events: TCP set-up failure", ("h248",)),
        StepResult("TCP-5", f"{clause} 5", Status.FAILED, (9,), "", "TCP SYN", ("tcp",)),
        StepResult("TCP-6", f"{clause} 6", Status.LATE, (6, 7), "", "SDP answer", ("sip", "h248")),
        StepResult("TCP-7", f"{clause} 7", Status.NOT_OBSERVABLE, (), "no final response in the capture"),
        StepResult("TCP-F", f"{clause} 2-4", Status.NOT_APPLICABLE, (), "no TCP set-up by the MRFP failed"),
    ]
    session.findings = [
        Finding(
            "TCP-6",
            f"{clause} 6",
            Severity.ERROR,
            "The answer came 3 ms before the Add reply.",
            (6, 7),
            "the answer after the reply",
            "the answer 3.0 ms earlier",
            "See what the MRFC acted on.",
            Confidence.LIKELY,
            ("TCP-5",),
        ),
        Finding("TCP-3", f"{clause} 3", Severity.ERROR, "No event was asked for.", (5,), "an event", "none", "Ask."),
        Finding("SEND-4", "TS 23.333", Severity.WARNING, "No a=msrp-cema.", (1, 2), "a=msrp-cema", "none", "Add it."),
        Finding("GEN-3", "TS 23.333", Severity.INFO, "No statistics.", (30,), "statistics", "none", "Switch them on."),
    ]
    session.results = {
        "OFFER-1": Result(Status.OK, frames=(5,)),
        "MRFP-1": not_observable("no H.248 reply in the capture"),
        "GEN-4": ELSEWHERE,
        "SEND-4": Result(Status.FAILED, findings=(session.findings[2],)),
        "TCP-5": not_applicable("follows from TCP-6"),
    }
    return session
