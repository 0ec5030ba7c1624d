"""CONN-1: who opens the TCP connection (TR 29.828 clause 4.1.4, table 4.1.4-1, first column)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.connection_model import Model, agreed_opener
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """The direction of the first SYN against what offer and answer agree on."""
    return judge_opener(RULE, evidence)


KEPT = not_applicable("no TCP connection was begun for this offer: that which was there goes on")


def judge_opener(rule: Rule, evidence: Evidence) -> Result:
    """The opener of the connection against the model's; CONN-1 and CONN-6 ask the same of different sessions."""
    told = evidence.connection_model
    if told.model is None:
        return not_observable(told.reason)
    if told.model is Model.RELAY:
        return not_applicable("an MSRP relay is in the path: both ends connect to relays (RFC 4976)")
    if told.opener is None:
        return not_applicable(told.opener_reason)
    if evidence.is_later and not evidence.connection_parts:
        return KEPT
    parties = evidence.parties
    seen = []
    for part in evidence.connection_parts:
        connection = part.connection
        opener, syn = parties.opener(connection), evidence.first_step(connection, "SYN")
        if opener is not None and syn is not None:
            seen.append((connection, opener, syn))
    if not seen:
        return not_observable(
            "the begin of the TCP connection was not captured"
            if evidence.connection_parts
            else "no TCP connection between the announced ends in the capture"
        )
    wrong = None
    for connection, opener, (time, frames) in seen:
        hop = parties.hop(connection, opener)
        if hop is None:
            continue
        # Nodes on the way may act for the ends, each hop with its own a=setup.
        wanted, why = agreed_opener(hop.offer.end.setup, hop.answer.end.setup)
        if wanted is opener:
            # Where the right side tried, another connection beside it does no harm.
            return Result(Status.OK, frames=frames, begin=time, end=time)
        if wanted is not None and wrong is None:
            wrong = connection, opener, frames, hop, why
    if wrong is None:
        return not_observable("the offer and answer that the TCP connection follows were not captured")
    connection, opener, frames, hop, why = wrong
    return rule.broken(
        f"The {opener} opened the TCP connection; the {opener.other} was to do so: {why}.",
        (*hop.offer.frames, *hop.answer.frames, *frames),
        expected=f"SYN from the {opener.other}",
        actual=f"SYN from the {opener}, {connection.client.src} to {connection.client.dst}",
    )


RULE = Rule(
    code="CONN-1",
    title="The TCP connection is opened by the side that the connection model in force names.",
    clause="TR 29.828 clause 4.1.4, table 4.1.4-1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "tcp"),
    of_set_up=True,
    each_offer=True,
    yields_to=("CONN-6", "TCP-5", "TCP-1", "TCP-6", "TCP-4", "SDP-SETUP", "DIN-1d", "DIN-7", "DOUT-5", "DOUT-12"),
    why="The side that is to wait may sit behind a firewall that lets connections only out, or open its port late; and "
    "where both sides open, two connections compete for one session (RFC 4975 section 5.4).",
    causes=(
        "One side follows plain RFC 4975, where the offerer connects, although a=setup says otherwise (RFC 6135).",
        "A border gateway forwards a=setup unchanged while it opens connections on its own account.",
    ),
    confirm="Filter on tcp.flags.syn == 1 && tcp.flags.ack == 0 between the announced ends and look at its direction; "
    "compare with a=setup of offer and answer.",
    fix="Let the side that is active by a=setup connect, and the other only listen (RFC 4145 section 4.1).",
    example="offer a=setup:actpass, answer a=setup:active: the answerer connects\n"
    "wrong:  offerer > answerer SYN\nright:  answerer > offerer SYN",
)
