"""Every scenario with the installed command, real sockets, and the analyzer and tshark as judges."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from oracles import tshark_fields

from tests.analyzer.cli.processes import mrfscope, needs_command

pytestmark = needs_command

UNBROKEN = {
    "tcp-dial-in": ("tcp-dial-in", 2, {"TCP-1", "TCP-2", "TCP-3", "TCP-4", "TCP-5", "TCP-6", "TCP-7"}),
    "tcp-dial-out": ("tcp-dial-out", 2, {"SEND-1", "SEND-2", "SEND-3", "SEND-4", "ANS-1", "GEN-2"}),
    "e2e-dial-in": (
        "e2e-dial-in",
        2,
        {"DIN-1a", "DIN-1b", "DIN-1c", "DIN-1d", "DIN-1e", "DIN-3a", "DIN-3b", "DIN-4a", "DIN-4b", "DIN-4c", "DIN-4d"}
        | {"DIN-7", "DIN-8", "DIN-9", "DIN-10a", "DIN-10b"},
    ),
    "e2e-dial-out": (
        "e2e-dial-out",
        2,
        {"DOUT-1a", "DOUT-1b", "DOUT-1c", "DOUT-2", "DOUT-5", "DOUT-7", "DOUT-8", "DOUT-9a", "DOUT-9b", "DOUT-12"}
        | {"DOUT-13"},
    ),
    "conference-6": ("tcp-dial-in", 6, {"TCP-1", "TCP-2", "TCP-3", "TCP-4", "TCP-5", "TCP-6", "TCP-7"}),
}
"""Flow, sessions, and the steps that must be ok in each; no other step may be anything but not applicable."""


def record(folder: Path, *arguments: str) -> tuple[Path, Path, subprocess.CompletedProcess[str]]:
    capture, keys = folder / "x.pcapng", folder / "keys.toml"
    done = mrfscope("lab", "run", *arguments, "-w", capture, "--keys-out", keys)
    return capture, keys, done


def analyse(capture: Path, keys: Path) -> tuple[int, dict[str, Any]]:
    done = mrfscope("analyze", capture, "-k", keys, "-f", "json")
    return done.returncode, json.loads(done.stdout)


def check_tshark(capture: Path) -> None:
    """No malformed packet, no expert information of severity error."""
    assert tshark_fields(capture, "_ws.malformed || _ws.expert.severity == 0x00800000", ["frame.number"]) == []


@pytest.mark.parametrize("scenario", UNBROKEN)
def test_every_step_is_ok(scenario: str, tmp_path: Path) -> None:
    flow, sessions, steps = UNBROKEN[scenario]
    capture, keys, done = record(tmp_path, scenario)
    heard = sessions * (sessions - 1) + sessions - 1  # everybody hears one message of each other, and the long one
    assert done.stdout == f"{scenario}: went through, {sessions} participants heard {heard} messages\n"
    assert (done.returncode, done.stderr) == (0, "")
    code, report = analyse(capture, keys)
    assert code == 0
    assert len(report["sessions"]) == sessions
    for session in report["sessions"]:
        assert (session["verdict"], session["findings"]) == ("ok", [])
        assert session["flow"] == flow
        status = {step["id"]: step["status"] for step in session["steps"]}
        assert {code for code, each in status.items() if each == "ok"} >= steps
        assert {each for code, each in status.items() if code not in steps} <= {"ok", "not applicable"}
    check_tshark(capture)
    assert keys.stat().st_mode & 0o777 == capture.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("scenario", ["tcp-refused", "e2e-refused"])
def test_a_refused_connection_is_notified_and_ends_the_call(scenario: str, tmp_path: Path) -> None:
    """TCP-F, DIN-F: the MRFP notifies; the MRFC says BYE with a Reason (RFC 3326)."""
    capture, keys, done = record(tmp_path, scenario)
    assert (done.returncode, done.stdout) == (0, f"{scenario}: the MRFC ended the call\n")
    code, report = analyse(capture, keys)
    (session,) = report["sessions"]
    assert code == 1
    assert [each["code"] for each in session["findings"]] == ["TCP-REFUSED"]
    status = {step["id"]: step["status"] for step in session["steps"]}
    assert status["TCP-F" if scenario == "tcp-refused" else "DIN-F"] == "ok"
    reasons = tshark_fields(capture, 'sip.Method == "BYE"', ["ip.src", "sip.Reason"])
    assert reasons == [["192.0.2.10", 'SIP;cause=500;text="TCP connection was not set up"']]
    check_tshark(capture)


def test_nothing_of_this_machine_is_in_a_recording(tmp_path: Path) -> None:
    """Only the addresses of RFC 5737, in the packets and in the messages."""
    capture, _, _ = record(tmp_path, "tcp-dial-in")
    ends = {end for row in tshark_fields(capture, "ip", ["ip.src", "ip.dst"]) for end in row}
    assert ends == {"198.51.100.7", "198.51.100.8", "192.0.2.10", "192.0.2.20", "203.0.113.5"}
    assert b"127." not in capture.read_bytes().replace(b"127.0.0.0", b"")
