"""The requirement rows that the lab can break, the functions that do it, and the scenario where it shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from replay.kms import FAULTS as KMS_FAULTS
from replay.lab.scenarios import Scenario
from replay.mrfc import FAULTS as MRFC_FAULTS
from replay.mrfp import FAULTS as MRFP_FAULTS
from replay.ue import FAULTS as UE_FAULTS

SCENARIO_OF = {
    "GEN": "tcp-dial-in",
    "OFFER": "tcp-dial-in",
    "MRFP": "tcp-dial-in",
    "TCP": "tcp-dial-in",
    "SEND": "tcp-dial-out",
    "ANS": "tcp-dial-out",
    "DIN": "e2e-dial-in",
    "DOUT": "e2e-dial-out",
}
"By the section of a row."
ELSEWHERE = {"TCP-F": "tcp-refused", "DIN-F": "e2e-refused"}
NOT_SHOWN = {
    "GEN-4": "the MRFP refuses the Add for it, and the analyzer tells that as H248-ERROR",
}
"Rows that a function can break, without the analyzer finding just that."
BESIDE: dict[str, frozenset[str]] = {
    "MRFP-1": frozenset({"SIP-5XX"}),
    "TCP-F": frozenset({"TCP-REFUSED"}),
    "DIN-F": frozenset({"TCP-REFUSED"}),
}
"What else is found, because the fault has it happen too."
ALONE = frozenset({"MRFP-2", "DIN-1a", "DIN-9", "DIN-10a", "DOUT-5", "DOUT-8"})
"""Rows that are shown with one participant. Where one takes the place of a key agreement, legs have a key that nobody
agreed on, and two of them would break MRFP-TLS-2 as well; with MRFP-2 nobody hears anybody."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row that can be broken."""

    row: str
    scenario: str
    does: tuple[str, ...]
    "`MRFC: leaves ...`, for each function that has a part in it."
    beside: frozenset[str] = frozenset()
    "Codes of what is found beside the row, because the fault has it happen too."


def with_faults(scenario: Scenario, rows: Iterable[str]) -> Scenario:
    """The scenario as these rows need it."""
    return replace(scenario, participants=1) if ALONE.intersection(rows) else scenario


def _faults() -> dict[str, Fault]:
    tables = {"UE": UE_FAULTS, "MRFC": MRFC_FAULTS, "MRFP": MRFP_FAULTS, "KMS": KMS_FAULTS}
    rows = {row for table in tables.values() for row in table} - NOT_SHOWN.keys()
    made = {}
    for row in sorted(rows, key=_order):
        does = tuple(f"{name}: {table[row].rstrip('.')}" for name, table in tables.items() if row in table)
        scenario = ELSEWHERE.get(row) or SCENARIO_OF[row.partition("-")[0]]
        made[row] = Fault(row, scenario, does, BESIDE.get(row, frozenset()))
    return made


def _order(row: str) -> tuple[int, int, str]:
    section, _, number = row.partition("-")
    digits = "".join(char for char in number if char.isdigit())
    return list(SCENARIO_OF).index(section), int(digits or 99), number


FAULTS: dict[str, Fault] = _faults()
