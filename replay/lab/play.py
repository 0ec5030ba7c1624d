"""Plays a scenario with real sockets, under the addresses that the recording and the messages show."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from replay.edge.address_plan import AddressPlan
from replay.edge.recorder import Recorder
from replay.events import Endpoint
from replay.lab.config import LabConfig
from replay.lab.ending import Ending, ending_of, in_words, own_ending
from replay.lab.functions import Function, make_kms, make_mrfc, make_mrfp, make_ue, nat_address
from replay.lab.keys import LabKeys
from replay.lab.lab import Lab
from replay.lab.log import LabLog
from replay.lab.metrics import Metrics
from replay.lab.scenarios import Scenario, participant
from replay.mrfc import Mrfc
from replay.negotiation import read_offer
from replay.ue import Behaviour, Ue

SHOWN = LabConfig(
    mrfc_sip=("192.0.2.10", 5060),
    mrfc_h248=("192.0.2.10", 2944),
    mrfp_h248=("192.0.2.20", 2944),
    mrfp_media="203.0.113.5",
    kms=("192.0.2.40", 8080),
    ue_sip=("198.51.100.7", 5060),
    audit_interval=0.0,
    inactivity=0.0,
    unconnected=0.0,
    connect_timeout=6.5,
)
"""Addresses for documentation (RFC 5737): nobody has them, and recordings with them can be shown around. Nobody asks
whether others are still there; an unanswered SYN is sent at 0, 1 and 3 s, and a recording goes on for long enough to
show that."""
READY = 10.0
"s for the MRFP to register."
STUCK = 5.0
"s without a word, after which nothing more is to be expected of a scenario."
STUCK_BROKEN = 1.5
"The same where something is broken on purpose, so that it may well get stuck."
SILENCE = 0.3
"s without a word, after which all that was said is recorded."
LONGEST = 60.0
"s of a scenario."


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it."""

    as_demanded: bool
    "Everybody came to the end that the scenario, or a fault that was asked for, demands."
    what: str
    "In a few words; where not everybody went through, how it ended for whom."


def shown(scenario: Scenario) -> LabConfig:
    """The set-up of a scenario."""
    users = tuple(f"sip:{participant(number)}@ims.example.net" for number in range(scenario.participants))
    return replace(SHOWN, users=users)


def addresses_shown(scenario: Scenario, faults: frozenset[str] = frozenset()) -> list[str]:
    """The addresses that messages and a recording of this scenario have."""
    config = shown(scenario)
    ues = [ue_place(config, number)[0] for number in range(scenario.participants)]
    seen = [nat_address(each) for each in ues] if "NAT-1" in faults else []
    return [config.mrfc_sip[0], config.mrfp_h248[0], config.mrfp_media, config.kms[0], *ues, *seen]


def loopback_plan(names: Sequence[str], number: int | None = None) -> AddressPlan:
    """A loopback address for each address shown; those of two runs at a time differ, by `number` or by process."""
    number = (os.getpid() if number is None else number) % (64 << 8)
    net = f"127.{64 + (number >> 8)}.{number & 0xFF}"
    return AddressPlan({name: f"{net}.{host}" for host, name in enumerate(names, 1)})


def ue_place(config: LabConfig, number: int) -> Endpoint:
    """Where the participant of this number is, from 0."""
    head, _, last = config.ue_sip[0].rpartition(".")
    return f"{head}.{int(last) + number}", config.ue_sip[1]


