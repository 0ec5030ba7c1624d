"""The MRFC invites a UE over TCP: the counterpart of TS 23.333 clause 6.2.20.1, by rows SEND-1..4, ANS-1..2 and GEN-2.

The change request draws only the dial-in; for an offer of the MRFC its clause 6.2.10.3.1 says what is to be done, and
the steps of the secured dial-out (clause 6.2.19.2.2) give the order.
"""

from __future__ import annotations

from analyzer.checks import ans_1, ans_2, gen_2, send_1, send_2, send_3, send_4
from analyzer.evidence import Evidence, Side
from analyzer.flows.flow import Flow, Step


def applies(evidence: Evidence) -> bool:
    """MSRP over plain TCP, offered by an MRFC."""
    return evidence.side is Side.OFFERS and not evidence.is_secured


FLOW = Flow(
    id="tcp-dial-out",
    title="The MRFC invites a UE into a messaging conference over TCP",
    clause="TS 23.333 clause 6.2.10.3.1",
    roles=("UE", "MRFC", "MRFP"),
    applies=applies,
    steps=(
        Step(send_1.RULE, "1", "MRFC", "MRFP", "Reserve: Add with Local $; reply with the MRFP's path"),
        Step(send_2.RULE, "1", "MRFC", "MRFP", "the transport: TCP/MSRP"),
        Step(send_3.RULE, "2", "MRFC", "UE", "INVITE, SDP offer with the MRFP's path", ("SEND-1",)),
        Step(send_4.RULE, "2", "MRFC", "UE", "the offer has a=msrp-cema"),
        Step(ans_1.RULE, "4", "MRFC", "MRFP", "Configure: Modify with the answer's path in Remote"),
        Step(ans_2.RULE, "4", "MRFC", "MRFP", "Configure: the remote address", optional=True),
        Step(gen_2.RULE, "5", "UE", "MRFP", "TCP SYN, SYN ACK, ACK", ("SEND-3",)),
    ),
    notes=(
        "Step 3 is the UE's answer in a 200 or 18x.",
        "Who opens the connection follows a=setup of the answer: the UE where it answers active.",
    ),
)
