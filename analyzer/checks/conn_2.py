"""CONN-2: where the address to connect to comes from (TR 29.828 clause 4.1.4, table 4.1.4-1, second column)."""

from __future__ import annotations

from analyzer.checks.conn_1 import KEPT
from analyzer.checks.rule import Rule
from analyzer.conversations.connection import Connection
from analyzer.conversations.media import Place, place_of
from analyzer.evidence import Evidence
from analyzer.evidence.connection_model import Model, Party
from analyzer.evidence.party_end import PartyEnd
from analyzer.evidence.places import is_address, lines_place, path_place
from analyzer.findings import Result, Severity, Status, not_observable


def judge(evidence: Evidence) -> Result:
    """The target of every SYN against `c=`/`m=` and `a=path` of the side that waits."""
    told = evidence.connection_model
    if told.model is None or told.row is None:
        return not_observable(told.reason)
    if evidence.is_later and not evidence.connection_parts:
        return KEPT
    if told.model is Model.RELAY:
        return _relayed(evidence)
    parties = evidence.parties
    right: Result | None = None
    reason = "no TCP connection between the announced ends in the capture"
    for part in evidence.connection_parts:
        connection = part.connection
        syn = evidence.first_step(connection, "SYN")
        opener = parties.opener(connection)
        side = parties.side(opener.other) if opener is not None else None
        if opener is None or side is None or syn is None:
            reason = "the begin of the TCP connection was not captured"
            continue
        target = _target(connection)
        told_by = lines_place if told.row.address_from_lines else path_place
        if told_by(side.end) == target:  # mostly; no need to look at all hops
            right = right or Result(Status.OK, frames=syn[1], begin=syn[0], end=syn[0])
            continue
        by_lines, by_path = _places(side)
        wanted, other = (by_lines, by_path) if told.row.address_from_lines else (by_path, by_lines)
        taker = parties.side(opener)
        # RFC 6714 section 4.2: who supports CEMA takes c= and m= even where the answer shows that the other does not.
        either = not told.row.address_from_lines and taker is not None and taker.end.cema
        if target in wanted or (either and target in other):
            right = right or Result(Status.OK, frames=syn[1], begin=syn[0], end=syn[0])
        elif target in other and all(is_address(address) for address, _ in wanted) and wanted:
            if parties.hop(connection, opener) is None:
                reason = "the offer and answer that the TCP connection follows were not captured"
            elif right is None:
                return _broken(side, wanted, target, syn[1], told.row.address_from_lines, told.row.title)
        elif any(not is_address(address) for address, _ in wanted):
            reason = "a=path names a host; its address is not in the capture"
        else:
            reason = (
                f"{_text(target)} is no address that the {opener.other} announced: a NAT or another node is between"
            )
    return right or not_observable(reason)


def _relayed(evidence: Evidence) -> Result:
    """With a relay: the first entry of `a=path` is the relay, and nobody but the relay goes to the end itself."""
    parties = evidence.parties
    reason = "no TCP connection to the first entry of an a=path in the capture"
    right: Result | None = None
    for part in evidence.connection_parts:
        connection = part.connection
        syn = evidence.first_step(connection, "SYN")
        if connection.guessed or syn is None:
            continue
        target = _target(connection)
        for side in (parties.offerer, parties.answerer):
            if side is None:
                continue
            firsts = {path_place(each.end) for each in side.hops}
            if target in firsts:
                right = right or Result(Status.OK, frames=syn[1], begin=syn[0], end=syn[0])
                continue
            others = parties.side(side.party.other)
            ends = {place_of(each.end.path[-1]) for each in side.hops if len(each.end.path) > 1}
            ends |= {lines_place(each.end) for each in side.hops if len(each.end.path) > 1}
            direct = others is not None and len(others.end.path) < 2 and connection.client.src_ip in others.addresses
            wanted = {place for place in firsts if place is not None}
            if target in ends and direct and wanted and all(is_address(address) for address, _ in wanted):
                return _broken(side, wanted, target, syn[1], False, "MSRP relay (RFC 4976)")
    return right or not_observable(reason)


def _target(connection: Connection) -> Place:
    return connection.client.dst_ip, connection.client.dport


def _places(side: PartyEnd) -> tuple[set[Place], set[Place]]:
    """Where `c=`/`m=` and where the first path entry point to, over all hops."""
    lines = {lines_place(each.end) for each in side.hops}
    paths = {path_place(each.end) for each in side.hops}
    return {each for each in lines if each is not None}, {each for each in paths if each is not None}


def _broken(
    side: PartyEnd, wanted: set[Place], target: Place, frames: tuple[int, ...], from_lines: bool, model: str
) -> Result:
    source, other = ("c= and m=", "a=path") if from_lines else ("the first entry of a=path", "c= and m=")
    taker = side.party.other
    what = "offer" if side.party is Party.OFFERER else "answer"
    return RULE.broken(
        f"The {taker} connected to the address in {other} of the {what}; with {model} it takes {source}.",
        (*(frame for each in side.hops for frame in each.frames), *frames),
        expected=f"SYN to {' or '.join(_text(place) for place in sorted(wanted))}, from {source}",
        actual=f"SYN to {_text(target)}, from {other}",
    )


def _text(place: Place) -> str:
    return f"{place[0]} port {place[1]}"


RULE = Rule(
    code="CONN-2",
    title="The opener takes the address from c= and m= with CEMA, else from the first entry of a=path.",
    clause="TR 29.828 clause 4.1.4, table 4.1.4-1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "tcp"),
    of_set_up=True,
    each_offer=True,
    yields_to=("OFFER-3", "OFFER-3b", "ANS-2", "TCP-2"),
    why="With CEMA a=path holds the address of the far end, which a border gateway hides; without it c= and m= may "
    "name an end that only its relay or gateway can reach. The wrong one leads nowhere, or past the gateway.",
    causes=(
        "A client ignores a=msrp-cema, or the lack of it, and always takes the same lines.",
        "A border gateway rewrites c= and m= and leaves a=path, although CEMA was not negotiated.",
    ),
    confirm="Compare the destination of the first SYN with c=, m= and a=path of the description that its sender got.",
    fix="Take c= and m= where offer and answer have a=msrp-cema (RFC 6714 section 4), else host and port of the "
    "leftmost URI of a=path (RFC 4975 section 5.4).",
    example="answer: c=IN IP4 203.0.113.60, m=message 40001, a=path:msrp://192.0.2.8:7394/b;tcp, a=msrp-cema\n"
    "wrong:  SYN to 192.0.2.8 port 7394\nright:  SYN to 203.0.113.60 port 40001",
)
