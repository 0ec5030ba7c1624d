"""TCP and TLS of MSRP sessions: who opens, who starts, what is notified (TS 23.333 clauses 6.2.19.2 and 6.2.20.1)."""

from __future__ import annotations

import pytest
from mrfp_script import EVENTS, HEAD, KEY, MEDIA, MG, MGC, SECURE, START_BOTH, START_TCP, UE, Script

from replay.events import (
    Accepted,
    Close,
    Connect,
    Connected,
    ConnectFailed,
    Datagram,
    Ended,
    Hold,
    Listen,
    Note,
    Received,
    Secure,
    Secured,
    SecureFailed,
    Send,
    Unlisten,
    Wish,
)
from replay.mrfp import Limits


def of(wishes: list[Wish], *kinds: type) -> list[Wish]:
    return [wish for wish in wishes if isinstance(wish, kinds)]


def hello(path: str, tid: str = "hello0001") -> bytes:
    return (
        f"MSRP {tid} SEND\r\nTo-Path: {path}\r\nFrom-Path: msrp://198.51.100.7:7394/ue1;tcp\r\n"
        f"Message-ID: 1\r\n-------{tid}$\r\n"
    ).encode()


# ---------------------------------------------------------------------- active


def test_tcp_5_the_mrfp_opens_tcp_from_the_port_it_announced() -> None:
    script = Script()
    added = script.add(setup="active", events=EVENTS, signals=START_TCP)
    # The reply first, then the SYN.
    assert [type(wish).__name__ for wish in script.last][:2] == ["SendDatagram", "Connect"]
    assert script.of(Connect) == [Connect(1, (MEDIA, added.port), UE)]
    assert script.of(Listen) == []
    script.tell(Connected(1, (MEDIA, added.port), UE))
    (request,) = script.messages(1)
    # The active side's first request binds the connection (RFC 4975 section 5.4); row MRFP-3.
    assert (request.method, request.body, request.flag) == ("SEND", None, "$")
    assert (request.to_path, request.from_path) == ("msrp://198.51.100.7:7394/ue1;tcp", added.path)


def test_tcp_4_without_packages_a_setup_of_local_opens_tcp() -> None:  # H.248.89 clause 10
    script = Script()
    script.add(setup="active", events=EVENTS)
    assert len(script.of(Connect)) == 1


def test_a_setup_of_remote_alone_tells_the_role() -> None:  # RFC 4145 section 4
    for setup, opens in (("passive", True), ("active", False), ("actpass", False)):
        script = Script()
        script.order(
            "C=${A=${M{ST=1{L{\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=path:$\n},R{\nv=0\nc=IN IP4 198.51.100.7\n"
            f"m=message 7394 TCP/MSRP *\na=setup:{setup}\na=path:msrp://198.51.100.7:7394/ue1;tcp\n}}}}}}}}}}"
        )
        assert (len(script.of(Connect)), len(script.of(Listen))) == (opens, not opens)


def test_the_signal_may_come_later() -> None:
    script = Script()
    added = script.add(setup="actpass", events=EVENTS)
    assert script.of(Listen) == [Listen((MEDIA, added.port))]
    script.order(f"C={added.context}{{MF={added.termination}{{SG{{tcpbcc/EstBNC{{ST=1}}}}}}}}")
    assert of(script.last, Listen, Unlisten, Connect) == [
        Unlisten((MEDIA, added.port)),
        Connect(1, (MEDIA, added.port), UE),
    ]
    # And again: there is a connection already.
    script.order(f"C={added.context}{{MF={added.termination}{{SG{{tcpbcc/EstBNC}}}}}}")
    assert script.of(Connect) == []


def test_din_7_din_8_tls_is_started_once_tcp_is_up() -> None:
    script = Script()
    added = script.add(setup="active", events=EVENTS, signals=START_BOTH, **SECURE)  # type: ignore[arg-type]
    assert of(script.last, Connect, Secure) == [Connect(1, (MEDIA, added.port), UE)]
    script.tell(Connected(1, (MEDIA, added.port), UE))
    assert script.of(Secure) == [Secure(1, True, KEY, "mrfp")]
    assert script.of(Send) == []
    script.tell(Secured(1, "mrfp"))
    (request,) = script.messages(1)
    assert request.to_path == SECURE["path"]


