"""GEN-2: the TCP connection is set up when the participant is added (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable

TOLERANCE_NS = 2_000_000
"Packets may be captured up to a millisecond out of order, so two of them may seem exchanged by twice that."


def judge(evidence: Evidence) -> Result:
    """The handshake comes after the session's offer."""
    if evidence.side is Side.UNKNOWN:
        return not_applicable("no MRFC shows in this session")
    connection = evidence.connection
    if connection is None:
        return not_observable("no TCP connection between the announced ends in the capture")
    syn = evidence.first_step(connection, "SYN")
    if syn is None:
        return not_observable("the begin of the TCP connection was not captured")
    if connection.established is None:
        return not_observable("the TCP connection was not set up")
    exchange = evidence.exchange
    offer = exchange.offer if exchange is not None else None
    if offer is None or evidence.set_up_unseen:
        return not_observable("the offer was not captured")
    time, frames = syn
    if time < offer.message.time - TOLERANCE_NS:
        if len(connection.sessions) > 1:
            return not_applicable("a connection that was there before is shared (RFC 4975 section 5.4)")
        if evidence.offer is not None and not evidence.offer.sent:
            return not_observable("only a repetition of the offer was captured")
        if evidence.clocks:
            return not_observable(f"{evidence.clocks[-1].sentence}: order across them is not judged")
        early = (offer.message.time - time) / 1e9
        return RULE.broken(
            f"The TCP connection was set up {early:.3f} s before the offer that it belongs to{evidence.scope.clocks}.",
            (*frames, *offer.message.frames),
            expected="TCP SYN after the SDP offer of the participant",
            actual=f"SYN {early:.3f} s before the offer",
            severity=None if evidence.scope.one_clock else Severity.WARNING,
        )
    made = evidence.first_step(connection, "ACK, established")
    if made is not None:
        frames = (*frames, *made[1])
    return Result(Status.OK, frames=frames, begin=time, end=connection.established)


RULE = Rule(
    code="GEN-2",
    title="The TCP connection of the MSRP is set up when the participant is added, after its SDP offer.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "tcp"),
    why="A connection that was there before the offer belongs to nobody the MRFC has agreed to.",
    causes=("The MRFP opens connections from stale Remote descriptors.", "The UE keeps a connection of an old call."),
    confirm="Compare the time of the first SYN with that of the INVITE.",
    fix="Open the connection only after offer and answer call for it; close it when the participant leaves.",
    example="wrong:  SYN 10:00:00.000, INVITE 10:00:05.000",
)
