"""To-Path of what is sent to a party, beside the path that it announced (RFC 4975 section 7.1)."""

from __future__ import annotations

from typing import NamedTuple

from analyzer.conversations.connection import MsrpSession
from analyzer.conversations.media import place_of
from analyzer.evidence.connection_model import Party
from analyzer.evidence.party_end import PartyEnd
from analyzer.evidence.places import is_address
from dissectors.msrp import session_id_of


class SentTo(NamedTuple):
    """A To-Path value that requests to one party had, where they came in at the party itself."""

    receiver: Party
    to_path: str
    frame: int
    "The first request with it."
    elsewhere: bool
    "Its session-id is the receiver's, address or port are not those of the receiver's own `a=path`."
    refused: tuple[int, ...] = ()
    "The frames of such a request and of the 481 that refused it."
    answered: bool = False
    "The receiver answers requests, and none of these was refused."


def sent_to(side: PartyEnd, msrp: MsrpSession, direction: int, to_path: str, frame: int) -> SentTo:
    """What a To-Path value of a direction says of the party that receives it."""
    own = side.end.path[-1] if side.end.path else ""
    target = to_path.rpartition(" ")[2]
    if not own or target == own or not _is_elsewhere(own, target):
        return SentTo(side.party, to_path, frame, elsewhere=False)
    refusals = [each for each in msrp.observations if each.kind == "error-response" and each.direction != direction]
    refused = [each for each in refusals if each.detail.get("status") == 481]
    ours = next((each.frames for each in refused if frame in each.frames), ())
    answered = bool(msrp.ways[1 - direction].response_paths) and not refusals and "error-response" not in msrp.unlisted
    return SentTo(side.party, to_path, frame, elsewhere=True, refused=ours, answered=answered and not ours)


def _is_elsewhere(own: str, target: str) -> bool:
    """The same session-id at another place; names of hosts cannot be compared with addresses."""
    if session_id_of(own) != session_id_of(target):
        return False
    ours, theirs = place_of(own), place_of(target)
    if ours is None or theirs is None or ours == theirs:
        return False
    return ours[1] != theirs[1] or is_address(ours[0]) == is_address(theirs[0])