async def play(
    scenario: Scenario,
    keys: LabKeys,
    log: LabLog,
    *,
    faults: frozenset[str] = frozenset(),
    recorder: Recorder | None = None,
    metrics: Metrics | None = None,
    demanded: frozenset[Ending] = frozenset(),
    net: int | None = None,
    plan: AddressPlan | None = None,
) -> Played:
    """Play a scenario to its end. Raises OSError when a place is taken.

    `demanded` is how it may end for participants where `faults` demand another end than the scenario's own. `net`
    tells several plays of one process apart. `plan`: sockets for the addresses shown, otherwise on loopback.
    """
    config = shown(scenario)
    places = [ue_place(config, number) for number in range(scenario.participants)]
    users = dict(zip(config.users, places, strict=True))
    conference = config.conferences[0]
    async with Lab(
        plan or loopback_plan(addresses_shown(scenario, faults), net),
        log,
        recorder=recorder,
        metrics=metrics,
        connect_timeout=config.connect_timeout,
    ) as lab:
        kms = [make_kms(config, keys, faults=faults)] if scenario.secured else []
        mrfc = make_mrfc(config, keys, faults=faults, users=users)
        await lab.start(*kms, mrfc)
        in_service = asyncio.ensure_future(lab.noted("mrfc", "mrfp in service", READY))
        await lab.start(make_mrfp(config, faults=faults))
        try:
            await in_service
        except TimeoutError:
            return Played(False, "the MRFP did not register with the MRFC")
        patience = STUCK_BROKEN if faults else STUCK
        if Behaviour.IGNORES_TCP in scenario.behaviours:
            patience += config.connect_timeout
        ues: list[Ue] = []
        for number, (uri, place) in enumerate(users.items()):
            script = scenario.script(number, conference)
            function = make_ue(
                config,
                keys,
                uri,
                place,
                script,
                name=participant(number),
                faults=faults,
                display_name=participant(number).capitalize(),
                behaviours=scenario.behaviours_of(number),
                overheard=_offered_keys(ues),
            )
            caller = mrfc.core if scenario.dials_out else None
            ues.append(await _join(lab, function, caller, scenario, conference, patience))
        await _until(lab, lambda: all(ue.done for ue in ues), patience)
        outcome = _outcome(scenario, ues, demanded)
        await lab.quiet(SILENCE, READY)
        for ue in ues:
            lab.do(ue.name, list(ue.stop(asyncio.get_running_loop().time())))
        await lab.quiet(SILENCE, READY)
        return outcome


def _offered_keys(ues: Sequence[Ue]) -> str:
    """Key management data of the first participant's offer: anybody on the way of the INVITE may hear it."""
    call = ues[0].call if ues else None
    sdp = call.invite.sdp() if call is not None and call.invite is not None else None
    return read_offer(sdp)[2].key_mgmt if sdp is not None else ""


async def _join(lab: Lab, function: Function, mrfc: object, scenario: Scenario, conference: str, patience: float) -> Ue:
    """Bring a UE up, and wait until it is in the conference, or will not be."""
    ue = function.core
    assert isinstance(ue, Ue)
    await lab.start(function)
    if isinstance(mrfc, Mrfc):
        now = asyncio.get_running_loop().time()
        lab.do(mrfc.name, list(mrfc.invite(conference, ue.config.uri, now, secured=scenario.secured)))
    await _until(lab, lambda: _is_in(ue) or ue.done, patience)
    return ue


async def _until(lab: Lab, reached: Callable[[], bool], patience: float) -> None:
    """Wait for something, as long as anybody says anything."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    while not reached() and loop.time() < min(begin + LONGEST, max(begin, lab.last_activity) + patience):
        await asyncio.sleep(0.01)


def _is_in(ue: Ue) -> bool:
    """Does its MSRP session work?"""
    connection = ue.call.connection if ue.call is not None else None
    return connection is not None and connection.msrp is not None and connection.msrp.bound


def _outcome(scenario: Scenario, ues: list[Ue], demanded: frozenset[Ending]) -> Played:
    own = [own_ending(scenario, number) for number in range(len(ues))]
    endings = [ending_of(scenario, number, ue) for number, ue in enumerate(ues)]
    if endings.count(Ending.THROUGH) == len(ues):
        heard = sum(ue.tally.heard for ue in ues)
        what = f"went through, {_count(len(ues), 'participant')} heard {_count(heard, 'message')}"
    elif own[0] is Ending.ENDED and endings.count(Ending.ENDED) == len(ues):
        what = "the MRFC ended the call"
    else:
        what = ", ".join(in_words(ue, ending) for ue, ending in zip(ues, endings, strict=True))
    return Played(demanded.issuperset(endings) if demanded else endings == own, what)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
