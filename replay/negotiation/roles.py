"""Who opens the connection, and where to (RFC 4145 section 4, RFC 6135, RFC 6714, RFC 4975 section 5.4)."""

from __future__ import annotations

from replay.events import Endpoint
from replay.negotiation.media import MsrpMedia, Refusal


def answer_setup(offered: str, preferred: str = "active") -> str:
    """The `a=setup` of an answer; `preferred` where the offer leaves the choice.

    Without one in the offer, the offerer opens the connection (RFC 4975 section 5.4).
    """
    if offered == "actpass":
        return preferred
    return {"active": "passive", "passive": "active"}.get(offered, "passive")


def opens_connection(ours: str, theirs: str, we_offered: bool) -> bool:
    """Do we open it? `ours` and `theirs` are the `a=setup` of the exchange, perhaps empty (RFC 4975 model)."""
    answer = theirs if we_offered else ours
    if not answer:
        return we_offered
    return (answer == "passive") if we_offered else (answer == "active")


def remote_end(media: MsrpMedia) -> Endpoint:
    """Where the other side is reached: with CEMA by `c=` and `m=`, without by the first path entry.

    TS 23.333 clause 6.2.10.3.1. Raises Refusal when it says neither.
    """
    end = (media.address, media.port) if media.cema else media.path_end
    if end is None or not end[0] or not 0 < end[1] < 65536:
        raise Refusal(399, "no address to connect to")
    return end
