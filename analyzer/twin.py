"""A second process that reads the same capture and takes TCP and SIP: its lane runs beside ours.

It sends one batch per packet block through a pipe, as plain tuples in `marshal` form: the pipe is ours from both ends
and both run the same interpreter, so the format needs neither version nor trust. SIP crosses as the fields of its
record, H.248 over TCP and HTTP as octets.
"""

from __future__ import annotations

import marshal
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from operator import attrgetter
from typing import Any, BinaryIO

from analyzer.capture.embedded import EmbeddedSecrets
from analyzer.capture.reader import open_captures
from analyzer.conversations.connection import Connection
from analyzer.model import Coverage, Gap, Message, Undecoded
from analyzer.streams.lane import Lane, LaneOutput
from analyzer.transport.flow import FlowTable
from dissectors.h248 import decode_h248
from dissectors.http import decode_head
from dissectors.sip import SipMessage

LENGTH = 8
"Octets of the length before each batch."
PIPE_OCTETS = 1 << 20
"What the pipe should hold, so that neither side waits for the other at every batch."


_SIP_FIELDS = attrgetter(*(each.name for each in fields(SipMessage) if each.init))
"What a `SipMessage` is made of: as a tuple it crosses at a quarter of the cost of decoding it again."


_ACROSS: dict[str, Callable[[Any], Any]] = {
    "sip": _SIP_FIELDS,
    "h248": attrgetter("data"),
    "http": attrgetter("head", "body", "body_size"),
}
"What of a message of each protocol crosses, and how it is made a message again."
_BACK: dict[str, Callable[[Any], Any]] = {
    "sip": lambda crossed: SipMessage(*crossed),
    "h248": decode_h248,
    "http": lambda crossed: decode_head(*crossed),
}


class TwinError(RuntimeError):
    """The second process ended before its work was done."""


def can_twin() -> bool:
    """Can this machine run a second lane: a system with fork and more than one core."""
    return hasattr(os, "fork") and sys.platform != "darwin" and len(os.sched_getaffinity(0)) > 1


class Twin:
    """The second process, seen from the first."""

    def __init__(self, paths: list[str], udp_ports: frozenset[int], tls_octets: int) -> None:
        read_end, write_end = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            for number in (signal.SIGTERM, signal.SIGHUP):  # there is nothing to clean up here
                signal.signal(number, signal.SIG_DFL)
            os.close(read_end)
            _run(paths, udp_ports, tls_octets, os.fdopen(write_end, "wb"))
        os.close(write_end)
        _enlarge(read_end)
        self._pipe = os.fdopen(read_end, "rb")
        self._flows = FlowTable()
        self.coverage = Coverage()

    def next_output(self) -> LaneOutput:
        """What the twin made of the next block."""
        return self._output(self._load())

    def finish(self) -> LaneOutput:
        """Its last output; `coverage` is complete after it."""
        output = self._output(self._load())
        self.coverage = coverage_from_wire(self._load())
        self.close()
        return output

    def close(self) -> None:
        """End the process and collect it; safe to call again."""
        if self._pid:
            self._pipe.close()
            pid, self._pid = self._pid, 0
            os.waitpid(pid, 0)

    def _load(self) -> Any:
        size = int.from_bytes(self._pipe.read(LENGTH), "big")
        data = self._pipe.read(size)
        if not size or len(data) < size:
            self.close()
            raise TwinError("the second process ended early; run again with --jobs 1")
        return marshal.loads(data)

    def _output(self, wire: Any) -> LaneOutput:
        messages, opened, connections = wire
        flows = self._flows
        output = LaneOutput()
        for protocol, addresses, ports, time, frames, crossed in messages:
            decoded: Any = _BACK[protocol](crossed)
            output.messages.append(Message(protocol, flows.get(addresses, ports), time, frames, decoded))
        output.opened = [flows.get(*key) for key in opened]
        output.connections = [Connection.from_wire(each, flows) for each in connections]
        return output


def _enlarge(pipe: int) -> None:
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_OCTETS)
    except (ImportError, AttributeError, OSError):
        return  # the usual 64 KiB do as well, with more waiting


def _run(paths: list[str], udp_ports: frozenset[int], tls_octets: int, pipe: BinaryIO) -> None:
    """The second process: never returns."""
    status = 1
    try:
        reader = open_captures(paths)
        lane = Lane(1, 2, udp_ports, tls_octets, EmbeddedSecrets(reader).may_come)
        for block in reader.blocks():
            _send(_wire(lane.feed(block)), pipe)
        _send(_wire(lane.finish()), pipe)
        _send(coverage_to_wire(lane.coverage), pipe)
        pipe.close()
        status = 0
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # the first process has its reasons, and reports them
    except BaseException as error:
        import logging

        logging.getLogger("mrfscope").debug("the second process failed", exc_info=error)
    finally:
        os._exit(status)


def _send(wire: tuple[Any, ...], pipe: BinaryIO) -> None:
    data = marshal.dumps(wire)
    pipe.write(len(data).to_bytes(LENGTH, "big"))
    pipe.write(data)
    pipe.flush()


def _wire(output: LaneOutput) -> tuple[Any, ...]:
    messages = []
    for each in output.messages:
        crossing = _ACROSS[each.protocol](each.decoded)
        messages.append((each.protocol, *each.flow.key, each.time, each.frames, crossing))
    return messages, [flow.key for flow in output.opened], [each.to_wire() for each in output.connections]


_COUNTERS = ("ignored", "messages", "copies", "tls_undecrypted", "unlinked", "streams", "notes")


def coverage_to_wire(coverage: Coverage) -> tuple[Any, ...]:
    """An account as plain tuples."""
    return (
        [dict(getattr(coverage, name)) for name in _COUNTERS],
        [tuple(asdict(each).values()) for each in coverage.undecoded],
        coverage.undecoded_total,
        [tuple(asdict(each).values()) for each in coverage.gaps],
        coverage.gaps_total,
        coverage.tls_sessions,
    )


def coverage_from_wire(wire: Any) -> Coverage:
    """The inverse of `coverage_to_wire`."""
    counters, undecoded, undecoded_total, gaps, gaps_total, tls_sessions = wire
    coverage = Coverage()
    for name, counts in zip(_COUNTERS, counters, strict=True):
        getattr(coverage, name).update(counts)
    coverage.undecoded = [Undecoded(*each) for each in undecoded]
    coverage.undecoded_total = undecoded_total
    coverage.gaps = [Gap(*each) for each in gaps]
    coverage.gaps_total = gaps_total
    coverage.tls_sessions = tls_sessions
    return coverage


def in_time_order(one: list[Message], other: list[Message]) -> Iterator[Message]:
    """Two lists of messages, each in time order, as one."""
    if not other:
        yield from one
        return
    yield from sorted([*one, *other], key=attrgetter("time", "frames"))
