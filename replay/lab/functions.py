"""Makes the functions of a lab: what each is told of the others, of keys, and of the rows that it is to break."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from replay.admission import Admission
from replay.events import Core, Endpoint
from replay.h248 import Timers
from replay.keying import Chance, Party
from replay.kms import FAULTS as KMS_FAULTS
from replay.kms import Kms, KmsConfig, KmsUser
from replay.lab.config import LabConfig
from replay.lab.keys import KMS_IDENTITY, LabKeys
from replay.mrfc import FAULTS as MRFC_FAULTS
from replay.mrfc import Mrfc, MrfcConfig
from replay.mrfp import FAULTS as MRFP_FAULTS
from replay.mrfp import Mrfp, MrfpConfig
from replay.sip import Directory
from replay.ue import FAULTS as UE_FAULTS
from replay.ue import Step, Ue, UeConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where time and chance come from; a run with others than these is the same each time."""

    chance: Chance = secrets.token_bytes
    epoch: float | None = None
    "Seconds since 1970 when the clock of the cores was 0; None: by the running loop."
    clock: Callable[[], int] = time.time_ns
    "ns since 1970."

    @property
    def unix_at_zero(self) -> float:
        """Seconds since 1970 when the clock of the cores was 0."""
        return time.time() - asyncio.get_running_loop().time() if self.epoch is None else self.epoch


REAL = World()


@dataclass(frozen=True, slots=True)
class Function:
    """A core, and where it receives datagrams."""

    core: Core
    udp: tuple[Endpoint, ...]
    "Where it receives datagrams."
    addresses: frozenset[str]
    "Its own."
    sctp: tuple[Endpoint, ...] = ()
    "Where it receives messages over SCTP."
    is_ours: bool = True
    "False for one that is taken for a stranger: part of what comes from its addresses is sent by another program."


def make_kms(
    config: LabConfig, keys: LabKeys, *, faults: frozenset[str] = frozenset(), world: World = REAL
) -> Function:
    """The KMS, which knows everybody who has a key."""
    users = tuple(KmsUser(identity, key, keys.tickets.get(identity)) for identity, key in keys.shared.items())
    made = KmsConfig(config.kms, KMS_IDENTITY, users, keys.kms, faults=faults & KMS_FAULTS.keys())
    core = Kms(made, clock=world.clock, draw=world.chance)
    return Function(core, (), frozenset({config.kms[0]}))


def make_mrfc(
    config: LabConfig,
    keys: LabKeys,
    *,
    faults: frozenset[str] = frozenset(),
    users: Mapping[str, Endpoint] | None = None,
    world: World = REAL,
    **more: Any,
) -> Function:
    """The MRFC. `users` is where UEs are called."""
    conference = config.conferences[0]
    ticket_keys = dict.fromkeys((3, 4), keys.tickets[conference]) if conference in keys.tickets else {}
    if "DIN-3b" in faults:  # opens a ticket that only the KMS may open
        ticket_keys[1] = keys.kms
    made = MrfcConfig(
        sip=config.mrfc_sip,
        h248=config.mrfc_h248,
        mrfp_allowed=(config.mrfp_h248[0],),
        domain=config.domain,
        rooms=frozenset(config.rooms),
        secured_only=config.secured_only,
        directory=Directory({user.lower(): place for user, place in (users or {}).items()}),
        admission=Admission(
            allowed=config.allowed,
            known=frozenset(address for address, _ in (users or {}).values()),
            users=config.sip_users,
            realm=config.domain,
        ),
        kms=config.kms,
        party=Party(kms=KMS_IDENTITY, kms_key=keys.shared.get(conference, b""), ticket_keys=ticket_keys),
        kms_timeout=config.kms_timeout,
        encoding=config.h248_encoding,
        audit_interval=config.audit_interval,
        t1=config.sip_t1,
        h248_timers=Timers(give_up=config.h248_timeout),
        clock=world.unix_at_zero,
        faults=faults & MRFC_FAULTS.keys(),
        **more,
    )
    addresses = frozenset({config.mrfc_sip[0], config.mrfc_h248[0]})
    udp, sctp = _h248_places(config, config.mrfc_h248)
    return Function(Mrfc(made, world.chance), (config.mrfc_sip, *udp), addresses, sctp)


def make_mrfp(config: LabConfig, *, faults: frozenset[str] = frozenset(), world: World = REAL, **more: Any) -> Function:
    """The MRFP."""
    made = MrfpConfig(
        h248=config.mrfp_h248,
        controllers=(config.mrfc_h248,),
        admission=Admission(config.allowed),
        media_address=config.mrfp_media,
        media_ports=config.media_ports,
        transport=config.h248_transport,
        encoding=config.h248_encoding,
        timers=Timers(give_up=config.h248_timeout),
        retry=config.h248_retry,
        inactivity=config.inactivity,
        orphans=config.orphans,
        unconnected=config.unconnected,
        epoch=world.unix_at_zero,
        random=world.chance,
        **more,
    )
    core = Mrfp(made, faults & MRFP_FAULTS.keys())
    udp, sctp = _h248_places(config, config.mrfp_h248)
    return Function(core, udp, frozenset({config.mrfp_h248[0], config.mrfp_media}), sctp)


def _h248_places(config: LabConfig, place: Endpoint) -> tuple[tuple[Endpoint, ...], tuple[Endpoint, ...]]:
    """Where a function takes H.248 over UDP, and over SCTP, which has the place alone."""
    return ((), (place,)) if config.h248_transport == "sctp" else ((place,), ())


def make_ue(
    config: LabConfig,
    keys: LabKeys,
    uri: str,
    sip: Endpoint,
    script: Sequence[Step],
    *,
    name: str = "ue",
    faults: frozenset[str] = frozenset(),
    world: World = REAL,
    **more: Any,
) -> Function:
    """A UE that carries out a script."""
    nat = nat_address(sip[0]) if "NAT-1" in faults else ""
    username = uri.partition(":")[2].partition("@")[0]
    made = UeConfig(
        name=name,
        uri=uri,
        sip=sip,
        msrp=(sip[0], config.ue_media_port),
        directory=Directory({config.domain.lower(): config.mrfc_sip}),
        admission=Admission(config.allowed, frozenset({config.mrfc_sip[0], config.mrfp_media})),
        username=username if username in config.sip_users else "",
        password=config.sip_users.get(username, ""),
        kms=config.kms,
        # With the ticket key of mode 4 it could open tickets of mode 3 as well, and does for the row DOUT-7 alone.
        party=Party(
            kms=KMS_IDENTITY,
            kms_key=keys.shared.get(uri, b""),
            ticket_keys={4: keys.tickets[config.conferences[0]]} if keys.tickets else {},
        ),
        kms_timeout=config.kms_timeout,
        script=tuple(script),
        nat=nat,
        t1=config.sip_t1,
        answer_wait=config.answer_wait,
        session_wait=config.session_wait,
        clock=world.unix_at_zero,
        faults=faults & UE_FAULTS.keys(),
        **more,
    )
    return Function(Ue(made, world.chance), (sip,), frozenset({sip[0], nat} - {""}))


def nat_address(address: str) -> str:
    """Where a UE of this address is seen from behind the NAT of the row NAT-1."""
    head, _, last = address.rpartition(".")
    return f"{head}.{(int(last) + 100) % 250}"
