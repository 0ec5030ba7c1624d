"""`mrfscope analyze`: captures in, one report out. This is the command line; reading and writing are elsewhere."""

from __future__ import annotations

import gc
import os
import sys
from itertools import chain
from typing import TYPE_CHECKING

import click

from analyzer.cli.key_options import KeyWords, key_options, make_opener
from analyzer.cli.main import (
    EXIT_FINDINGS,
    EXIT_UNDECRYPTED,
    EXIT_UNREADABLE,
    Invocation,
    complain,
    remark,
    show_tracebacks,
    tool_version,
)
from analyzer.cli.roles import ROLES, given_roles
from analyzer.cli.suite_options import check_codes, load_rules, split_codes, suite_options
from analyzer.cli.terminal import is_utf8, wants_colour, width
from analyzer.cli.thresholds import LEVELS, NEVER
from analyzer.errors import named_in
from analyzer.report import FORMATS, ProjectFile, Report, Tally

if TYPE_CHECKING:
    from analyzer.cli.project_file import Project
    from analyzer.cli.thresholds import Thresholds
    from analyzer.pipeline import Analysis
    from analyzer.profile import Profile
    from analyzer.suite import Suite

KEPT_SESSIONS = 5000
"Sessions that wait in memory for a report in order: some 150 MB. Two processes render them faster than one reads them."


