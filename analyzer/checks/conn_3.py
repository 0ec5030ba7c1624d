"""CONN-3: what session matching compares (TR 29.828 clause 4.1.4, table 4.1.4-1; RFC 4975 section 7.3)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.conversations.media import place_of
from analyzer.evidence import Evidence
from analyzer.evidence.connection_model import Model
from analyzer.evidence.sent_to import SentTo
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable
from analyzer.model import Confidence


def judge(evidence: Evidence) -> Result:
    """To-Path of requests against the receiver's own `a=path`, and what the receiver made of a difference."""
    told = evidence.connection_model
    if told.row is None:
        return not_observable(told.reason)
    exempt = evidence.mrfp_party  # TS 23.333 has it compare the session-id alone, which suits every model
    sent = [each for each in evidence.parties.sent if each.receiver is not exempt]
    differing = [each for each in sent if each.elsewhere]
    for each in differing:
        if each.refused:
            return _refused(evidence, each)
    if told.model is not Model.SESSMATCH:
        for each in differing:
            if each.answered:
                return _accepted(evidence, each, told.row.title)
    elif not differing:
        return not_applicable("the MRFP compares the session-id alone, whatever the model (row MRFP-2)")
    if any(not each.answered for each in differing):
        return not_observable("a To-Path differs from the receiver's a=path, and no response to it is in the capture")
    if not sent:
        if evidence.parties.sent:
            return not_applicable("requests went to the MRFP only, which compares the session-id alone (row MRFP-2)")
        return not_observable("no MSRP request at the announced ends in the capture")
    return Result(Status.OK, frames=tuple(sorted({each.frame for each in sent})))


def _texts(evidence: Evidence, sent: SentTo) -> tuple[str, str]:
    side = evidence.parties.side(sent.receiver)
    own = side.end.path[-1] if side is not None and side.end.path else ""
    return _place_text(own), _place_text(sent.to_path.rpartition(" ")[2])


def _place_text(uri: str) -> str:
    place = place_of(uri)
    return f"{place[0]} port {place[1]}" if place is not None else "no host and port"


def _frames(evidence: Evidence, sent: SentTo) -> tuple[int, ...]:
    side = evidence.parties.side(sent.receiver)
    return (*(side.frames if side is not None else ()), sent.frame, *sent.refused)


def _refused(evidence: Evidence, sent: SentTo) -> Result:
    own, theirs = _texts(evidence, sent)
    return RULE.broken(
        f"The {sent.receiver} refused a request with 481: To-Path has its session-id, but {theirs} where its own "
        f"a=path has {own}.",
        _frames(evidence, sent),
        expected=f"To-Path with {own}, since this side compares the address too",
        actual=f"To-Path with {theirs}, 481",
    )


def _accepted(evidence: Evidence, sent: SentTo, model: str) -> Result:
    own, theirs = _texts(evidence, sent)
    return RULE.broken(
        f"To-Path of requests to the {sent.receiver} has {theirs} where its own a=path has {own}; they are accepted, "
        f"though session matching of {model} has the address in it.",
        _frames(evidence, sent),
        expected=f"To-Path with {own}, as in a=path",
        actual=f"To-Path with {theirs}",
        # It works as long as the receiver compares the session-id alone.
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
    )


RULE = Rule(
    code="CONN-3",
    title="Session matching has the address of To-Path in it; with sessmatch the session-id alone counts.",
    clause="TR 29.828 clause 4.1.4, table 4.1.4-1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "msrp"),
    each_offer=True,
    yields_to=("CONN-4", "CONN-5", "MRFP-2", "MRFP-3", "OFFER-1", "ANS-1", "OFFER-5", "SEND-3"),
    why="A client of RFC 4975 refuses a request whose To-Path is not its own URI (481), so with a gateway that counts "
    "on sessmatch no message gets through.",
    causes=(
        "A border gateway rewrites a=path and leaves MSRP alone (sessmatch), but this client knows only RFC 4975.",
        "The sender builds To-Path from c= and m=, or keeps a path of an earlier offer.",
    ),
    confirm="Compare To-Path of the first SEND with a=path that the receiver itself sent, and look at the response.",
    fix="Use CEMA (RFC 6714) at both ends, or let the gateway rewrite the paths of MSRP messages too (MSRP B2BUA).",
    example="a=path:msrp://198.51.100.8:7394/b5;tcp\n"
    "wrong:  To-Path: msrp://203.0.113.60:40001/b5;tcp, then 481\n"
    "right:  To-Path: msrp://198.51.100.8:7394/b5;tcp",
)
