"""Functions that run until they are told to stop, and what is said to those who want to join."""

from __future__ import annotations

import asyncio
import resource
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import click

from analyzer.cli.named_files import NamedFiles
from analyzer.errors import UserError
from replay.edge.recorder import Recorder
from replay.lab.config import LabConfig
from replay.lab.functions import Function
from replay.lab.lab import EDGE, Lab
from replay.lab.log import LabLog
from replay.lab.metrics import Metrics

READY = 10.0
"s for the functions to find each other."


def serve(
    config: LabConfig,
    make: Callable[[], Sequence[Function]],
    log: LabLog,
    *,
    metrics: Metrics | None = None,
    capture: str | None = None,
    files: NamedFiles | None = None,
    greeting: str = "",
    ready: tuple[str, str] | None = None,
    until: Callable[[], bool] | None = None,
    beside: Callable[[Lab], Coroutine[Any, Any, None]] | None = None,
) -> int:
    """Run functions until SIGTERM or SIGINT, or until `until`. Raises UserError when a place is taken.

    `ready` is the note of a function that says that all are; then `greeting` is printed.
    `beside` is what else to do while they run.
    """
    from analyzer.cli.output import open_output

    with ExitStack() as stack:
        recorder = None
        if capture is not None:
            recorder = Recorder(stack.enter_context(open_output(capture, private=True, files=files)), time.time_ns)
        lab = Lab(config.plan(), log, recorder=recorder, metrics=metrics, connect_timeout=config.connect_timeout)
        return asyncio.run(_serve(make, lab, greeting, ready, until, beside))


async def _serve(
    make: Callable[[], Sequence[Function]],
    lab: Lab,
    greeting: str,
    ready: tuple[str, str] | None,
    until: Callable[[], bool] | None,
    beside: Callable[[Lab], Coroutine[Any, Any, None]] | None,
) -> int:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_warn)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:  # a connection is a file
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with lab:
        waiting = asyncio.ensure_future(lab.noted(*ready, READY)) if ready is not None else None
        try:
            await lab.start(*make())
        except OSError as error:
            if waiting is not None:
                waiting.cancel()
            raise UserError(
                f"lab: {error.strerror or error}", "is another lab running? docs/lab.md tells how to move"
            ) from error
        if waiting is not None:
            try:
                await waiting
            except TimeoutError:
                raise UserError("lab: the MRFP did not register with the MRFC") from None
        if greeting:
            click.echo(greeting)
        work = loop.create_task(beside(lab)) if beside is not None else None
        while not stopped.is_set() and not (until is not None and until()):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05 if until is not None else None):
                    await stopped.wait()
        if work is not None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
    return 0


def _warn(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What goes wrong in the loop itself, such as a connection that cannot be accepted, is a line of the log."""
    error = context.get("exception")
    EDGE.warning("%s%s", context.get("message", "the event loop"), f": {error}" if error is not None else "")


def how_to_join(config: LabConfig, keys_file: str | None, *, openssl: bool = False) -> str:
    """What `lab up` prints once it is up; with `openssl` the line about it comes once its call is there."""
    sip, room = _place(config.mrfc_sip), config.rooms[0]
    conference = config.conferences[0]
    kms, mrfp, h248 = _place(config.kms), _place(config.mrfp_h248), _place(config.mrfc_h248)
    keys = f" --keys {keys_file}" if keys_file else ""
    more = f" (and {', '.join(config.rooms[1:])})" if config.rooms[1:] else ""
    lines = [
        f"The lab is up: KMS {kms}, MRFC {sip} (H.248 {h248}), MRFP {mrfp} (MSRP {config.mrfp_media}). Ctrl-C ends it.",
        "",
        f"  conference  {conference}{more}, by UDP and TCP at {sip}",
        f"  SIP phone   outbound proxy {sip}, then call {conference}",
        f"  sipsak      sipsak -vv -s sip:{sip}",
        f"  SIPp        sipp {sip} -sf dial-in.xml -s {room} -i {config.ue_sip[0]} -m 1   (dial-in.xml: docs/lab.md)",
        f"  our UE      mrfscope lab ue --dial {room} --say hello",
    ]
    if keys:
        lines += [
            f"  secured     mrfscope lab ue --dial {room} --secured --say hello{keys}",
        ]
    else:
        lines.append("  secured     needs the keys: start the lab with --keys-out FILE")
    if not openssl:
        lines.append("  openssl     needs a call of its own: start the lab with --openssl")
    lines += [f"  {'login':<12}{each}" for each in _login(config)]
    return "\n".join(lines)


def _login(config: LabConfig) -> list[str]:
    """Who has to authenticate, where anybody has."""
    listed = f" or from {', '.join(map(str, config.allowed))}" if config.allowed else ""
    if config.sip_users:
        return [f"by SIP digest with a password of sip_users{',' if listed else ''}{listed}"]
    if config.beyond_loopback:
        return [f"on loopback{listed}; others are refused: name them with --allow, or in sip_users of the lab's file"]
    return []


def _place(end: tuple[str, int]) -> str:
    return f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"
