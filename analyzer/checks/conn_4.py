"""CONN-4: whether paths are rewritten on the way (TR 29.828 clause 4.1.4, table 4.1.4-1, columns four and five)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.connection_model import Model, Party
from analyzer.evidence.parties import Crossing
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """`a=path` of one description before and behind every gateway; MSRP itself is held against it by CONN-3."""
    told = evidence.connection_model
    if told.model is None:
        return not_observable(told.reason)
    if told.model not in (Model.CEMA, Model.SESSMATCH):
        return not_applicable("neither CEMA nor sessmatch is in force: row CONN-5")
    crossings = evidence.parties.crossings
    seen = [each for each in crossings if each.anchored or each.rewritten]
    if told.model is Model.CEMA:
        seen = [each for each in seen if each.before.cema and each.after.cema]
        for each in seen:
            if each.rewritten:
                return _rewritten(each)
    else:
        seen = [each for each in seen if each.rewritten]
    if seen:
        return Result(Status.OK, frames=tuple(sorted({frame for each in seen for frame in each.frames})))
    later = evidence.parties.earlier_than
    if later:
        return not_applicable(f"the two legs are compared in session {later}")
    if crossings:
        return not_applicable("no gateway between the captured hops has changed the descriptions")
    return not_observable("one side of a border gateway at most is in the capture")


def _rewritten(crossing: Crossing) -> Result:
    what = "offer" if crossing.party is Party.OFFERER else "answer"
    return RULE.broken(
        f"A node on the way rewrote a=path of the {what}, although offer and answer have a=msrp-cema.",
        crossing.frames,
        expected=f"the same a=path on both sides, {_path(crossing.before.path)}",
        actual=_path(crossing.after.path),
    )


def _path(path: tuple[str, ...]) -> str:
    """Hosts alone, without session-ids: they say where, and belong to nobody."""
    return " ".join(uri.partition("://")[2].partition("/")[0].rpartition("@")[2] for uri in path) or "no a=path"


RULE = Rule(
    code="CONN-4",
    title="With CEMA nobody rewrites paths; with sessmatch the controller rewrites a=path and the gateway no MSRP.",
    clause="TR 29.828 clause 4.1.4, table 4.1.4-1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip",),
    each_offer=True,
    yields_to=("OFFER-5", "SEND-3"),
    why="With CEMA both ends match sessions by the whole URI of the far end: a rewritten a=path leads to 481, and TLS "
    "end to end leaves the gateway no way to rewrite MSRP to suit.",
    causes=(
        "The gateway's controller treats all MSRP alike and does not look at a=msrp-cema.",
        "It is configured as MSRP B2BUA and passes a=msrp-cema on, which it should then remove.",
    ),
    confirm="Compare a=path of the same offer, or answer, before and behind the controller.",
    fix="With a=msrp-cema change c= and m= alone (RFC 6714 section 5), or remove the attribute and act as MSRP B2BUA.",
    example="before: a=path:msrp://198.51.100.7:7394/a1;tcp a=msrp-cema\n"
    "wrong:  a=path:msrp://203.0.113.61:40002/a1;tcp a=msrp-cema\n"
    "right:  c=IN IP4 203.0.113.61, m=message 40002, a=path:msrp://198.51.100.7:7394/a1;tcp a=msrp-cema",
)
