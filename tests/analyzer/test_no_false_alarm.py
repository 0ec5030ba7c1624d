"""What a capture lacks is no fault: the good samples, cut, shuffled, doubled, and with each packet left out in turn.

Nothing is found in any of them, since nothing is wrong on the wire that is in the capture; and where something that
carries a message is left out, the session says that it is incomplete.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from capture_variants import Packets, doubled, shuffled_in_file, shuffled_in_time
from judged import Judged, interface_of, judge_packets, sample_packets, sample_steps

from analyzer.findings import BROKEN
from analyzer.model import Verdict

GOOD = ("tcp-dial-in", "tcp-dial-out", "conference-3")
PROVISIONAL = ("trying", "ringing")
"Steps that the network may leave out as well."


def alarms(judged: Judged) -> list[tuple[object, ...]]:
    """What the analysis says is wrong."""
    found: list[tuple[object, ...]] = []
    for session in judged.sessions:
        found += [(finding.code, finding.severity, finding.frames, finding.message) for finding in session.findings]
        found += [(code, result.status) for code, result in session.results.items() if result.status in BROKEN]
        if session.verdict in (Verdict.FAILED, Verdict.WARNINGS):
            found.append((session.verdict, session.state))
    return found


def all_alarms(variants: Iterable[tuple[str, Packets]], folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Label of a variant -> what is said to be wrong, where anything is."""
    found = {label: alarms(judge_packets(packets, folder)) for label, packets in variants}
    return {label: said for label, said in found.items() if said}


def statuses(judged: Judged) -> list[dict[str, str]]:
    return [{code: str(result.status) for code, result in session.results.items()} for session in judged.sessions]


@pytest.mark.parametrize("name", GOOD)
def test_cut_at_every_tenth_packet(name: str, tmp_path: Path) -> None:
    packets = list(sample_packets(name))
    places = range(10, len(packets), 10)
    assert all_alarms(((f"without the first {at}", packets[at:]) for at in places), tmp_path) == {}
    assert all_alarms(((f"only the first {at}", packets[:at]) for at in places), tmp_path) == {}


@pytest.mark.parametrize("name", GOOD)
def test_cut_in_the_middle_of_joining(name: str, tmp_path: Path) -> None:
    """At every packet until the chat begins, where each one is the first or last of something."""
    packets = list(sample_packets(name))
    assert all_alarms(((f"without the first {at}", packets[at:]) for at in range(1, 20)), tmp_path) == {}
    assert all_alarms(((f"only the first {at}", packets[:at]) for at in range(1, 20)), tmp_path) == {}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("change", [shuffled_in_file, shuffled_in_time], ids=["in file", "in time"])
def test_shuffled_within_a_millisecond(name: str, change: object, tmp_path: Path) -> None:
    assert callable(change)
    packets = list(sample_packets(name))
    plain = judge_packets(packets, tmp_path)
    for seed in range(10):
        judged = judge_packets(change(packets, seed=seed), tmp_path)
        assert (seed, alarms(judged)) == (seed, [])
        assert statuses(judged) == statuses(plain)
        assert {session.verdict for session in judged.sessions} == {Verdict.OK}


@pytest.mark.parametrize("name", GOOD)
def test_doubled(name: str, tmp_path: Path) -> None:
    packets = list(sample_packets(name))
    judged = judge_packets(doubled(packets), tmp_path)
    assert alarms(judged) == []
    assert statuses(judged) == statuses(judge_packets(packets, tmp_path))
    assert {session.verdict for session in judged.sessions} == {Verdict.OK}


@pytest.mark.parametrize("name", GOOD)
def test_each_packet_left_out_in_turn(name: str, tmp_path: Path) -> None:
    packets, steps = list(sample_packets(name)), sample_steps(name)
    silent = []
    for place in range(len(packets)):
        label = f"frame {place + 1}, {steps[place]}"
        judged = judge_packets(packets[:place] + packets[place + 1 :], tmp_path)
        assert (label, alarms(judged)) == (label, [])
        if Verdict.INCOMPLETE not in {session.verdict for session in judged.sessions}:
            silent.append(place)
    # Only a packet without any message may be missed in silence: a bare ACK, a FIN, a provisional response.
    told_by_none = {place for place, (_, data) in enumerate(packets) if not tells(data, steps[place])}
    assert {f"frame {place + 1}, {steps[place]}" for place in set(silent) - told_by_none} == set()


