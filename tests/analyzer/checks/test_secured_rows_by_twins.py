"""Every row of sections C and D, and TLS-FAILED: a capture that satisfies it, one that differs by that single fact, the
captures that lack an interface, and the same without keys.

The captures are the samples and their fault twins (samples/README.md); frame N is packet N of the twin's capture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from judged import SAMPLES, Judged, judge_packets, sample_keys, sample_packets, without

from analyzer.findings import Severity, Status
from analyzer.flows import e2e_dial_in, e2e_dial_out

IN, OUT = "e2e-dial-in", "e2e-dial-out"
NOT_OBSERVABLE, NOT_APPLICABLE = Status.NOT_OBSERVABLE, Status.NOT_APPLICABLE
TLS_TWINS = {
    *(f"{IN}--{name}" for name in ("certificates", "second", "MRFP-TLS-1", "MRFP-TLS-2", "TRANS-1")),
    *(f"{IN}--{name}" for name in ("TLS-2", "TLS-3", "TLS-5")),
    *(f"{OUT}--{name}" for name in ("TLS-4", "TCPC-1")),
}
"Those of test_tls_rows_by_twins."
NO_INIT = {"DIN-1b", "DIN-1c", "DIN-1e", "DIN-3a", "DIN-3b", "DIN-10b"}
NO_INIT_OUT = {"DOUT-1a", "DOUT-1b", "DOUT-1c", "DOUT-7", "DOUT-9a"}


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    code: str
    good: str
    "The sample that satisfies it."
    broken: str
    "The twin that differs from it by one fact."
    frames: tuple[int, ...]
    "The frames of the finding: those that show it."
    cut: tuple[str, ...]
    "Without any one of these interfaces, or without keys (`keys`), it is not observable."
    beside: tuple[str, ...] = ()
    "Findings of both: what befell the session, and is not this row's matter."
    also: dict[str, Status] = field(default_factory=dict)
    "Other rows that the same fact leaves without their subject."


ROWS = [
    Row("DIN-1a", IN, f"{IN}--DIN-1a", (14,), ("sip",), also=dict.fromkeys(NO_INIT, NOT_APPLICABLE)),
    Row("DIN-1b", IN, f"{IN}--DIN-1b", (14, 15), ("sip",)),
    Row("DIN-1c", IN, f"{IN}--DIN-1c", (14, 15), ("sip",)),
    Row("DIN-1d", IN, f"{IN}--DIN-1d", (14, 15), ("sip",)),
    Row("DIN-1e", IN, f"{IN}--DIN-1e", (6, 14, 15), ("sip",)),
    Row("DIN-3a", IN, f"{IN}--DIN-3a", (14, 15, 35), ("sip", "keys")),
    Row("DIN-3b", IN, f"{IN}--DIN-3b", (21, 24, 35), ("sip", "http")),
    # There is no address to compare with the offer's.
    Row("DIN-4a", IN, f"{IN}--DIN-4a", (29,), ("h248",), also={"OFFER-3b": NOT_APPLICABLE}),
    Row("DIN-4b", f"{IN}--tls-failed", f"{IN}--DIN-4b", (29,), ("h248",), also={"TLS-FAILED": NOT_APPLICABLE}),
    Row("DIN-4c", IN, f"{IN}--DIN-4c", (29,), ("h248",)),
    Row(
        "DIN-4d",
        IN,
        f"{IN}--DIN-4d",
        (29, 34),
        ("h248",),
        also={"DIN-8": NOT_OBSERVABLE, "TLS-FAILED": NOT_OBSERVABLE},
    ),
    Row("DIN-7", IN, f"{IN}--DIN-7", (31,), ("tcp",)),
    Row("DIN-8", IN, f"{IN}--DIN-8", (34,), ("tcp",)),
    Row("DIN-8", IN, f"{IN}--certificate-suite", (34,), ("tcp",)),
    Row("DIN-9", IN, f"{IN}--DIN-9", (35,), ("sip",), also={"DIN-10b": NOT_APPLICABLE}),
    # What the answer should say has no answer to say it in.
    Row(
        "DIN-10a",
        IN,
        f"{IN}--DIN-10a",
        (35,),
        ("sip",),
        also=dict.fromkeys(("OFFER-5", "OFFER-6", "DIN-9", "DIN-10b"), NOT_OBSERVABLE),
    ),
    Row("DIN-10b", IN, f"{IN}--DIN-10b", (35,), ("sip", "keys")),
    Row("DIN-10b", IN, f"{IN}--other-responder", (35,), ("sip",)),
    Row("DIN-F", f"{IN}--tls-failed", f"{IN}--DIN-F", (29, 39), ("h248", "tcp"), beside=("TLS-FAILED",)),
    Row("DOUT-1a", OUT, f"{OUT}--DOUT-1a", (6, 7), ("sip",)),
    Row("DOUT-1b", OUT, f"{OUT}--DOUT-1b", (6, 7), ("sip",)),
    Row("DOUT-1c", OUT, f"{OUT}--DOUT-1c", (6, 7), ("sip",)),
    Row("DOUT-2", OUT, f"{OUT}--DOUT-2", (1,), ("h248",)),
    Row("DOUT-5", OUT, f"{OUT}--DOUT-5", (6,), ("sip",), also=dict.fromkeys(NO_INIT_OUT, NOT_APPLICABLE)),
    Row("DOUT-7", OUT, f"{OUT}--DOUT-7", (16, 18, 23), ("sip", "http")),
    Row("DOUT-8", OUT, f"{OUT}--DOUT-8", (23,), ("sip",), also={"DOUT-9a": NOT_APPLICABLE}),
    Row("DOUT-9a", OUT, f"{OUT}--DOUT-9a", (23, 26), ("sip", "keys")),
    Row("DOUT-9b", OUT, f"{OUT}--DOUT-9b", (26,), ("h248",)),
    Row("DOUT-9b", OUT, f"{OUT}--tls-failed", (26,), ("h248",), also={"TLS-FAILED": NOT_APPLICABLE}),
    Row("DOUT-12", OUT, f"{OUT}--DOUT-12", (29,), ("tcp",)),
    Row("DOUT-13", OUT, f"{OUT}--DOUT-13", (32,), ("tcp",)),
    Row("TLS-FAILED", IN, f"{IN}--tls-failed", (34, 39), ("tcp",), also={"DIN-F": Status.OK}),
]
CODES = {row.code for row in ROWS}
SECTIONS = ("GEN-2", "GEN-3", "GEN-4", "OFFER-", "SEND-", "ANS-", "MRFP-1", "DIN-", "DOUT-", "TLS-FAILED")
"Rows whose results are compared one by one; the rules of other tables, and those of MSRP, have their own tests."
NAMES = [f"{row.code} {row.broken}" for row in ROWS]
FOLLOWS = {"DIN-4b": ("TLS-FAILED",), "DOUT-9b": ("TLS-FAILED",)}


def judged(name: str, folder: Path, *, cut: str = "") -> Judged:
    packets = list(sample_packets(name))
    keys = None if cut == "keys" else sample_keys(name)
    return judge_packets(packets if cut in ("", "keys") else without(packets, cut), folder, keys=keys)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_satisfied_twin_is_ok(row: Row, tmp_path: Path) -> None:
    session = judged(row.good, tmp_path).only
    assert session.results[row.code].status is Status.OK
    told = {"TLS-FAILED"} if row.good.endswith("--tls-failed") else set()
    assert {finding.code for finding in session.findings} == told


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_broken_twin_has_exactly_that_finding(row: Row, tmp_path: Path) -> None:
    good, broken = judged(row.good, tmp_path).only, judged(row.broken, tmp_path).only
    assert broken.flow == row.broken.partition("--")[0]
    told = [finding for finding in broken.findings if finding.code not in row.beside]
    assert [(finding.code, finding.severity, finding.frames) for finding in told] == [
        (row.code, Severity.ERROR, row.frames)
    ]
    assert len(broken.findings) == 1 + len(row.beside)
    assert told[0].clause.startswith(("TS 23.333 clause 6.2.19.2.", "RFC 5246"))
    assert told[0].message
    assert told[0].expected
    assert told[0].actual
    assert told[0].hint
    follows = FOLLOWS.get(row.code, ()) if "TLS-FAILED" in row.also and row.code != "DIN-4d" else ()
    assert set(told[0].causes) & CODES == set(follows)
    changed = {
        code: result.status
        for code, result in broken.results.items()
        if code.startswith(SECTIONS) and result.status is not good.results[code].status
    }
    assert changed == {row.code: Status.FAILED, **row.also}


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_without_an_interface_or_keys_it_is_not_observable(row: Row, tmp_path: Path) -> None:
    for cut in row.cut:
        for name in (row.good, row.broken):
            results = [session.results[row.code] for session in judged(name, tmp_path, cut=cut).sessions]
            # Without SIP or H.248 what is left may be no session of a flow at all.
            assert all(result.status in (NOT_OBSERVABLE, NOT_APPLICABLE) for result in results), (cut, name, results)
            assert all(result.reason for result in results)
            if cut in ("keys", "http", "tcp"):
                assert [result.status for result in results] == [NOT_OBSERVABLE], (cut, name)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_without_keys_nothing_else_is_found(row: Row, tmp_path: Path) -> None:
    """What a key would show is not guessed; what is wrong without one is told all the same."""
    session = judged(row.broken, tmp_path, cut="keys").only
    needs_keys = "keys" in row.cut
    hidden = needs_keys or row.broken in (f"{IN}--DIN-4b", f"{OUT}--tls-failed")
    told = {finding.code for finding in session.findings} - set(row.beside)
    assert told == (set() if needs_keys else {"TLS-FAILED"} if hidden else {row.code})


def test_the_table_has_every_row_of_sections_c_and_d() -> None:
    steps = {step.rule.code for flow in (e2e_dial_in.FLOW, e2e_dial_out.FLOW) for step in flow.steps}
    assert {row.code for row in ROWS} == steps | {"TLS-FAILED"}


def test_every_fault_twin_of_the_secured_samples_is_in_the_table() -> None:
    used = {name for row in ROWS for name in (row.good, row.broken)} | TLS_TWINS
    assert {path.name for path in SAMPLES.glob("e2e-*--*")} == used - {IN, OUT}
