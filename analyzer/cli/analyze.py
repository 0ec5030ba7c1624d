"""`mrfscope analyze`: captures in, one report out. This is the command line; reading and writing are elsewhere."""

from __future__ import annotations

import difflib
import gc
import os
import shutil
import sys
from ipaddress import ip_address
from itertools import chain
from typing import TYPE_CHECKING

import click

from analyzer.cli.main import EXIT_FINDINGS, EXIT_UNREADABLE, Invocation, complain, tool_version
from analyzer.report import FORMATS, Report, Tally

if TYPE_CHECKING:
    from analyzer.pipeline import Analysis

ROLES = ("UE", "P-CSCF/IMS-ALG", "IMS-AGW", "IBCF", "TrGW", "MRFC", "MRFP", "KMS", "AS", "MGC", "MG", "proxy")
"What `--node` takes: the roles of TS 23.333 and TS 23.334, and the plain ones of H.248 and SIP."
ROLE_ALIASES = {"p-cscf": "P-CSCF/IMS-ALG", "ims-alg": "P-CSCF/IMS-ALG", "focus": "MRFC"}
DEFAULT_WIDTH = 100


def _nodes(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """`ADDR=ROLE`, the address in any spelling, the role in any case."""
    known = {**{role.lower(): role for role in ROLES}, **ROLE_ALIASES}
    found: dict[str, str] = {}
    for value in values:
        address, equals, role = value.rpartition("=")
        try:
            key = str(ip_address(address.strip().strip("[]")))
        except ValueError:
            raise click.BadParameter(
                f"{value!r} is not ADDR=ROLE with an IP address, as in 198.51.100.7=MRFP"
            ) from None
        name = known.get(role.strip().lower())
        if not equals or name is None:
            near = difflib.get_close_matches(role.strip().lower(), known, 1)
            meant = f"; did you mean {known[near[0]]}?" if near else ""
            raise click.BadParameter(f"{role!r} is no role{meant} Roles: {', '.join(ROLES)}")
        if found.get(key, name) != name:
            raise click.BadParameter(f"{key} is given two roles, {found[key]} and {name}")
        found[key] = name
    return found


@click.command(short_help="Captures to sessions, each as one timeline.")
@click.argument("capture", nargs=-1)
@click.option("-r", "read", multiple=True, metavar="FILE", help="A capture to read, as in tshark; same as CAPTURE.")
@click.option(
    "-f",
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="What to write: " + ", ".join(f"{each.name} {each.help}" for each in FORMATS.values()) + ".",
)
@click.option("-o", "--output", metavar="OUT", help="Write to OUT once the report is complete, not to standard output.")
@click.option(
    "--session",
    "session",
    metavar="FILTER",
    help="Only these sessions: id or its beginning, number in the list, Call-ID, MSRP session-id, conference URI, "
    "address, address:port, context=N; several with commas.",
)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="ADDR=ROLE",
    callback=_nodes,
    help=f"The role of an address: {', '.join(ROLES)}.",
)
@click.option(
    "--udp-port",
    "udp_ports",
    multiple=True,
    metavar="N",
    type=click.IntRange(1, 65535),
    help="A further UDP port of binary H.248.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(0),
    default=0,
    help="Processes: 1 or 2; by default what the capture calls for.",
)
@click.option("--identities", is_flag=True, help="Show subscriber identities in full; they are masked otherwise.")
@click.option("-q", "--quiet", is_flag=True, help="Only the report, and of the text report only the session list.")
@click.option(
    "-v", "--verbose", is_flag=True, help="Everything: whole chats, whole lists; the traceback of an internal error."
)
@click.pass_context
def analyze(
    ctx: click.Context,
    capture: tuple[str, ...],
    read: tuple[str, ...],
    format_: str,
    output: str | None,
    session: str | None,
    nodes: dict[str, str],
    udp_ports: tuple[int, ...],
    jobs: int,
    identities: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Turn captures into sessions: SIP/SDP, H.248, TCP and MSRP of each as one timeline with frame numbers.

    Reads pcap and pcapng, also packed with gzip or Zstandard; several captures are merged in order of time, and `-` is
    standard input.

    Exit codes: 0 done, 1 findings of severity error, 2 wrong usage, 3 a capture unreadable or nothing in it recognised.
    """
    from analyzer.cli.output import open_output, refuse_captures
    from analyzer.cli.session_filter import SessionFilter

    paths = [*capture, *read]
    if not paths:
        raise click.UsageError("no capture given; name a file, or - for standard input")
    if paths.count("-") > 1:
        raise click.UsageError("standard input (-) can be read only once")
    if quiet and verbose:
        raise click.UsageError("-q and -v contradict each other")
    chosen = SessionFilter(session or "")
    if session is not None and not chosen:
        raise click.UsageError("--session needs something to look for")
    if output is not None:
        refuse_captures(output, paths)
    if isinstance(ctx.obj, Invocation):
        ctx.obj.verbose = verbose

    # From here on the work begins: numpy and the codecs are imported now.
    from analyzer.checks import CHECKS
    from analyzer.cli.progress import Progress
    from analyzer.cli.thresholds import Thresholds
    from analyzer.flows import FLOWS
    from analyzer.judge import Judge
    from analyzer.pipeline import Analysis, Options

    thresholds = Thresholds()
    form = FORMATS[format_]
    # Nothing made on the way refers to itself: the collector would find nothing, and look at millions of objects.
    # Where memory must stay bounded over hours it runs all the same, but seldom.
    gc.freeze()
    gc.set_threshold(1_000_000 if form.early else 1 << 30)
    to_terminal = output in (None, "-") and sys.stdout.isatty()
    early = form.early and not chosen.by_number
    with Progress(wanted=not quiet and not (early and to_terminal)) as progress:
        # A pipe can be read only once: the second process would find it empty.
        jobs = jobs if all(map(os.path.isfile, paths)) else 1
        options = Options(roles=nodes, jobs=jobs, judge=Judge(FLOWS, CHECKS).judge)
        options.progress = progress if progress.wanted else None
        options.udp_ports |= frozenset(udp_ports)
        analysis = Analysis(paths, options)
        tally = Tally()
        found = thresholds.apply(chosen.choose(analysis.sessions(early=early), tally), tally)
        first = next(
            found, None
        )  # reads until there is something to report: no report is begun that would be empty by mistake
        if first is None and chosen and tally.seen:
            raise click.UsageError(_no_match(chosen.text, tally.seen))
        report = Report(
            analysis,
            chain([first], found) if first is not None else (),
            version=tool_version(),
            identities=identities,
            verbosity=verbose - quiet,
            selection=chosen.text,
            tally=tally,
            colour=to_terminal and _wants_colour(),
            unicode=output not in (None, "-") or _is_utf8(),
            width=_width(to_terminal),
            jobs=jobs,
        )
        with open_output(output) as out:
            form.load()(report, out)
    if not quiet and format_ != "text":
        for each in analysis.captures:
            if each.damage:
                complain(f"{each.path}: damaged: {each.damage}; what comes before was read")
    if not tally.seen and not sum(analysis.coverage.messages.values()):
        complain(*_nothing(analysis, paths))
        return EXIT_UNREADABLE
    return EXIT_FINDINGS if tally.failing else 0


def _no_match(text: str, seen: int) -> str:
    there = "the capture holds one session" if seen == 1 else f"the captures hold {seen} sessions"
    return f"--session {text}: no session fits; {there}, see the list without --session"


def _nothing(analysis: Analysis, paths: list[str]) -> tuple[str, str]:
    """What to say when there is neither a message nor a connection of interest."""
    from analyzer.report.coverage_text import top_reasons

    coverage = analysis.coverage
    packets = f"{coverage.packets} packet" + ("" if coverage.packets == 1 else "s")
    why = f" ({packets}: {top_reasons(coverage)})" if coverage.ignored else f" ({packets})"
    if coverage.undecoded:
        worst = coverage.undecoded[0]
        why = f"; {coverage.undecoded_total} could not be decoded, the first in frame {worst.frame}: {worst.reason}"
    name = next((path for path in paths if path != "-"), "CAPTURE")
    hint = "mrfscope reads SIP, H.248 (Megaco) and MSRP, not encrypted, on any port (H.248 binary: --udp-port); "
    return (
        f"nothing recognised in {', '.join(paths)}{why}",
        hint + f"to see what is there: tshark -r {name} -q -z io,phs",
    )


def _wants_colour() -> bool:
    """https://no-color.org: any value that is not empty says no."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _width(to_terminal: bool) -> int:
    """The terminal's width; elsewhere COLUMNS or 100."""
    if to_terminal or os.environ.get("COLUMNS", "").isdecimal():
        return max(60, shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns)
    return DEFAULT_WIDTH
