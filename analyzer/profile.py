"""Vendor variance as data: H.248 package items whose names no reachable text fixes, and what peers spell otherwise.

Names are compared without regard to case; each entry is a set of alternatives. `--profile FILE` lays a TOML file over
these defaults.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """What the nodes of this network call things. Package names are registered; those of their items are guesses."""

    start_tcp: frozenset[str] = frozenset({"tcpbcc/estbnc"})
    "Signals that make the MRFP open the TCP connection (H.248.89)."
    start_tls: frozenset[str] = frozenset({"tlsbsc/estbnc", "tlsbsc/esttls"})
    "Signals that make it open TLS once TCP is up (H.248.90)."
    tcp_events: frozenset[str] = frozenset({"tcpbcc/bncchange"})
    "Events that report the state of the TCP connection; g/cause reports released bearers."
    tls_events: frozenset[str] = frozenset({"tlsbsc/bncchange"})
    failure_types: frozenset[str] = frozenset({"failed", "failure", "estfail", "rel", "released"})
    "Values of the event parameter Type that mean a failed set-up."
    psk_properties: frozenset[str] = frozenset({"tlsbsc/psk"})
    "Where the Pre-Shared Key stands in LocalControl; its value is never shown."
    statistics_packages: frozenset[str] = frozenset({"msrpstat"})
    filter_packages: frozenset[str] = frozenset({"mf"})
    mikey_tls_prot_types: frozenset[int] = frozenset({2})
    "Values of the GENERIC-ID protocol type that stand for TLS; none is registered."


DEFAULT_PROFILE = Profile()