def test_tls_3_tls_role_is_apart_from_the_tcp_role() -> None:  # TR clause 4.3.3.1
    script = Script()
    added = script.add(setup="passive", signals=",SG{tlsbsc/EstBNC{ST=1}}", **SECURE)  # type: ignore[arg-type]
    connection = script.accept(added.port)
    assert script.of(Secure) == [Secure(connection, True, KEY, "mrfp")]


def test_tls_4_the_controller_may_start_tls_itself() -> None:  # TR clause 4.3.3.2, the variant with notification
    script = Script()
    events = ",E=5{tcpbcc/BNCChange{ST=1,Type=established}}"
    added = script.add(setup="active", events=events, signals=START_TCP, **SECURE)  # type: ignore[arg-type]
    script.tell(Connected(1, (MEDIA, added.port), UE))
    assert script.of(Hold) == [Hold(1)]
    assert script.of(Secure) == []
    assert script.notices() == [
        f"T={_id(script)}{{C={added.context}{{N={added.termination}"
        "{OE=5{tcpbcc/BNCChange{ST=1,Type=established}}}}}"
    ]
    script.order(f"C={added.context}{{MF={added.termination}{{SG{{tlsbsc/EstBNC{{ST=1}}}}}}}}")
    assert script.of(Secure) == [Secure(1, True, KEY, "mrfp")]


def _id(script: Script) -> int:
    return script.h248()[0].transactions[0].transaction_id  # type: ignore[union-attr]


# ---------------------------------------------------------------------- passive


def test_dout_12_dout_13_the_ue_opens_tcp_and_starts_tls() -> None:
    script = Script()
    added = script.add(setup="passive", events=EVENTS, **SECURE)  # type: ignore[arg-type]
    assert script.of(Listen) == [Listen((MEDIA, added.port))]
    connection = script.accept(added.port)
    assert script.of(Secure) == [Secure(connection, False, KEY, "mrfp")]
    script.tell(Secured(connection, "mrfp"))
    script.tell(Received(connection, hello(added.path)))
    (answer,) = script.messages(connection)
    assert answer.status == 200
    assert script.mrfp.legs[0].is_ready


def test_a_connection_before_its_key_waits_for_it() -> None:
    script = Script()
    options = {**SECURE, "control": "MO=SR"}
    added = script.add(setup="passive", **options)  # type: ignore[arg-type]
    connection = script.accept(added.port)
    assert of(script.last, Hold, Secure) == [Hold(connection)]
    key = f"M{{ST=1{{O{{MO=SR,tlsbsc/psk={KEY.hex()},tlsbsc/pskid=3a5c7e90}}}}}}"
    script.order(f"C={added.context}{{MF={added.termination}{{{key}}}}}")
    assert script.of(Secure) == [Secure(connection, False, KEY, "3a5c7e90")]


def test_mrfp_2_only_the_session_id_counts() -> None:
    script = Script()
    added = script.add(setup="passive")
    session_id = added.path.rpartition("/")[2]
    connection = script.accept(added.port)
    script.tell(Received(connection, hello(f"msrp://192.0.2.99:7777/{session_id}")))
    (answer,) = script.messages(connection)
    assert (answer.status, answer.from_path) == (200, f"msrp://192.0.2.99:7777/{session_id}")


def test_mrfp_2_a_wrong_session_id_is_refused() -> None:
    script = Script()
    added = script.add(setup="passive")
    connection = script.accept(added.port)
    script.tell(Received(connection, hello(f"msrp://{MEDIA}:{added.port}/another;tcp")))
    (answer,) = script.messages(connection)
    assert answer.status == 481
    # The right one may follow, on the same connection.
    script.tell(Received(connection, hello(added.path)))
    assert [each.status for each in script.messages(connection)] == [200]
    script.tell(Received(connection, hello(f"msrp://{MEDIA}:{added.port}/another;tcp")))
    assert [each.status for each in script.messages(connection)] == [481]


