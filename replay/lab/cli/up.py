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
    place_options,
    write_keys,
)

if TYPE_CHECKING:
    from replay.events import Endpoint


@click.command(short_help="KMS, MRFC and MRFP, to be joined.")
@place_options
@click.option("--keys-out", metavar="KEYS.toml", help="Write the keys, for `lab ue --keys` and `analyze -k`.")
@click.option("-w", "--write", "capture", metavar="OUT.pcapng", help="Record what is sent and received.")
@log_options
def up(
    keys_file: str | None,
    keys_out: str | None,
    capture: str | None,
    metrics_at: Endpoint | None,
    log_json: bool,
    quiet: bool,
    **flags: Any,
) -> int:
    """Start KMS, MRFC and MRFP, say how to join, and run until SIGTERM or Ctrl-C.

    Exit codes: 0 stopped as asked, 2 wrong usage, or a place is taken.
    """
    from replay.lab.functions import make_kms, make_mrfc, make_mrfp
    from replay.lab.serve import how_to_join, serve

    config = lab_config(flags)
    keys = lab_keys(keys_file, config)
    write_keys(keys, keys_out)
    metrics = make_metrics(metrics_at, config.beyond_loopback)
    return serve(
        config,
        lambda: [make_kms(config, keys), make_mrfc(config, keys), make_mrfp(config)],
        make_log(log_json, quiet),
        metrics=metrics,
        capture=capture,
        greeting=how_to_join(config, keys_out or keys_file),
        ready=("mrfc", "mrfp in service"),
    )
