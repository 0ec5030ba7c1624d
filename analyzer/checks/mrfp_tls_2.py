"""MRFP-TLS-2: TLS sessions of different legs are independent, with different keys (TR 29.828 clause 4.1.3 c)."""

from __future__ import annotations

import hmac

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.tls_legs import others_of_conference
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """No other leg of the conference has the same key."""
    if not evidence.is_secured:
        return not_applicable("the session has no TLS")
    found = others_of_conference(evidence)
    if found is None:
        return not_observable("no TLS of this session in the capture")
    mine, before = found
    secured = [leg for leg in before if leg.secured]
    if not secured:
        return not_observable("no other TLS leg of its conference was seen before it")
    for leg in secured:
        if leg.key and mine.key and hmac.compare_digest(leg.key, mine.key):
            return RULE.broken(
                "Two participants of the conference have the same key for TLS: each can read what the other is sent.",
                (*leg.key_frames, *mine.key_frames),
                expected="a key for each participant",
                actual=f"one Pre-Shared Key for {leg.address} and {mine.address}",
            )
    if not mine.key and not mine.randoms:
        return not_observable("neither the key nor the handshake of this session is in the capture")
    if not mine.key or not all(leg.key for leg in secured):
        return not_observable("the keys are not known; the random values differ")
    return Result(Status.OK, frames=mine.key_frames)


RULE = Rule(
    code="MRFP-TLS-2",
    title="The TLS sessions of a conference are independent of each other: different keys.",
    clause="TR 29.828 clause 4.1.3",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("tcp", "h248"),
    of_set_up=True,
    yields_to=("MRFP-TLS-1",),
    why="With one key for all, whoever is invited can read and forge what passes on the other legs.",
    causes=(
        "The MRFC uses one ticket, and its TGK, for all participants without forking keys.",
        "The Pre-Shared Key of one call is sent for the next.",
    ),
    confirm="Compare the Pre-Shared Keys that the MRFP is given (the tool does; it never prints keys).",
    fix="Derive a TEK for each participant: a ticket of its own, or keys that are forked.",
    example="wrong:  tlsbsc/psk with the same value on two terminations",
)
