"""Contexts of border gateways (IMS-AGW on Iq, TrGW on Ix) among those that serve a session, told by positive evidence.

A border gateway passes media from one termination of a context to the other (TS 23.334 clause 5); an MRFP ends it, and
has a termination for each participant in one context (TS 23.333). That a context has another termination says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analyzer.conversations.h248_termination import Termination
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.sip_call import CallFacts
from analyzer.correlate.nodes import NodeTable, Role
from dissectors.h248 import CommandName
from dissectors.h248.model import SignalList

if TYPE_CHECKING:
    from analyzer.correlate.correlator import Correlator

Context = tuple[str, int]
"""Gateway, and number of the life of a context."""

MAX_AT_BORDER = 8
"A border gateway joins two sides, each of which may be forked or tried anew; what has more is a conference."
BORDER_ROLES = frozenset({Role.IMS_ALG.value, Role.IMS_AGW.value, "IBCF", "TrGW"})
BORDER_PACKAGES = frozenset({"ipnapt", "gm"})
"Latching (H.248.37) and gates (H.248.43): what only a gateway at a border is asked for."


def context_of(life: Termination) -> Context:
    return life.gateway, life.context_life


def bare_address(endpoint: str) -> str:
    """The address of `192.0.2.1:2944` or `[2001:db8::1]:2944`."""
    return endpoint.rpartition(":")[0].strip("[]")


def border_contexts(
    correlator: Correlator, facts: CallFacts | None, lives: Sequence[Termination], ends: Sequence[MediaEnd]
) -> dict[Context, str]:
    """The contexts of these terminations that are a border gateway's, each with what shows it."""
    found: dict[Context, str] = {}
    for context in dict.fromkeys(map(context_of, lives)):
        mine = [life for life in lives if context_of(life) == context]
        reason = _reason(correlator, facts, mine, ends)
        if reason:
            found[context] = reason
    return found


def _reason(
    correlator: Correlator, facts: CallFacts | None, mine: Sequence[Termination], ends: Sequence[MediaEnd]
) -> str:
    told = _given(correlator.nodes, mine[0])
    if told is not None:
        return told
    known = correlator.known_borders.get(context_of(mine[0]))
    if known is not None:
        return known
    inside = correlator.in_context(mine[0], MAX_AT_BORDER + 1)
    if len(inside) > MAX_AT_BORDER:
        return ""
    if facts is not None:
        reason = _on_the_way(facts, bare_address(mine[0].controller)) or _faces_both(facts, inside)
        if reason:
            return reason
    return (
        _asked_for(mine) or _knows_no_msrp(mine) or _added_together(inside, facts) or _chained(correlator, inside, ends)
    )


def _given(nodes: NodeTable, life: Termination) -> str | None:
    """What the user said about controller or gateway; None where nothing was said."""
    for address in (bare_address(life.controller), bare_address(life.gateway)):
        if nodes.gives(address):
            return f"{address} is {nodes.role(address)}" if nodes.role(address) in BORDER_ROLES else ""
    return None


def _on_the_way(facts: CallFacts, controller: str) -> str:
    """The controller of the MRFP is the MRFC, which is an end of the SIP path."""
    if controller in facts.path.between:
        return f"its controller {controller} sends the INVITE on"
    far = facts.path.callees if facts.focus_is_caller else facts.path.callers
    if facts.focus_uri and controller in far and controller != facts.focus_address:
        return f"its controller {controller} is the other side's end of the captured SIP, not the conference's"
    return ""


def _faces_both(facts: CallFacts, lives: Sequence[Termination]) -> str:
    """One termination receives from the offerer and another one from the answerer."""
    if len(lives) < 2:
        return ""
    faced = _faced(facts, lives)
    for life, party in faced:
        for other, theirs in faced:
            if party == "offerer" and theirs == "answerer" and _together(life, other):
                return f"{life.termination_id} faces the offerer and {other.termination_id} the answerer"
    return ""


def _keys(end: MediaEnd) -> Iterator[object]:
    if end.session_id:
        yield end.session_id
    if end.address and end.port:
        yield end.address, end.port


def _faced(facts: CallFacts, lives: Sequence[Termination]) -> list[tuple[Termination, str]]:
    """Whom each termination faces: its Remote is that party's end, its Local what that party was told."""
    keys: dict[str, set[object]] = {"offerer": set(), "answerer": set()}
    for who, end, _ in facts.ends():
        keys[who].update(_keys(end))
    return [(life, _party(life, keys["offerer"], keys["answerer"])) for life in lives]


