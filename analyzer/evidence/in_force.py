"""Which MSRP URI Path the MRFP had at a moment, as far as H.248 shows it (TS 23.333 clause 6.2.10.3.1).

A re-INVITE may move port and session-id, so what was asked first need not be in force later; and what the capture
lacks may have been in force in between. A rule compares only with what was in force at that time and was seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from analyzer.conversations.msrp_facts import Seen
from analyzer.correlate.missing import missing_sip
from analyzer.evidence.gateway import Order
from dissectors.msrp import session_id_of

if TYPE_CHECKING:
    from analyzer.evidence.evidence import Evidence

UNSEEN = "H.248 that gave the MRFP another session-id may have escaped the capture"


def remote_at(evidence: Evidence, frame: int) -> Order | None:
    """The last command before `frame` that gave the MRFP the UE's path; None where none stands before it."""
    found = None
    for order in evidence.orders:
        if order.remote is not None and order.remote.path and order.frames and order.frames[0] < frame:
            found = order
    return found


def unseen_remote(evidence: Evidence, path: str, own: Iterable[Seen] = ()) -> str:
    """Why the MRFP may have been given `path` (URIs, separated by a space) without our seeing it, or empty.

    `own` are the paths by which the UE calls itself in MSRP.
    """
    if evidence.orders_incomplete:
        return evidence.orders_incomplete
    for announced in evidence.announced_as(session_id_of(path)):
        if " ".join(announced.end.path) == path:
            return "the command that passed on this path, which SIP announces, was not captured"
    if any(text == path for text, _ in own) and evidence.facts is not None and missing_sip(evidence.facts):
        return "SIP of this session is missing in the capture, and the UE calls itself by this path"
    return ""


def given_session_id(order: Order) -> str:
    """The session-id that the MRFP has after a command, where it shows one."""
    for local in (order.replied_local, order.local):
        if local is not None and local.path and not local.chooses_path:
            return session_id_of(" ".join(local.path))
    return ""


def order_giving(evidence: Evidence, session_id: str, time: int) -> Order | None:
    """The command that gave the MRFP this session-id, if nothing shows or suggests another in force at `time`."""
    found = None
    for order in evidence.orders:
        message = order.reply or order.request
        if message is None or message.time > time:
            continue
        given = given_session_id(order)
        if given:
            found = order if given == session_id else None
        elif order.reply is None and order.local is not None and order.local.chooses_path:
            found = None
    if found is None or _announced_since(evidence, session_id, time):
        return None
    return found


def _announced_since(evidence: Evidence, session_id: str, time: int) -> bool:
    """Did the MRFC announce another session-id for this MRFP by then, of which H.248 shows nothing?"""
    seen = {given_session_id(order) for order in evidence.orders}
    for other in evidence.our_session_ids - seen - {session_id}:
        if any(each.time <= time for each in evidence.announced_as(other)):
            return True
    return False


def unseen_local(evidence: Evidence) -> str:
    """Why the MRFP may have given a session-id without our seeing it, or empty."""
    if evidence.orders_incomplete:
        return evidence.orders_incomplete
    for order in evidence.orders:
        if order.reply is None and order.local is not None and order.local.chooses_path:
            return "the MRFP's reply to a command that let it choose a path was not captured"
    return ""
