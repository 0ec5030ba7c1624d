"""What two ends agree on about an MSRP stream in SDP (RFC 3264, RFC 4975, RFC 4145, RFC 6135, RFC 6714)."""

from replay.negotiation.media import MsrpMedia, Refusal, find_msrp, read_answer, read_offer
from replay.negotiation.roles import answer_setup, opens_connection, remote_end
from replay.negotiation.write import addrtype, write_answer, write_media, write_offer

__all__ = [
    "MsrpMedia",
    "Refusal",
    "addrtype",
    "answer_setup",
    "find_msrp",
    "opens_connection",
    "read_answer",
    "read_offer",
    "remote_end",
    "write_answer",
    "write_media",
    "write_offer",
]
