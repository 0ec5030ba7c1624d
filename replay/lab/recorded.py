"""Plays a scenario and records it: by what the functions sent, or with tcpdump in a network namespace."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, BinaryIO

from analyzer.errors import UserError
from replay.edge.address_plan import AddressPlan
from replay.edge.namespace import INTERFACE, UnavailableError, missing, private_network
from replay.edge.recorder import Recorder
from replay.edge.tcpdump import Tcpdump
from replay.lab.interruptible import run_interruptible
from replay.lab.play import Played

PROGRAMS = ("ip", "tcpdump")
"What a namespace and a recording in it need."
HINT = "a recording without --namespace needs neither root nor another program"

Playing = Callable[..., Coroutine[Any, Any, Played]]
"`play` of one scenario, that takes a `recorder` or a `plan`."


def play_recorded(playing: Playing, out: BinaryIO) -> Played:
    """On loopback, as the functions sent it."""
    return run_interruptible(playing(recorder=Recorder(out, time.time_ns)))


def play_in_namespace(playing: Playing, addresses: Sequence[str], out: BinaryIO) -> tuple[Played, int]:
    """At these addresses themselves, as tcpdump saw it; also how many packets are missing, -1 where it does not say.

    Raises UserError where a namespace cannot be had.
    """
    try:
        with private_network(addresses):
            with Tcpdump(out, INTERFACE) as recording:
                played = run_interruptible(playing(plan=AddressPlan(beyond_loopback=True)))
            return played, recording.dropped
    except UnavailableError as error:
        raise UserError(f"--namespace: cannot have {error}", HINT) from error


def refuse_namespace() -> None:
    """Raises UserError that says what is missing for `--namespace`."""
    absent = missing(PROGRAMS)
    if absent:
        raise UserError(f"--namespace: not without {absent}", HINT)
