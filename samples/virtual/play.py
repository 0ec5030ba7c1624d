"""Plays a `lab.toml` in a virtual network: its capture and its keys, the same each time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from replay.keying import Chance
from replay.lab.config import LabConfig
from replay.lab.functions import World, make_kms, make_mrfc, make_mrfp, make_ue, nat_address
from replay.lab.keys import LabKeys, draw_keys
from replay.lab.play import SHOWN, ue_place
from replay.mrfc import Mrfc
from replay.ue import Behaviour, Ue
from replay.ue.content import Octets
from replay.ue.script import Action, DialIn, Leave, Say, SendContent, SetNickname
from samples.builder import Packet
from samples.virtual.description import LabSample, Participant, Words
from samples.virtual.network import Network
from samples.virtual.tape import NS, Tape

REGISTERED = 2.0
"s before the first participant comes, when the functions come up."
AFTERWARDS = 5.0
"s after the last one left, in which all that is under way comes to its end."


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it."""

    packets: list[Packet]
    keys: LabKeys


def chance_of(seed: str) -> Chance:
    """Octets that look drawn and are the same each time."""
    drawn = 0

    def draw(size: int) -> bytes:
        nonlocal drawn
        octets = b""
        while len(octets) < size:
            octets += hashlib.sha256(f"{seed} {drawn}".encode()).digest()
            drawn += 1
        return octets[:size]

    return draw


def play(sample: LabSample) -> Played:
    """Play a sample to its end."""
    config = replace(
        SHOWN,
        rooms=(sample.room,),
        users=tuple(f"sip:{each.name}@ims.example.net" for each in sample.participants),
    )
    keys = draw_keys(config, chance_of(f"{sample.seed} keys"))
    # The clock of the cores begins with 0, when they come up.
    up = min(each.comes for each in sample.participants) - REGISTERED
    epoch = sample.start.timestamp() + up
    tape = Tape(round(epoch * NS))
    suite = {"suite": sample.suite, "extended_master_secret": sample.extended_master_secret}
    network = Network(tape, chance_of(f"{sample.seed} network"), suite)
    stage = _Stage(sample, config, keys, network, epoch)
    stage.raise_functions()
    for number, each in enumerate(sample.participants):
        network.at(each.comes - REGISTERED / 2 - up, partial(stage.raise_ue, number, each))
        network.at(each.comes - up, partial(stage.comes, each))
        network.at(each.leaves - up, partial(stage.does, each.name, Leave()))
    for words in sample.words:
        network.at(words.at - up, partial(stage.does, words.who, stage.action(words)))
    network.run(max(each.leaves for each in sample.participants) + AFTERWARDS - up)
    hidden = {ue_place(config, number)[0] for number, each in enumerate(sample.participants) if not each.recorded}
    hidden |= {nat_address(each) for each in hidden}
    seen = [each for each in sample.participants if each.recorded]
    since = round((sample.start.timestamp() + sample.begins) * NS) if sample.begins > -1e6 else 0
    until = round((sample.start.timestamp() + max(each.leaves for each in seen) + AFTERWARDS) * NS)
    packets = [
        Packet(time, data, "")
        for time, data in tape.sorted()
        if since <= time <= until and not hidden.intersection(_addresses(data))
    ]
    names = {f"sip:{each.name}@ims.example.net" for each in sample.participants if not each.recorded}
    shared = {holder: key for holder, key in keys.shared.items() if holder not in names}
    return Played(packets, replace(keys, shared=shared))


def _behaviours(participant: Participant) -> frozenset[Behaviour]:
    chosen = {Behaviour.REFUSES_TCP: participant.refuses, Behaviour.WRONG_KEY: participant.wrong_key}
    return frozenset(each for each, is_so in chosen.items() if is_so)


def _addresses(packet: bytes) -> tuple[str, str]:
    """Source and destination of an IPv4 packet in Ethernet."""
    return ".".join(map(str, packet[26:30])), ".".join(map(str, packet[30:34]))


@dataclass(slots=True)
class _Stage:
    """The functions, and who tells them what to do."""

    sample: LabSample
    config: LabConfig
    keys: LabKeys
    network: Network
    epoch: float
    "Seconds since 1970 when the clock of the network was 0."

    def _world(self, name: str) -> World:
        clock: Callable[[], int] = lambda: round((self.epoch + self.network.now) * NS)  # noqa: E731
        return World(chance=chance_of(f"{self.sample.seed} {name}"), epoch=self.epoch, clock=clock)

    def raise_functions(self) -> None:
        """KMS, MRFC and MRFP come up."""
        faults = self.sample.faults
        if self.sample.secured:
            self.network.add(make_kms(self.config, self.keys, faults=faults, world=self._world("kms")))
        places = {user: ue_place(self.config, number) for number, user in enumerate(self.config.users)}
        world = self._world("mrfc")
        mrfc = make_mrfc(self.config, self.keys, faults=faults, users=places, world=world)
        self.network.add(mrfc)
        self.network.add(make_mrfp(self.config, faults=faults, world=self._world("mrfp")))

    def raise_ue(self, number: int, participant: Participant) -> None:
        """A UE comes up."""
        name, uri = participant.name, self.config.users[number]
        function = make_ue(
            self.config,
            self.keys,
            uri,
            ue_place(self.config, number),
            (),
            name=name,
            faults=self.sample.faults,
            world=self._world(name),
            display_name=name.capitalize(),
            mode=participant.mode,
            cema=participant.cema,
            answer_after=participant.rings,
            behaviours=_behaviours(participant),
            chatroom=("nickname", "private-messages") if participant.private else ("nickname",),
        )
        self.network.add(function, is_ue=True)

    def comes(self, participant: Participant) -> None:
        """It dials in, or is invited."""
        conference = self.config.conferences[0]
        if not participant.invited:
            self.does(participant.name, DialIn(conference, self.sample.secured))
            return
        mrfc, user = self.network.core("mrfc"), f"sip:{participant.name}@ims.example.net"
        assert isinstance(mrfc, Mrfc)
        self.network.command("mrfc", mrfc.invite(conference, user, self.network.now, secured=self.sample.secured))

    def does(self, name: str, action: Action) -> None:
        """It does something."""
        ue = self.network.core(name)
        assert isinstance(ue, Ue)
        if ue.call is not None or isinstance(action, DialIn):
            self.network.command(name, ue.do(action, self.network.now))

    def action(self, words: Words) -> Action:
        """What somebody says, for its UE."""
        if words.nickname:
            return SetNickname(words.nickname)
        if words.sends:
            return SendContent("text/html", Octets(words.sends.encode()), success_report=words.report)
        to = f"sip:{words.to}@ims.example.net" if words.to else ""
        return Say(words.says, to=to, success_report=words.report)
