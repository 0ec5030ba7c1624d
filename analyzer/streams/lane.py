"""One lane of the pipeline: packet blocks in, messages and connection digests out.

A lane is all that happens between the capture and correlation. With two processes each has one lane and reads the
same file; selection gives every packet to exactly one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from analyzer.capture.blocks import PacketBlock
from analyzer.capture.rows import Rows
from analyzer.capture.runs import Runs, runs_of
from analyzer.capture.select import Selector
from analyzer.conversations.connection import Connection
from analyzer.conversations.msrp_columns import Scan, scan_msrp
from analyzer.conversations.tls_transcript import HANDSHAKE_OCTETS, TlsRoom
from analyzer.internal import log_error, place_of_error
from analyzer.model import Coverage, Message, Undecoded
from analyzer.streams.speakers import datagram_protocol
from analyzer.streams.tcp_reader import TcpReader
from analyzer.transport.flow import Flow, FlowTable
from analyzer.transport.sctp import SctpData, SctpTable
from analyzer.transport.tcp import TcpTable
from dissectors.errors import DecodeError
from dissectors.h248 import decode_h248_as_far
from dissectors.sip import decode_sip_as_far

CLOSED_IDLE_NS = 15_000_000_000
"How long an ended connection is kept for late packets; then its digest goes on."
H248_PPID = 7
"SCTP payload protocol identifier of H.248 (IANA registry)."


_TRANSPORTS = {6: "tcp", 17: "udp"}


@dataclass(slots=True)
class LaneOutput:
    """What a lane found since it was last asked."""

    messages: list[Message] = field(default_factory=list)
    opened: list[Flow] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)


class Lane:
    """Reads blocks; lane `lane` of `lanes`."""

    def __init__(
        self,
        lane: int = 0,
        lanes: int = 1,
        udp_ports: frozenset[int] = frozenset((2945,)),
        tls_octets: int = HANDSHAKE_OCTETS,
        may_open: Callable[[], bool] | None = None,
    ) -> None:
        """`tls_octets`: how much is kept of each direction of a TLS connection, to be opened later.

        `may_open` is asked once where that is full: may there be keys though none were supplied?
        """
        self.coverage = Coverage()
        self.selector = Selector(lane, lanes, udp_ports)
        self.flows = FlowTable()
        self.now = 0
        "The latest capture time seen, in ns."
        self._tcp = TcpTable(closed_idle=CLOSED_IDLE_NS)
        self._sctp = SctpTable()
        self._output = LaneOutput()
        self._copies: dict[int, int] = {}
        "Frames that mirror ports doubled: copy -> the frame that was kept."
        self._tcp_reader = TcpReader(
            self.coverage, self._emit_decoded, self.selector.ignore_flow, TlsRoom(tls_octets, may_open=may_open)
        )

    def feed(self, block: PacketBlock) -> LaneOutput:
        """Read one block."""
        self._read(self.selector.select(block))
        return self._take_output()

    def finish(self) -> LaneOutput:
        """Read what was held back; every connection ends here."""
        self._read(self.selector.flush())
        self._tcp_reader.receive(self._tcp.flush())
        self._sctp_messages(self._sctp.flush())
        self._account_transport()
        return self._take_output()

    def _take_output(self) -> LaneOutput:
        output, self._output = self._output, LaneOutput()
        if self._copies:
            self._account_copies(output.messages)
        output.opened, self._tcp_reader.opened = self._tcp_reader.opened, []
        output.connections, self._tcp_reader.done = self._tcp_reader.done, []
        return output

    def _read(self, rows: Rows) -> None:
        data = rows.data
        receive_segment = self._tcp.receive
        receive_events = self._tcp_reader.receive
        self.coverage.ignored.update(rows.account)
        if rows.time:
            self.now = max(self.now, rows.time[-1])
        runs, scan = self._scan(rows)
        columns = zip(
            runs.place,
            rows.frame,
            rows.time,
            rows.transport,
            rows.addresses,
            rows.ports,
            rows.start,
            rows.end,
            rows.seq,
            rows.ack,
            rows.flags,
            rows.missing,
            strict=True,
        )
        if rows.copies:
            self._copies.update(rows.copies)
        # Datagrams that came in fragments know all their frames; TCP knows the completing one only.
        fragmented = {rows.frame[index]: frames for index, frames in rows.more_frames.items()}
        taken = bytearray(len(rows))
        tcp, stops = self._tcp, runs.stop
        for place, frame, time, transport, addresses, ports, start, end, seq, ack, flags, missing in columns:
            try:
                if transport == 6:
                    if taken[place]:
                        if time >= tcp.due:
                            receive_events(tcp.receive_time(time))
                        continue
                    if stops[place]:
                        if time >= tcp.due:
                            receive_events(tcp.receive_time(time))
                        stop, one, two = tcp.receive_run(rows, runs, place, stops[place])
                        if one is not None and two is not None:
                            taken[place:stop] = b"\1" * (stop - place)
                            self._tcp_reader.receive_run(rows, runs, scan, place, stop, (one, two))
                            continue
                    events = receive_segment(addresses, ports, frame, time, seq, ack, flags, data[start:end], missing)
                    if events:
                        receive_events(events)
                elif transport == 17:
                    frames = fragmented.get(frame, (frame,)) if fragmented else (frame,)
                    self._datagram(frame, time, addresses, ports, data[start:end], missing, frames)
                else:
                    self._packet(frame, time, addresses, ports, data[start:end])
            except Exception as error:  # a fault of ours: it costs this packet
                self._lose(_TRANSPORTS.get(transport, "sctp"), (frame,), error)

    def _scan(self, rows: Rows) -> tuple[Runs, Scan]:
        """The runs of MSRP that are read as columns; none where that fails: packet by packet gives the same."""
        try:
            runs = runs_of(rows.columns) if rows.columns is not None else Runs(place=[0] * len(rows), stop=[0])
            return runs, scan_msrp(rows.data, *runs.columns) if runs.columns is not None else Scan()
        except Exception as error:
            log_error("looking for MSRP", error)
            return Runs(place=[0] * len(rows), stop=[0]), Scan()

    def _datagram(
        self, frame: int, time: int, addresses: int, ports: int, data: bytes, missing: int, frames: tuple[int, ...]
    ) -> None:
        protocol = datagram_protocol(data)
        if not protocol:
            reason = "keep-alive" if not data.strip(b"\r\n\0 ") else "udp text, no known protocol"
            self.coverage.ignored[reason] += len(frames)
            return
        self._decode(protocol, self.flows.get(addresses, ports), time, frames, data, missing)

    def _decode(
        self, protocol: str, flow: Flow, time: int, frames: tuple[int, ...], data: bytes, missing: int = 0
    ) -> None:
        try:
            read = decode_sip_as_far if protocol == "sip" else decode_h248_as_far
            decoded: Any = read(data, missing)
        except DecodeError as error:
            why = f"{error.why} ({missing} octets were not captured)" if missing else error.why
            self.coverage.add_undecoded(Undecoded(protocol, frames[-1], error.offset, why))
            self.coverage.ignored["undecodable message"] += len(frames)
            return
        except Exception as error:  # a fault of ours: it costs this message
            self._lose(protocol, frames, error)
            return
        self._emit_decoded(protocol, flow, time, frames, decoded)

    def _lose(self, protocol: str, frames: tuple[int, ...], error: Exception) -> None:
        """Account for a message or packet that we failed on."""
        log_error(f"reading {protocol}", error)
        why = f"internal error, please report it: {place_of_error(error)}"
        self.coverage.add_undecoded(Undecoded(protocol, frames[-1], 0, why))
        self.coverage.ignored["undecodable message"] += len(frames)

    def _emit_decoded(self, protocol: str, flow: Flow, time: int, frames: tuple[int, ...], decoded: Any) -> None:
        self.coverage.messages[protocol] += 1
        if protocol == "h248":
            bodies = decoded.count_sdp()
        elif protocol == "http":
            bodies = 0
        else:
            bodies = len(decoded.data) > decoded.head_size and decoded.sdp() is not None
        if bodies:
            self.coverage.messages["sdp"] += bodies
        self._output.messages.append(Message(protocol, flow, time, frames, decoded))

    def _packet(self, frame: int, time: int, addresses: int, ports: int, data: bytes) -> None:
        """One SCTP packet."""
        self._sctp_messages(self._sctp.receive(frame, time, addresses, ports, data))

    def _sctp_messages(self, messages: list[SctpData]) -> None:
        for found in messages:
            protocol = "h248" if found.ppid == H248_PPID else datagram_protocol(found.data)
            if protocol:
                self._decode(protocol, self.flows.get(*found.flow_key), found.time, found.frames, found.data)
            else:
                # The registry has few numbers; what is far outside is not counted one by one.
                kind = str(found.ppid) if found.ppid < 256 else "not assigned"
                self.coverage.notes[f"sctp message, payload protocol {kind}"] += 1

    def _account_copies(self, messages: list[Message]) -> None:
        """Say of what the doubled packets were copies: a message, or a packet of TCP or SCTP."""
        protocols = {frame: message.protocol for message in messages for frame in message.frames}
        for kept in self._copies.values():
            self.coverage.copies[protocols.get(kept, "other")] += 1
        self._copies.clear()

    def _account_transport(self) -> None:
        notes = self.coverage.notes
        for name, count in (
            ("tcp connections evicted, idle", self._tcp.evicted_idle),
            ("tcp connections evicted, table full", self._tcp.evicted_full),
            ("tcp SYN recorded after its connection had ended", self._tcp.late_syns),
        ):
            if count:
                notes[name] += count
        for kind, count in (*self._sctp.faults.items(), *self._sctp.m3ua.items()):
            notes[f"sctp {kind}"] += count
        if self._sctp.duplicates:
            notes["sctp chunks sent again"] += self._sctp.duplicates
        if self._tcp.strays:
            self.coverage.ignored["tcp packet of no connection"] += self._tcp.strays
