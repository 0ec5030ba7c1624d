"""TLS-4: TLS starts at once after TCP; which variant is in use (TR 29.828 clause 4.3.3.2)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.tls_legs import tls_client, tls_connection
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable
from analyzer.flows.instructions import start_tls_wanted

AT_ONCE_NS = 1_000_000_000
"From TCP to ClientHello: far more than a round trip, far less than somebody waiting."


def judge(evidence: Evidence) -> Result:
    """The time from TCP to ClientHello, and what H.248 said in between; the reason of an `ok` names the variant."""
    found = tls_connection(evidence)
    if found is None:
        if not evidence.is_secured:
            return not_applicable("the session has no TLS")
        return not_observable("no TLS handshake of this session in the capture")
    connection, tls = found
    made = evidence.first_step(connection, "ACK, established")
    if made is None or tls.hello is None:
        return not_observable("the TCP handshake was not captured")
    time, frames = made
    client = tls_client(evidence, connection, tls)
    wait = tls.hello.time - time
    seen = (*frames, *tls.hello.frames)
    trigger = next(
        (
            each
            for each in evidence.orders
            if each.request is not None
            and time < each.request.time < tls.hello.time
            and start_tls_wanted(each, evidence.profile)
        ),
        None,
    )
    if trigger is not None:
        return Result(Status.OK, "controller-triggered: the MRFC ordered TLS once TCP was up", (*trigger.frames, *seen))
    if wait <= AT_ONCE_NS:
        who = f"the {client}" if client else "the client"
        how = "gateway-triggered" if client == "MRFP" else "at once"
        return Result(Status.OK, f"{how}: {who} sent ClientHello {max(wait, 0) / 1e6:.1f} ms after TCP was up", seen)
    return RULE.broken(
        f"TLS was started {wait / 1e9:.1f} s after TCP was up, and nobody ordered it then: TLS is decoupled from TCP.",
        seen,
        expected="ClientHello as soon as TCP is up, or when the MRFC orders it",
        actual=f"ClientHello {wait / 1e9:.3f} s later",
    )


RULE = Rule(
    code="TLS-4",
    title="TLS starts at once after TCP, by the gateway itself or when the controller orders it.",
    clause="TR 29.828 clause 4.3.3.2",
    severity=Severity.INFO,
    judge=judge,
    interfaces=("tcp", "h248"),
    of_set_up=True,
    why="Until TLS is up no message passes, and timers of the other side run.",
    causes=("The TLS client waits for the answer or the ACK before it starts.",),
    confirm="Compare the time of the third segment of TCP with that of ClientHello.",
    fix="Start TLS as soon as TCP is up.",
    example="wrong:  ACK 10:00:00.012, ClientHello 10:00:03.500",
)
