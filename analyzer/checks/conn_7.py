"""CONN-7: an MSRP relay in the path (TR 29.828 clause 4.1.4; RFC 4975 section 7.1, RFC 4976 section 5)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.connection_model import Model
from analyzer.evidence.party_end import PartyEnd
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """Requests to a side behind a relay have all entries of its `a=path` in To-Path, in their order."""
    told = evidence.connection_model
    if told.model is not Model.RELAY:
        return not_observable(told.reason) if told.model is None else not_applicable("no MSRP relay in the path")
    parties = evidence.parties
    good: list[int] = []
    for side in (parties.offerer, parties.answerer):
        if side is None or len(side.end.path) < 2:
            continue
        for to_path, frame in parties.paths_of_sender(side.party):
            wanted = [each.end.path for each in side.hops]
            sent = tuple(to_path.split())
            if any(sent[-len(path) :] == path for path in wanted):
                good.append(frame)
            elif sent[-1] == side.end.path[-1]:
                return _left_out(side, sent, frame)
    if good:
        return Result(Status.OK, frames=tuple(sorted({*good, *parties.auth_frames})))
    return not_observable("no MSRP request towards a relay in the capture")


def _left_out(side: PartyEnd, sent: tuple[str, ...], frame: int) -> Result:
    return RULE.broken(
        f"The {side.party.other} sends requests that do not go by the relay: To-Path has {len(sent)} of the "
        f"{len(side.end.path)} entries of the {side.party}'s a=path.",
        (*side.frames, frame),
        expected=f"To-Path: {_hosts(side.end.path)}",
        actual=f"To-Path: {_hosts(sent)}",
    )


def _hosts(path: tuple[str, ...]) -> str:
    return " ".join(uri.partition("://")[2].partition("/")[0].rpartition("@")[2] for uri in path)


RULE = Rule(
    code="CONN-7",
    title="With an MSRP relay in the path, requests carry every entry of the peer's a=path in To-Path.",
    clause="TR 29.828 clause 4.1.4",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "msrp"),
    each_offer=True,
    yields_to=("MRFP-3", "OFFER-1", "ANS-1", "CONN-2"),
    why="The relay finds the next hop in To-Path (RFC 4976 section 5): a URI that is missing there means that the "
    "request is refused, or goes past the relay, which a firewall mostly stops.",
    causes=(
        "The client keeps only the last URI of a=path, or only the first.",
        "A node on the way shortened a=path of the SDP: compare the hops.",
    ),
    confirm="Compare To-Path of the first SEND with a=path of the peer's SDP; look for AUTH on the relay's connection.",
    fix="Copy all URIs of a=path into To-Path, left to right (RFC 4975 section 7.1).",
    example="a=path:msrp://192.0.2.99:2855/r1;tcp msrp://198.51.100.7:7394/a1;tcp\n"
    "wrong:  To-Path: msrp://198.51.100.7:7394/a1;tcp\n"
    "right:  To-Path: msrp://192.0.2.99:2855/r1;tcp msrp://198.51.100.7:7394/a1;tcp",
)
