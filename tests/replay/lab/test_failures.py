"""The scenarios in which something fails: each ends as it should, in bounded time, and the analyzer tells just that.

All are played at once, each at loopback addresses of its own.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from judged import judge_files
from lab_recording import Recording, record
from oracles import tshark_fields

from replay.lab.play import Played
from replay.lab.scenarios import SCENARIOS, find_scenario
from tests.analyzer.cli.processes import mrfscope, needs_command


@dataclass(frozen=True)
class Failure:
    """What a scenario shows."""

    what: str
    state: str
    "Of the session that fails."
    finding: str
    says: str
    "In the finding's message or what was actually there."
    bye: str = ""
    "Reason of the MRFC's BYE."
    notified: str = ""
    "The event of the MRFP's Notify."


NOT_SET_UP = 'SIP;cause=500;text="{} was not set up"'
TCP, TLS = NOT_SET_UP.format("TCP connection"), NOT_SET_UP.format("TLS session")
TIMED_OUT = "The TCP connection of the MRFP to the UE at 198.51.100.7:7394 was never answered."
ENDED = "the MRFC ended the call"
REJECTED = "rejected 488"


def refused(who: str, why: str) -> Failure:
    what = f"{who} is out: 488 Not Acceptable Here: {why}"
    return Failure(what, REJECTED, "SIP-4XX", f'Warning: 399 192.0.2.10:5060 "{why}"')


FAILURES = {
    "tcp-timeout": Failure(ENDED, "ended, TCP timed out", "TCP-TIMEOUT", TIMED_OUT, TCP, "tcpbcc/BNCChange"),
    "e2e-timeout": Failure(ENDED, "ended, TCP timed out", "TCP-TIMEOUT", TIMED_OUT, TCP, "tcpbcc/BNCChange"),
    "e2e-wrong-psk": Failure(ENDED, "ended", "TLS-FAILED", "the two ends hold different keys", TLS, "tlsbsc/BNCChange"),
    "e2e-wrong-ticket": refused("alice", "the KMS does not resolve the ticket"),
    "e2e-foreign-ticket": refused("alice", "the ticket is for somebody else"),
    "e2e-expired-ticket": refused("alice", "the ticket has expired"),
    "e2e-replay": refused("alice went through, bob", "this TRANSFER_INIT was seen before"),
}


Runs = dict[str, Recording]
"""What came of each, by its name."""


async def _record_all(folder: Path) -> Runs:
    scenarios = {name: find_scenario(name) for name in FAILURES}
    each = (
        record(scenario, folder / f"{name}.pcapng", os.getpid() * 97 + number)
        for number, (name, scenario) in enumerate(scenarios.items())
        if scenario is not None
    )
    return dict(zip(scenarios, await asyncio.gather(*each), strict=True))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return asyncio.run(_record_all(tmp_path_factory.mktemp("failures")))


@pytest.mark.parametrize("name", FAILURES)
def test_how_it_ends(name: str, runs: Runs) -> None:
    assert runs[name].played == Played(True, FAILURES[name].what)


@pytest.mark.parametrize("name", FAILURES)
def test_one_finding_that_says_what_happened(name: str, runs: Runs) -> None:
    failure = FAILURES[name]
    *others, session = judge_files([runs[name].capture], keys=runs[name].ring).sessions
    assert [(each.verdict, each.findings) for each in others] == [("ok", [])] * (name == "e2e-replay")
    assert (session.verdict, session.state) == ("failed", failure.state)
    (finding,) = session.findings
    assert finding.code == failure.finding
    assert failure.says in f"{finding.message} {finding.actual}"
    broken = {step.id: step.status.value for step in session.steps if step.status.value == "failed"}
    caused = {"tcp-timeout": {"TCP-5": "failed"}, "e2e-timeout": {"DIN-7": "failed"}}
    assert broken == caused.get(name, {})  # these follow from the finding


@pytest.mark.parametrize("name", FAILURES)
def test_what_is_said_on_the_wire(name: str, runs: Runs) -> None:
    """BYE with a Reason after a Notify; or 488, and the MRFP hears nothing of it."""
    capture, failure = runs[name].capture, FAILURES[name]
    byes = tshark_fields(capture, 'sip.Method == "BYE" && ip.src == 192.0.2.10', ["sip.Reason"])
    assert byes == ([[failure.bye]] if failure.bye else [])
    raw = capture.read_bytes()
    notify = f"{failure.notified}{{ST=1,Type=failed}}" if failure.notified else "none"
    told = raw.count(b"{N="), notify.encode() in raw.partition(b"{N=")[2]
    assert told == ((2, True) if failure.bye else (0, False))  # the request and its reply
    finals = tshark_fields(capture, 'sip.CSeq.method == "INVITE" && sip.Status-Code >= 200', ["sip.Status-Code"])
    taken = ["200"] * bool(failure.bye or name == "e2e-replay")
    assert [status for (status,) in finals] == taken + ["488"] * (not failure.bye)
    assert raw.count(b"{A=ip/1/mb/$") == len(taken)
    assert tshark_fields(capture, "_ws.malformed || _ws.expert.severity == 0x00800000", ["frame.number"]) == []


def test_an_unanswered_syn_is_shown_as_linux_sends_it(runs: Runs) -> None:
    """At 0, 1 and 3 s (RFC 6298 section 5.7), by the MRFP, to where the offer said."""
    fields = ["ip.src", "ip.dst", "tcp.dstport", "tcp.flags", "frame.time_epoch"]
    rows = tshark_fields(runs["tcp-timeout"].capture, "tcp", fields)
    assert [row[:4] for row in rows] == [["203.0.113.5", "198.51.100.7", "7394", "0x0002"]] * 3
    begin = float(rows[0][4])
    assert [round(float(row[4]) - begin) for row in rows] == [0, 1, 3]


def test_the_replay_is_the_same_message_from_somebody_else(runs: Runs) -> None:
    fields = ["sip.from.user", "sdp.media_attribute.value"]
    offers = tshark_fields(runs["e2e-replay"].capture, 'sip.Method == "INVITE"', fields)
    keys = [row[1].partition("mikey ")[2].partition(",")[0] for row in offers]
    assert [row[0] for row in offers] == ["alice", "bob"]
    assert keys == [keys[0]] * 2
    assert keys[0].startswith("AQ4")  # version 1, TRANSFER_INIT


def test_all_scenarios_are_held_by_a_test() -> None:
    by_others = {"tcp-dial-in", "tcp-dial-out", "e2e-dial-in", "e2e-dial-out", "tcp-refused", "e2e-refused"}
    assert {each.name for each in SCENARIOS} == by_others | FAILURES.keys()


@needs_command
def test_the_command(tmp_path: Path) -> None:
    """Exit code 0 for the failure that was asked for; the analyzer's is 1."""
    capture, keys = tmp_path / "x.pcapng", tmp_path / "keys.toml"
    done = mrfscope("lab", "run", "e2e-expired-ticket", "-w", capture, "--keys-out", keys)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "e2e-expired-ticket: alice is out: 488 Not Acceptable Here: the ticket has expired\n"
    told = mrfscope("analyze", capture, "-k", keys)
    assert told.returncode == 1
    assert "failed: rejected 488" in told.stdout