def test_the_port_does_not_decide_the_session() -> None:
    script = Script()
    one, two = script.add(), script.add()
    connection = script.accept(one.port)
    script.tell(Received(connection, hello(two.path)))
    assert [each.status for each in script.messages(connection)] == [200]
    script.order(f"C={one.context}{{S=*}}")
    assert script.of(Close) == []
    script.order(f"C={two.context}{{S=*}}")
    assert script.of(Close) == [Close(connection)]


def test_a_session_has_one_connection() -> None:  # 506, RFC 4975 section 10.11
    script = Script()
    participant = script.join()
    connection = script.accept(participant.added.port)
    script.tell(Received(connection, hello(participant.added.path)))
    assert [each.status for each in script.messages(connection)] == [506]
    assert script.mrfp.legs[0].line is not None
    assert script.mrfp.legs[0].line.number == participant.connection


def test_nobody_gets_into_a_secured_session_in_plain() -> None:
    script = Script()
    secured = script.add(setup="passive", **SECURE)  # type: ignore[arg-type]
    plain = script.add()
    connection = script.accept(plain.port)
    script.tell(Received(connection, hello(secured.path)))
    assert [each.status for each in script.messages(connection)] == [481]
    # Nor with the key of another session.
    other = script.add(setup="passive", **SECURE)  # type: ignore[arg-type]
    connection = script.accept(other.port)
    script.tell(Secured(connection, "mrfp"))
    script.tell(Received(connection, hello(secured.path)))
    assert [each.status for each in script.messages(connection)] == [481]


def test_a_connection_that_names_no_session_is_closed() -> None:
    script = Script()
    added = script.add()
    connection = script.accept(added.port)
    script.wait(29.9)
    assert script.of(Close) == []
    script.wait(0.1)
    assert script.of(Close) == [Close(connection)]


def test_connections_are_bounded() -> None:
    script = Script(limits=Limits(connections=2))
    added = script.add()
    one, _ = script.accept(added.port), script.accept(added.port)
    third = script.accept(added.port)
    assert script.of(Close) == [Close(third, abort=True)]
    script.tell(Ended(one))
    script.accept(added.port)
    assert script.of(Close) == []


def test_handshakes_of_one_session_are_bounded_and_the_first_to_prove_the_key_has_it() -> None:
    script = Script()
    added = script.add(setup="passive", **SECURE)  # type: ignore[arg-type]
    tries = [script.accept(added.port) for _ in range(5)]
    assert script.of(Close) == [Close(tries[0], abort=True)]
    assert script.notices() == [], "nothing failed"
    script.tell(Secured(tries[1], "mrfp"))
    script.tell(Received(tries[1], hello(added.path)))
    script.tell(Secured(tries[2], "mrfp"))
    assert script.of(Close) == [Close(tries[2])]


def test_silent_connections_to_a_port_keep_nobody_out() -> None:
    script = Script()
    added = script.add()
    silent = [script.accept(added.port) for _ in range(8)]
    assert script.of(Close) == []
    for number in range(100):
        silent.append(script.accept(added.port))
        assert script.of(Close) == [Close(silent[number], abort=True)]
    last = script.accept(added.port)
    script.tell(Received(last, hello(added.path)))
    (answer,) = script.messages(last)
    assert answer.status == 200


# ---------------------------------------------------------------------- failures and ends


@pytest.mark.parametrize("why", ["refused", "timeout", "unreachable"])
def test_tcp_f_a_failed_connection_is_notified_until_that_is_answered(why: str) -> None:
    script = Script(epoch=1_767_268_800.0)
    added = script.add(setup="active", events=EVENTS, signals=START_TCP)
    script.tell(ConnectFailed(1, why), 1.03)
    (notice,) = script.notices()
    assert notice == (
        f"T={_id(script)}{{C={added.context}{{N={added.termination}"
        "{OE=9001{20260101T12000103:tcpbcc/BNCChange{ST=1,Type=failed}}}}}"
    )
    script.wait(3.0)
    assert script.notices() == [notice, notice]


