"""The functions of the lab as tests of MRFC and UE set them up: addresses, users, keys."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from lab_world import World
from small_mrfp import SmallMrfp

from replay.admission import Admission
from replay.keying import Party
from replay.kms import Kms, KmsConfig, KmsUser
from replay.mrfc import Mrfc, MrfcConfig
from replay.sip import Directory
from replay.ue import DialIn, Leave, Say, SetNickname, Step, Ue, UeConfig

CLOCK = 1_768_471_200.0
ROOM = "sip:chat-17@conf.example.net"
ALICE, BOB, CAROL = (f"sip:{name}@ims.example.net" for name in ("alice", "bob", "carol"))
SIP = {"mrfc": ("192.0.2.10", 5060), ALICE: ("198.51.100.7", 5060), BOB: ("198.51.100.9", 5060)}
SIP[CAROL] = ("198.51.100.23", 5060)
MSRP = {ALICE: ("198.51.100.7", 7394), BOB: ("198.51.100.9", 8145), CAROL: ("198.51.100.23", 9012)}
MRFC_H248, MRFP_H248 = ("192.0.2.10", 2944), ("192.0.2.20", 2944)
KMS = ("192.0.2.40", 80)
DIRECTORY = Directory({"conf.example.net": SIP["mrfc"], **{user: SIP[user] for user in (ALICE, BOB, CAROL)}})
EVERYBODY = Admission(allowed=(ip_network("0.0.0.0/0"), ip_network("::/0")))
KEYS = {ROOM: b"key of the mrfc!", ALICE: b"key of alice 123", BOB: b"key of bob 45678", CAROL: b"key of carol 901"}
TPK_KMS, TPK_2, TPK_3, TPK_4 = (f"ticket key {mode}....".encode()[:16] for mode in (1, 2, 3, 4))


def chance(seed: str) -> Callable[[int], bytes]:
    """Octets that are the same in every run."""
    return random.Random(seed).randbytes


def mrfc(**changes: Any) -> Mrfc:
    party = Party(kms_key=KEYS[ROOM], ticket_keys={2: TPK_2, 3: TPK_3, 4: TPK_4})
    config = MrfcConfig(
        sip=SIP["mrfc"],
        h248=MRFC_H248,
        directory=DIRECTORY,
        admission=EVERYBODY,
        kms=KMS,
        party=party,
        clock=CLOCK,
        audit_interval=0,
    )
    return Mrfc(replace(config, **changes), chance("mrfc"))


def ue(user: str, *script: Step, **changes: Any) -> Ue:
    name = user[4:].partition("@")[0]
    party = Party(kms_key=KEYS[user], ticket_keys={3: TPK_3, 4: TPK_4})
    config = UeConfig(
        name=name,
        uri=user,
        display_name=name.capitalize(),
        sip=SIP[user],
        msrp=MSRP[user],
        directory=DIRECTORY,
        admission=EVERYBODY,
        kms=KMS,
        party=party,
        script=script,
        clock=CLOCK,
    )
    return Ue(replace(config, **changes), chance(user))


def mrfp(**changes: Any) -> SmallMrfp:
    return SmallMrfp(MRFP_H248, MRFC_H248, "203.0.113.5", **changes)


def kms(world: World, **changes: Any) -> Kms:
    users = [
        KmsUser(ROOM, KEYS[ROOM], TPK_2),
        KmsUser(ALICE, KEYS[ALICE], TPK_3),
        KmsUser(BOB, KEYS[BOB]),
        KmsUser("sip:mode-3@conf.example.net", b"unused key", TPK_3),
    ]
    config = replace(KmsConfig(KMS, users=tuple(users), tpk=TPK_KMS), **changes)
    return Kms(config, clock=lambda: round((world.now + CLOCK) * 1e9), draw=chance("kms"))


def place(world: World, *cores: Any) -> None:
    """Put functions into a world, where they take datagrams."""
    for core in cores:
        if isinstance(core, Mrfc):
            world.add(core, core.config.sip, core.config.h248)
        elif isinstance(core, Ue):
            world.add(core, core.config.sip)
        elif isinstance(core, SmallMrfp):
            world.add(core, core.h248)
        else:
            world.add(core)


def visit(*words: str, secured: bool = False, stay: float = 1.0) -> tuple[Step, ...]:
    """Dial in, take a nickname, say something, leave."""
    said = [Step(do=Say(word), settled=True) for word in words]
    return (
        Step(do=DialIn(ROOM, secured)),
        Step(do=SetNickname("Alice the great")),
        *said,
        Step(do=Leave(), after=stay, settled=True),
    )