def tells(data: bytes, step: str) -> bool:
    """Does the packet carry a message, or one of the two SYNs?"""
    if interface_of(data) != "tcp":
        return step.rpartition("-")[2] not in PROVISIONAL
    syn, header = data[47] & 0x02, (data[46] >> 4) * 4
    return bool(syn) or len(data) > 34 + header


@pytest.mark.parametrize("name", GOOD)
def test_only_the_repetition_of_a_request_is_captured(name: str, tmp_path: Path) -> None:
    """Sent twice over UDP (RFC 3261 section 17.1.1.2, H.248.1 annex D.1), and the capture lacks the first copy.

    What answers it then stands before it; nothing may be called late for that.
    """
    packets, steps = list(sample_packets(name)), sample_steps(name)
    for place, (time, data) in enumerate(packets):
        request = steps[place].rpartition("-")[2] in ("invite", "add", "modify", "subtract", "bye")
        if not request or interface_of(data) == "tcp":
            continue
        for later in (10_000_000, 500_000_000):
            again = sorted([*packets[:place], *packets[place + 1 :], (time + later, data)])
            assert (steps[place], later, alarms(judge_packets(again, tmp_path))) == (steps[place], later, [])
            both = sorted([*packets, (time + later, data)])
            assert (steps[place], later, alarms(judge_packets(both, tmp_path))) == (steps[place], later, [])


@pytest.mark.parametrize("name", [*GOOD, "tcp-dial-in--no-cema", "tcp-dial-in--package-less", "tcp-dial-in--filter"])
def test_random_losses(name: str, tmp_path: Path) -> None:
    """Every twentieth packet is lost, or most of them."""
    packets = list(sample_packets(name))
    for seed in range(40):
        rng = random.Random(seed)
        share = rng.choice((0.05, 0.2, 0.5, 0.8))
        kept = [packet for packet in packets if rng.random() > share]
        assert (seed, alarms(judge_packets(kept, tmp_path))) == (seed, [])


@pytest.mark.parametrize("name", GOOD)
def test_one_way_captures(name: str, tmp_path: Path) -> None:
    """What one node sends, or what it is sent, or one direction between two nodes, is not in the capture."""
    packets = list(sample_packets(name))
    variants: dict[str, Packets] = {}
    for mac in {data[6:12] for _, data in packets}:
        variants[f"nothing from {mac.hex()}"] = [packet for packet in packets if packet[1][6:12] != mac]
        variants[f"nothing to {mac.hex()}"] = [packet for packet in packets if packet[1][:6] != mac]
    for way in {data[:12] for _, data in packets}:
        for interface in ("sip", "h248", "tcp"):
            kept = [(time, data) for time, data in packets if data[:12] != way or interface_of(data) != interface]
            variants[f"no {interface} {way.hex()}"] = kept
    assert all_alarms(variants.items(), tmp_path) == {}


def test_each_packet_of_a_failed_set_up_left_out_in_turn(tmp_path: Path) -> None:
    """The refused connection stays the one finding; without the RST nothing tells what became of the SYN."""
    packets, steps = list(sample_packets("tcp-dial-in--refused")), sample_steps("tcp-dial-in--refused")
    syn = steps.index("connect")
    for place in range(len(packets)):
        judged = judge_packets(packets[:place] + packets[place + 1 :], tmp_path)
        codes = [finding.code for session in judged.sessions for finding in session.findings]
        label = f"frame {place + 1}, {steps[place]}"
        assert (label, codes) == (label, [] if place in (syn, syn + 1) else ["TCP-REFUSED"])
