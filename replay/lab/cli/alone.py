"""`mrfscope lab kms|mrfc|mrfp|ue`: each function alone, to put it beside those of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from replay.lab.cli.options import PLACE, lab_config, lab_keys, log_options, make_log, make_metrics, place_options

if TYPE_CHECKING:
    from replay.events import Endpoint
    from replay.lab.config import LabConfig
    from replay.lab.functions import Function
    from replay.lab.keys import LabKeys

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
    stay: float,
    metrics_at: Endpoint | None,
    log_json: bool,
    quiet: bool,
    **flags: Any,
) -> int:
    """A participant: it joins, says and sends what it is told to, leaves, and says how it went.

    Exit codes: 0 it joined, and all that it said was answered by 200; 1 it did not; 2 wrong usage.
    """
    from pathlib import Path

    from analyzer.cli.main import complain
    from replay.lab.functions import make_ue
    from replay.lab.serve import serve
    from replay.ue import Action, DialIn, Leave, Octets, Refer, Say, SendContent, Step, Ue

    config = lab_config(flags)
    if secured and keys_file is None:
        raise click.UsageError("--secured needs --keys FILE, which `mrfscope lab up --keys-out FILE` writes")
    keys = lab_keys(keys_file, config)
    does: list[Action] = [Say(text) for text in texts]
    if file is not None:
        does.append(SendContent("application/octet-stream", Octets(Path(file).read_bytes())))
    script = [Step(do=DialIn(f"sip:{dial}@{config.domain}", secured))] if dial else []
    script += [Step(do=Refer(called))] if called else []
    script += [Step(do=each) for each in does]
    script.append(Step(do=Leave(), after=stay, heard=hear, settled=True))
    made: list[Ue] = []

    def make() -> list[Function]:
        function = make_ue(config, keys, uri, config.ue_sip, script)
        assert isinstance(function.core, Ue)
        made.append(function.core)
        return [function]

    serve(
        config,
        make,
        make_log(log_json, quiet),
        metrics=make_metrics(metrics_at, config.beyond_loopback),
        until=lambda: bool(made) and (made[0].done or made[0].is_out),
    )
    played = made[0]
    failed = [status for status in played.tally.settled.values() if status != 200]
    ended = played.call.ended_by if played.call is not None else "was not called"
    answered = len(played.tally.settled) - len(failed)
    line = (
        f"ue: heard {played.tally.heard} messages, {answered} of {answered + len(failed)} requests of its own went well"
    )
    line += "; left" if ended == "left" else f"; out: {ended}"
    if ended != "left" or failed:
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
