"""CONN-5: without CEMA on both sides a gateway is an MSRP B2BUA (TR 29.828 clause 4.1.2, RFC 6714 section 5)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.connection_model import Model, Party
from analyzer.evidence.parties import Crossing, Parties
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """Where a gateway put itself into `c=` and `m=`, it must be in `a=path` too."""
    told = evidence.connection_model
    if told.model is None:
        return not_observable(told.reason)
    if told.model is Model.RELAY:
        return not_applicable("an MSRP relay is in the path")
    if told.model is Model.SESSMATCH:
        return not_applicable("sessmatch is in force: row CONN-4")
    parties = evidence.parties
    crossings = parties.crossings
    anchored = [each for each in crossings if each.anchored and _falls_back(each)]
    for each in anchored:
        if not each.rewritten and each.taker is not None and not each.taker.cema and _waits(each, evidence):
            return _kept(each)
    rewritten = [each for each in anchored if each.rewritten]
    if rewritten:
        return Result(Status.OK, frames=tuple(sorted({frame for each in rewritten for frame in each.frames})))
    if told.model is Model.CEMA:
        return not_applicable("CEMA is supported by both: row CONN-4")
    if anchored:
        return not_applicable("the side that connects supports CEMA and takes c= and m= (RFC 6714 section 4.2)")
    return _unseen(parties)


def _unseen(parties: Parties) -> Result:
    if parties.earlier_than:
        return not_applicable(f"the two legs are compared in session {parties.earlier_than}")
    if parties.crossings:
        return not_applicable("no gateway between the captured hops anchors the media")
    return not_observable("one side of a border gateway at most is in the capture")


def _falls_back(crossing: Crossing) -> bool:
    """The side that takes the description does not have CEMA agreed."""
    return crossing.taker is None or not (crossing.after.cema and crossing.taker.cema)


def _waits(crossing: Crossing, evidence: Evidence) -> bool:
    """The other side connects to the one whose description it is."""
    if crossing.other_leg and crossing.party is Party.ANSWERER and crossing.taker is not None:
        # Taken on the leg before: its own offer and answer say who connects there.
        return not (crossing.after.setup == "active" and crossing.taker.setup != "active")
    return evidence.connection_model.opener is crossing.party.other


def _kept(crossing: Crossing) -> Result:
    what, taker = ("offer", "answerer") if crossing.party is Party.OFFERER else ("answer", "offerer")
    return RULE.broken(
        f"A gateway put its address into c= and m= of the {what} and left a=path, but the {taker} does not support "
        f"CEMA and connects to the address in a=path, past the gateway.",
        crossing.frames,
        expected=f"a=path with the gateway's address, {crossing.after.address} port {crossing.after.port}",
        actual=f"a=path unchanged, {_first(crossing)}",
    )


def _first(crossing: Crossing) -> str:
    uri = crossing.after.path[0] if crossing.after.path else ""
    return uri.partition("://")[2].partition("/")[0].rpartition("@")[2] or "absent"


RULE = Rule(
    code="CONN-5",
    title="Where not both sides support CEMA, a border gateway falls back to RFC 4975 and acts as MSRP B2BUA.",
    clause="TR 29.828 clause 4.1.2",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip",),
    each_offer=True,
    yields_to=("OFFER-6", "OFFER-5", "SEND-3"),
    why="A client without CEMA connects to a=path; if that still names the far end, the connection goes past the "
    "gateway and is mostly unreachable.",
    causes=(
        "The gateway's controller relies on CEMA without looking for a=msrp-cema.",
        "The gateway has no MSRP B2BUA, and the controller should have refused the stream.",
    ),
    confirm="Compare c=, m= and a=path of the same description before and behind the controller.",
    fix="Without a=msrp-cema on both sides rewrite a=path and the paths of MSRP messages (MSRP B2BUA), or refuse.",
    example="before: c=IN IP4 198.51.100.7, a=path:msrp://198.51.100.7:7394/a1;tcp\n"
    "wrong:  c=IN IP4 203.0.113.61, a=path:msrp://198.51.100.7:7394/a1;tcp\n"
    "right:  c=IN IP4 203.0.113.61, a=path:msrp://203.0.113.61:40002/x9;tcp",
)
