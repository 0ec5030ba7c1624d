"""Two big conferences at once on one MRFC and one MRFP: nobody strays, every row is right, and the work is linear."""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from capture_variants import Packets
from judged import judge_packets

from analyzer.findings import Status
from analyzer.model import Verdict
from benchmarks.conference import SECOND, Counts, Numbers, conference

USER = re.compile(r"sip:user(\d+)@")
START = 1768471200 * SECOND
DIAL_OUT = {"SEND-1", "SEND-2", "SEND-3", "SEND-4", "ANS-1", "ANS-2"}
MSRP_FACTS = {"CONN-3", "CONN-4"}
"Not observable as long as facts about single MSRP messages are not collected."
ALWAYS_OK = {
    *("GEN-2", "GEN-3", "GEN-4"),
    *("OFFER-1", "OFFER-2", "OFFER-3b", "OFFER-4", "OFFER-5", "OFFER-6", "MRFP-1"),
    *("TCP-1", "TCP-2", "TCP-3", "TCP-4", "TCP-5", "TCP-6", "TCP-7"),
}


@cache
def two_conferences(size: int) -> tuple[Packets, Counts]:
    """The second begins half a second after the first; users 0 to size - 1 are those of the first."""
    rng = random.Random(7)
    numbers = Numbers(Counts())
    packets = list(conference(rng, numbers, START, START, size))
    numbers.counts.conferences += 1  # the MRFPs take turns: skip one, so that both are on the same
    packets += conference(rng, numbers, START + SECOND // 2, START, size)
    numbers.counts.conferences -= 1
    return sorted(packets, key=lambda packet: packet[0]), numbers.counts


def test_two_conferences_of_fifty(tmp_path: Path) -> None:
    packets, counts = two_conferences(50)
    judged = judge_packets(packets, tmp_path)
    members = {each.uri: set(each.sessions) for each in judged.conferences}
    assert {uri: len(sessions) for uri, sessions in members.items()} == {
        "sip:chat-1@conf.example.net": 50,
        "sip:chat-3@conf.example.net": 50,
    }
    users = set()
    for session in judged.sessions:
        (user,) = [int(found[1]) for one in session.participants if (found := USER.match(one.identity))]
        users.add(user)
        conference_uri = "sip:chat-1@conf.example.net" if user < 50 else "sip:chat-3@conf.example.net"
        assert session.id in members[conference_uri]
        assert session.sip is not None
        assert session.sip.focus_uri == conference_uri
        assert (len(session.terminations), len(session.connections)) == (1, 1)
        assert session.terminations[0].context_id == (17 if user < 50 else 18)
        assert (session.flow, session.verdict, session.state) == ("tcp-dial-in", Verdict.OK, "ended")
        assert session.findings == []
        statuses = {code: result.status for code, result in session.results.items()}
        assert {code for code in ALWAYS_OK if statuses[code] is not Status.OK} == set()
        assert {code for code in DIAL_OUT if statuses[code] is not Status.NOT_APPLICABLE} == set()
        assert {code for code, status in statuses.items() if status is Status.NOT_OBSERVABLE} <= MSRP_FACTS
        assert set(statuses.values()) <= {Status.OK, Status.NOT_APPLICABLE, Status.NOT_OBSERVABLE}
    assert users == set(range(100))

    seen = judged.coverage
    assert (seen.packets, seen.messages["sip"], seen.messages["sdp"]) == (len(packets), 600, 500)
    assert (counts.sip, counts.sdp) == (600, 500)
    assert (seen.messages["h248"], seen.messages["msrp"]) == (counts.h248, counts.msrp)
    assert dict(seen.streams) == {"msrp": 100}
    msrp = [one for session in judged.sessions for part in session.connections for one in part.connection.sessions]
    assert sum(one.reports for one in msrp) == counts.reports > 0
    assert sum(one.errors for one in msrp) == 0
    assert (seen.gaps_total, seen.undecoded_total, dict(seen.unlinked)) == (0, 0, {})


def test_work_per_packet_does_not_grow_with_the_conference(tmp_path: Path) -> None:
    """Function calls, which no other load on the machine changes; what grows with the square of sessions shows here."""
    calls = Counter[int]()

    def count(_frame: FrameType, event: str, _arg: Any) -> None:
        calls[size] += event in ("call", "c_call")

    packets = {size: two_conferences(size)[0] for size in (25, 50)}
    judge_packets(packets[25][:100], tmp_path)  # what is done but once
    for size in packets:
        sys.setprofile(count)
        try:
            judge_packets(packets[size], tmp_path)
        finally:
            sys.setprofile(None)
    assert len(packets[50]) > 3 * len(packets[25])
    assert calls[50] / len(packets[50]) < 1.1 * calls[25] / len(packets[25])


def test_work_per_session_does_not_grow_with_the_conference(tmp_path: Path) -> None:
    """The same without MSRP, of which each participant gets more the more there are."""
    calls = Counter[int]()

    def count(_frame: FrameType, event: str, _arg: Any) -> None:
        calls[size] += event in ("call", "c_call")

    judge_packets(two_conferences(25)[0][:100], tmp_path)
    for size in (25, 50):
        signalling = [packet for packet in two_conferences(size)[0] if packet[1][23] == 17]
        sys.setprofile(count)
        try:
            judge_packets(signalling, tmp_path)
        finally:
            sys.setprofile(None)
    assert 1.5 < calls[50] / calls[25] < 2.2
