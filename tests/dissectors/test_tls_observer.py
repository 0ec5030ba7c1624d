"""The observer: any interleaving, losses, wrong keys, cut handshakes; nothing that did not authenticate is data."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import shared_capture
from tls_made import (
    CANDIDATE,
    CLIENT_RANDOM,
    MADE_SUITES,
    PSK,
    SERVER_RANDOM,
    Made,
    client_hello,
    extension,
    made,
    made12,
    made13,
    message,
    server_hello,
    sides,
    update_key,
    vector,
)
from tls_peers import Observed, observe

from dissectors.tls import prf
from dissectors.tls.events import AlertSeen, ApplicationData, HandshakeSeen, OutcomeKind, SessionEstablished, TlsEvent
from dissectors.tls.keylog import read_key_log
from dissectors.tls.observer import TlsObserver
from dissectors.tls.secrets import KeySource, PskCandidate, PskQuery, TlsSecrets, always

ALL = [*MADE_SUITES, "1.3"]
WRONG = PskCandidate(b"\xff" * 16, "wrong")


def right() -> TlsSecrets:
    return TlsSecrets(psks=always(WRONG, CANDIDATE))


def conversation(name: str, rounds: int = 12, size: int = 100, **options: bool) -> Made:
    """A handshake, then numbered data in both directions, then close_notify."""
    found = made(name, **options)
    for number in range(rounds):
        for direction in (0, 1):
            found.say(direction, b"%d:%d " % (direction, number) + bytes((number,)) * (size + 7 * number))
    found.put(0, 21, b"\1\0")
    return found


def feed(observer: TlsObserver, records: list[tuple[int, bytes]]) -> list[TlsEvent]:
    return [event for direction, record in records for event in observer.receive_data(direction, record)]


def data_of(events: list[TlsEvent], direction: int) -> list[bytes]:
    return [e.data for e in events if isinstance(e, ApplicationData) and e.direction == direction]


@pytest.mark.parametrize("name", ALL)
def test_each_protection(name: str) -> None:
    sent = conversation(name)
    found = observe(sent.records, right())
    assert (found.data(0), found.data(1)) == sent.sent
    assert found.outcome.kind == OutcomeKind.DECRYPTED
    (session,) = found.observer.sessions
    assert (session.client_finished, session.server_finished) == (True, True)
    assert session.key_source == KeySource("psk", "made")
    for event in found.events:  # offsets are those of whole records
        if isinstance(event, ApplicationData):
            head = sent.stream(event.direction)[event.start : event.start + 5]
            assert head[0] == 23
            assert event.end == event.start + 5 + int.from_bytes(head[3:], "big")


@pytest.mark.parametrize("name", ALL)
def test_byte_by_byte_equals_whole(name: str) -> None:
    sent = conversation(name, rounds=3)
    whole = observe(sent.records, right())
    for cut in (1, 7):
        pieces = observe(sent.records, right(), cut=cut)
        assert pieces.events == whole.events
        assert pieces.outcome == whole.outcome
        assert pieces.observer.accounts == whole.observer.accounts


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("first", [0, 1])
def test_one_whole_direction_before_the_other(name: str, first: int) -> None:
    """The capture may shuffle directions: messages wait for those that the protocol has before them."""
    sent = conversation(name)
    records = [(first, sent.stream(first)), (1 - first, sent.stream(1 - first))]
    found = observe(records, right())
    assert (found.data(0), found.data(1)) == sent.sent
    assert found.outcome.kind == OutcomeKind.DECRYPTED
    assert found.observer.sessions[0].server_finished


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ALL), st.integers(0, 1 << 32))
def test_any_interleaving_gives_the_same_events_by_direction(name: str, number: int) -> None:
    chance = random.Random(number)
    sent = conversation(name, rounds=3)
    streams = [sent.stream(0), sent.stream(1)]
    chunks = []
    at = [0, 0]
    while at[0] < len(streams[0]) or at[1] < len(streams[1]):
        direction = chance.randrange(2)
        size = chance.choice((1, 5, 60, 400))
        chunks.append((direction, streams[direction][at[direction] : at[direction] + size]))
        at[direction] += size
    found = observe([c for c in chunks if c[1]], right())
    usual = observe(sent.records, right())
    for direction in (0, 1):
        ours, theirs = (
            [e for e in each.events if e.direction == direction and not isinstance(e, SessionEstablished)]
            for each in (found, usual)
        )
        assert ours == theirs
    assert found.outcome == usual.outcome


@pytest.mark.parametrize("name", [n for n in ALL if n != "null"])
def test_wrong_key_gives_nothing(name: str) -> None:
    sent = conversation(name)
    for secrets, kind in ((TlsSecrets(psks=always(WRONG)), OutcomeKind.WRONG_KEY), (TlsSecrets(), OutcomeKind.NO_KEY)):
        found = observe(sent.records, secrets)
        assert (found.data(0), found.data(1)) == (b"", b"")
        assert found.outcome.kind == kind
        assert found.observer.key_log_lines() == []
        assert found.observer.accounts[0].unopened > 10
    line = f"CLIENT_RANDOM {CLIENT_RANDOM.hex()} {'00' * 48}\n"
    if name == "1.3":
        line = "".join(
            f"{label} {CLIENT_RANDOM.hex()} {'00' * 32}\n"
            for label in ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                          "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0")
        )  # fmt: skip
    found = observe(sent.records, TlsSecrets(key_log=read_key_log(line.encode())))
    assert (found.data(0), found.data(1)) == (b"", b"")
    assert found.outcome.kind == OutcomeKind.WRONG_KEY


@pytest.mark.parametrize("name", ["gcm", "cbc-1.0"])
def test_extended_master_secret(name: str) -> None:
    sent = conversation(name, ems=True)
    found = observe(sent.records, right())
    assert (found.data(0), found.data(1)) == sent.sent
    assert found.observer.sessions[0].extended_master_secret


def lossy(sent: Made, direction: int, start: int, end: int, secrets: TlsSecrets, *, known: bool = True) -> Observed:
    """Feed it with octets `start` to `end` of a direction missing, and said so where they were."""
    observer = TlsObserver(secrets)
    events: list[TlsEvent] = []
    at = [0, 0]
    for which, record in sent.records:
        begin, stop = at[which], at[which] + len(record)
        at[which] = stop
        if which != direction or stop <= start or begin >= end:
            events += observer.receive_data(which, record)
            continue
        if begin < start:
            events += observer.receive_data(which, record[: start - begin])
        if stop >= end:
            events += observer.receive_gap(which, end - start if known else 0)
            if stop > end:
                events += observer.receive_data(which, record[end - begin :])
    return Observed(observer, events, observer.finish())


def data_offsets(sent: Made, direction: int) -> list[tuple[int, int]]:
    """Where the application data records of a direction stand."""
    out = []
    at = 0
    for which, record in sent.records:
        if which == direction:
            out.append((at, at + len(record)))
            at += len(record)
    return out[-13:-1] if direction == 0 else out[-12:]


@pytest.mark.parametrize("name", [n for n in ALL if n != "cbc-1.0"])
@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("cut", ["within", "whole", "across", "several"])
def test_after_a_loss_the_next_record_opens(name: str, direction: int, known: bool, cut: str) -> None:
    """Sequence numbers go on counting over lost records: what is left is decrypted, what is lost is not invented."""
    sent = conversation(name)
    places = data_offsets(sent, direction)
    start, end, gone = {
        "within": (places[4][0] + 20, places[4][1] - 9, {4}),
        "whole": (places[4][0], places[4][1], {4}),
        "across": (places[4][0] + 30, places[5][0] + 3, {4, 5}),
        "several": (places[3][0], places[7][1] - 40, {3, 4, 5, 6, 7}),
    }[cut]
    found = lossy(sent, direction, start, end, right(), known=known)
    numbers = [int(data.split(b":")[1].split()[0]) for data in data_of(found.events, direction)]
    assert numbers == [n for n in range(12) if n not in gone]
    assert found.data(1 - direction) == sent.sent[1 - direction]
    assert found.outcome.kind == OutcomeKind.DECRYPTED
    assert found.observer.accounts[direction].lost_octets == (end - start if known else 0)


@pytest.mark.parametrize("direction", [0, 1])
def test_tls_1_0_loses_the_record_behind_a_loss_too(direction: int) -> None:
    """Its first block is chained to a lost one (RFC 2246 section 6.2.3.2), so its MAC cannot be checked."""
    sent = conversation("cbc-1.0")
    start, end = data_offsets(sent, direction)[4]
    found = lossy(sent, direction, start, end, right())
    numbers = [int(data.split(b":")[1].split()[0]) for data in data_of(found.events, direction)]
    assert numbers == [n for n in range(12) if n not in (4, 5)]
    assert found.observer.accounts[direction].unopened == 1


def test_a_loss_that_nothing_opens_after_is_a_gap() -> None:
    sent = conversation("gcm")
    sent.records = [
        (d, r[:-1] + bytes((r[-1] ^ 1,)) if n > 20 and d == 0 else r) for n, (d, r) in enumerate(sent.records)
    ]
    start, end = data_offsets(sent, 0)[6]
    found = lossy(sent, 0, start, end, right())
    assert found.outcome.kind == OutcomeKind.GAP
    assert found.data(1) == sent.sent[1]


@pytest.mark.parametrize("name", ["gcm", "cbc", "chacha"])
def test_a_lost_finished_is_passed_over(name: str) -> None:
    """ChangeCipherSpec and Finished of the client lost: its data opens all the same."""
    sent = conversation(name)
    sizes = [len(r) for d, r in sent.records if d == 0]
    for first, last in ((2, 4), (3, 4), (2, 3)):
        found = lossy(sent, 0, sum(sizes[:first]), sum(sizes[:last]), right())
        assert (found.data(0), found.data(1)) == sent.sent
        assert found.outcome.kind == OutcomeKind.DECRYPTED


def test_a_lost_client_key_exchange() -> None:
    """Without the extended master secret a plain PSK opens it still; with it the session hash is lost."""
    asked: list[PskQuery] = []

    def finder(query: PskQuery) -> list[PskCandidate]:
        asked.append(query)
        return [CANDIDATE]

    for ems in (False, True):
        sent = conversation("gcm", ems=ems)
        sizes = [len(r) for d, r in sent.records if d == 0]
        found = lossy(sent, 0, sizes[0], sizes[0] + sizes[1], TlsSecrets(psks=finder))
        if ems:
            assert found.outcome.kind == OutcomeKind.GAP
            assert (found.data(0), found.data(1)) == (b"", b"")
        else:
            assert [q.psk_identity for q in asked] == [None]
            assert (found.data(0), found.data(1)) == sent.sent


@pytest.mark.parametrize("name", ALL)
def test_a_lost_server_hello_is_a_gap(name: str) -> None:
    sent = conversation(name)
    found = lossy(sent, 1, 0, len(sent.records[1][1]), right())
    assert found.outcome.kind == OutcomeKind.GAP
    assert (found.data(0), found.data(1)) == (b"", b"")


def test_entered_in_the_middle() -> None:
    sent = conversation("gcm")
    for records in (sent.records[9:], [(d, r[3:]) for d, r in sent.records[9:]], [(0, b"\x17\3\3\0\5abcde")]):
        found = observe(records, right())
        assert found.outcome.kind == OutcomeKind.HANDSHAKE_NOT_CAPTURED
        assert found.events == []


@pytest.mark.parametrize("direction", [0, 1])
def test_one_direction_alone(direction: int) -> None:
    sent = conversation("gcm")
    observer = TlsObserver(right())
    observer.receive_data(direction, sent.stream(direction))
    assert observer.finish().kind == OutcomeKind.HANDSHAKE_NOT_CAPTURED


def test_what_waits_for_the_other_direction_is_bounded() -> None:
    sent = conversation("gcm", rounds=12, size=9000)
    observer = TlsObserver(right(), max_waiting=20_000)
    for _ in range(20):
        observer.receive_data(0, sent.stream(0))
        assert observer.lanes[0].held <= 20_000 + 20_000
    assert observer.finish().kind == OutcomeKind.HANDSHAKE_NOT_CAPTURED
    assert "only one direction" in observer.finish().explanation


def test_a_handshake_message_too_long_is_unsupported() -> None:
    observer = TlsObserver(max_message=1000)
    observer.receive_data(0, b"\x16\3\3\0\4" + b"\1\0\4\0")
    assert observer.finish().kind == OutcomeKind.UNSUPPORTED


def test_failed_handshakes() -> None:
    """An alert in the clear, and a connection that ends (RFC 5246 section 7.2)."""
    sent = made("gcm")
    observer = TlsObserver(right())
    events = feed(observer, [*sent.records[:3], (1, b"\x15\3\3\0\2\2\x73")])
    assert isinstance(events[-1], AlertSeen)
    assert events[-1].name == "fatal unknown_psk_identity"
    assert observer.finish().kind == OutcomeKind.HANDSHAKE_FAILED
    assert observer.finish().explanation == "the server ended the handshake with the alert unknown_psk_identity"
    observer = TlsObserver(right())
    feed(observer, sent.records[:3])
    assert observer.finish().kind == OutcomeKind.HANDSHAKE_NOT_CAPTURED
    observer.receive_eof(0)
    assert observer.finish().kind == OutcomeKind.HANDSHAKE_FAILED


def handshake(direction: int, messages: bytes) -> tuple[int, bytes]:
    """One record."""
    return direction, b"\x16\x03\x03" + vector(2, messages)


@pytest.mark.parametrize("suite", [0x1301, 0x00AE, 0x00A9])
def test_a_second_server_hello_changes_nothing(suite: int) -> None:
    """RFC 5246 section 7.3: a handshake has one; the suite under which keys were found stays."""
    sent = conversation("gcm")
    records = list(sent.records)
    place = next(at for at, (direction, _) in enumerate(records) if direction == 1)
    size = 5 + len(server_hello(0x00A8))
    flight = records[place][1]
    records[place] = handshake(1, flight[5:size] + server_hello(suite) + flight[size:])
    observer = TlsObserver(right())
    events = feed(observer, records)
    assert observer.sessions[0].cipher_suite_name == "TLS_PSK_WITH_AES_128_GCM_SHA256"
    assert (b"".join(data_of(events, 0)), b"".join(data_of(events, 1))) == sent.sent


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            message(8, vector(2, extension(41, b"\0\0"))),
            "the server sent encrypted_extensions where server_hello belongs",
        ),
        (message(2, b"\3\3"), "the ServerHello cannot be read: "),
    ],
)
def test_no_server_hello(body: bytes, why: str) -> None:
    """EncryptedExtensions in clear with pre_shared_key, and half a ServerHello: handshakes of no version."""
    observer = TlsObserver(TlsSecrets())
    events = feed(observer, [handshake(0, client_hello(0x1301)), handshake(1, body)])
    assert [each.handshake_type for each in events if isinstance(each, HandshakeSeen)] == [1, body[0]]
    outcome = observer.finish()
    assert outcome.kind is OutcomeKind.UNSUPPORTED
    assert outcome.explanation.startswith(why)


def test_nothing_at_all() -> None:
    assert TlsObserver().finish().kind == OutcomeKind.HANDSHAKE_NOT_CAPTURED


@pytest.mark.parametrize("accepted", [True, False])
def test_early_data(accepted: bool) -> None:
    """RFC 8446 section 2.3: reported when the server accepted it, and only then."""
    sent = made13(early=b"early bird", accepted=accepted)
    sent.say(0, b"late")
    sent.say(1, b"answer")
    found = observe(sent.records, right())
    assert (found.data(0), found.data(1)) == sent.sent
    assert [e.early for e in found.events if isinstance(e, ApplicationData)] == [True, False, False][not accepted :]
    assert found.observer.sessions[0].early_data_accepted is accepted
    assert found.observer.sessions[0].client_finished


def test_imported_psk() -> None:
    """RFC 9258: the finder is asked for the external identity; the key on the wire is derived."""
    asked: list[bytes | None] = []

    def finder(query: PskQuery) -> list[PskCandidate]:
        asked.append(query.psk_identity)
        return [CANDIDATE] if query.psk_identity == b"id" else []

    sent = made13(imported=True)
    sent.say(0, b"hello")
    found = observe(sent.records, TlsSecrets(psks=finder))
    assert found.data(0) == b"hello"
    assert asked == [vector(2, b"id") + vector(2, b"context") + b"\3\4\0\1", b"id"]


def test_key_update_in_each_direction_also_lost() -> None:
    """RFC 8446 section 4.6.3; a lost KeyUpdate is told from what opens after it."""
    sent = made13()
    for direction in (0, 1):
        sent.say(direction, b"one")
        update_key(sent, direction)
        sent.say(direction, b"two")
    assert observe(sent.records, right()).data(0) == b"onetwo"
    sizes = [len(r) for d, r in sent.records if d == 1]
    found = lossy(sent, 1, sum(sizes[:-2]), sum(sizes[:-1]), right())
    assert found.data(1) == b"onetwo"
    assert found.outcome.kind == OutcomeKind.DECRYPTED


def test_our_key_log_opens_it_again() -> None:
    for name in ALL:
        sent = conversation(name, rounds=2)
        lines = observe(sent.records, right()).observer.key_log_lines()
        again = observe(sent.records, TlsSecrets(key_log=read_key_log("\n".join(lines).encode())))
        assert (again.data(0), again.data(1)) == sent.sent
        assert again.observer.sessions[0].key_source == KeySource("key_log")
        assert again.observer.key_log_lines() == lines


def test_candidates_are_bounded_and_lazy() -> None:
    sent = conversation("gcm")
    taken = []

    def finder(query: PskQuery) -> object:
        for number in range(10**9):
            taken.append(number)
            yield CANDIDATE if number == 5 else WRONG

    found = observe(sent.records, TlsSecrets(psks=finder))  # type: ignore[arg-type]
    assert found.outcome.kind == OutcomeKind.DECRYPTED
    assert taken == list(range(6))
    taken.clear()
    observer = TlsObserver(
        TlsSecrets(psks=lambda query: (WRONG for _ in iter(lambda: taken.append(0), 1))), max_candidates=50
    )
    feed(observer, sent.records)
    assert len(taken) == 50
    assert observer.finish().kind == OutcomeKind.WRONG_KEY


def test_handshake_fragmented_over_records_and_coalesced() -> None:
    """RFC 5246 section 6.2.1: messages may share a record and may be cut by records."""
    sent = made("gcm")
    first, second, third = sent.records[:3]
    records = [(0, b"\x16\3\1\0\1" + first[1][5 + n : 6 + n]) for n in range(len(first[1]) - 5)]
    records += [second, third, *sent.records[3:]]
    sent.say(0, b"data")
    found = observe([*records, sent.records[-1]], right())
    assert found.data(0) == b"data"
    seen = [e for e in found.events if isinstance(e, HandshakeSeen)]
    assert (seen[0].start, seen[0].end) == (0, 6 * (len(first[1]) - 5))
    assert [(e.start, e.end) for e in seen[1:3]] == [(0, len(second[1]))] * 2


def test_resumption_by_session_id_and_ticket() -> None:
    secrets = right()
    observe(made12("gcm", ticket=b"ticket", session_id=b"s" * 32).records, secrets)
    master = prf.master_secret("sha256", prf.psk_premaster_secret(PSK), CLIENT_RANDOM, SERVER_RANDOM)
    block = prf.key_block("sha256", master, CLIENT_RANDOM, SERVER_RANDOM, 256)
    for offered, session_id in ((extension(35, b"ticket"), b""), (b"", b"s" * 32)):
        again = Made()
        hello = client_hello(0x00A8, offered, session_id=session_id)
        answer = server_hello(0x00A8, session_id=session_id)
        protections = sides("gcm", block)
        seen = hello + answer
        again.put(0, 22, hello)
        again.put(1, 22, answer)
        for direction in (1, 0):
            again.put(direction, 20, b"\1")
            again.protect[direction] = protections[direction]
            finished = message(
                20, prf.verify_data("sha256", master, not direction, prf.transcript_hash("sha256", seen))
            )
            seen += finished
            again.put(direction, 22, finished)
        again.say(0, b"resumed")
        found = observe(again.records, secrets)
        assert found.data(0) == b"resumed"
        (session,) = found.observer.sessions
        assert session.resumed
        assert (session.client_finished, session.server_finished) == (True, True)
        assert session.key_source == KeySource("resumption", "made", KeySource("psk", "made"))


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(ALL), st.integers(0, 1 << 32))
def test_damaged_connections_give_an_outcome_and_no_garbage(name: str, number: int) -> None:
    """Whatever is flipped, cut, doubled or left out, every piece of data is one that was sent."""
    chance = random.Random(number)
    sent = conversation(name, rounds=4)
    pieces = {0: set(), 1: set()}  # type: dict[int, set[bytes]]
    for event in observe(sent.records, right()).events:
        if isinstance(event, ApplicationData):
            pieces[event.direction].add(event.data)
    records = list(sent.records)
    observer = TlsObserver(right() if number & 1 else TlsSecrets(psks=always(CANDIDATE)))
    events: list[TlsEvent] = []
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(records))
        direction, record = records[at]
        place = chance.randrange(len(record) or 1)
        what = chance.randrange(5)
        if what == 0 and record:
            record = record[:place] + bytes((record[place] ^ 1 << chance.randrange(8),)) + record[place + 1 :]
        elif what == 1:
            record = record[:place]
        elif what == 2:
            record = record[:place] + chance.randbytes(chance.randrange(40)) + record[place:]
        elif what == 3:
            record += record
        else:
            record = b""
        records[at] = (direction, record)
    for direction, record in records:
        if not record and chance.random() < 0.5:
            events += observer.receive_gap(direction, chance.choice((0, 1, 100, 5000)))
        events += observer.receive_data(direction, record)
    assert isinstance(observer.finish().explanation, str)
    if name != "null":  # which does not authenticate where no key fits
        for event in events:
            if isinstance(event, ApplicationData):
                assert event.data in pieces[event.direction]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=60)), max_size=20))
def test_any_octets_give_an_outcome(chunks: list[tuple[int, bytes]]) -> None:
    observer = TlsObserver(right())
    for direction, data in chunks:
        if data[:1] == b"\xff":
            observer.receive_gap(direction, len(data) * 100)
        observer.receive_data(direction, data)
    assert observer.finish().kind != OutcomeKind.DECRYPTED


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from([20, 21, 22, 23, 24]), st.binary(max_size=40)), max_size=20)
)
def test_any_records_behind_a_hello_give_an_outcome(items: list[tuple[int, int, bytes]]) -> None:
    sent = made("gcm")
    observer = TlsObserver(right())
    feed(observer, sent.records[:2])
    feed(observer, [(d, bytes((kind, 3, 3)) + vector(2, body)) for d, kind, body in items])
    assert observer.finish().kind != OutcomeKind.DECRYPTED


def test_the_capture_of_wireshark() -> None:
    """TLS_PSK_WITH_AES_128_CCM against GnuTLS, from Wireshark's own tests."""
    scapy = pytest.importorskip("scapy.all")
    path = shared_capture(Path(__file__).parents[2].parent / "shared" / "captures" / "tls12-psk-aes128ccm.pcap")
    chunks = []
    for packet in scapy.rdpcap(str(path)):
        if "TCP" in packet and (data := bytes(packet["TCP"].payload)):
            chunks.append((int(packet["TCP"].sport == 4433 or packet["TCP"].sport < packet["TCP"].dport), data))
    key = PskCandidate(bytes.fromhex("ca19e028a8a372ad2d325f950fcaceed"), "capture")
    found = observe(chunks, TlsSecrets(psks=always(key)))
    client = found.observer.client
    assert client is not None
    assert found.data(client) == b"GET / HTTP/1.1\nHost: localhost\n\n"
    assert found.data(1 - client).startswith(b"HTTP/1.0 200 OK\r\nContent-type: text/html\r\n")
    assert found.outcome.kind == OutcomeKind.DECRYPTED
    (session,) = found.observer.sessions
    assert (session.cipher_suite_name, session.psk_identity) == ("TLS_PSK_WITH_AES_128_CCM", b"test")
    assert (session.client_finished, session.server_finished) == (True, True)
    wrong = observe(chunks, TlsSecrets(psks=always(WRONG)))
    assert (wrong.outcome.kind, wrong.data(0), wrong.data(1)) == (OutcomeKind.WRONG_KEY, b"", b"")
