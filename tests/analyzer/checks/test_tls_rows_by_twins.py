"""The rows of section E about TLS and TCP at the gateway (TR 29.828): satisfied, broken by a single fact, cut.

Frame N is packet N of the twin's capture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from capture_variants import Packets
from judged import SAMPLES, judge_packets, sample_keys, sample_packets, sample_steps, without
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from analyzer.checks import CHECKS
from analyzer.correlate.session import Session
from analyzer.findings import Result, Severity, Status

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
IN, OUT = "e2e-dial-in", "e2e-dial-out"
CERTIFICATES = f"{IN}--certificates"
CODES = ("MRFP-TLS-1", "MRFP-TLS-2", "TRANS-1", "TLS-1", "TLS-2", "TLS-3", "TLS-4", "TLS-5", "TCPC-1")


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    code: str
    good: str
    broken: str
    severity: Severity
    frames: tuple[int, ...]
    cut: tuple[str, ...]
    way: str = ""
    "Which of several ways the good one takes."
    always_without: str = ""
    "The row shows alone only without this interface: with it a more specific row tells."


ROWS = [
    Row("TRANS-1", CERTIFICATES, f"{IN}--TRANS-1", ERROR, (4,), ("sip",)),
    Row("TLS-2", IN, f"{IN}--TLS-2", ERROR, (21, 26), ("h248",), always_without="sip"),
    Row("TLS-3", CERTIFICATES, f"{IN}--TLS-3", ERROR, (8, 13), ("tcp",), way="TLS client by signal"),
    Row(
        "TLS-4",
        OUT,
        f"{OUT}--TLS-4",
        INFO,
        (31, 32),
        ("tcp",),
        way="at once: the UE sent ClientHello 0.4 ms after TCP was up",
    ),
    Row("TLS-5", IN, f"{IN}--TLS-5", INFO, (69,), ("tcp",), way="coupled: close_notify, TCP FIN 10.0 ms later"),
    Row("TCPC-1", OUT, f"{OUT}--TCPC-1", ERROR, (26, 29), ("h248", "tcp"), way="passive open by the MRFP"),
]
NAMES = [row.code for row in ROWS]


def packets_of(row: Row, name: str) -> Packets:
    packets = list(sample_packets(name))
    return without(packets, row.always_without) if row.always_without else packets


def judged(packets: Packets, folder: Path, *, keys: str = "") -> Session:
    return judge_packets(packets, folder, keys=sample_keys(keys) if keys else None).only


@pytest.mark.parametrize("keys", [True, False])
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_satisfied_twin_is_ok(row: Row, keys: bool, tmp_path: Path) -> None:
    session = judged(packets_of(row, row.good), tmp_path, keys=row.good if keys else "")
    result = session.results[row.code]
    assert (result.status, result.reason) == (Status.OK, row.way)
    assert session.findings == []


@pytest.mark.parametrize("keys", [True, False])
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_broken_twin_has_exactly_that_finding(row: Row, keys: bool, tmp_path: Path) -> None:
    session = judged(packets_of(row, row.broken), tmp_path, keys=row.broken if keys else "")
    (finding,) = session.findings
    assert (finding.code, finding.severity, finding.frames) == (row.code, row.severity, row.frames)
    assert finding.clause.startswith("TR 29.828 clause")
    assert finding.message
    assert finding.expected
    assert finding.actual
    assert finding.hint


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_without_an_interface_it_is_not_broken(row: Row, tmp_path: Path) -> None:
    for interface in row.cut:
        for name in (row.good, row.broken):
            for session in judge_packets(without(packets_of(row, name), interface), tmp_path).sessions:
                result = session.results[row.code]
                # TRANS-1 is still shown by TLS itself, which is on TCP.
                wanted = {Status.OK} if row.code == "TRANS-1" else {Status.NOT_OBSERVABLE, Status.NOT_APPLICABLE}
                assert result.status in wanted, (interface, name, result)


def test_with_sip_the_bearer_type_is_told_by_offer_2(tmp_path: Path) -> None:
    session = judged(list(sample_packets(f"{IN}--TLS-2")), tmp_path)
    (finding,) = session.findings
    assert (finding.code, "TLS-2" in finding.causes) == ("OFFER-2", True)


# ---------------------------------------------------------------------- TLS-1


def with_hello_in_syn(name: str) -> Packets:
    """TCP Fast Open (RFC 7413): the SYN carries the ClientHello, which the SYN ACK acknowledges."""
    packets, steps = list(sample_packets(name)), sample_steps(name)
    syn, syn_ack, ack = (index for index, step in enumerate(steps) if step == "connect")
    hello = steps.index("handshake")
    load = bytes(Ether(packets[hello][1])[TCP].payload)
    changed = list(packets)
    first = Ether(packets[syn][1])
    changed[syn] = packets[syn][0], remade(first / Raw(load))
    second = Ether(packets[syn_ack][1])
    second[TCP].ack += len(load)
    changed[syn_ack] = packets[syn_ack][0], remade(second)
    third = Ether(packets[ack][1])
    third[TCP].seq += len(load)
    changed[ack] = packets[ack][0], remade(third)
    del changed[hello]
    return changed


def remade(frame: Ether) -> bytes:
    del frame[IP].len, frame[IP].chksum, frame[TCP].chksum
    return bytes(frame)


def test_client_hello_in_the_syn_is_before_tcp(tmp_path: Path) -> None:
    """Clause 4.3.1: whether the SYN may carry ClientHello was left open; two phases are what was agreed."""
    assert judged(list(sample_packets(CERTIFICATES)), tmp_path).results["TLS-1"].status is Status.OK
    session = judged(with_hello_in_syn(CERTIFICATES), tmp_path)
    assert [(finding.code, finding.severity) for finding in session.findings] == [("TLS-1", ERROR)]
    syn = sample_steps(CERTIFICATES).index("connect") + 1
    assert session.findings[0].frames == (syn, syn + 1)


def test_in_a_flow_its_own_step_tells_it(tmp_path: Path) -> None:
    session = judged(with_hello_in_syn(IN), tmp_path, keys=IN)
    assert [(finding.code, finding.causes) for finding in session.findings] == [("DIN-8", ("TLS-1",))]


# ---------------------------------------------------------------------- legs of one conference


def legs(other: str, folder: Path, *, keys: bool = True) -> list[dict[str, Result]]:
    """Alice's leg and Carol's, in one capture."""
    packets = sorted([*sample_packets(IN), *sample_packets(other)])
    found = judge_packets(packets, folder, keys=sample_keys(IN) if keys else None)
    assert len(found.conferences) == 1
    assert [session.kind for session in found.sessions] == ["message", "message"]
    return [session.results for session in found.sessions]


@pytest.mark.parametrize("keys", [True, False])
def test_independent_legs_are_ok(keys: bool, tmp_path: Path) -> None:
    first, second = legs(f"{IN}--second", tmp_path, keys=keys)
    assert [first[code].status for code in ("MRFP-TLS-1", "MRFP-TLS-2")] == [Status.NOT_OBSERVABLE] * 2
    assert [second[code].status for code in ("MRFP-TLS-1", "MRFP-TLS-2")] == [Status.OK] * 2
    assert second["MRFP-TLS-1"].reason == "TLS here, TLS towards the others"


@pytest.mark.parametrize("keys", [True, False])
@pytest.mark.parametrize("code", ["MRFP-TLS-1", "MRFP-TLS-2"])
def test_legs_that_are_not_independent(code: str, keys: bool, tmp_path: Path) -> None:
    """One handshake on two legs; one key on two legs: told without keys too, since H.248 gives it to the MRFP."""
    first, second = legs(f"{IN}--{code}", tmp_path, keys=keys)
    assert not any(result.findings for result in first.values())
    told = [finding for result in second.values() for finding in result.findings]
    assert [(finding.code, finding.severity) for finding in told] == [(code, ERROR)]
    step = "handshake" if code == "MRFP-TLS-1" else "add"
    both = sorted([*sample_packets(IN), *sample_packets(f"{IN}--{code}")])
    mine = [sample_packets(name)[sample_steps(name).index(step)] for name in (IN, f"{IN}--{code}")]
    assert told[0].frames == tuple(both.index(packet) + 1 for packet in mine)


def test_a_plain_leg_beside_a_secured_one(tmp_path: Path) -> None:
    """Clause 4.1.3 c: the MRFP talks plain MSRP to Alice (tcp-dial-in), TLS to Carol."""
    later = 20 * 10**9 - 7200 * 10**9
    carol = [
        (time + later, recounted(data.replace(b"chat-19@", b"chat-17@")))
        for time, data in sample_packets(f"{IN}--second")
    ]
    found = judge_packets(sorted([*sample_packets("tcp-dial-in"), *carol]), tmp_path)
    assert len(found.conferences) == 1
    plain, secured = found.sessions
    assert plain.results["MRFP-TLS-1"].status is Status.NOT_APPLICABLE
    result = secured.results["MRFP-TLS-1"]
    assert (result.status, result.reason) == (Status.OK, "TLS here, plain MSRP towards the others")


def recounted(data: bytes) -> bytes:
    """The frame with its checksums made anew."""
    frame = Ether(data)
    return remade(frame) if TCP in frame else data


def test_the_table_has_every_row() -> None:
    """Each is registered once, with everything that explain prints."""
    rules = {rule.code: rule for rule in CHECKS}
    for code in CODES:
        rule = rules[code]
        assert all((rule.title, rule.why, rule.causes, rule.confirm, rule.fix, rule.example)), code
        assert rule.title.endswith(".")


TWINS = {name for row in ROWS for name in (row.good, row.broken)}
TWINS |= {CERTIFICATES, f"{IN}--second", f"{IN}--MRFP-TLS-1", f"{IN}--MRFP-TLS-2"}


def test_every_twin_is_there() -> None:
    assert {name for name in TWINS if not (SAMPLES / name / "scenario.toml").exists()} == set()


@pytest.mark.parametrize("lacks", [True, False])
def test_what_the_capture_lacks_may_be_close_notify(lacks: bool, tmp_path: Path) -> None:
    """TLS-5 is broken where every octet is there, and not observable where some are not."""
    name = f"{IN}--TLS-5"
    steps = sample_steps(name)
    whole = sample_packets(name)
    longest = max((len(whole[index][1]), index) for index, step in enumerate(steps) if step.startswith("chat-"))[1]
    packets = [each for index, each in enumerate(whole) if not (lacks and index == longest)]
    session = judged(packets, tmp_path)
    result = session.results["TLS-5"]
    assert session.connections[0].connection.gaps == int(lacks)
    if lacks:
        assert (result.status, result.reason) == (
            Status.NOT_OBSERVABLE,
            "octets of the connection are not in the capture",
        )
    else:
        assert [each.actual for each in result.findings] == ["FIN alone"]
