"""Where the MRFP is told to find the UE: rows OFFER-3, OFFER-3b and ANS-2 compare the same things.

Without `a=msrp-cema` it is the first entry of `a=path`, with it the `c=` and `m=` lines (TS 23.333 clause 6.2.10.3.1).
"""

from __future__ import annotations

import re

from analyzer.checks.rule import Rule
from analyzer.conversations.media import place_of, plain_address
from analyzer.evidence import Announced, Evidence, Order
from analyzer.findings import OK, Result, not_applicable, not_observable

_PORT = re.compile(r"[0-9]{1,9}")
DISCARD = 9
"The port of an end that will only connect (RFC 4145 section 4.1): there is nothing to compare."


def path_place(announced: Announced) -> tuple[str, int] | None:
    """Host and port of the first path entry."""
    return place_of(announced.end.path[0]) if announced.end.path else None


def compare_with_path(rule: Rule, evidence: Evidence, announced: Announced, order: Order, what: str) -> Result:
    """Remote of an order against the first entry of the path; `what` is `offer` or `answer`."""
    place = path_place(announced)
    if place is None:
        return not_applicable(f"the {what}'s a=path has no address and port")
    if not _is_address(place[0]):
        return not_observable(f"the {what}'s a=path names a host; its address is not in the capture")
    found = _compare(rule, announced, order, place, f"the first entry of the {what}'s a=path")
    return _if_seen(found, evidence, announced, order)


def compare_with_lines(rule: Rule, evidence: Evidence, announced: Announced, order: Order, what: str) -> Result:
    """Remote of an order against the `c=` and `m=` lines."""
    end = announced.end
    if not end.address or not end.port:
        return not_applicable(f"the {what} has no address or no port")
    if not _is_address(end.address):
        return not_observable(f"the {what}'s c= names a host; its address is not in the capture")
    found = _compare(rule, announced, order, (end.address, end.port), f"c= and m= of the {what}")
    return _if_seen(found, evidence, announced, order)


def _if_seen(result: Result, evidence: Evidence, announced: Announced, order: Order) -> Result:
    """A difference counts only where no later command can have been missed, and is not that of the path again."""
    if not result.is_broken:
        return result
    if evidence.keeps(order) and order.remote is not None and order.remote.path != announced.end.path:
        return not_applicable("the MRFP was told nothing of this exchange: row OFFER-1 or ANS-1")
    lacking = evidence.altered(announced) or evidence.unseen_change(order)
    return not_observable(lacking) if lacking else result


def _compare(rule: Rule, announced: Announced, order: Order, place: tuple[str, int], source: str) -> Result:
    remote = order.remote
    if remote is None or not remote.address or not _PORT.fullmatch(remote.port):
        return not_applicable("the Remote descriptor has no address and port")
    told = (plain_address(remote.address), int(remote.port))
    if told == place or (DISCARD in (place[1], told[1]) and told[0] == place[0]):
        return OK
    return rule.broken(
        f"The MRFC gave the MRFP {_text(told)} as the UE's address; {source} say{_s(source)} {_text(place)}.",
        (*announced.frames, *order.frames),
        expected=f"Remote {_text(place)}, from {source}",
        actual=f"Remote {_text(told)}",
    )


def _s(source: str) -> str:
    return "" if source.startswith("c=") else "s"


def _text(place: tuple[str, int]) -> str:
    address, port = place
    return f"{address} port {port}"


_match_address = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*").fullmatch
"Enough to tell an address from a host name."


def _is_address(text: str) -> bool:
    return _match_address(text) is not None
