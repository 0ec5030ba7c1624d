"""TCPC-1: the gateway is TCP client or server, as it was told (TR 29.828 clause 4.4.2)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Order
from analyzer.evidence.tls_legs import other
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable
from analyzer.flows.instructions import start_wanted


def judge(evidence: Evidence) -> Result:
    """Who sent the SYN against `a=setup` and signals to the MRFP; the reason of an `ok` names the kind of opening."""
    if evidence.mrfp is None or not evidence.orders:
        return not_observable(evidence.orders_incomplete or "no H.248 about this session in the capture")
    connection = evidence.connection
    if connection is None:
        return not_observable("no TCP connection between the announced ends in the capture")
    syn = evidence.first_step(connection, "SYN")
    if syn is None:
        return not_observable("the begin of the TCP connection was not captured")
    opener = evidence.opener(connection)
    if not opener:
        return not_observable("which end is the MRFP's is not known")
    time, frames = syn
    sides = {row[2] for row in evidence.tcp_rows(connection) if row[4] == "SYN"}
    if len(sides) == 2:
        return Result(Status.OK, "simultaneous open", frames, time, time)
    told = [(order, role) for order in evidence.orders if (role := _role(evidence, order))]
    if not told:
        return not_applicable("the MRFP was not told its TCP role")
    if len({role for _, role in told}) > 1 and (evidence.clocks or not evidence.scope.one_clock):
        return not_observable("the MRFP was told both roles, and H.248 and TCP have clocks that may differ")
    before = [each for each in told if each[0].request is not None and each[0].request.time <= time] or told[:1]
    order, role = before[-1]
    if role == opener:
        kind = "active open" if opener == "MRFP" else "passive open"
        return Result(Status.OK, f"{kind} by the MRFP", (*order.frames, *frames), time, time)
    if evidence.orders_incomplete:
        return not_observable(evidence.orders_incomplete)
    part = "open" if role == "MRFP" else "wait for"
    return RULE.broken(
        f"The MRFP was told to {part} the TCP connection, and the {opener} opened it.",
        (*order.frames, *frames),
        expected=f"SYN from the {role}",
        actual=f"SYN from the {other(role)}",
    )


def _role(evidence: Evidence, order: Order) -> str:
    """Who is to open TCP by one command: `MRFP`, `UE`, or empty where it leaves that open."""
    if start_wanted(order, evidence.profile):
        return "MRFP"
    return "UE" if order.local is not None and order.local.setup == "passive" else ""


RULE = Rule(
    code="TCPC-1",
    title="The MRFP is TCP client or server, as the MRFC told it.",
    clause="TR 29.828 clause 4.4.2",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("h248", "tcp"),
    of_set_up=True,
    yields_to=(
        "TCP-4",
        "TCP-5",
        "TCP-1",
        "TCP-6",
        "DIN-1d",
        "DIN-7",
        "DOUT-5",
        "DOUT-12",
        "CONN-1",
        "CONN-6",
        "SDP-SETUP",
    ),
    why="The side that waits must listen, and the side that opens must know where; told otherwise, neither may happen.",
    causes=("a=setup of the answer and a=setup in Local are set by different parts of the MRFC.",),
    confirm="Compare a=setup in Local and the signals of the Add or Modify with the direction of the SYN.",
    fix="Tell the MRFP the role that the SDP towards the UE has.",
    example="wrong:  Local a=setup:active, then SYN from the UE",
)
