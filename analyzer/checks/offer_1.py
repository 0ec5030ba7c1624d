"""OFFER-1: the path of an offer goes to the MRFP as it is (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import OK, Result, Severity, not_applicable, not_observable
from analyzer.identities import path_text
from analyzer.model import Confidence


def judge(evidence: Evidence) -> Result:
    """Remote of the first command that gives the MRFP the UE's end, against the offer."""
    if evidence.side is not Side.ANSWERS:
        return not_applicable("the MRFC receives no offer in this session")
    offer = evidence.offer
    if offer is None:
        return not_observable("the offer was not captured")
    configure = evidence.configure
    remote = configure.remote if configure is not None else None
    if configure is None or remote is None:
        return not_observable(evidence.orders_incomplete or "no command gives the MRFP a Remote descriptor")
    if remote.path == offer.end.path:
        return OK
    if lacking := evidence.altered(offer) or evidence.unseen_change(configure):
        return not_observable(lacking)
    return RULE.broken(
        "The MRFC did not give the offer's MSRP path to the MRFP: what the MRFP sends will carry a wrong To-Path.",
        (*offer.frames, *configure.frames),
        expected=f"Remote a=path:{path_text(offer.end.path)}",
        actual=f"Remote a=path:{path_text(remote.path)}" if remote.path else "Remote without a=path",
        confidence=Confidence.LIKELY if evidence.keeps(configure) else Confidence.CERTAIN,
    )


RULE = Rule(
    code="OFFER-1",
    title="The MRFC passes the a=path of an offer to the MRFP, as MSRP URI Path in the Remote descriptor.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "h248"),
    each_offer=True,
    yields_to=("TCP-2",),
    why="The MRFP puts this path into the To-Path of all it sends; a UE answers 481 to a session-id not its own.",
    causes=(
        "The MRFC builds the path anew from c= and m= and loses the session-id or the relay's entry.",
        "A path of several URIs (MSRP relay) is cut to its first or last entry.",
    ),
    confirm="Compare a=path of the INVITE with a=path in the Remote descriptor of the Add, octet by octet.",
    fix="Copy the value of a=path from the offer to the Remote descriptor without change.",
    example="offer:  a=path:msrp://198.51.100.7:7394/jshA7weztas2s93i9ek2;tcp\n"
    "wrong:  R{... a=path:msrp://198.51.100.7:7394/;tcp}\n"
    "right:  R{... a=path:msrp://198.51.100.7:7394/jshA7weztas2s93i9ek2;tcp}",
)
