"""Every row of sections A and B of the requirements: a capture that satisfies it, one that differs by that single fact,
and the captures that lack an interface.

The captures are the samples and their fault twins (samples/README.md); frame N is packet N of the twin's capture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from judged import SAMPLES, Judged, judge_packets, sample_packets, without

from analyzer.checks import CHECKS
from analyzer.findings import Severity, Status
from analyzer.flows import tcp_dial_in, tcp_dial_out

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
IN, OUT = "tcp-dial-in", "tcp-dial-out"
NOT_OBSERVABLE, NOT_APPLICABLE = Status.NOT_OBSERVABLE, Status.NOT_APPLICABLE


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    code: str
    good: str
    "The sample that satisfies it."
    broken: str
    "The twin that differs from it by one fact."
    severity: Severity
    frames: tuple[int, ...]
    "The frames of the finding: those that show it."
    cut: tuple[str, ...]
    "Without any one of these interfaces it is not observable."
    status: Status = Status.FAILED
    beside: tuple[str, ...] = ()
    "Findings of both: what befell the session, and is not this row's matter."
    also: dict[str, Status] = field(default_factory=dict)
    "Other rows that the same fact leaves without their subject."


TABLE = [
    Row("GEN-1", IN, f"{IN}--GEN-1", ERROR, (18,), ("tcp",)),
    Row("GEN-2", IN, f"{IN}--GEN-2", ERROR, (1, 4), ("sip", "tcp")),
    Row("GEN-3", IN, f"{IN}--GEN-3", INFO, (52, 53), ("h248",)),
    Row("GEN-4", f"{IN}--filter", f"{IN}--GEN-4", INFO, (32, 33), ("h248",)),
    # The MRFP got no path that To-Path could be compared with; the same in ANS-1.
    Row("OFFER-1", IN, f"{IN}--OFFER-1", ERROR, (1, 3), ("sip", "h248"), also={"MRFP-3": NOT_OBSERVABLE}),
    Row("OFFER-2", IN, f"{IN}--OFFER-2", ERROR, (1, 3), ("sip", "h248")),
    Row("OFFER-3", f"{IN}--no-cema", f"{IN}--OFFER-3", WARNING, (1, 3), ("sip", "h248")),
    Row("OFFER-3b", IN, f"{IN}--OFFER-3b", WARNING, (1, 3), ("sip", "h248")),
    Row("OFFER-4", IN, f"{IN}--OFFER-4", ERROR, (3,), ("h248",)),
    Row("OFFER-5", IN, f"{IN}--OFFER-5", ERROR, (4, 8), ("sip", "h248")),
    Row("OFFER-6", IN, f"{IN}--OFFER-6", ERROR, (1, 8), ("sip",)),
    Row("SEND-1", OUT, f"{OUT}--SEND-1", ERROR, (1,), ("h248",)),
    Row("SEND-2", OUT, f"{OUT}--SEND-2", ERROR, (1, 3), ("sip", "h248")),
    Row("SEND-3", OUT, f"{OUT}--SEND-3", ERROR, (2, 3), ("sip", "h248")),
    Row("SEND-4", f"{OUT}--no-cema", f"{OUT}--SEND-4", WARNING, (3,), ("sip",)),
    Row("ANS-1", OUT, f"{OUT}--ANS-1", ERROR, (6, 8), ("sip", "h248"), also={"MRFP-3": NOT_OBSERVABLE}),
    Row("ANS-2", f"{OUT}--no-cema", f"{OUT}--ANS-2", WARNING, (6, 8), ("sip", "h248")),
    # There is no path for the answer to carry.
    Row("MRFP-1", IN, f"{IN}--MRFP-1", ERROR, (3, 4), ("h248",), also={"OFFER-5": NOT_APPLICABLE}),
    Row("MRFP-2", f"{IN}--sessmatch", f"{IN}--MRFP-2", ERROR, (18, 20), ("tcp",)),
    Row("MRFP-3", IN, f"{IN}--MRFP-3", ERROR, (3, 22), ("h248", "tcp")),
    Row("TCP-1", IN, f"{IN}--TCP-1", ERROR, (1,), ("sip",)),
    # There is no address to compare with the offer's.
    Row("TCP-2", IN, f"{IN}--TCP-2", ERROR, (3,), ("h248",), also={"OFFER-3b": NOT_APPLICABLE}),
    Row("TCP-3", IN, f"{IN}--TCP-3", ERROR, (3,), ("h248",)),
    Row("TCP-4", f"{IN}--package-less", f"{IN}--TCP-4", ERROR, (3, 8), ("h248",)),
    Row("TCP-4", IN, f"{IN}--late-TCP-4", ERROR, (2, 4, 5, 6), ("h248",), status=Status.LATE),
    Row("TCP-5", IN, f"{IN}--TCP-5", ERROR, (5,), ("tcp",)),
    Row("TCP-6", IN, f"{IN}--TCP-6", ERROR, (4, 8), ("sip", "h248")),
    # What the answer should say has no answer to say it in.
    Row(
        "TCP-7",
        IN,
        f"{IN}--TCP-7",
        ERROR,
        (8,),
        ("sip",),
        also={"OFFER-5": NOT_OBSERVABLE, "OFFER-6": NOT_OBSERVABLE, "TCP-6": NOT_OBSERVABLE},
    ),
    Row("TCP-F", f"{IN}--refused", f"{IN}--TCP-F", ERROR, (3, 5, 6), ("h248", "tcp"), beside=("TCP-REFUSED",)),
    # Order: what a step needs must be there before it (requirements, section D, last paragraph).
    Row("TCP-2", IN, f"{IN}--late-TCP-2", ERROR, (3, 7, 8), ("h248",), status=Status.LATE),
    Row("SEND-1", OUT, f"{OUT}--late-SEND-1", ERROR, (1, 2, 3), ("h248",), status=Status.LATE),
]
REGISTERED = {rule.code for rule in CHECKS} | {
    step.rule.code for flow in (tcp_dial_in.FLOW, tcp_dial_out.FLOW) for step in flow.steps
}
ROWS = [row for row in TABLE if row.code in REGISTERED]
"A row counts from the moment that its rule is registered."
CODES = {row.code for row in ROWS}
FAULTS = ("TCP-REFUSED", "TCP-TIMEOUT", "TCP-RESET", "MRFP-TLS-1", "MRFP-TLS-2")
"Faults of TCP that are no rows, and rows of section E: see test_tcp_faults and test_tls_rows_by_twins."
NAMES = [f"{row.code} {row.broken}" for row in ROWS]


def judged(name: str, folder: Path) -> Judged:
    return judge_packets(list(sample_packets(name)), folder)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_satisfied_twin_is_ok(row: Row, tmp_path: Path) -> None:
    session = judged(row.good, tmp_path).only
    assert session.results[row.code].status is Status.OK
    assert [finding.code for finding in session.findings] == list(row.beside)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_broken_twin_has_exactly_that_finding(row: Row, tmp_path: Path) -> None:
    good, broken = judged(row.good, tmp_path).only, judged(row.broken, tmp_path).only
    told = [finding for finding in broken.findings if finding.code not in row.beside]
    assert [(finding.code, finding.severity, finding.frames) for finding in told] == [
        (row.code, row.severity, row.frames)
    ]
    assert len(broken.findings) == 1 + len(row.beside)
    assert told[0].clause.startswith("TS 23.333 clause 6.2.")
    assert told[0].message
    assert told[0].expected
    assert told[0].actual
    assert told[0].hint
    changed = {
        code: result.status
        for code, result in broken.results.items()
        if code in CODES and result.status is not good.results[code].status
    }
    also = {code: status for code, status in row.also.items() if code in REGISTERED}
    assert changed == {row.code: row.status, **also}


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_without_an_interface_it_is_not_observable(row: Row, tmp_path: Path) -> None:
    for interface in row.cut:
        for name in (row.good, row.broken):
            session = judge_packets(without(list(sample_packets(name)), interface), tmp_path).only
            result = session.results[row.code]
            assert (interface, name, result.status) == (interface, name, NOT_OBSERVABLE)
            assert result.reason


def test_the_table_has_every_row_of_sections_a_and_b() -> None:
    flows = (tcp_dial_in.FLOW, tcp_dial_out.FLOW)
    sections = ("GEN-", "OFFER-", "SEND-", "ANS-", "MRFP-", "TCP-")
    steps = {step.rule.code for flow in flows for step in flow.steps}
    rows = {rule.code for rule in CHECKS if rule.code.startswith(sections) and rule.code not in FAULTS} | steps
    assert {row.code for row in ROWS} == rows


def test_every_fault_twin_is_in_the_table() -> None:
    used = {name for row in TABLE for name in (row.good, row.broken)}
    assert {path.name for path in SAMPLES.glob("tcp-*--*")} == used - {IN, OUT}
