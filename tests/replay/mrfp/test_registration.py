"""The MRFP's association with its controller (H.248.1 clauses 7.2.8 and 11)."""

from __future__ import annotations

import pytest
from mrfp_script import HEAD, MG, MGC, Script

from dissectors.h248 import TransactionRequest, decode_h248
from replay.events import Close, Connect, Connected, ConnectFailed, Datagram, Ended, Received, Send, SendDatagram
from replay.mrfp import FAULTS

OTHER = ("192.0.2.11", 2944)


def asked(script: Script) -> tuple[int, str, tuple[str, int]]:
    """Id, text and target of the one H.248 request among the last wishes."""
    ((wish, message),) = zip(
        [wish for wish in script.last if hasattr(wish, "peer") and hasattr(wish, "data")], script.h248(), strict=True
    )
    (request,) = message.transactions
    assert isinstance(request, TransactionRequest)
    text = wish.data.decode()
    return request.transaction_id, text[text.index("{") :], wish.peer


def answer(script: Script, number: int, services: str, controller: tuple[str, int] = MGC) -> None:
    text = HEAD + f"P={number}{{C=-{{SC=ROOT{{{services}}}}}}}".encode()
    script.tell(Datagram(MG, controller, text))


def test_restart_is_said_at_the_start() -> None:
    script = Script(registered=False)
    number, text, peer = asked(script)
    assert 0 < number <= 1 << 30
    assert text == '{C=-{SC=ROOT{SV{MT=RS,RE="901 Cold Boot",PF=Mp/1,V=2}}}}'
    assert peer == MGC
    answer(script, number, "SV{V=1}")
    assert script.mrfp.is_registered
    assert script.notes() == ["h248 registered"]
    # The lower version holds from now on (clause 11.3); a reply has the version of its request.
    script.add(setup="active", events=",E=9{tcpbcc/BNCChange}", signals=",SG{tcpbcc/EstBNC}")
    assert script.h248()[0].version == 2
    script.tell(ConnectFailed(1, "refused"))
    assert script.h248()[0].version == 1


def test_a_time_stamp_where_the_clock_is_known() -> None:
    script = Script(registered=False, epoch=1_767_268_800.25)  # 2026-01-01T12:00:00.25Z
    assert ",20260101T12000025}" in asked(script)[1]


def test_restart_is_repeated_then_said_to_the_next_controller() -> None:
    script = Script(registered=False, controllers=(MGC, OTHER))
    first = script.h248()
    script.wait(24.9)
    assert script.h248() == first * 8  # at 0.5, 1.5, 3.5, 7.5 and every 4 s from then on (Annex D.1.5)
    script.wait(0.1)
    number, text, peer = asked(script)
    assert peer == OTHER
    assert 'RE="901 Cold Boot"' in text
    answer(script, number, "SV{V=2}", OTHER)
    assert script.mrfp.is_registered


def test_a_controller_may_name_another_one() -> None:
    script = Script(registered=False)
    number, *_ = asked(script)
    answer(script, number, "SV{MG=[192.0.2.11]:2944}")
    assert not script.mrfp.is_registered
    number, _, peer = asked(script)
    assert peer == OTHER
    answer(script, number, "SV{V=2}", OTHER)
    assert script.mrfp.is_registered
    script.tell(Datagram(MG, MGC, HEAD + b"T=5{C=-{AV=ROOT{AT{}}}}"))
    assert b"ER=504{" in script.last[-1].data  # type: ignore[union-attr]


def test_a_refused_registration_is_tried_again_later() -> None:
    script = Script(registered=False)
    number, *_ = asked(script)
    script.tell(Datagram(MG, MGC, HEAD + f'P={number}{{ER=502{{"not ready"}}}}'.encode()))
    assert not script.mrfp.is_registered
    script.wait(4.9)
    assert script.h248() == []
    script.wait(0.1)
    assert asked(script)[1].startswith("{C=-{SC=ROOT{SV{MT=RS")


def test_a_lower_version_is_offered_where_ours_is_not_supported() -> None:
    script = Script(registered=False, version=3)
    number, text, _ = asked(script)
    assert ",V=3}" in text
    script.tell(Datagram(MG, MGC, HEAD + f"P={number}{{C=-{{SC=ROOT{{ER=406{{}}}}}}}}".encode()))
    script.wait(5.0)
    assert ",V=2}" in asked(script)[1]


def test_disconnected_is_said_when_the_controller_vanished() -> None:
    script = Script()
    script.add(events=",E=9{hangterm/thb{timerx=10}}")
    script.wait(10.0)
    assert len(script.notices()) == 1
    script.wait(24.9)
    assert not any(b"MT=DC" in message.data for message in script.h248())
    script.wait(0.1)
    assert "h248 controller lost" in script.notes()
    number, text, _ = asked(script)
    assert text == '{C=-{SC=ROOT{SV{MT=DC,RE="900 Service Restored",PF=Mp/1,V=2}}}}'
    answer(script, number, "SV{V=2}")
    # What was given up is told again; the later ones are still being repeated.
    assert [text.count("hangterm/thb") for text in script.notices()] == [1]


