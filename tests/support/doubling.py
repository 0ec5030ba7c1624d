"""How time and memory of a whole command grow when an attack doubles: each run in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile_captures as hostile
import hostile_media as media
import hostile_signalling as signalling
import hostile_transport as transport
from capture_variants import write_pcap

LIMIT = 120
"s of processor time after which a run is ended."

Attack = Callable[[int], Any]

ATTACKS: dict[Attack, int] = {
    hostile.syn_flood: 20_000,
    hostile.one_port: 1_000,
    hostile.one_silent_port: 2_000,
    hostile.one_pair_of_ends: 300,
    hostile.late_segments: 10_000,
    hostile.one_call: 3_000,
    hostile.forks: 3_000,
    hostile.constant_identities: 2_000,
    hostile.media_lines: 2_000,
    hostile.nested_parts: 700,
    hostile.one_context: 2_000,
    hostile.bare_terminations: 4_000,
    hostile.modified_termination: 4_000,
    hostile.repeated_request: 10_000,
    hostile.octet_segments: 20_000,
    hostile.reversed_chunks: 5_000,
    hostile.sparse_chunks: 5_000,
    hostile.shared_connection: 1_000,
    signalling.crowded_adds: 12_000,
    signalling.crowded_contexts: 12_000,
    signalling.crowded_lists: 20_000,
    signalling.wildcards: 300,
    signalling.unanswered: 6_000,
    signalling.acknowledged: 2_000,
    signalling.media_streams: 4_000,
    signalling.deep_brackets: 1_000_000,
    signalling.many_parameters: 40_000,
    signalling.notified: 20_000,
    signalling.reply_segments: 4_000,
    signalling.repeated_crowd: 5_000,
    signalling.reused_names: 2_000,
    signalling.failed_commands: 3_000,
    signalling.vias: 20_000,
    signalling.record_routes: 20_000,
    signalling.contacts: 20_000,
    signalling.long_header: 10_000,
    signalling.quoted_header: 20_000,
    signalling.folded_header: 20_000,
    signalling.retransmitted: 5_000,
    signalling.cseqs: 3_000,
    signalling.redialled: 1_500,
    signalling.linked_pairs: 1_500,
    signalling.conference: 1_500,
    signalling.many_ends: 3_000,
    signalling.sdp_attributes: 4_000,
    signalling.key_mgmt_lines: 5_000,
    signalling.mikey_chain: 20_000,
    signalling.offers_in_one_second: 2_000,
    media.interleaved: 5_000,
    media.overlapping: 5_000,
    media.sparse_overlapped: 6_000,
    media.reports_asked: 5_000,
    media.reports_of_strangers: 5_000,
    media.strange_responses: 5_000,
    media.refused_sends: 4_000,
    media.content_types: 5_000,
    media.same_transaction: 5_000,
    media.long_path: 10_000,
    media.unended: 40_000,
    media.header_fields: 10_000,
    media.octet_records: 20_000,
    media.tls_data_records: 60_000,
    media.tls_alerts: 20_000,
    media.tls_extensions: 60_000,
    media.handshakes: 100_000,
    media.http_chunks: 30_000,
    media.http_fields: 10_000,
    media.http_requests: 5_000,
    transport.tsn_gaps: 20_000,
    transport.stream_gaps: 20_000,
    transport.slow_stream_gaps: 20_000,
    transport.lone_fragments: 20_000,
    transport.long_message: 20_000,
    transport.sacks: 50_000,
    transport.associations: 5_000,
    transport.tags_of_many: 10_000,
    transport.first_fragments: 20_000,
    transport.tiny_fragments: 20_000,
    transport.far_fragments: 5_000,
    transport.mirror_copies: 20_000,
    transport.near_copies: 5_000,
    transport.shuffled_times: 5_000,
    transport.windows: 20_000,
    transport.backward_segments: 20_000,
    transport.reused_ports: 10_000,
    transport.write_interfaces: 10_000,
    transport.write_sections: 5_000,
    transport.write_options: 200_000,
    transport.write_empty_blocks: 5_000,
}
"""Every attack, and how much of it takes about half a second."""


COMMAND = (sys.executable, "-c", "import sys; from analyzer.cli.main import main; sys.exit(main())")

ONE_MESSAGE = {
    hostile.media_lines: 4_000,
    hostile.nested_parts: 1_500,
    signalling.long_header: 5_000,
    signalling.quoted_header: 20_000,
    signalling.folded_header: 20_000,
    signalling.sdp_attributes: 2_500,
    signalling.key_mgmt_lines: 5_000,
    signalling.mikey_chain: 15_000,
    media.octet_records: 20_000,
}
"""Attacks that grow a single message, and how much of it is still read as one when it is doubled."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    octets: int
    "Size of the capture."
    seconds: float
    "Processor time of all its processes, user and system."
    peak: int
    "Largest resident size of one of them, in octets."
    status: int
    "Exit code, negative for a signal."