def _party(life: Termination, offerer: set[object], answerer: set[object]) -> str:
    """`offerer`, `answerer`, or empty where the descriptors do not tell or contradict each other."""
    votes: Counter[str] = Counter()
    for side, end in life.ends():
        # Thousands may share an address and port; a session-id is one participant's.
        for key in (end.session_id,) if end.session_id else _keys(end):
            if (key in offerer) != (key in answerer):
                votes["offerer" if (key in offerer) == (side == "remote") else "answerer"] += 1
    return next(iter(votes)) if len(votes) == 1 else ""


def _together(one: Termination, other: Termination) -> bool:
    """Were both there at the same time?"""
    return one.started <= (other.ended or other.last) and other.started <= (one.ended or one.last)


def _asked_for(lives: Sequence[Termination]) -> str:
    for life in lives:
        for name in _items(life):
            if name.partition("/")[0].lower() in BORDER_PACKAGES:
                return f"{life.termination_id} has {name}"
    return ""


def _knows_no_msrp(lives: Sequence[Termination]) -> str:
    """A gateway that is told `TCP` and no path passes octets on (TS 23.334 clause 5.16); an MRFP reads MSRP."""
    for life in lives:
        ends = [end for _, end in life.ends()]
        if life.local and all(end.protocol.upper() in ("TCP", "TCP/TLS") and not end.path for end in ends):
            return f"{life.termination_id} is told nothing of MSRP"
    return ""


def is_beyond(facts: CallFacts, life: Termination) -> bool:
    """Is the SIP of a call that of another leg than the MRFP's: neither controller nor media have an address in it?"""
    controller = bare_address(life.controller)
    if any(controller in (each.flow.src_ip, each.flow.dst_ip) for each in facts.messages):
        return False
    told = {(end.address, end.port) for _, end, _ in facts.ends()}
    return all((end.address, end.port) not in told for _, end in life.ends())


def _items(life: Termination) -> Iterator[str]:
    """Names of the signals and properties that its controller sets."""
    for pair in life.pairs:
        command = pair.request
        if command is None:
            continue
        for signal in command.signals or ():
            for each in signal.signals if isinstance(signal, SignalList) else (signal,):
                yield each.name
        for stream in command.media.streams.values() if command.media is not None else ():
            yield from (each.name for each in stream.properties or ())


def _added_together(inside: Sequence[Termination], facts: CallFacts | None) -> str:
    """Both sides of a border gateway are reserved at once; participants of a conference come one by one."""
    if len(inside) != 2:
        return ""
    remotes = [{end.address for end in life.remote.values()} for life in inside]
    if remotes[0] & remotes[1]:
        return ""  # both face one participant, a stream each
    if facts is not None:
        one_party, other_party = (party for _, party in _faced(facts, inside))
        if one_party and one_party == other_party:
            return ""
    one, other = (
        {id(pair.transaction) for pair in life.pairs if pair.command.name == CommandName.ADD} for life in inside
    )
    kinds = [{end.media for _, end in life.ends()} for life in inside]
    if one & other and (kinds[0] & kinds[1] or not all(kinds)):
        return f"{inside[0].termination_id} and {inside[1].termination_id} were added by one transaction"
    return ""


def _chained(correlator: Correlator, inside: Sequence[Termination], ends: Sequence[MediaEnd]) -> str:
    """Of two terminations about this session one sends on to another gateway."""
    ours = {end.session_id for end in ends if end.session_id}
    known = [(life, {end.session_id for _, end in life.ends() if end.session_id}) for life in inside if life.ends()]
    about = [life for life, own in known if own & ours]
    if len(about) < 2:
        # A gateway that knows nothing of MSRP is told no session-ids, an MRFP always.
        about = [life for life, own in known if not own]
    for life in inside if len(inside) > 1 else ():
        for end in life.remote.values():
            for other in correlator.termination_index.by_port(end.address, end.port) if end.port else ():
                if other.gateway == life.gateway or not _is_local(other, end):
                    continue
                # Of two gateways that exchange media the one with nothing behind it is not at the border.
                is_end = correlator.begun_in(life) == 2 and correlator.begun_in(other) == 1
                if is_end or (life in about and len(about) > 1):
                    return f"{life.termination_id} sends on to {other.termination_id} at {other.gateway}"
    return ""


def _is_local(life: Termination, end: MediaEnd) -> bool:
    return any((each.address, each.port) == (end.address, end.port) for each in life.local.values())
