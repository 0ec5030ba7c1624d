"""`mrfscope lab up`: KMS, MRFC and MRFP together, to be joined by others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from replay.lab.cli.options import (
    lab_config,
    lab_keys,
    log_options,
    make_log,
    make_metrics,
    named_files,
    need_psk,
    place_options,
    write_keys,
)

if TYPE_CHECKING:
    from replay.events import Endpoint
    from replay.lab.functions import Function


@click.command(short_help="KMS, MRFC and MRFP, to be joined.")
@place_options
@click.option("--keys-out", metavar="KEYS.toml", help="Write the keys, for `lab ue --keys` and `analyze -k`.")
@click.option(
    "-w",
    "--write",
    "capture",
    metavar="OUT.pcapng",
    help="Record what is sent and received, keys included, for you alone.",
)
@click.option("--openssl", is_flag=True, help="Keep a secured leg for openssl, and print the command that ends it.")
@click.option("--show-keys", is_flag=True, help="Print that command with its key, rather than where it is.")
@log_options
def up(
    keys_file: str | None,
    keys_out: str | None,
    capture: str | None,
    openssl: bool,
    show_keys: bool,
    metrics_at: Endpoint | None,
    log_json: bool,
    quiet: bool,
    **flags: Any,
) -> int:
    """Start KMS, MRFC and MRFP, say how to join, and run until SIGTERM or Ctrl-C.

    Exit codes: 0 stopped as asked, 2 wrong usage, or a place is taken.
    """
    from replay.lab.functions import make_kms, make_mrfc, make_mrfp
    from replay.lab.openssl_leg import USER, OpensslLeg
    from replay.lab.serve import how_to_join, serve
    from replay.mrfc import Mrfc

    if openssl and not (keys_out or show_keys):
        raise click.UsageError("--openssl needs --keys-out FILE, where the key of the leg is written, or --show-keys")
    if openssl:
        need_psk()
    if show_keys and not openssl:
        raise click.UsageError("--show-keys is about the leg of --openssl")
    files = named_files(capture=capture, keys_out=keys_out, reads=[flags["config_file"], keys_file])
    config = lab_config(flags)
    keys = lab_keys(keys_file, config)
    leg = None
    users: dict[str, Endpoint] = {}
    if openssl:
        leg = OpensslLeg(
            config,
            keys,
            None if show_keys else keys_out,
            lambda line: click.echo(f"  openssl     {line}"),
            lambda found: write_keys(found, keys_out, files),
        )
        keys = leg.keys
        users[USER] = config.openssl_sip
    write_keys(keys, keys_out, files)
    metrics = make_metrics(metrics_at, config.beyond_loopback)
    made: list[Mrfc] = []

    def make() -> list[Function]:
        mrfc = make_mrfc(config, keys, users=users)
        assert isinstance(mrfc.core, Mrfc)
        made.append(mrfc.core)
        functions = [make_kms(config, keys), mrfc, make_mrfp(config)]
        return functions if leg is None else [*functions, leg.make()]

    return serve(
        config,
        make,
        make_log(log_json, quiet),
        metrics=metrics,
        capture=capture,
        files=files,
        greeting=how_to_join(config, keys_out or keys_file, openssl=openssl),
        ready=("mrfc", "mrfp in service"),
        beside=(lambda lab: leg.run(lab, made[0])) if leg is not None else None,
    )
