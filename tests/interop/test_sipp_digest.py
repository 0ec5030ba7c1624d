"""SIPp authenticates at the lab with its own implementation of digest (RFC 3261 section 22, RFC 2617 MD5)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from oracles import need

from tests.analyzer.cli.processes import COMMAND, ROOT, mrfscope, needs_command
from tests.interop.test_sipp import MsrpEnd

pytestmark = [needs_command, pytest.mark.interop]

NET = f"127.{96 + (os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
PASSWORD = "secret-of-alice"
FILE = f"""
mrfc_sip = "{NET}.10:5060"
mrfc_h248 = "{NET}.10:2944"
mrfp_h248 = "{NET}.20:2944"
mrfp_media = "{NET}.30"
kms = "{NET}.40:8080"
ue_sip = "{NET}.50:5060"

[sip_users]
alice = "{PASSWORD}"
"""
CALLS = 20


@contextmanager
def lab_up(folder: Path) -> Iterator[Path]:
    """A lab that everybody authenticates to; its file."""
    (folder / "lab.toml").write_text(FILE)
    command = [str(COMMAND), "lab", "up", "--log-json", "--config", str(folder / "lab.toml")]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as lab,
    ):
        assert lab.stdout is not None
        assert lab.stdout.readline().startswith("The lab is up")
        try:
            yield folder / "lab.toml"
        finally:
            lab.send_signal(signal.SIGTERM)
            assert lab.wait(30) == 0


def scenario(password: str) -> str:
    """That of docs/lab.md: its INVITE is refused, acknowledged, and sent again with what was asked for."""
    (text,) = re.findall(r"```xml\n(.*?)```", (ROOT / "docs" / "lab.md").read_text(), re.S)
    invite, answers = re.split(r'(?=  <recv response="100")', text, maxsplit=1)
    head, _, send = invite.partition("  <send")
    send = "  <send" + send
    again = send.replace("CSeq: 1 INVITE", "CSeq: 2 INVITE").replace('start_txn="invite"', 'start_txn="again"')
    login = f"[authentication username=alice password={password}]\n"
    again = again.replace("Content-Type:", login + "Content-Type:")
    ack = re.search(r"  <send ack_txn.*?</send>\n", answers, re.S)
    assert ack is not None
    refused = '  <recv response="401" auth="true" response_txn="invite"/>\n'
    first_ack = ack[0].replace("[next_url]", "sip:[service]@conf.example.net")
    answers = answers.replace('response_txn="invite"', 'response_txn="again"').replace(
        'ack_txn="invite"', 'ack_txn="again"'
    )
    answers = answers.replace("CSeq: 1 ACK", "CSeq: 2 ACK").replace("CSeq: 2 BYE", "CSeq: 3 BYE")
    return head + send + refused + first_ack + again + answers


def sipp(folder: Path, password: str, calls: int) -> subprocess.CompletedProcess[bytes]:
    (folder / "digest.xml").write_text(scenario(password))
    command = [need("sipp"), f"{NET}.10:5060", "-sf", "digest.xml", "-s", "chat-17", "-i", f"{NET}.50", "-p", "5070"]
    command += ["-m", str(calls), "-r", "10", "-nostdin", "-timeout", "60", "-trace_err"]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)


def test_with_the_right_password(tmp_path: Path) -> None:
    need("sipp")
    end = MsrpEnd(f"{NET}.50")
    with lab_up(tmp_path) as config:
        done = sipp(tmp_path, PASSWORD, CALLS)
        errors = "".join(path.read_text() for path in tmp_path.glob("*errors.log"))
        assert (done.returncode, errors) == (0, ""), done.stdout[-2000:]
        ue = ("lab", "ue", "-q", "--config", config, "--at", f"{NET}.51:5060", "--dial", "chat-17")
        called = mrfscope(*ue, "--say", "hello")
        assert called.stdout == "ue: heard 0 messages, 1 of 1 requests of its own went well; left\n"
        other = mrfscope(*ue, "--uri", "sip:bob@ims.example.net")
        assert other.returncode == 1
        assert "out: 401 Unauthorized" in other.stderr
    end.close()
    assert (tmp_path / "log").read_text().count('"sip refused"') == CALLS + 2


def test_with_a_wrong_password(tmp_path: Path) -> None:
    need("sipp")
    with lab_up(tmp_path):
        assert sipp(tmp_path, "guessed", 1).returncode == 1
    log = (tmp_path / "log").read_text()
    assert log.count('"status": 401') >= 2  # and one for the BYE by which SIPp gives up
    assert '"leg' not in log