def test_din_f_a_failed_handshake_is_notified() -> None:
    script = Script()
    added = script.add(setup="active", events=EVENTS, signals=START_BOTH, **SECURE)  # type: ignore[arg-type]
    script.tell(Connected(1, (MEDIA, added.port), UE))
    script.tell(SecureFailed(1, "bad record mac"))
    (notice,) = script.notices()
    assert "{OE=9001{tlsbsc/BNCChange{ST=1,Type=failed}}}" in notice
    assert script.messages(1) == []


def test_din_f_a_connection_lost_within_the_handshake_is_notified() -> None:
    script = Script()
    added = script.add(setup="passive", events=EVENTS, **SECURE)  # type: ignore[arg-type]
    connection = script.accept(added.port)
    script.tell(Ended(connection))
    (notice,) = script.notices()
    assert "tlsbsc/BNCChange{ST=1,Type=failed}" in notice


def test_what_was_not_asked_for_is_not_notified() -> None:
    script = Script()
    events = ",E=1{tlsbsc/BNCChange{ST=1,Type=failed},tcpbcc/BNCChange{ST=2}}"
    script.add(setup="active", events=events, signals=START_TCP)
    script.tell(ConnectFailed(1, "refused"))
    assert script.notices() == []


def test_a_released_bearer_is_notified() -> None:  # g/cause, 29.333 IP Bearer Released
    script = Script()
    participant = script.join(events=",E=7{g/cause,tcpbcc/*}")
    script.tell(Ended(participant.connection, reset=True))
    assert [notice.split("{OE=7", 1)[1] for notice in script.notices()] == [
        "{g/cause{ST=1,Generalcause=FT}}}}}",
        "{tcpbcc/BNCChange{ST=1,Type=released}}}}}",
    ]


def test_heartbeat_and_hanging_termination() -> None:  # hangterm/thb, H.248.36
    script = Script()
    added = script.add(events=",E=7{hangterm/thb{timerx=60}}")
    script.wait(59.9)
    assert script.notices() == []
    script.wait(0.1)
    (notice,) = script.notices()
    assert f"N={added.termination}{{OE=7{{hangterm/thb}}}}" in notice
    reply = f"P={_id(script)}{{C={added.context}{{N={added.termination}{{ER=430{{}}}}}}}}"
    script.tell(Datagram(MG, MGC, HEAD + reply.encode()))
    assert script.mrfp.legs == []
    assert "h248 hanging termination removed" in script.notes()
    script.wait(120.0)
    assert script.notices() == []


def test_release_by_signal() -> None:
    script = Script()
    participant = script.join()
    added = participant.added
    script.order(f"C={added.context}{{MF={added.termination}{{SG{{tcpbcc/RelBNC{{ST=1}}}}}}}}")
    assert script.of(Close) == [Close(participant.connection)]
    assert len(script.mrfp.legs) == 1


def test_gen_2_nothing_is_accepted_where_no_participant_is() -> None:
    script = Script()
    script.tell(Accepted(-9, (MEDIA, 25_000), UE))
    assert script.last == []


def test_an_idle_participant_is_dropped_where_that_is_wanted() -> None:
    script = Script(limits=Limits(idle=60.0))
    participant = script.join()
    script.wait(50.0)
    participant.say("still here")
    script.wait(59.0)
    assert script.of(Close) == []
    script.wait(1.0)
    assert script.of(Close) == [Close(participant.connection, abort=True)]
    assert [note.details["why"] for note in script.of(Note)] == ["idle"]


def test_no_key_and_no_text_in_notes_and_wishes() -> None:
    script = Script()
    added = script.add(setup="active", events=EVENTS, signals=START_BOTH, **SECURE)  # type: ignore[arg-type]
    script.tell(Connected(1, (MEDIA, added.port), UE))
    assert KEY.hex() not in repr(script.last)
    assert repr(KEY) not in repr(script.last)
