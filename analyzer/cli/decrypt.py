"""`mrfscope decrypt`: what the keys open, handed over as a key log, an annotated capture, or MSRP in plain TCP."""

from __future__ import annotations

import click

from analyzer.cli.key_options import key_options
from analyzer.cli.main import EXIT_UNDECRYPTED, EXIT_UNREADABLE, complain, tool_version


@click.command(short_help="Secrets and plaintext for other tools.")
@click.argument("capture", nargs=-1, metavar="CAPTURE...")
@key_options
@click.option("--write-keylog", "keylog_out", metavar="FILE", help="Write a key log that opens the same sessions.")
@click.option(
    "-w",
    "--write",
    "pcapng_out",
    metavar="FILE.pcapng",
    help="Write the packets with the secrets inside (Decryption Secrets Block) and comments on steps and findings.",
)
@click.option(
    "--plain",
    "plain_out",
    metavar="FILE.pcapng",
    help="Write signalling as it is and the decrypted MSRP in plain TCP, for tools that cannot decrypt.",
)
@click.option("--session", metavar="FILTER", help="Only these sessions, as in `mrfscope analyze`.")
@click.option("--require-decrypt", is_flag=True, help="Exit with 4 when a TLS session could not be opened.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def decrypt(
    capture: tuple[str, ...],
    keys_files: tuple[str, ...],
    psks: tuple[str, ...],
    psk_files: tuple[str, ...],
    key_logs: tuple[str, ...],
    psk_from_h248: bool,
    insecure_keys: bool,
    keylog_out: str | None,
    pcapng_out: str | None,
    plain_out: str | None,
    session: str | None,
    require_decrypt: bool,
    quiet: bool,
) -> int:
    """Open TLS with the keys supplied and write what other tools need to see the same.

    What is written holds keys or messages, so only its owner may read it (0600).

    Exit codes: 0 done, 2 wrong usage, 3 a capture unreadable or nothing in it recognised, 4 something could not be
    decrypted and --require-decrypt was given.
    """
    from analyzer.checks import CHECKS
    from analyzer.cli.ctrl_c import ctrl_c_ends_input
    from analyzer.cli.key_options import KeyWords, make_opener
    from analyzer.cli.named_files import NamedFiles
    from analyzer.cli.output import open_output
    from analyzer.cli.session_filter import SessionFilter
    from analyzer.export.hand_over import key_log, write_annotated, write_plain
    from analyzer.flows import FLOWS
    from analyzer.judge import Judge
    from analyzer.pipeline import Analysis, Options
    from analyzer.report import Tally
    from analyzer.report.printable import printable

    if not capture:
        raise click.UsageError("no capture given; name a file")
    if (pcapng_out or plain_out) and "-" in capture:
        raise click.UsageError("standard input can be read only once; name a file to write packets from")
    if [*capture, *psk_files].count("-") > 1:
        raise click.UsageError("standard input (-) can be read only once")
    outputs = [each for each in (keylog_out, pcapng_out, plain_out) if each]
    if not outputs:
        raise click.UsageError("nothing to write; give --write-keylog FILE, -w FILE.pcapng or --plain FILE.pcapng")
    files = NamedFiles()
    files.reads("a capture being read", capture)
    for option, path in (("--write-keylog", keylog_out), ("-w", pcapng_out), ("--plain", plain_out)):
        if path:
            files.writes(option, path)
    files.check()
    chosen = SessionFilter(session or "")
    words = KeyWords(
        keys_files=keys_files,
        psks=psks,
        psk_files=psk_files,
        key_logs=key_logs,
        psk_from_h248=psk_from_h248,
        insecure=insecure_keys,
    )
    opener = make_opener(words, keep_secrets=True, files=files, quiet=quiet)
    tally = Tally()
    with ctrl_c_ends_input(quiet=quiet) as end:
        analysis = Analysis(list(capture), Options(opener=opener, judge=Judge(FLOWS, CHECKS).judge, end=end))
        sessions = list(chosen.choose(analysis.sessions(), tally))
    if not tally.seen:
        complain(f"nothing recognised in {', '.join(capture)}", "mrfscope reads SIP, H.248, MSRP and TLS")
        return EXIT_UNREADABLE
    if chosen and not sessions:
        raise click.UsageError(f"--session {session}: no session fits; see the list of `mrfscope analyze`")
    application = f"mrfscope {tool_version()}"
    if keylog_out:
        with open_output(keylog_out, private=True, files=files) as out:
            out.write(key_log(each for _, each in sessions))
    if pcapng_out:
        with open_output(pcapng_out, private=True, files=files) as out:
            write_annotated(capture, sessions, out, application=application, cut=bool(chosen))
    if plain_out:
        with open_output(plain_out, private=True, files=files) as out:
            write_plain(capture, sessions, out, application=application)
    found = [part.connection.tls for _, each in sessions for part in each.connections if part.connection.tls]
    opened = sum(each.decrypted for each in found)
    if not quiet:
        click.echo(f"{opened} of {len(found)} TLS sessions opened; written: {', '.join(outputs)}", err=True)
        for tls in found:
            if not tls.decrypted:
                click.echo(f"  {tls.outcome}: {printable(tls.explanation)}", err=True)
        for key in opener.ring.unused():
            click.echo(f"  key not used: {printable(key.name)}", err=True)
    return EXIT_UNDECRYPTED if require_decrypt and opened < len(found) else 0
