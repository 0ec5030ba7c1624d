"""A UE that calls again within seconds from the same address and port: each call has its own connection and keys."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path

import pytest
from capture_variants import Packets, read_packets, write_pcap
from judged import Judged, judge_files, judge_packets
from lab_recording import Recording, record

from analyzer.checks import CHECKS
from analyzer.correlate.session import Session
from analyzer.flows import FLOWS
from analyzer.judge import Judge
from analyzer.keys.ring import KeyRing
from analyzer.model import Verdict
from analyzer.opening.opener import Opener
from analyzer.pipeline import Analysis, Options
from replay.lab.scenarios import find_scenario
from samples import build
from samples.virtual.description import load
from samples.virtual.play import Played, play

GOOD, REFUSED = "tcp-dial-in", "tcp-dial-in--refused"
UE_PORT = (7394).to_bytes(2, "big")


def played(name: str, at: float) -> Played:
    """A sample of the lab, begun so many seconds later, with chance of its own."""
    sample = load(build.FOLDER / name / "lab.toml")
    return play(replace(sample, seed=f"{sample.seed} {at}", start=sample.start + timedelta(seconds=at)))


def packets_of(*calls: Played) -> Packets:
    return sorted((each.time, each.data) for each in chain.from_iterable(call.packets for call in calls))


def unannounced(packets: Packets, port: int = 40_000) -> Packets:
    """The MRFP opens its connection from a port of its system's choice, not from that of its Local descriptor."""
    changed: Packets = []
    for time, data in packets:
        if data[23] == 6 and UE_PORT in (data[34:36], data[36:38]):
            ports = (
                (data[34:36], port.to_bytes(2, "big")) if data[34:36] == UE_PORT else (port.to_bytes(2, "big"), UE_PORT)
            )
            data = data[:34] + b"".join(ports) + data[38:50] + b"\0\0" + data[52:]
        changed.append((time, data))
    return changed


def told(judged: Judged) -> list[tuple[Verdict, list[str], int]]:
    """Verdict, findings and number of connections of each session, in order."""
    return [
        (each.verdict, [finding.code for finding in each.findings], len(each.connections)) for each in judged.sessions
    ]


OK, FAILED = (Verdict.OK, [], 1), (Verdict.FAILED, ["TCP-REFUSED"], 1)


@pytest.mark.parametrize("source", ["announced", "any"])
@pytest.mark.parametrize("at", [12.5, 30.0, 41.0], ids=["in the talk", "later", "after the BYE"])
def test_good_then_refused(source: str, at: float, tmp_path: Path) -> None:
    refused = packets_of(played(REFUSED, at))
    packets = packets_of(played(GOOD, 0)) + (unannounced(refused) if source == "any" else refused)
    assert told(judge_packets(sorted(packets), tmp_path)) == [OK, FAILED]


def test_the_refused_call_alone_says_the_same(tmp_path: Path) -> None:
    """The neighbour: a call that is really refused stays failed, and names the RST."""
    session = judge_packets(packets_of(played(REFUSED, 0)), tmp_path).only
    (finding,) = session.findings
    assert (finding.code, session.state, session.verdict) == ("TCP-REFUSED", "ended, TCP refused", Verdict.FAILED)
    assert finding.actual.startswith("RST from 198.51.100.7:7394 in answer to the SYN from 203.0.113.5:")


def test_refused_twice_then_good(tmp_path: Path) -> None:
    calls = packets_of(played(REFUSED, 0), played(REFUSED, 0.5), played(GOOD, 1.0))
    assert told(judge_packets(calls, tmp_path)) == [FAILED, FAILED, OK]


def test_five_calls_in_a_row(tmp_path: Path) -> None:
    names = [GOOD, REFUSED, GOOD, GOOD, REFUSED]
    calls = [played(name, 2.0 * at) for at, name in enumerate(names)]
    assert told(judge_packets(packets_of(*calls), tmp_path)) == [FAILED if each == REFUSED else OK for each in names]


def early(packets: Packets, folder: Path) -> list[Session]:
    """The sessions as `-f ndjson` tells of them, each when it is over."""
    judge = Judge(FLOWS, CHECKS)
    path = write_pcap(folder / "early.pcap", packets)
    analysis = Analysis([str(path)], Options(judge=judge.judge, jobs=1, opener=Opener(KeyRing([]))))
    return sorted(analysis.sessions(early=True), key=lambda each: each.first)


def test_handed_out_early_it_is_the_same(tmp_path: Path) -> None:
    names = [GOOD, REFUSED, REFUSED, GOOD] * 3
    packets = packets_of(*(played(name, 30.0 * at) for at, name in enumerate(names)))
    found = told(judge_packets(packets, tmp_path))
    assert found == [FAILED if each == REFUSED else OK for each in names]
    handed = early(packets, tmp_path)
    assert [(each.verdict, [one.code for one in each.findings], len(each.connections)) for each in handed] == found


def run(name: str, folder: Path, number: int) -> Recording:
    """`mrfscope lab run NAME`, with real sockets on loopback."""
    scenario = find_scenario(name)
    assert scenario is not None
    return asyncio.run(record(scenario, folder / f"{number}.pcapng", os.getpid() * 5 + number))


def test_with_real_sockets(tmp_path: Path) -> None:
    """`mrfscope lab run tcp-dial-in -w a`, `lab run tcp-refused -w b`, `analyze a b`."""
    made = [run(name, tmp_path, number) for number, name in enumerate(("tcp-dial-in", "tcp-refused"))]
    assert told(judge_files([each.capture for each in made])) == [OK, OK, FAILED]


@pytest.mark.parametrize(("dead", "code"), [("e2e-refused", "TCP-REFUSED"), ("e2e-wrong-psk", "TLS-FAILED")])
def test_the_keys_of_a_dead_call_open_nothing_of_the_next(dead: str, code: str, tmp_path: Path) -> None:
    """Secured: TLS goes to the call whose MIKEY-TICKET made its key, from whichever port it comes."""
    made = [run(name, tmp_path, number) for number, name in enumerate((dead, "e2e-dial-in"))]
    keys = [key for each in made for key in each.ring.keys]
    packets = [read_packets(each.capture) for each in made]
    for one, other in (packets, (packets[0], unannounced(packets[1]))):
        judged = judge_packets(one + other, tmp_path, keys=KeyRing(keys))
        assert told(judged) == [(Verdict.FAILED, [code], 1), OK, OK]
        outcomes = [part.connection.tls for each in judged.sessions[1:] for part in each.connections]
        assert [tls.outcome for tls in outcomes if tls is not None] == ["decrypted", "decrypted"]
        assert not any(part.session_indexes for part in judged.sessions[0].connections)


def test_the_dead_call_alone_says_the_same(tmp_path: Path) -> None:
    """The neighbour: its own TLS is its own, and fails for its own reason."""
    made = run("e2e-wrong-psk", tmp_path, 0)
    assert told(judge_files([made.capture], keys=made.ring)) == [(Verdict.FAILED, ["TLS-FAILED"], 1)]