def test_a_controller_that_restarted_does_not_know_us() -> None:
    script = Script()
    script.add(events=",E=9{hangterm/thb{timerx=10}}")
    script.wait(10.0)
    number, *_ = asked(script)
    script.tell(Datagram(MG, MGC, HEAD + f"P={number}{{C=1{{ER=505{{}}}}}}".encode()))
    assert "MT=DC" in asked(script)[1]


def test_hand_off() -> None:
    script = Script()
    reply = script.order('C=-{SC=ROOT{SV{MT=HO,RE="903 MGC Directed Change",MG=[192.0.2.11]:2944}}}')
    assert reply.startswith("{C=-{SC=ROOT")
    (request,) = [wish for wish in script.last if hasattr(wish, "peer") and wish.peer == OTHER]
    assert b'SV{MT=HO,RE="903 MGC Directed Change"' in request.data


@pytest.mark.parametrize("mgc", ["[198.51.100.99]:2944", "[127.0.0.1]:22", "nowhere"])
def test_hand_off_to_a_host_that_is_not_listed(mgc: str) -> None:
    """Somebody speaks in the controller's name: the gateway stays where it is, and says nothing to that host."""
    script = Script()
    reply = script.order(f'C=-{{SC=ROOT{{SV{{MT=HO,RE="903 MGC Directed Change",MG={mgc}}}}}}}')
    assert "ER=449{" in reply
    script.wait(100.0)
    assert {wish.peer for wish in script.of(SendDatagram)} <= {MGC}
    assert script.mrfp.is_registered


def test_a_reply_that_names_a_host_that_is_not_listed() -> None:
    script = Script(registered=False)
    number, *_ = asked(script)
    answer(script, number, "SV{MG=[198.51.100.99]:2944}")
    script.wait(100.0)
    assert {wish.peer for wish in script.of(SendDatagram)} == {MGC}


def test_over_tcp_the_gateway_connects_and_comes_back() -> None:
    script = Script(registered=False, transport="tcp")
    assert script.last == [Connect(1, ("192.0.2.20", 0), MGC)]
    script.tell(ConnectFailed(1, "refused"))
    script.wait(5.0)
    assert Connect(2, ("192.0.2.20", 0), MGC) in script.last
    script.tell(Connected(2, ("192.0.2.20", 40000), MGC))
    (send,) = script.of(Send)
    message = decode_h248(send.data[4:])
    number = message.transactions[0].transaction_id  # type: ignore[union-attr]
    text = HEAD + f"P={number}{{C=-{{SC=ROOT{{SV{{V=2}}}}}}}}".encode()
    script.tell(Received(2, b"\x03\x00" + (len(text) + 4).to_bytes(2, "big") + text))
    assert script.mrfp.is_registered
    script.tell(Ended(2, True))
    assert not script.mrfp.is_registered
    script.wait(5.0)
    assert script.of(Connect) == [Connect(3, ("192.0.2.20", 0), MGC)]
    script.tell(Connected(3, ("192.0.2.20", 40001), MGC))
    (send,) = script.of(Send)
    assert b"MT=DC" in send.data


def test_stop_says_so_and_closes_everything() -> None:
    script = Script()
    participant = script.join()
    script.took(script.mrfp.stop(9.0))
    assert any(b'MT=FO,RE="905' in wish.data for wish in script.last if hasattr(wish, "data"))
    assert script.of(Close) == [Close(participant.connection)]
    assert script.mrfp.legs == []


def test_orders_come_from_the_controller_alone() -> None:  # error 504
    script = Script()
    script.tell(Datagram(MG, ("192.0.2.66", 2944), HEAD + b"T=1{C=*{S=*}}"))
    assert b'P=1{ER=504{"command received from unauthorized entity"}}' in script.last[-1].data  # type: ignore[union-attr]


def test_a_slow_gateway_says_pending() -> None:
    script = Script(execution_time=3.0)
    script.tell(Datagram(MG, MGC, HEAD + b"T=1{C=-{AV=ROOT{AT{}}}}"))
    assert script.h248() == []
    script.wait(2.9)
    assert [each.data.split(b"\n")[1] for each in script.h248()] == [b"PN=1{}"]
    script.wait(0.1)
    assert script.h248()[0].data.split(b"\n")[1] == b"P=1{IA,C=-{AV=ROOT}}"


def test_a_row_that_it_does_not_know_cannot_be_broken() -> None:
    with pytest.raises(ValueError, match="the MRFP cannot break OFFER-1"):
        Script(["OFFER-1"])
    assert "OFFER-1" not in FAULTS
