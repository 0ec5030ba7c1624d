"""TLS-3: the gateway is told, or can infer, whether it is TLS client or server (TR 29.828 clause 4.3.3.1).

The TLS role does not depend on the TCP role. What tells it: a signal of H.248 to start TLS; else, by the flows of TS
23.333 clause 6.2.19, the side that a=setup makes active is the client of both.
"""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.evidence.tls_legs import other, tls_client, tls_connection
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable
from analyzer.flows.instructions import start_tls_wanted
from analyzer.model import Confidence


def judge(evidence: Evidence) -> Result:
    """Who sent ClientHello against who was to."""
    found = tls_connection(evidence)
    hello = found[1].hello if found is not None else None
    if found is None or hello is None:
        if not evidence.is_secured:
            return not_applicable("the session has no TLS")
        return not_observable("no ClientHello of this session in the capture")
    connection, tls = found
    client = tls_client(evidence, connection, tls)
    if not client:
        return not_observable("which end is the MRFP's is not known")
    told = next((each for each in evidence.orders if start_tls_wanted(each, evidence.profile)), None)
    if told is not None:
        if client == "MRFP":
            return Result(Status.OK, "TLS client by signal", frames=(*told.frames, *hello.frames))
        return RULE.broken(
            "The MRFP was told to start TLS, and the UE started it.",
            (*told.frames, *hello.frames),
            expected="ClientHello from the MRFP",
            actual="ClientHello from the UE",
            severity=Severity.ERROR,
        )
    answer = evidence.answer
    if answer is None or answer.end.setup not in ("active", "passive"):
        return not_observable("neither a signal to start TLS nor a=setup of the answer tells who the TLS client is")
    answerer = "MRFP" if evidence.side is Side.ANSWERS else "UE"
    active = answerer if answer.end.setup == "active" else other(answerer)
    if client == active:
        return Result(Status.OK, "TLS client by a=setup", frames=(*answer.frames, *hello.frames))
    return RULE.broken(
        f"The {client} started TLS, though a=setup makes the {active} active and nothing else tells the TLS role.",
        (*answer.frames, *hello.frames),
        expected=f"ClientHello from the {active}",
        actual=f"ClientHello from the {client}",
        confidence=Confidence.LIKELY,
    )


RULE = Rule(
    code="TLS-3",
    title="The MRFP is told, or can infer, whether it is TLS client or server, and acts so.",
    clause="TR 29.828 clause 4.3.3.1",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("h248", "tcp"),
    of_set_up=True,
    yields_to=("DIN-8", "DOUT-13"),
    why="If both take the same part, both wait for a ClientHello, or both send one, and no session comes about.",
    causes=(
        "One side takes the TLS role from a=setup, the other from who made the offer.",
        "The signal to start TLS is sent for a termination that waits.",
    ),
    confirm="Compare who sends the ClientHello with a=setup of the answer and with the signals to the MRFP.",
    fix="Make the active side the TLS client; tell the MRFP to start TLS only where it is.",
    example="wrong:  SG{tlsbsc/EstBNC{ST=1}}, then ClientHello from the UE",
)