def write(attack: Attack, n: int, folder: Path) -> Path:
    """The capture of an attack."""
    path = folder / f"{attack.__name__}-{n}.cap"
    if attack.__name__.startswith("write_"):
        return Path(attack(path, n))  # type: ignore[call-arg]
    return write_pcap(path, attack(n))


def analyse(path: Path, *options: str, limit: int = 0, output: Path | None = None) -> Cost:
    """Run `mrfscope analyze` in a process of its own, ended after `limit` seconds of processor time."""
    words = [*COMMAND, "analyze", str(path), "--jobs", "1", *options, "-o", str(output or os.devnull)]
    run = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=_limited(limit))
    _, status, usage = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    return Cost(path.stat().st_size, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10, run.returncode)


def _limited(seconds: int) -> Callable[[], None] | None:
    if not seconds:
        return None
    import resource

    return lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def least(path: Path, *options: str, times: int, limit: int = 0) -> Cost:
    """The least of several runs: what else the machine does only adds to it."""
    return min((analyse(path, *options, limit=limit) for _ in range(times)), key=lambda cost: cost.seconds)


def grown(attack: Attack, n: int, folder: Path, form: str, idle: float) -> int:
    """So much of an attack that it takes at least half a second, or 20 MB; a single message only grows so far."""
    if attack in ONE_MESSAGE:
        return ONE_MESSAGE[attack]
    while True:
        cost = analyse(write(attack, n, folder), "-f", form, limit=LIMIT)
        if cost.seconds - idle > 0.5 or cost.octets > 20_000_000:
            return n
        n *= 4 if cost.seconds - idle < 0.12 else 2


def table(folder: Path, formats: tuple[str, ...], names: set[str], times: int = 1) -> Iterator[str]:
    """A line for every attack: size, time for n and 2n beyond that of an empty run, ratio, and peak memory."""
    idle = least(write_pcap(folder / "idle.pcap", hostile.repeated_request(1)), times=3).seconds
    yield "attack                 format        n   kB(2n)   t(n)  t(2n) ratio  MB(n) MB(2n)"
    for attack, first in ATTACKS.items():
        if names and attack.__name__ not in names:
            continue
        n = grown(attack, first, folder, formats[0], idle)
        small, large = write(attack, n, folder), write(attack, 2 * n, folder)
        for form in formats:
            one = least(small, "-f", form, times=times, limit=LIMIT)
            two = least(large, "-f", form, times=times, limit=LIMIT)
            short, long = max(one.seconds - idle, 0.01), max(two.seconds - idle, 0.01)
            bad = "" if {one.status, two.status} <= {0, 1, 3} else f" exit {one.status} {two.status}"
            yield (
                f"{attack.__name__:22} {form:6} {n:>8} {two.octets >> 10:>8} {short:6.2f} {long:6.2f} "
                f"{long / short:5.2f} {one.peak >> 20:>6} {two.peak >> 20:>6}{bad}"
            )
        for each in folder.glob(f"{attack.__name__}-*"):
            each.unlink()


if __name__ == "__main__":
    import tempfile

    chosen = [each for each in sys.argv[1:] if not each.startswith("-f")]
    wanted = tuple(each[2:] for each in sys.argv[1:] if each.startswith("-f")) or ("json", "text")
    with tempfile.TemporaryDirectory() as scratch:
        for line in table(Path(scratch), wanted, set(chosen)):
            print(line, flush=True)
