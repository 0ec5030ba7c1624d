"""A gateway's H.248 text on UDP 2944, with tshark as the second opinion."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dissectors.h248 import (
    TransactionReply,
    TransactionRequest,
    context_name,
    decode_h248,
    decode_h248_text,
    encode_h248_text,
)

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "captures"
GATEWAY = CAPTURES / "sip-h248-fax-gateway.pcap"
COLUMNS = ("udp.payload", "megaco.transid", "megaco.context", "megaco.command", "megaco.termid")
COMMANDS = {"A": "Add", "MF": "Modify", "S": "Subtract", "N": "Notify", "AV": "AuditValue", "SC": "ServiceChange"}

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    if not GATEWAY.exists():
        pytest.skip("the shared captures are not here")
    if shutil.which("tshark") is None:
        if os.environ.get("CI"):
            pytest.fail("tshark is not installed")
        pytest.skip("tshark is not installed")
    fields = [word for column in COLUMNS for word in ("-e", column)]
    said = subprocess.run(
        ["tshark", "-r", str(GATEWAY), "-Y", "megaco", "-T", "fields", "-E", "separator=|", *fields],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return [line.split("|") for line in said.stdout.splitlines()]


def test_130_messages_say_what_tshark_says(rows: list[list[str]]) -> None:
    assert len(rows) == 130
    for payload, transaction_ids, contexts, commands, terminations in rows:
        message = decode_h248(bytes.fromhex(payload))
        parts = [part for part in message.transactions if isinstance(part, TransactionRequest | TransactionReply)]
        actions = [action for part in parts for action in part.actions]
        ours = [command for action in actions for command in action.commands]
        assert message.faults == []
        assert [str(part.transaction_id) for part in parts] == transaction_ids.split(",")
        assert len(parts) == len(message.transactions) == 1
        assert [context_name(action.context_id) for action in actions] == [
            _context(each) for each in dict.fromkeys(_split(contexts))
        ]
        assert [command.name.value for command in ours] == [_command(each) for each in _split(commands)]
        said = [name for command in ours for name in command.termination_ids]
        assert [name.lower() for name in said] == [each.lower() for each in _split(terminations)]


def _split(column: str) -> list[str]:
    return [each for each in column.split(",") if each]


def _context(text: str) -> str:
    return {"0": "-", "4294967294": "$", "4294967295": "*"}.get(text, text)


def _command(text: str) -> str:
    word = text.split()[0].removeprefix("O-").removeprefix("W-")
    return COMMANDS.get(word, word)


def test_what_we_write_means_the_same(rows: list[list[str]]) -> None:
    for payload, *_ in rows:
        message = decode_h248_text(bytes.fromhex(payload))
        for pretty in (False, True):
            assert decode_h248_text(encode_h248_text(message, pretty)) == message


def test_transactions_pair_up(rows: list[list[str]]) -> None:
    seen: dict[int, list[str]] = {}
    for payload, *_ in rows:
        (part,) = decode_h248_text(bytes.fromhex(payload)).transactions
        assert isinstance(part, TransactionRequest | TransactionReply)
        seen.setdefault(part.transaction_id, []).append(type(part).__name__)
    assert len(seen) == 65
    assert {tuple(kinds) for kinds in seen.values()} == {("TransactionRequest", "TransactionReply")}
