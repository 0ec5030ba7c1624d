"""Sent again with other octets: the first copy counts, and it is said (RFC 3261 section 17, H.248.1 section 8.2.3)."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import Judged, judge_packets, sample_packets, sample_steps
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from analyzer.correlate.correlator import CHANGED_COPIES
from analyzer.model import Verdict
from analyzer.streams.tcp_reader import OTHER_OCTETS

NAME = "tcp-dial-in"
SAID = "a SIP message was sent again with other octets, of which the first counts"


def again(step: str, old: bytes, new: bytes, folder: Path) -> Judged:
    """The sample with the packet of a step sent a second time, changed."""
    packets = list(sample_packets(NAME))
    index = sample_steps(NAME).index(step)
    time, data = packets[index]
    assert old in data
    changed = Ether(data.replace(old, new))
    for layer in (IP, UDP):
        del changed[layer].chksum
    del changed[IP].len, changed[UDP].len
    changed[IP].id += 7
    packets.insert(index + 1, (time + 500_000, bytes(changed)))
    return judge_packets(packets, folder)


@pytest.mark.parametrize("step", ["invite", "answer"])
def test_sip_of_other_octets(step: str, tmp_path: Path) -> None:
    port = {"invite": b"m=message 7394", "answer": b"m=message 28563"}[step]
    session = again(step, port, port[:-1] + b"5", tmp_path).only
    assert session.state == f"ended, {SAID}"
    assert (session.findings, session.verdict) == ([], Verdict.OK)


def test_sip_of_the_same_octets(tmp_path: Path) -> None:
    """The neighbour: an ordinary retransmission."""
    session = again("answer", b"m=message 28563", b"m=message 28563", tmp_path).only
    assert (session.state, session.findings) == ("ended", [])


def test_another_transaction_counts(tmp_path: Path) -> None:
    """The neighbour: with a branch of its own it is another request."""
    packets = list(sample_packets(NAME))
    invite = packets[sample_steps(NAME).index("invite")][1]
    begin = invite.index(b"branch=z9hG4bK")
    branch = invite[begin : invite.index(b";", begin)]
    assert again("invite", branch, branch[:-1] + b"~", tmp_path).only.state == "ended"


def test_h248_of_other_content(tmp_path: Path) -> None:
    found = again("add", b"m=message 7394", b"m=message 7395", tmp_path)
    assert found.coverage.notes[CHANGED_COPIES] == 1
    assert found.only.findings == []


def test_h248_of_the_same_content(tmp_path: Path) -> None:
    """The neighbour."""
    assert CHANGED_COPIES not in again("add", b"7394", b"7394", tmp_path).coverage.notes


@pytest.mark.parametrize("changed", [True, False])
def test_tcp_of_other_octets(changed: bool, tmp_path: Path) -> None:
    """A segment behind a hole comes twice; the hole is filled later."""
    packets = list(sample_packets(NAME))
    at = [index for index, step in enumerate(sample_steps(NAME)) if step == "chat-1"]
    index = max(at, key=lambda each: len(packets[each][1]))
    time, data = packets[index]
    head = 54
    octets = data[head:]
    sequence = int.from_bytes(data[38:42], "big") + 20

    def part(start: int, payload: bytes) -> bytes:
        made = Ether(data)
        del made[IP].chksum, made[IP].len, made["TCP"].chksum
        made["TCP"].seq = sequence - 20 + start
        made["TCP"].remove_payload()
        return bytes(made / payload)

    tail = octets[20:]
    other = tail[:-30] + b"#" * 30 if changed else tail
    packets[index : index + 1] = [
        (time, part(20, tail)), (time + 1000, part(20, other)), (time + 2000, part(0, octets[:20])),
    ]  # fmt: skip
    found = judge_packets(packets, tmp_path)
    assert found.coverage.notes[OTHER_OCTETS] == int(changed)
    assert found.only.findings == []
