"""Rows of the requirements that the MRFP breaks on purpose, each where its behaviour is decided.

`--fault ROW` of the lab gives a set of these ids to the core. Rows that name the behaviour of another node (MRFC, UE,
KMS) are broken there.
"""

from __future__ import annotations

FAULTS: dict[str, str] = {
    "GEN-1": "Messages are distributed without their Content-Type.",
    "GEN-3": "Statistics that are asked for are left out of the reply.",
    "GEN-4": "A message filter that is set later is refused with error 701, whatever it says.",
    "MRFP-1": "The reply to an Add has no a=path in Local; the session-id is chosen all the same.",
    "MRFP-2": "A message is refused with 481 although its To-Path has our session-id.",
    "CONN-1": "The MRFP opens the TCP connection although the UE is to do it (plain MSRP).",
    "CONN-2": "The MRFP connects to the address in a=path of Remote, not to that of c= and m=.",
    "CONN-6": "Told to open the TCP connection, the MRFP waits for the UE, which said nothing of a=setup.",
    "TCPC-1": "Told to open the TCP connection, the MRFP waits for the UE, which is to do it by the answer.",
    "TLS-5": "TCP is closed without close_notify.",
    "MRFP-3": "To-Path of requests is made of the address of the remote end, not copied from a=path.",
    "TCP-5": "Told to open the TCP connection, the MRFP waits for the UE to open it (plain MSRP).",
    "TCP-F": "A TCP connection that fails is not notified (plain MSRP).",
    "DIN-4d": "TLS is not started without a signal, so that a missing one shows.",
    "DIN-7": "Told to open the TCP connection, the MRFP waits for the UE to open it (secured MSRP).",
    "DIN-8": "Told to start TLS, the MRFP waits for the ClientHello of the UE.",
    "DIN-F": "A failure of TCP or TLS is not notified (secured MSRP).",
    "DOUT-12": "The MRFP opens the TCP connection although the UE is to do it.",
    "DOUT-13": "The MRFP starts TLS although the UE opened the connection and is to do it.",
}
