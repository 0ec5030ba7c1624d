"""One party of an exchange, with its description on every hop that was captured."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.conversations.connection import Connection
from analyzer.conversations.media import MediaEnd, Place
from analyzer.conversations.offer_answer import Described
from analyzer.evidence.announced import Announced, msrp_of
from analyzer.evidence.connection_model import Party
from analyzer.evidence.places import own_addresses, places_of
from analyzer.transport.flow import Flow


@dataclass(slots=True)
class PartyEnd:
    """One party as announced."""

    party: Party
    hops: list[Announced] = field(default_factory=list)
    "Its description on every hop, the one nearest to itself first."
    places: set[Place] = field(default_factory=set)
    "Addresses and ports of `c=`/`m=` and of every entry of `a=path`, over all hops."
    addresses: set[str] = field(default_factory=set)

    @property
    def own(self) -> Announced:
        """What it said itself, as far as the capture shows."""
        return self.hops[0]

    @property
    def end(self) -> MediaEnd:
        return self.hops[0].end

    @property
    def frames(self) -> tuple[int, ...]:
        return self.hops[0].frames


def side_of(party: Party, first: Described | None, copies: list[Described]) -> PartyEnd | None:
    """A party's descriptions, one for each hop: of several on one hop the last stands."""
    if first is None:
        return None
    if copies:
        by_hop: dict[frozenset[str], Announced] = {}
        for each in sorted((first, *copies), key=_when):
            announced = msrp_of(each)
            if announced is not None:
                by_hop[hop_of(each.message.flow)] = announced
        side = PartyEnd(party, list(by_hop.values()))
    else:
        alone = msrp_of(first)
        side = PartyEnd(party, [alone] if alone is not None else [])
    if not side.hops:
        return None
    read: MediaEnd | None = None
    for hop in side.hops:
        # Where no node changed the description, its copies share one reading.
        if hop.end is not read:
            read = hop.end
            side.places |= places_of(read)
    side.addresses = {address for address, _ in side.places}
    return side


def hop_of(flow: Flow) -> frozenset[str]:
    """The two nodes between which a message passed, whichever sent it."""
    return frozenset((flow.src_ip, flow.dst_ip))


def _when(each: Described) -> tuple[int, tuple[int, ...]]:
    return each.message.time, each.message.frames


def comes_in(side: PartyEnd, connection: Connection, direction: int) -> bool:
    """Is this party itself the receiver of that direction, and not a gateway or relay on the way to it?"""
    flow = connection.client
    here = flow.dst_ip if direction == 0 else flow.src_ip
    return here in own_addresses(side.end) or (len(side.hops) == 1 and len(side.end.path) < 2)
