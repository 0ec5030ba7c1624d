"""What a UE can be told to do wrong, or to put up with so that a broken row of another function shows alone."""

from __future__ import annotations

FAULTS: dict[str, str] = {
    "TCP-1": "offers a=setup:passive",
    "TCP-5": "opens the TCP connection itself, although the answer says that the MRFP does",
    "TCP-7": "stays although the 200 has no answer, and speaks to whom it hears from",
    "OFFER-3": "offers without CEMA, and listens at the next port too",
    "OFFER-3b": "listens at the next port too",
    "ANS-2": "answers without CEMA",
    "DIN-1a": "offers TCP/TLS/MSRP without TRANSFER_INIT",
    "DIN-1b": "describes two crypto sessions in TRANSFER_INIT",
    "DIN-1c": "describes a crypto session for SRTP",
    "DIN-1d": "offers a=setup:passive, for a secured stream",
    "DIN-3a": "spoils the MAC of TRANSFER_INIT",
    "DIN-7": "opens the TCP connection itself, for a secured stream",
    "DIN-8": "starts TLS on the connection that the MRFP opened",
    "DIN-9": "stays although the answer has no TRANSFER_RESP, with a key that was not agreed",
    "DIN-10a": "stays although the 200 has no answer, for a secured stream",
    "DIN-10b": "does not check TRANSFER_RESP",
    "DOUT-5": "takes an offer of TCP/TLS/MSRP without TRANSFER_INIT, with a key that was not agreed",
    "DOUT-7": "asks the KMS with a MAC that does not fit, and opens the ticket with a key that it should not have",
    "DOUT-8": "leaves TRANSFER_RESP out of its answer",
    "DOUT-9a": "spoils the MAC of TRANSFER_RESP",
    "DOUT-12": "leaves it to the MRFP to open the TCP connection, and starts TLS on it",
    "DOUT-13": "opens the TCP connection, and waits for the MRFP to start TLS",
}
