"""The coverage account for people: damage first, then what was read, used, not used and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from shlex import quote
from typing import TypeVar

from analyzer.model import CaptureInfo, Coverage, Gap
from analyzer.report.ladder import protocol_name
from analyzer.report.paint import Paint
from analyzer.report.printable import printable
from analyzer.report.times import duration_text, moment

LISTED = 10
"How many single things are listed unless more is asked for."
MAIN_PROTOCOLS = ("sip", "sdp", "h248", "msrp")

Item = TypeVar("Item")


def capture_lines(captures: Sequence[CaptureInfo], paint: Paint) -> Iterator[str]:
    """One line a capture, and what is wrong with it below."""
    for capture in captures:
        span = "no packets"
        if capture.first is not None and capture.last is not None:
            span = f"{moment(capture.first)}, {duration_text(capture.last - capture.first)}"
        name = "standard input" if capture.path == "-" else printable(capture.path)
        yield f"{paint('bold', name)}: {capture.format}, {number_of(capture.packets, 'packet')}, {span}"
        yield from damage_lines((capture,), paint)
        for what, count in sorted(capture.skipped.items()):
            yield f"  skipped: {count} x {printable(what)}"
    if len(captures) > 1:
        files = " ".join(printable(quote(each.path)) for each in captures)
        yield "Frame numbers count across the merged captures, as in `mergecap -w merged.pcapng` of them:"
        yield f"  mergecap -w merged.pcapng {files}"


def damage_lines(captures: Iterable[CaptureInfo], paint: Paint) -> Iterator[str]:
    """What is wrong with the files that could be read only in part."""
    for capture in captures:
        if capture.damage:
            kept = f"{number_of(capture.packets, 'packet')} before it read"
            yield paint("failed", f"  DAMAGED: {printable(capture.damage)}") + f"; {kept}"


def coverage_lines(coverage: Coverage, paint: Paint, *, everything: bool = False) -> Iterator[str]:
    """The account, one heading a line; with `everything` lists are not cut."""
    limit = None if everything else LISTED
    unused = sum(coverage.ignored.values())
    yield _row("packets", f"{coverage.packets} read, {coverage.used} used, {unused} not used")
    messages = ", ".join(
        f"{coverage.messages[name]} {'SDP' if name == 'sdp' else printable(protocol_name(name))}"
        for name in (*MAIN_PROTOCOLS, *sorted(set(coverage.messages) - set(MAIN_PROTOCOLS)))
        if coverage.messages.get(name)
    )
    yield _row("messages", messages or "none")
    if coverage.streams:
        yield _row(
            "streams", ", ".join(f"{count} {printable(name) or 'silent'}" for name, count in ranked(coverage.streams))
        )
    if coverage.tls_sessions:
        reasons = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in ranked(coverage.tls_undecrypted))
        opened = coverage.tls_sessions - sum(coverage.tls_undecrypted.values())
        yield _row(
            "TLS",
            f"{number_of(coverage.tls_sessions, 'session')}, {opened} decrypted" + (f"; {reasons}" if reasons else ""),
        )
    for name, opened, failed in coverage.keys:
        if not opened:
            yield _row("key", f"{printable(name)}: {_of_no_use(coverage, name, failed)}")
    yield from _table("not used", ranked(coverage.ignored))
    yield from _list(
        "undecoded",
        coverage.undecoded_total,
        coverage.undecoded,
        lambda each: (
            f"frame {each.frame}, {protocol_name(each.protocol)}, octet {each.offset}: {printable(each.reason)}"
        ),
        limit,
        paint,
    )
    yield from _list(
        "gaps",
        coverage.gaps_total,
        coverage.gaps,
        _gap_text,
        limit,
        paint,
    )
    if coverage.unlinked:
        counts = ", ".join(f"{count} {printable(protocol_name(name))}" for name, count in ranked(coverage.unlinked))
        yield _row("unlinked", f"{counts} in no session")
        yield from _items(coverage.unlinked_list, sum(coverage.unlinked.values()), printable, limit)
    yield from _table("notes", ranked(coverage.notes))


def _of_no_use(coverage: Coverage, name: str, failed: int) -> str:
    """Why a key opened no TLS."""
    if name in coverage.keys_fitting:
        return "fits a MIKEY-TICKET exchange, opened no TLS"
    return f"tried for {number_of(failed, 'session')}, opened none" if failed else "fits nothing in the capture"


def _gap_text(gap: Gap) -> str:
    where = f"frame {gap.frame}" if gap.frame else "its end"
    return f"{gap.flow}: {number_of(gap.octets, 'octet')} missing before {where}"


def ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The counts that are not zero, the largest first."""
    return sorted(((name, count) for name, count in counts.items() if count), key=lambda each: (-each[1], each[0]))


def top_reasons(coverage: Coverage, most: int = 3) -> str:
    """`980 udp other, 12 arp`: why packets were not used, in one line."""
    return ", ".join(f"{count} {printable(name)}" for name, count in ranked(coverage.ignored)[:most])


def _table(heading: str, rows: Sequence[tuple[str, int]]) -> Iterator[str]:
    width = max((len(str(count)) for _, count in rows), default=0)
    for name, count in rows:
        yield _row(heading, f"{count:>{width}}  {printable(name)}")
        heading = ""


def _list(
    heading: str, total: int, items: Sequence[Item], text: Callable[[Item], str], limit: int | None, paint: Paint
) -> Iterator[str]:
    if total:
        yield _row(heading, paint("warnings", str(total)))
        yield from _items(items, total, text, limit)


def _items(items: Sequence[Item], total: int, text: Callable[[Item], str], limit: int | None) -> Iterator[str]:
    shown = items[:limit]
    for each in shown:
        yield _row("", "  " + text(each))
    if shown and total > len(shown):
        more = "; -v lists more" if len(items) > len(shown) else ""
        yield _row("", f"  and {total - len(shown)} more{more}")


def _row(heading: str, text: str) -> str:
    return f"  {heading:<9}  {text}"


def number_of(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
