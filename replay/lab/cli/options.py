"""Options that the commands of the lab share: logs, metrics, the lab's file, places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from analyzer.cli.named_files import NamedFiles
    from replay.events import Endpoint
    from replay.lab.config import LabConfig
    from replay.lab.keys import LabKeys
    from replay.lab.log import LabLog
    from replay.lab.metrics import Metrics

F = TypeVar("F", bound=Callable[..., Any])


class Read(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A value that a function of `replay.lab.config` reads."""

    def __init__(self, name: str, reader: str) -> None:
        self.name = name
        self._reader = reader

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it, or say what it must be."""
        from replay.lab import config

        if not isinstance(value, str):
            return value
        try:
            return getattr(config, self._reader)(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


PLACE = Read("ADDR:PORT", "read_endpoint")
ADDRESS = Read("ADDR", "read_address")
NETWORK = Read("NETWORK", "read_network")
PORTS = Read("FIRST-LAST", "read_ports")


def log_options(command: F) -> F:
    """How it tells what happens."""
    for option in (
        click.option("--metrics", "metrics_at", type=PLACE, help="Answer GET /metrics there, for Prometheus."),
        click.option("--log-json", is_flag=True, help="Log as JSON, an object a line."),
        click.option("-q", "--quiet", is_flag=True, help="Log warnings alone."),
    ):
        command = option(command)
    return command


def place_options(command: F) -> F:
    """Where things are; what is not given is as the lab's file says."""
    for option in (
        click.option("--config", "config_file", metavar="FILE", help="The lab's file (TOML): places, rooms, users."),
        click.option("--keys", "keys_file", metavar="FILE", help="Keys that --keys-out wrote; otherwise new ones."),
        click.option("--mrfc-sip", type=PLACE, help="Where the MRFC takes SIP, over UDP and TCP."),
        click.option("--mrfc-h248", type=PLACE, help="Where the MRFC takes H.248."),
        click.option("--mrfp-h248", type=PLACE, help="Where the MRFP takes H.248."),
        click.option("--mrfp-media", type=ADDRESS, help="Address of the MRFP for MSRP."),
        click.option("--media-ports", type=PORTS, help="Ports of the MRFP for MSRP."),
        click.option("--kms", type=PLACE, help="Where the KMS takes HTTP."),
        click.option("--domain", metavar="HOST", help="Host of the conference URIs."),
        click.option("--room", "rooms", multiple=True, metavar="NAME", help="A conference; can be repeated."),
        click.option(
            "--beyond-loopback",
            is_flag=True,
            help="Allow addresses that others can reach. Who is neither in `sip_users` of the lab's file nor in "
            "--allow is refused.",
        ),
        click.option(
            "--allow",
            "allowed",
            type=NETWORK,
            multiple=True,
            help="Serve this address or network without authentication, and send there when asked to; can be repeated.",
        ),
    ):
        command = option(command)
    return command


def lab_config(flags: dict[str, Any]) -> LabConfig:
    """The set-up that file and flags give. Raises click.UsageError for an address beyond loopback."""
    from replay.lab.config import LabConfig, read_config, with_flags

    named = flags.pop("config_file")
    config = with_flags(read_config(Path(named)) if named else LabConfig(), flags)
    beyond = config.refused()
    if beyond:
        raise click.UsageError(
            f"{beyond} is no loopback address; others could reach the lab there: allow it with --beyond-loopback"
        )
    return config


def lab_keys(keys_file: str | None, config: LabConfig) -> LabKeys:
    """The keys of the file, or new ones."""
    from replay.lab.keys import draw_keys, load_keys

    return load_keys(Path(keys_file)) if keys_file else draw_keys(config)


def named_files(*, capture: str | None, keys_out: str | None, reads: Sequence[str | None] = ()) -> NamedFiles:
    """What a command of the lab writes, and what it reads. Raises click.UsageError where one would be the other."""
    from analyzer.cli.named_files import NamedFiles

    files = NamedFiles()
    files.reads("a file that the lab reads", reads)
    for option, path in (("-w", capture), ("--keys-out", keys_out)):
        if path:
            files.writes(option, path)
    files.check()
    return files


def write_keys(keys: LabKeys, path: str | None, files: NamedFiles) -> None:
    """Write the keys where asked to, for their owner alone (0600)."""
    from analyzer.cli.output import open_output

    if path:
        with open_output(path, private=True, files=files) as out:
            out.write(keys.text().encode())


def make_log(log_json: bool, quiet: bool) -> LabLog:
    """The log of a lab."""
    from replay.lab.log import LabLog

    return LabLog(as_json=log_json, quiet=quiet)


def make_metrics(place: Endpoint | None, beyond_loopback: bool) -> Metrics | None:
    """Metrics, where they are asked for. Raises UserError for a place beyond loopback."""
    from ipaddress import ip_address

    from analyzer.errors import UserError
    from replay.lab.metrics import Metrics

    if place is None:
        return None
    if not beyond_loopback and not ip_address(place[0]).is_loopback:
        raise UserError(f"--metrics: {place[0]} is no loopback address; allow it with --beyond-loopback")
    return Metrics(place)


def need_psk() -> None:
    """What is secured can only run where TLS-PSK is possible. Raises UserError."""
    from analyzer.errors import UserError
    from replay.edge.psk_ways import PskUnavailableError, psk_way

    try:
        psk_way()
    except PskUnavailableError as error:
        raise UserError(f"lab: {error}", "scenarios and UEs that are not secured work") from error
