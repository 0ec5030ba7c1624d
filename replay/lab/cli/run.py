"""`mrfscope lab run SCENARIO`: play a scenario, break a row where asked to, and record it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from replay.lab.cli.options import PLACE, make_log, make_metrics, named_files, need_psk, write_keys

if TYPE_CHECKING:
    from replay.events import Endpoint
    from replay.lab.scenarios import Scenario

EXIT_FAILED = 1
"The scenario did not end as it should, or as the broken row demands."


@click.command(short_help="Play a scenario and record it.")
@click.argument("scenario_name", metavar="SCENARIO")
@click.option("--fault", "faults", multiple=True, metavar="ROW", help="Break this requirement row; can be repeated.")
@click.option(
    "-w",
    "--write",
    "capture",
    metavar="OUT.pcapng",
    help="Record what is sent and received, keys included, for you alone.",
)
@click.option("--namespace", is_flag=True, help="Record with tcpdump in a network namespace; needs root.")
@click.option("--keys-out", metavar="KEYS.toml", help="Write the keys, for `mrfscope analyze -k`.")
@click.option("--metrics", "metrics_at", type=PLACE, help="Answer GET /metrics there, for Prometheus.")
@click.option("--log-json", is_flag=True, help="Log as JSON, an object a line.")
@click.option("-v", "--verbose", is_flag=True, help="Log what the functions do.")
def run(
    scenario_name: str,
    faults: tuple[str, ...],
    capture: str | None,
    namespace: bool,
    keys_out: str | None,
    metrics_at: Endpoint | None,
    log_json: bool,
    verbose: bool,
) -> int:
    """Play a scenario between UEs, MRFC, MRFP and KMS of our own, with real sockets on loopback.

    Messages and the recording show addresses for documentation (RFC 5737), so that nothing of this machine is in them.

    Exit codes: 0 everybody came to the end that the scenario has, or that the broken row brings about; 1 somebody did
    not, or tcpdump missed packets; 2 wrong usage, or --namespace without what it needs; 130 interrupted.
    """
    import signal
    from functools import partial

    from analyzer.cli.main import complain
    from analyzer.cli.output import open_output
    from analyzer.errors import UserError
    from replay.lab.faults import endings_of, with_faults
    from replay.lab.interruptible import run_interruptible
    from replay.lab.keys import draw_keys
    from replay.lab.play import addresses_shown, play, shown
    from replay.lab.recorded import play_in_namespace, play_recorded, refuse_namespace

    files = named_files(capture=capture, keys_out=keys_out)
    scenario = _scenario(scenario_name)
    rows = frozenset(_row(each, scenario) for each in faults)
    if scenario.secured:
        need_psk()
    if namespace:
        _refuse_beside_namespace(capture, metrics_at)
        refuse_namespace()
    scenario, demanded = with_faults(scenario, rows), endings_of(rows)
    keys = draw_keys(shown(scenario))
    log = make_log(log_json, not (verbose or log_json))
    metrics = make_metrics(metrics_at, False)
    write_keys(keys, keys_out, files)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does, in order
    playing = partial(play, scenario, keys, log, faults=rows, demanded=demanded, metrics=metrics)
    lost = 0
    try:
        if capture is None:
            played = run_interruptible(playing())
        else:
            with open_output(capture, private=True, files=files) as out:
                if namespace:
                    played, lost = play_in_namespace(playing, addresses_shown(scenario, rows), out)
                else:
                    played = play_recorded(playing, out)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(f"{scenario.name}: {error.strerror or error}", "is another lab running?") from error
    broken = f" with {', '.join(sorted(rows))} broken" if rows else ""
    line = f"{scenario.name}{broken}: {played.what}"
    if lost:
        number = str(lost) if lost > 0 else "an unknown number of"
        complain(f"{capture}: packets are missing: the kernel dropped {number} before tcpdump had them")
    if not played.as_demanded:
        complain(line)
        return EXIT_FAILED
    click.echo(line, err=capture == "-")
    return EXIT_FAILED if lost else 0


def _refuse_beside_namespace(capture: str | None, metrics_at: Endpoint | None) -> None:
    """What does not go with --namespace. Raises click.UsageError."""
    if capture is None:
        raise click.UsageError("--namespace is for recording with tcpdump: name the file with -w OUT.pcapng")
    if metrics_at is not None:
        raise click.UsageError("--metrics does not go with --namespace: nobody outside could reach it")


def _scenario(name: str) -> Scenario:
    from analyzer.cli.checks import refuse
    from replay.lab.scenarios import find_scenario, scenario_names

    return find_scenario(name) or refuse(name, scenario_names(), "scenario", "mrfscope lab scenarios")


def _row(given: str, scenario: Scenario) -> str:
    """The row that is meant. Raises click.UsageError for one that cannot be broken, or not in this scenario."""
    from analyzer.cli.checks import refuse
    from replay.lab.faults import FAULTS, NOT_BREAKABLE

    why = NOT_BREAKABLE.get(given.upper())
    if why is not None:
        raise click.UsageError(f"{given.upper()} cannot be broken in the lab: {why}")
    fault = {row.upper(): each for row, each in FAULTS.items()}.get(given.upper())
    if fault is None:
        refuse(given, list(FAULTS), "fault", "mrfscope lab faults")
    if fault.scenario != scenario.name:
        raise click.UsageError(f"{fault.row} shows in {fault.scenario}, not in {scenario.name}")
    return fault.row
