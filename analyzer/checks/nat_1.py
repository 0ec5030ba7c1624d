"""NAT-1: a UE behind a NAT, seen by its source address (TR 29.828 clauses 4.1.3 and 4.4): information, no fault."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.connection_model import Model
from analyzer.evidence.places import is_address
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable
from analyzer.model import Confidence


def judge(evidence: Evidence) -> Result:
    """Where the connection of the UE comes from, against the addresses that the UE signalled."""
    parties = evidence.parties
    if parties.offerer is None or parties.answerer is None:
        return not_observable(evidence.connection_model.reason)
    if evidence.connection_model.model is Model.RELAY:
        return not_applicable("an MSRP relay is in the path: connections come from relays")
    connection = evidence.connection
    if connection is None:
        return not_observable("no TCP connection between the announced ends in the capture")
    opener = parties.opener(connection)
    if opener is None:
        return not_observable("the begin of the TCP connection was not captured")
    if opener is evidence.mrfp_party:
        return not_applicable("the MRFP opened the connection")
    side = parties.side(opener)
    if side is None:
        return not_observable(evidence.connection_model.reason)
    source = connection.client.src_ip
    addresses = {address for address in side.addresses if is_address(address)}
    if source in addresses:
        return not_applicable(f"the connection comes from the address that the {opener} signalled")
    if parties.hop(connection, opener) is None:
        return not_observable("the offer and answer that the TCP connection follows were not captured")
    if not addresses:
        return not_observable(f"the {opener} signalled no IP address")
    syn = evidence.first_step(connection, "SYN")
    frames = syn[1] if syn is not None else ()
    signalled = " or ".join(sorted(addresses))
    found = RULE.finding(
        f"The {opener} is behind a NAT: its connection comes from {source}, it signalled {signalled}.",
        (*side.frames, *frames),
        expected=f"{signalled}, where there is no NAT",
        actual=source,
        confidence=Confidence.LIKELY,
    )
    # Nothing is wrong with it: the rule holds, and tells what it saw.
    return Result(Status.OK, frames=found.frames, findings=(found,))


RULE = Rule(
    code="NAT-1",
    title="A UE behind a NAT is told by the source of its connection, which differs from the signalled address.",
    clause="TR 29.828 clauses 4.1.3 and 4.4",
    severity=Severity.INFO,
    judge=judge,
    interfaces=("sip", "tcp"),
    of_set_up=True,
    why="Such a UE can open connections, but not be reached: it must be the active side, and its gateway must take the "
    "source that it sees for the remote address (latching).",
    causes=(
        "A NAT at the customer's premises or of the operator.",
        "A gateway or tunnel that the signalling does not name stands before the UE.",
    ),
    confirm="Compare the source of the SYN with c= and a=path of the UE's description.",
    fix="Nothing to repair. If connections to this UE fail, let it be active: a=setup:active in its offer (RFC 6135).",
    example="c=IN IP4 10.0.0.7, SYN from 198.51.100.99",
)
