"""MRFP-TLS-1: the MRFP ends TLS towards each participant (TR 29.828 clause 4.1.3 c)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.tls_legs import others_of_conference
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """No other leg of the conference has the same handshake."""
    found = others_of_conference(evidence)  # plain legs are noted for those with TLS
    if not evidence.is_secured:
        return not_applicable("the session has no TLS")
    if found is None or not found[0].randoms:
        return not_observable("no TLS handshake of this session in the capture")
    mine, before = found
    for leg in before:
        if leg.randoms == mine.randoms:
            return RULE.broken(
                "The MRFP does not end TLS: it passed one handshake between two participants of the conference.",
                (*leg.hello_frames, *mine.hello_frames),
                expected="a TLS session of its own with each participant",
                actual=f"the same random values towards {leg.address} and {mine.address}",
            )
    if not before:
        return not_observable("no other leg of its conference was seen before it")
    kinds = (
        "TLS"
        if all(leg.secured for leg in before)
        else "plain MSRP"
        if not any(leg.secured for leg in before)
        else "TLS and plain MSRP"
    )
    return Result(Status.OK, f"TLS here, {kinds} towards the others", frames=mine.hello_frames)


RULE = Rule(
    code="MRFP-TLS-1",
    title="The MRFP ends TLS towards a participant, and talks plain MSRP or TLS of its own to the others.",
    clause="TR 29.828 clause 4.1.3",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("tcp",),
    of_set_up=True,
    why="An MRFP that only passes TLS on can neither read nor distribute messages: it is no conference.",
    causes=("The two terminations were joined as for an IMS-AGW, which forwards TLS as it is.",),
    confirm="Compare the random values of the ClientHellos on both legs (tls.handshake.random).",
    fix="Ask for TLS on the termination itself (bearer type TCP/TLS/MSRP), with a key for each participant.",
    example="wrong:  the same ClientHello random towards 198.51.100.7 and 198.51.100.9",
)
