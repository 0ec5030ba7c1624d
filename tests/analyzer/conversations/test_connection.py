"""A connection crosses between processes as plain tuples, with all that was noted of it."""

from __future__ import annotations

import marshal

from analyzer.conversations.connection import Connection, MsrpSession
from analyzer.conversations.msrp_facts import Observation, WayFacts
from analyzer.transport.flow import FlowTable


def test_a_connection_is_the_same_on_the_other_side_of_the_pipe() -> None:
    flows = FlowTable()
    client = flows.get(0x0A000001_0A000002, 4 << 40 | 6 << 32 | 40000 << 16 | 2855)
    sent = Connection(client, flows.get(*client.reverse_key()), 5, 90, number=3, protocol="msrp", outcome="closed")
    sent.gaps, sent.gap_places = 1, [(1, 40, 1460)]
    sent.rows.append((7, (1, 2), 0, "msrp", "SEND m1 text/plain 5 octets", 0))
    ways = (
        WayFacts((("msrp://b.example:2855/bob;tcp", 1),), content_types=(("text/plain", 1),), sends=1, largest=(5, 2)),
        WayFacts(response_paths=(("msrp://a.example:2855/alice;tcp", 3),)),
    )
    session = MsrpSession("alice", "bob", 1, 1, 1, 1, 0, 0, 5, ways)
    session.observations = [Observation("aborted", 1, 8, (4,), {"message_id": "m2", "octets": 12})]
    session.unlisted = {"aborted": 2}
    sent.sessions = [session]
    received = Connection.from_wire(marshal.loads(marshal.dumps(sent.to_wire())), FlowTable())
    assert received == sent
    assert received.rows == sent.rows
    assert received.sessions[0].ways[0].largest == (5, 2)
    assert received.sessions[0].observations[0].kind == "aborted"


def test_rows_are_packed_where_one_msrp_session_alone_needs_them() -> None:
    """Thousands of MSRP sessions may share a connection (RFC 4975 section 5.4); none unpacks all."""
    flows = FlowTable()
    client = flows.get(0x0A000001_0A000002, 4 << 40 | 6 << 32 | 40000 << 16 | 2855)
    for sessions in (0, 1, 2):
        connection = Connection(client, flows.get(*client.reverse_key()), 5, 90)
        connection.sessions = [MsrpSession(f"a{number}", f"b{number}") for number in range(sessions)]
        connection.rows.append((5, (1,), 0, "tcp", "SYN", -1))
        for number in range(sessions):
            connection.rows.append((7, (2 + number,), number % 2, "msrp", f"SEND m{number} \udcff", number))
        rows = list(connection.rows)
        entries = [connection.entries({number}) for number in range(sessions)] or [connection.entries(set())]
        connection.pack()
        assert (connection._rows is None) == (sessions < 2)
        packed = [connection.entries({number}) for number in range(sessions)] or [connection.entries(set())]
        assert packed == entries
        assert (connection._rows is None) == (sessions < 2)
        assert connection.rows == rows
