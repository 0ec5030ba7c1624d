"""The root command `mrfscope` and its exit codes (docs/analyze.md).

Subcommands come from the entry-point group `mrfscope.commands` and are imported when they are run or listed, so that
other packages can add their own and none pays for another. A command returns its exit code, and imports what is slow
inside its function.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from typing import TYPE_CHECKING, Any

import click

from analyzer.capture.errors import CaptureError
from analyzer.errors import UserError
from analyzer.keys.secrecy import without_keys
from analyzer.report.printable import printable
from analyzer.version import VERSION

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN = {
    "analyze": "analyzer.cli.analyze:analyze",
    "checks": "analyzer.cli.checks:checks",
    "decrypt": "analyzer.cli.decrypt:decrypt",
    "explain": "analyzer.cli.explain:explain",
    "flows": "analyzer.cli.flows:flows",
    "trust": "analyzer.cli.trust:trust",
}
"""Our own commands, also entry points: looking those up reads the metadata of every distribution installed."""
COMMANDS = "mrfscope.commands"

EXIT_FINDINGS = 1
"Findings of severity error."
EXIT_USAGE = 2
EXIT_UNREADABLE = 3
"Input unreadable, or nothing in it recognised."
EXIT_UNDECRYPTED = 4
"Something could not be decrypted, and --require-decrypt was given."
EXIT_INTERNAL = 70
"A fault of the program (sysexits EX_SOFTWARE)."
EXIT_OUTPUT = 74
"The report could not be written (sysexits EX_IOERR)."
EXIT_HUNG_UP = 129
"SIGHUP: the terminal is gone."
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
"The reader of the report went away: what a shell shows for a program that SIGPIPE ended."
EXIT_TERMINATED = 143
"SIGTERM."


@dataclass(slots=True)
class Invocation:
    """What the root command must know of a subcommand that failed."""

    verbose: bool = False


class OutputError(Exception):
    """The report cannot be written; the message says where and why."""


class EndedBySignal(BaseException):
    """SIGTERM or SIGHUP: raised where the command is, so that it leaves as little behind as with Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class LazyGroup(click.Group):
    """A group whose commands are entry points."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_entry_points()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        try:
            if cmd_name in BUILT_IN:
                module, _, name = BUILT_IN[cmd_name].partition(":")
                command = getattr(import_module(module), name)
            else:
                entry = _entry_points().get(cmd_name)
                if entry is None:
                    return super().get_command(ctx, cmd_name)
                command = entry.load()
        except Exception as error:
            return _broken(cmd_name, error)
        return command if isinstance(command, click.Command) else _broken(cmd_name, TypeError("not a click command"))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"{error.message} {self._advice(ctx, args[0])}".rstrip(), ctx) from None

    def _advice(self, ctx: click.Context, wrong: str) -> str:
        from difflib import get_close_matches

        if os.path.exists(wrong):
            return f"To analyse that file: mrfscope analyze {wrong}"
        return "".join(f"Did you mean {near!r}?" for near in get_close_matches(wrong, self.list_commands(ctx), 1))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            abandon_stdout()
            raise SystemExit(EXIT_BROKEN_PIPE) from None


def abandon_stdout() -> None:
    """Python flushes standard output once more at exit: give it a place that takes everything."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=COMMANDS)}


def _broken(name: str, error: Exception) -> click.Command:
    """Stands for a command that cannot be imported, so that `mrfscope --help` works all the same."""

    def fail(**_: object) -> None:
        raise RuntimeError(f"the command {name} cannot be loaded: {error}") from error

    why = f"Cannot be loaded: {error}"
    return click.Command(
        name,
        callback=fail,
        help=why,
        short_help=why,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


def tool_version() -> str:
    """The version of this distribution."""
    return VERSION


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"mrfscope {tool_version()}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
def mrfscope() -> None:
    """Turn telecom captures (SIP/SDP, H.248, MSRP) into per-session timelines, checked against the 3GPP flows."""


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code; errors become a line on standard error."""
    invocation = Invocation()
    try:
        result = mrfscope.main(list(arguments), prog_name="mrfscope", standalone_mode=False, obj=invocation)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        written = StringIO()
        error.show(written)
        click.echo(without_keys(written.getvalue(), os.path.lexists), nl=False, err=True)
        return error.exit_code
    except click.Abort:
        click.echo("mrfscope: interrupted", err=True)
        return EXIT_INTERRUPTED
    except EndedBySignal as ended:
        complain(f"ended by {signal.Signals(ended.number).name}")
        return EXIT_TERMINATED if ended.number == signal.SIGTERM else EXIT_HUNG_UP
    except CaptureError as error:
        complain(f"{error.path}: {error.why}", error.hint)
        return EXIT_UNREADABLE
    except UserError as error:
        complain(error.what, error.hint)
        return EXIT_USAGE
    except OutputError as error:
        complain(str(error))
        return EXIT_OUTPUT
    except Exception as error:
        if invocation.verbose:
            traceback.print_exc()
        complain(
            f"internal error: {type(error).__name__}: {error}",
            "this is a fault of mrfscope; please report it with the output of `mrfscope --version`"
            + ("" if invocation.verbose else " and of this command with -v"),
        )
        return EXIT_INTERNAL


def show_tracebacks() -> None:
    """Let the logger `mrfscope` write to standard error: the tracebacks of what cost one session or message."""
    import logging

    logger = logging.getLogger("mrfscope")
    logger.setLevel(logging.DEBUG)
    logger.handlers = [logging.StreamHandler(sys.stderr)]
    logger.propagate = False


def complain(what: str, hint: str = "") -> None:
    """One line on what is wrong and, below it, what to do next."""
    click.echo(f"mrfscope: {printable(without_keys(what, os.path.lexists))}", err=True)
    if hint:
        click.echo(f"  {printable(hint)}", err=True)


def remark(what: str) -> None:
    """One line on something that is worth a look, and stops nothing."""
    click.echo(f"mrfscope: note: {printable(without_keys(what, os.path.lexists))}", err=True)


def _end_by_signal(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough: nothing shall disturb the cleaning up
    raise EndedBySignal(number)


def main() -> None:
    """The entry point `mrfscope`."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has SIGHUP ignored: it stays so
            signal.signal(number, _end_by_signal)
    status = run(sys.argv[1:])
    if status in (EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED):
        # What is left to write may wait for a reader that never reads: not for long.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, lambda *_: os._exit(status))
        signal.alarm(1)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(status)  # which reports it
    # Everything is written: leave the memory to the system instead of freeing millions of objects one by one.
    os._exit(status)
