"""`--node ADDR=ROLE`: the roles that users may give, and how they may spell them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from ipaddress import ip_address

ROLES = ("UE", "P-CSCF/IMS-ALG", "IMS-AGW", "IBCF", "TrGW", "MRFC", "MRFP", "KMS", "AS", "MGC", "MG", "proxy")
"What `--node` takes: the roles of TS 23.333 and TS 23.334, and the plain ones of H.248 and SIP."
ROLE_ALIASES = {"p-cscf": "P-CSCF/IMS-ALG", "ims-alg": "P-CSCF/IMS-ALG", "focus": "MRFC"}


def given_roles(values: Iterable[str]) -> dict[str, str]:
    """Address -> role of `ADDR=ROLE` texts, the address in any spelling, the role in any case. Raises ValueError."""
    known = {**{role.lower(): role for role in ROLES}, **ROLE_ALIASES}
    found: dict[str, str] = {}
    for value in values:
        address, equals, role = value.rpartition("=")
        try:
            key = str(ip_address(address.strip().strip("[]")))
        except ValueError:
            raise ValueError(f"{value!r} is not ADDR=ROLE with an IP address, as in 198.51.100.7=MRFP") from None
        name = known.get(role.strip().lower())
        if not equals or name is None:
            near = get_close_matches(role.strip().lower(), known, 1)
            meant = f"; did you mean {known[near[0]]}?" if near else ""
            raise ValueError(f"{role!r} is no role{meant} Roles: {', '.join(ROLES)}")
        if found.get(key, name) != name:
            raise ValueError(f"{key} is given two roles, {found[key]} and {name}")
        found[key] = name
    return found
