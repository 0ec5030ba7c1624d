"""Which address plays which role (design: UE, P-CSCF/IMS-ALG, IMS-AGW, IBCF, TrGW, MRFC, MRFP, KMS).

Roles are told by what an address does: who commands whom in H.248, who calls itself a conference focus, whose media
it is. A role given by the user is never overruled; an address that shows nothing has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """Roles of TS 23.333 and TS 23.334, and the plain H.248 and SIP ones where no more is known."""

    UE = "UE"
    MRFC = "MRFC"
    MRFP = "MRFP"
    IMS_ALG = "P-CSCF/IMS-ALG"
    IMS_AGW = "IMS-AGW"
    MGC = "MGC"
    MG = "MG"
    KMS = "KMS"
    PROXY = "proxy"


# What one piece of evidence counts: the more a role demands, the more its evidence weighs.
_WEIGHT = {
    Role.MRFC: 8,
    Role.MRFP: 8,
    Role.IMS_ALG: 10,
    Role.IMS_AGW: 10,
    Role.MGC: 4,
    Role.MG: 4,
    Role.KMS: 6,
    Role.UE: 2,
    Role.PROXY: 1,
}


GUESS = 5
"The weight of a role that the kind of media alone speaks for."


class NodeTable:
    """Evidence of roles by IP address."""

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self._given = dict(given or {})
        self._seen: dict[str, tuple[int, str]] = {}
        "The weightiest role each address has shown, of equals the first."

    def note(self, address: str, role: Role, *, guess: bool = False) -> None:
        """Note one piece of evidence; a guess weighs little more than the plain H.248 roles."""
        if address:
            weight = GUESS if guess else _WEIGHT[role]
            known = self._seen.get(address)
            if known is None or weight > known[0]:
                self._seen[address] = weight, role.value

    def add_missing(self, other: NodeTable) -> None:
        """Take over what another table knows of addresses that are not in this one."""
        for address, seen in other._seen.items():
            self._seen.setdefault(address, seen)

    def role(self, address: str) -> str:
        """The role of an address, or empty when nothing speaks for one."""
        given = self._given.get(address)
        if given is not None:
            return given
        seen = self._seen.get(address)
        return seen[1] if seen is not None else ""

    def gives(self, address: str) -> bool:
        """Was the role of this address given by the user?"""
        return address in self._given
