"""A controller that died without a word: found by its silence (H.248.14), and its contexts freed after a while."""

from __future__ import annotations

from mrfp_script import HEAD, MG, MGC, Script

from dissectors.h248 import TransactionRequest, decode_h248
from replay.events import Close, Connect, Connected, Datagram, Ended, Received, Send, Unlisten
from replay.h248 import Timers


def requests(script: Script) -> list[tuple[int, str]]:
    """Ids and texts of the requests among the last wishes, without repetitions."""
    found: dict[int, str] = {}
    for wish in script.last:
        data = getattr(wish, "data", b"")
        if hasattr(wish, "peer") and b"\nT=" in data:
            (request,) = decode_h248(data).transactions
            assert isinstance(request, TransactionRequest)
            text = data.decode().split("\n", 1)[1]
            found[request.transaction_id] = text[text.index("{") :]
    return list(found.items())


def answer(script: Script, number: int, reply: str) -> None:
    script.tell(Datagram(MG, MGC, HEAD + f"P={number}{{{reply}}}".encode()))


def test_a_silent_controller_is_asked_whether_it_is_there() -> None:
    script = Script(inactivity=30.0)
    script.wait(20.0)
    assert script.order("C=-{AV=ROOT{AT{}}}") == "{C=-{AV=ROOT}}"
    script.wait(29.9)
    assert requests(script) == []
    script.wait(0.1)
    ((number, text),) = requests(script)
    assert text == "{C=-{N=ROOT{OE=0{it/ito}}}}"
    answer(script, number, "C=-{N=ROOT}")
    script.wait(29.9)
    assert requests(script) == []
    assert script.mrfp.is_registered
    script.wait(0.1)
    assert [text for _, text in requests(script)] == ["{C=-{N=ROOT{OE=0{it/ito}}}}"]


def test_no_answer_is_loss_of_control() -> None:
    """Disconnected is said then (H.248.1 clause 7.2.8), again and again."""
    script = Script(inactivity=30.0, timers=Timers(give_up=3.0))
    script.wait(33.0)
    (_, notify), (_, change) = requests(script)
    assert notify == "{C=-{N=ROOT{OE=0{it/ito}}}}"
    assert change == '{C=-{SC=ROOT{SV{MT=DC,RE="900 Service Restored",PF=Mp/1,V=2}}}}'
    assert script.notes() == ["h248 controller lost"]
    script.wait(3.0)
    number, change = requests(script)[-1]
    assert "MT=DC" in change
    answer(script, number, "C=-{SC=ROOT{SV{V=2}}}")
    assert script.mrfp.is_registered


def test_a_controller_that_began_anew_says_so_by_error_505() -> None:
    script = Script(inactivity=30.0)
    script.wait(30.0)
    ((number, _),) = requests(script)
    answer(script, number, "C=-{N=ROOT{ER=505{}}}")
    ((_, change),) = requests(script)
    assert "MT=DC" in change
    assert not script.mrfp.is_registered


def test_contexts_are_freed_when_no_controller_comes_back() -> None:
    """MSRP connections are closed, ports given back, and the controller hears of it: nothing is left (902)."""
    script = Script(inactivity=30.0, orphans=60.0, timers=Timers(give_up=5.0))
    first = script.join()
    script.join(first.added.context, "ue2")
    script.wait(30.0 + 5.0 + 59.9)
    assert len(script.mrfp.legs) == 2
    assert script.of(Close) == []
    script.wait(0.1)
    assert script.mrfp.legs == []
    assert script.of(Close) == [Close(-1), Close(-2)]
    assert len(script.of(Unlisten)) == 2
    (note,) = [wish for wish in script.last if getattr(wish, "what", "") == "h248 contexts freed"]
    assert note.details == {"terminations": 2}
    number, change = requests(script)[-1]
    assert change == '{C=-{SC=ROOT{SV{MT=RS,RE="902 Warm Boot",PF=Mp/1,V=2}}}}'
    answer(script, number, "C=-{SC=ROOT{SV{V=2}}}")
    assert script.mrfp.is_registered
    third = script.join()
    assert [leg.local[1] for leg in script.mrfp.legs] == [third.added.port]


def test_contexts_stay_when_the_controller_is_back_in_time() -> None:
    script = Script(inactivity=30.0, orphans=60.0, timers=Timers(give_up=5.0))
    script.join()
    script.wait(36.0)
    number, change = requests(script)[-1]
    assert "MT=DC" in change
    answer(script, number, "C=-{SC=ROOT{SV{V=2}}}")
    for _ in range(10):
        script.wait(20.0)
        script.order("C=-{AV=ROOT{AT{}}}")
    assert len(script.mrfp.legs) == 1


def test_over_tcp_the_end_of_the_connection_is_enough() -> None:
    script = Script(registered=False, transport="tcp", inactivity=30.0, orphans=8.0)
    script.tell(Connected(1, ("192.0.2.20", 40000), MGC))

    def reply(connection: int) -> None:
        (send,) = script.of(Send)
        (request,) = decode_h248(send.data[4:]).transactions
        text = HEAD + f"P={request.transaction_id}{{C=-{{SC=ROOT{{SV{{V=2}}}}}}}}".encode()  # type: ignore[union-attr]
        script.tell(Received(connection, b"\x03\x00" + (len(text) + 4).to_bytes(2, "big") + text))

    reply(1)
    assert script.mrfp.is_registered
    script.tell(Ended(1, True))
    assert script.notes() == ["h248 controller lost"]
    script.wait(5.0)
    assert [wish.connection for wish in script.of(Connect)] == [2]
    script.wait(3.0)
    assert script.notes() == ["h248 contexts freed"]
    script.tell(Connected(2, ("192.0.2.20", 40001), MGC))
    (send,) = script.of(Send)
    assert b'MT=RS,RE="902 Warm Boot"' in send.data
    reply(2)
    assert script.mrfp.is_registered


def test_over_tcp_a_controller_that_hangs_is_found_too() -> None:
    """The connection stays, and nothing comes on it: it is closed, and another one is tried."""
    script = Script(registered=False, transport="tcp", inactivity=30.0, timers=Timers(give_up=5.0))
    script.tell(Connected(1, ("192.0.2.20", 40000), MGC))
    (send,) = script.of(Send)
    (request,) = decode_h248(send.data[4:]).transactions
    text = HEAD + f"P={request.transaction_id}{{C=-{{SC=ROOT{{SV{{V=2}}}}}}}}".encode()  # type: ignore[union-attr]
    script.tell(Received(1, b"\x03\x00" + (len(text) + 4).to_bytes(2, "big") + text))
    script.wait(30.0)
    assert [b"it/ito" in wish.data for wish in script.of(Send)] == [True]
    script.wait(5.0)
    assert script.of(Close) == [Close(1)]
    assert [wish.connection for wish in script.of(Connect)] == [2]


def test_the_event_is_not_for_terminations() -> None:
    script = Script()
    assert 'ER=512{"it/ito happens to ROOT alone, and is provisioned"}' in script.order(
        "C=${A=ip/1/mb/${M{ST=1{O{MO=SR},L{\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=path:$\n}}},E=9{it/ito}}}"
    )
