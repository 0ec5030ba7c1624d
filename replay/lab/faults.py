"""The requirement rows that the lab can break, the functions that do it, and the scenario where it shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from replay.kms import FAULTS as KMS_FAULTS
from replay.lab.ending import Ending
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
    "MRFP-TLS": "e2e-dial-in",
    "TRANS": "e2e-dial-in",
    "CONN": "tcp-dial-in",
    "TLS": "e2e-dial-in",
    "TCPC": "tcp-dial-out",
    "NAT": "tcp-dial-out",
}
"By the section of a row."
ELSEWHERE = {
    "GEN-2": "tcp-dial-out",
    "TCP-F": "tcp-refused",
    "DIN-F": "e2e-refused",
    "CONN-1": "tcp-dial-out",
    "CONN-6": "tcp-dial-out",
    "TCPC-1": "tcp-dial-out",
    "NAT-1": "tcp-dial-out",
    "TLS-4": "e2e-dial-out",
}
"Rows that show in another scenario than their section."
NOT_BREAKABLE = {
    "MRFP-TLS-1": "to pass a handshake on, the MRFP needs a TLS client on one leg and a server on the other; UEs that "
    "dial in are all servers, invited ones all clients",
    "CONN-3": "what the MRFP sends is held against Remote and the offer: told as MRFP-3 or OFFER-1",
    "CONN-4": "a border gateway does it, and the lab has none",
    "CONN-5": "a border gateway does it, and the lab has none",
    "CONN-7": "a path that the MRFP shortens is told as MRFP-3, one that the MRFC shortens as OFFER-1",
    "TLS-1": "ClientHello within the SYN is the kernel's to send (TCP Fast Open)",
    "TLS-2": "with the SIP of the session beside it, it is told as OFFER-2 or SEND-2",
    "TLS-3": "in the flows with Pre-Shared Keys it is told as DIN-8 or DOUT-13",
}
"Rows that the analyzer judges and no function of the lab can break so that they show, and why."
BESIDE: dict[str, frozenset[str]] = {
    "TCP-F": frozenset({"TCP-REFUSED"}),
    "DIN-F": frozenset({"TCP-REFUSED"}),
}
"What else is found: a failure of the connection is a finding of its own, with the fault and without it."
ENDINGS = {
    "MRFP-1": Ending.REFUSED,
    "MRFP-2": Ending.UNHEARD,
    "TCP-F": Ending.SILENT,
    "DIN-F": Ending.SILENT,
    "DIN-4b": Ending.ENDED,
    "DIN-4d": Ending.SILENT,
}
"How it ends for participants where the fault keeps them from what the scenario has them do."


@dataclass(frozen=True, slots=True)
class Fault:
    """One row that can be broken."""

    row: str
    scenario: str
    does: tuple[str, ...]
    "`MRFC: leaves ...`, for each function that has a part in it."
    ends: Ending = Ending.THROUGH
    beside: frozenset[str] = frozenset()
    "Codes of what is found beside the row, since the scenario shows it also without the fault."


def with_faults(scenario: Scenario, rows: Iterable[str]) -> Scenario:
    """The scenario as these rows need it: nobody waits for messages that will not come."""
    return replace(scenario, hears=False) if Ending.UNHEARD in endings_of(rows) else scenario


def endings_of(rows: Iterable[str]) -> frozenset[Ending]:
    """How it may end for participants where these rows are broken; empty for none."""
    return frozenset(FAULTS[row].ends for row in rows)


def _faults() -> dict[str, Fault]:
    tables = {"UE": UE_FAULTS, "MRFC": MRFC_FAULTS, "MRFP": MRFP_FAULTS, "KMS": KMS_FAULTS}
    rows = {row for table in tables.values() for row in table}
    made = {}
    for row in sorted(rows, key=_order):
        does = tuple(f"{name}: {table[row].rstrip('.')}" for name, table in tables.items() if row in table)
        scenario = ELSEWHERE.get(row) or SCENARIO_OF[row.rpartition("-")[0]]
        made[row] = Fault(row, scenario, does, ENDINGS.get(row, Ending.THROUGH), BESIDE.get(row, frozenset()))
    return made


def _order(row: str) -> tuple[int, int, str]:
    section, _, number = row.rpartition("-")
    digits = "".join(char for char in number if char.isdigit())
    return list(SCENARIO_OF).index(section), int(digits or 99), number


FAULTS: dict[str, Fault] = _faults()