def _nodes(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    try:
        return given_roles(values)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


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
@click.option(
    "--select",
    multiple=True,
    metavar="CODE",
    help="Hold only these rules against sessions: codes or their beginnings, several with commas; can be repeated.",
)
@click.option(
    "--ignore", multiple=True, metavar="CODE", help="Leave these rules out, in the same way; stronger than --select."
)
@click.option(
    "--severity",
    type=click.Choice(LEVELS),
    help="Report only findings this bad or worse; by default all.",
)
@click.option(
    "--fail-on",
    "fail_on",
    type=click.Choice((*LEVELS, NEVER)),
    help="Exit code 1 from findings this bad on; by default error. What makes the command fail is always reported.",
)
@click.option("--profile", metavar="FILE", help="Names that the nodes of this network use, as TOML: H.248 items.")
@suite_options
@key_options
@click.option(
    "--require-decrypt", is_flag=True, help="Exit code 4 when a TLS session could not be opened; findings come first."
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
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    severity: str | None,
    fail_on: str | None,
    profile: str | None,
    plugins: tuple[str, ...],
    config: str | None,
    keys_files: tuple[str, ...],
    psks: tuple[str, ...],
    psk_files: tuple[str, ...],
    key_logs: tuple[str, ...],
    psk_from_h248: bool,
    insecure_keys: bool,
    require_decrypt: bool,
    identities: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Turn captures into sessions, and hold each against the flow it should follow and the rules of TS 23.333.

    SIP/SDP, H.248, TCP and MSRP of a session come as one timeline with frame numbers; a finding says which clause was
    broken, in which frames, and what to do. `mrfscope explain CODE` says more.

    Reads pcap and pcapng, also packed with gzip or Zstandard; several captures are merged in order of time, and `-` is
    standard input.

    Exit codes: 0 done, 1 findings of severity error, 2 wrong usage, 3 a capture unreadable or nothing in it recognised,
    4 something could not be decrypted and --require-decrypt was given.
    """
    from analyzer.cli.ctrl_c import ctrl_c_ends_input
    from analyzer.cli.named_files import NamedFiles
    from analyzer.cli.output import open_output
    from analyzer.cli.session_filter import SessionFilter

    paths = [*capture, *read]
    if not paths:
        raise click.UsageError("no capture given; name a file, or - for standard input")
    words = KeyWords(
        keys_files=keys_files,
        psks=psks,
        psk_files=psk_files,
        key_logs=key_logs,
        psk_from_h248=psk_from_h248,
        insecure=insecure_keys,
    )
    if [*paths, *psk_files].count("-") > 1:
        raise click.UsageError("standard input (-) can be read only once")
    if quiet and verbose:
        raise click.UsageError("-q and -v contradict each other")
    chosen = SessionFilter(session or "")
    if session is not None and not chosen:
        raise click.UsageError("--session needs something to look for")
    files = NamedFiles()
    files.writes("-o", output)
    files.reads("a capture being read", paths)
    if isinstance(ctx.obj, Invocation):
        ctx.obj.verbose = verbose
    if verbose:
        show_tracebacks()

    # From here on the work begins: numpy and the codecs are imported now. Nothing here is linear algebra: the threads
    # that numpy would start for it spin on the core of the second process, and are in the way of its fork.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from analyzer.cli.progress import Progress
    from analyzer.cli.thresholds import Thresholds
    from analyzer.judge import Judge
    from analyzer.pipeline import Analysis, Options

    suite, project = load_rules(plugins, config)
    files.reads("a plugin", [*plugins, *project.files_read()])
    files.reads("the project file", [project.path])
    files.reads("the profile", [profile or project.profile])
    files.check()
    with named_in(project.path, [project.profile]):
        names = _profile(profile, project)
    selected = _codes(select, "--select", project.select, project, suite)
    ignored = _codes(ignore, "--ignore", project.ignore, project, suite)
    judge = Judge(suite.flows, suite.checks, select=selected, ignore=ignored, profile=names)
    opener = make_opener(words, profile=names, files=files, quiet=quiet) if words else None
    thresholds = Thresholds(severity or project.severity, fail_on or project.fail_on)
    form = FORMATS[format_]
    # Nothing made on the way refers to itself: the collector would find nothing, and look at millions of objects.
    # Where memory must stay bounded over hours it runs all the same, but seldom.
    gc.freeze()
    gc.set_threshold(1_000_000 if form.early else 1 << 30)
    to_terminal = output in (None, "-") and sys.stdout.isatty()
    early = form.early and not chosen.by_number
    wants_bar = not quiet and not (early and to_terminal)
    with ctrl_c_ends_input(quiet=quiet) as end, Progress(wanted=wants_bar) as progress:
        # A pipe can be read only once: the second process would find it empty.
        jobs = jobs if all(map(os.path.isfile, paths)) else 1
        options = Options(roles={**project.node, **nodes}, jobs=jobs, judge=judge.judge, opener=opener, end=end)
        options.identities, options.awaited = identities, nodes
        options.progress = progress if progress.wanted else None
        options.kept_sessions = KEPT_SESSIONS
        options.udp_ports |= {*project.udp_port, *udp_ports}
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
            colour=to_terminal and wants_colour(),
            unicode=output not in (None, "-") or is_utf8(),
            width=width(to_terminal),
            rules=suite.rules,
            fail_on=thresholds.fail_on,
            limits=_limits(selected, ignored, thresholds, profile or project.profile, project),
            jobs=jobs,
            project_file=_project_file(project),
        )
        with open_output(output, files=files) as out:
            form.load()(report, out)
    for note in analysis.absent if not quiet else ():
        remark(note)
    if project.keys and not form.has_head:
        complain(f"project file {project.path} sets {', '.join(project.keys)}")
    if not quiet and format_ != "text":
        for each in analysis.captures:
            if each.damage:
                complain(f"{each.path}: damaged: {each.damage}; what comes before was read")
    if not tally.seen and not sum(analysis.coverage.messages.values()):
        complain(*_nothing(analysis, paths))
        return EXIT_UNREADABLE
    if tally.failing:
        return EXIT_FINDINGS
    coverage = analysis.coverage
    closed = coverage.tls_undecrypted.total() - coverage.tls_foreign
    return EXIT_UNDECRYPTED if require_decrypt and closed else 0


def _codes(given: tuple[str, ...], option: str, configured: list[str], project: Project, suite: Suite) -> list[str]:
    """The codes of an option, else of the project file; each must fit a rule."""
    codes = split_codes(given)
    where = option if codes else f"{project.path}: analyze.{option[2:]}"
    check_codes(codes or configured, list(suite.rules), where)
    return codes or configured


def _limits(
    selected: list[str], ignored: list[str], thresholds: Thresholds, profile: str | None, project: Project
) -> str:
    """What makes this report another than the usual one: `only OFFER, without SEND-4; project file mrfscope.toml`."""
    words = [f"only {', '.join(selected)}"] if selected else []
    words += [f"without {', '.join(ignored)}"] if ignored else []
    words += [f"findings from {thresholds.shown} up"] if thresholds.shown.value != LEVELS[-1] else []
    words += [f"profile {profile}"] if profile else []
    words += [f"project file {project.path}"] if project.path is not None else []
    return "; ".join(words)


def _profile(path: str | None, project: Project) -> Profile:
    from pathlib import Path

    from analyzer.profile import DEFAULT_PROFILE
    from analyzer.profile_file import load_profile

    if path is not None:
        return load_profile(Path(path))
    return load_profile(Path(project.profile), project.profile_octets) if project.profile else DEFAULT_PROFILE


def _project_file(project: Project) -> ProjectFile | None:
    return ProjectFile(str(project.path), tuple(project.keys)) if project.path is not None else None


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
    if coverage.tls_foreign:
        why = (
            f" ({packets}; TLS of {coverage.tls_foreign} connections that nothing announces: --node ADDR=ROLE lists it)"
        )
    name = next((path for path in paths if path != "-"), "CAPTURE")
    hint = "mrfscope reads SIP, H.248 (Megaco) and MSRP, not encrypted, on any port (H.248 binary: --udp-port); "
    return (
        f"nothing recognised in {', '.join(paths)}{why}",
        hint + f"to see what is there: tshark -r {name} -q -z io,phs",
    )
