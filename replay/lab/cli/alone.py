"""`mrfscope lab kms|mrfc|mrfp|ue`: each function alone, to put it beside those of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from replay.lab.cli.options import (
    PLACE,
    lab_config,
    lab_keys,
    log_options,
    make_log,
    make_metrics,
    need_psk,
    place_options,
)

if TYPE_CHECKING:
    from replay.events import Endpoint
    from replay.lab.config import LabConfig
    from replay.lab.functions import Function
    from replay.lab.keys import LabKeys
    from replay.lab.lab import Lab

NEEDS_KEYS = "Without --keys the lab knows no keys that others have; write some with `mrfscope lab up --keys-out`."


def _alone(name: str, says: str, make: Callable[[LabConfig, LabKeys], Function]) -> click.Command:
    @click.command(name, short_help=f"{says} alone.")
    @place_options
    @log_options
    def command(keys_file: str | None, metrics_at: Endpoint | None, log_json: bool, quiet: bool, **flags: Any) -> int:
        from replay.lab.serve import serve

        config = lab_config(flags)
        keys = lab_keys(keys_file, config)
        metrics = make_metrics(metrics_at, config.beyond_loopback)
        log = make_log(log_json, quiet)
        return serve(config, lambda: [make(config, keys)], log, metrics=metrics, greeting=f"The {says} is up.")

    command.help = f"Start the {says} alone, and run until SIGTERM or Ctrl-C.\n\n{NEEDS_KEYS}"
    return command


def _kms(config: LabConfig, keys: LabKeys) -> Function:
    from replay.lab.functions import make_kms

    return make_kms(config, keys)


def _mrfc(config: LabConfig, keys: LabKeys) -> Function:
    from replay.lab.functions import make_mrfc

    return make_mrfc(config, keys)


def _mrfp(config: LabConfig, keys: LabKeys) -> Function:
    from replay.lab.functions import make_mrfp

    return make_mrfp(config)


@click.command("ue", short_help="A UE that dials in, or waits to be called.")
@place_options
@click.option("--uri", default="sip:alice@ims.example.net", show_default=True, help="Who it is.")
@click.option("--at", "ue_sip", type=PLACE, help="Where it takes SIP.")
@click.option("--dial", metavar="ROOM", help="Dial into this conference; otherwise it waits to be called.")
@click.option("--secured", is_flag=True, help="With end-to-end security: needs --keys.")
@click.option("--refer", "called", metavar="URI", help="Have the MRFC invite this user, such as sip:bob@127.0.0.51.")
@click.option("--say", "texts", multiple=True, metavar="TEXT", help="Say this; can be repeated.")
@click.option("--send", "file", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="Send this file.")
@click.option("--hear", default=0, metavar="N", help="Leave once so many messages were heard.")
@click.option("--interactive", is_flag=True, help="Say what is typed, line by line, and show what others say.")
@click.option("--stay", default=0.0, metavar="SECONDS", help="Stay so long before leaving.")
@log_options
def ue(
    keys_file: str | None,
    uri: str,
    dial: str | None,
    secured: bool,
    called: str | None,
    texts: tuple[str, ...],
    file: str | None,
    hear: int,
    interactive: bool,
    stay: float,
    metrics_at: Endpoint | None,
    log_json: bool,
    quiet: bool,
    **flags: Any,
) -> int:
    """A participant: it joins, says and sends what it is told to, leaves, and says how it went.

    With --interactive, a line typed is a message to all; /nick NAME, /to NICK TEXT, /file PATH, /quit. The end of the
    input leaves.

    Exit codes: 0 it joined, and all that it said was answered by 200; 1 it did not; 2 wrong usage.
    """
    import asyncio
    import sys
    from pathlib import Path

    from analyzer.cli.main import complain
    from replay.lab.functions import make_ue
    from replay.lab.interactive import HELP, Prompt, converse, welcome
    from replay.lab.serve import serve
    from replay.ue import Action, DialIn, Leave, Octets, Refer, Say, SendContent, Step, Ue

    config = lab_config(flags)
    if secured and keys_file is None:
        raise click.UsageError("--secured needs --keys FILE, which `mrfscope lab up --keys-out FILE` writes")
    if secured:
        need_psk()
    keys = lab_keys(keys_file, config)
    does: list[Action] = [Say(text) for text in texts]
    if file is not None:
        does.append(SendContent("application/octet-stream", Octets(Path(file).read_bytes())))
    script = [Step(do=DialIn(f"sip:{dial}@{config.domain}", secured))] if dial else []
    script += [Step(do=Refer(called))] if called else []
    script += [Step(do=each) for each in does]
    if not interactive:
        script.append(Step(do=Leave(), after=stay, heard=hear, settled=True))
    elif hear or stay:
        raise click.UsageError("--hear and --stay say when it leaves; with --interactive you do")
    made: list[Ue] = []
    over = False

    def make() -> list[Function]:
        function = make_ue(config, keys, uri, config.ue_sip, script, goes_by_nickname=interactive)
        assert isinstance(function.core, Ue)
        made.append(function.core)
        return [function]

    async def beside(lab: Lab) -> None:
        nonlocal over
        prompt = Prompt(f"sip:{dial or config.rooms[0]}@{config.domain}", click.echo)
        greeting = asyncio.create_task(welcome(lab, made[0], prompt))
        await converse(lab, made[0], prompt, sys.stdin.fileno())
        over = True
        await greeting

    def ended() -> bool:
        if not made:
            return False
        if interactive:
            return made[0].is_out or (over and made[0].call is None)
        return made[0].done or made[0].is_out

    if interactive:
        click.echo(f"* {HELP}")
    serve(
        config,
        make,
        make_log(log_json, quiet or (interactive and not log_json)),
        metrics=make_metrics(metrics_at, config.beyond_loopback),
        until=ended,
        beside=beside if interactive else None,
    )
    played = made[0]
    failed = [status for status in played.tally.settled.values() if status != 200]
    why = played.call.ended_by if played.call is not None else "was not called"
    answered = len(played.tally.settled) - len(failed)
    line = (
        f"ue: heard {played.tally.heard} messages, {answered} of {answered + len(failed)} requests of its own went well"
    )
    line += "; left" if why == "left" else f"; out: {why}"
    if why != "left" or failed:
        complain(line)
        return 1
    click.echo(line)
    return 0


COMMANDS = (
    _alone("kms", "KMS", _kms),
    _alone("mrfc", "MRFC", _mrfc),
    _alone("mrfp", "MRFP", _mrfp),
    ue,
)
