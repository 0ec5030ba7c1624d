"""Real captures that nobody here made, read as tshark reads them; where the two differ, the reason stands here."""

from __future__ import annotations

from pathlib import Path

from capture_variants import SHARED
from oracles import shared_capture, tshark_fields

from analyzer.capture.reader import open_captures
from analyzer.conversations.connection import Connection
from analyzer.correlate.session import Session
from analyzer.model import Coverage, Message
from analyzer.pipeline import Analysis, Options
from analyzer.streams.lane import Lane


def read(path: Path) -> tuple[list[Message], list[Connection], Coverage]:
    lane = Lane()
    messages: list[Message] = []
    connections: list[Connection] = []
    reader = open_captures([str(shared_capture(path))])
    outputs = [lane.feed(block) for block in reader.blocks()]
    for output in [*outputs, lane.finish()]:
        messages += output.messages
        connections += output.connections
    lane.coverage.packets = sum(each.packets for each in reader.captures)
    return messages, connections, lane.coverage


FAX = SHARED / "sip-h248-fax-gateway.pcap"
CALLS = SHARED / "sip-calls.pcap"
MSRP = SHARED / "msrp-node-lib.pcapng"
SCTP = SHARED / "h248-over-sctp.cap"

# tshark counts 92 SIP messages. 23 of them are mirror copies: the same IP identification (which the sender otherwise
# counts up), UDP checksum and octets as the packet up to 1.4 ms before. We count 69 messages and 23 copies.
FAX_COPIES = [
    26, 29, 34, 51, 53, 167, 169, 173, 197, 1321, 1327, 1395, 1397, 1406, 1408, 1416, 1418, 1428, 1432, 1514,
    1520, 1537, 1544,
]  # fmt: skip


def test_fax_gateway_counts() -> None:
    messages, _, coverage = read(FAX)
    assert coverage.packets == 1552
    assert coverage.messages == {"sip": 69, "h248": 130, "sdp": 41}
    assert coverage.copies == {"sip": 23}
    assert coverage.messages["sip"] + coverage.copies["sip"] == 92
    assert coverage.undecoded == []
    assert len({message.decoded.call_id for message in messages if message.protocol == "sip"}) == 2
    # 1303 RTP of tshark, and RTCP, T.38 and other binary UDP: nothing is lost from the account.
    assert coverage.used == 199
    assert coverage.packets == coverage.used + coverage.ignored["duplicate"] + coverage.ignored["udp other"]


def test_fax_gateway_sip_frame_for_frame() -> None:
    messages, _, _ = read(FAX)
    ours = [
        [
            str(message.frames[0]),
            message.decoded.call_id,
            message.decoded.method if message.decoded.is_request else "",
            str(message.decoded.status or ""),
            f"{message.decoded.cseq} {message.decoded.method}",
        ]
        for message in messages
        if message.protocol == "sip"
    ]
    theirs = tshark_fields(FAX, "sip", ["frame.number", "sip.Call-ID", "sip.Method", "sip.Status-Code", "sip.CSeq"])
    assert [row for row in theirs if int(row[0]) not in FAX_COPIES] == ours
    assert len(theirs) == 92
    by_frame = {row[0]: row[1:] for row in theirs}
    for frame in FAX_COPIES:
        assert by_frame[str(frame)] in [row[1:] for row in ours], "a copy has an original among what we count"


def test_fax_gateway_h248_frame_for_frame() -> None:
    messages, _, _ = read(FAX)
    ours = [
        [str(message.frames[0]), "|".join(str(part.transaction_id) for part in message.decoded.transactions)]
        for message in messages
        if message.protocol == "h248"
    ]
    theirs = tshark_fields(FAX, "megaco", ["frame.number", "megaco.transid"])
    assert theirs == ours
    assert len(ours) == 130


def test_fax_gateway_transactions_are_paired() -> None:
    paired: set[int] = set()

    def note(session: Session, *_: object) -> None:
        pairs = [pair for life in session.terminations for pair in life.pairs]
        paired.update(each.transaction.transaction_id for each in pairs if each.transaction.is_paired)

    analysis = Analysis([str(shared_capture(FAX))], Options(jobs=1, judge=note))
    sessions = list(analysis.sessions())
    assert len(sessions) == 2
    assert {session.kind for session in sessions} == {"call"}
    # The others are audits of terminations in the null context or in all contexts: 52 transactions, 104 messages.
    assert len(paired) == 13
    assert analysis.coverage.unlinked == {"h248": 104}
    assert len(paired) + 104 // 2 == 65


def test_sip_calls_frame_for_frame() -> None:
    messages, _, coverage = read(CALLS)
    assert coverage.messages["sip"] == 81
    assert len({message.decoded.call_id for message in messages}) == 6
    theirs = tshark_fields(CALLS, "sip", ["frame.number", "sip.Call-ID", "sip.Status-Code"])
    assert theirs == [[str(m.frames[0]), m.decoded.call_id, str(m.decoded.status or "")] for m in messages]


def test_h248_over_sctp() -> None:
    messages, _, coverage = read(SCTP)
    assert coverage.messages == {"h248": 1}
    assert [[str(message.frames[0])] for message in messages] == tshark_fields(SCTP, "megaco", ["frame.number"])
    assert messages[0].decoded.transactions[0].transaction_id == 174091


def test_msrp_without_sdp() -> None:
    """20 SEND, 20 x 200 and 8 REPORT over 13 connections, one of them refused; no SDP says what they are."""
    _, connections, coverage = read(MSRP)
    assert coverage.messages == {"msrp": 48}
    assert len(connections) == 13
    rows = [row for connection in connections for row in connection.rows if row[3] == "msrp"]
    assert sum(row[4].startswith("SEND ") for row in rows) == 20
    assert sum(row[4] == "200 OK (SEND)" for row in rows) == 20
    assert sum(row[4].startswith("REPORT ") for row in rows) == 8
    assert sorted(connection.outcome for connection in connections).count("refused") == 1
    # tshark finds them all once it is told the protocol of every port (`-d`); by itself it finds none.
    told = tshark_fields(MSRP, "msrp", ["frame.number", "msrp.method"], "-d", "tcp.port==1-65535,msrp")
    frames = {frame for row in rows for frame in (row[1] if isinstance(row[1], tuple) else (row[1],))}
    assert {int(row[0]) for row in told} <= frames
    assert sum(len(row[1].split("|")) for row in told if row[1]) == 28


def test_msrp_sessions_without_sdp() -> None:
    analysis = Analysis([str(shared_capture(MSRP))], Options(jobs=1))
    sessions = list(analysis.sessions())
    assert [session.kind for session in sessions] == ["message"] * 12
    assert sum(part.messages for session in sessions for each in session.connections for part in each.msrp()) == 20
