"""Sessions without a connection: a UE that never comes, or died, is told to the controller (rows TCP-F and DIN-F)."""

from __future__ import annotations

import pytest
from mrfp_script import EVENTS, SECURE, START_TCP, Script

from replay.events import Connected, ConnectFailed, Ended

FAILED = "tcpbcc/BNCChange{ST=1,Type=failed}"


def failures(script: Script) -> int:
    """How many of the last wishes are a Notify of a failure; repetitions are one."""
    return len({text for text in script.notices() if FAILED in text})


@pytest.mark.parametrize("secured", [False, True])
def test_a_participant_that_never_comes(secured: bool) -> None:
    """The gateway listens (a=setup:passive), and nobody opens the connection in time."""
    script = Script(unconnected=20.0)
    script.add(events=EVENTS, **(SECURE if secured else {}))
    script.wait(19.9)
    assert script.notices() == []
    script.wait(0.1)
    assert failures(script) == 1
    assert script.notes() == ["msrp session without a connection"]
    script.wait(60.0)
    assert script.notes().count("msrp session without a connection") == 0


def test_one_that_comes_in_time() -> None:
    script = Script(unconnected=20.0)
    script.join(events=EVENTS)
    script.wait(100.0)
    assert script.notices() == []


def test_one_whose_connection_ends_and_who_does_not_come_back() -> None:
    script = Script(unconnected=20.0)
    alice = script.join(events=EVENTS)
    script.tell(Ended(alice.connection, True))
    script.wait(10.0)
    alice.open()
    script.wait(100.0)
    assert script.notices() == []
    script.tell(Ended(alice.connection))
    script.wait(19.9)
    assert script.notices() == []
    script.wait(0.1)
    assert failures(script) == 1


def test_before_the_answer_nobody_is_expected() -> None:
    """Reserve has no Remote yet: the participant may let it ring for long; Configure begins the time."""
    script = Script(unconnected=20.0)
    reply = script.order(
        "C=${A=ip/1/mb/${M{ST=1{O{MO=SR},L{\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=setup:actpass\na=path:$\n}}}}}"
    )
    script.wait(100.0)
    context = reply.partition("C=")[2].partition("{")[0]
    name = reply.partition("A=")[2].partition("{")[0]
    remote = "R{\nv=0\nc=IN IP4 198.51.100.7\nm=message 7394 TCP/MSRP *\na=setup:active\na=path:msrp://a:1/x;tcp\n}"
    script.order(f"C={context}{{MF={name}{{M{{ST=1{{{remote}}}}}{EVENTS}}}}}")
    script.wait(19.9)
    assert script.notices() == []
    script.wait(0.1)
    assert failures(script) == 1


def test_one_that_refuses_is_told_once() -> None:
    script = Script(unconnected=20.0)
    script.add(setup="active", events=EVENTS, signals=START_TCP)
    script.tell(ConnectFailed(1, "refused"))
    assert failures(script) == 1
    script.wait(24.0)
    assert script.notes() == []


def test_a_released_connection_is_not_missed() -> None:
    """The controller had it released (tcpbcc/RelBNC)."""
    script = Script(unconnected=20.0)
    added = script.add(setup="active", events=EVENTS, signals=START_TCP)
    script.tell(Connected(1, ("203.0.113.5", added.port), ("198.51.100.7", 7394)))
    script.order(f"C={added.context}{{MF={added.termination}{{SG{{tcpbcc/RelBNC{{ST=1}}}}}}}}")
    script.tell(Ended(1))
    script.wait(100.0)
    assert script.notices() == []


def test_where_it_is_not_asked_for_they_stay() -> None:
    script = Script()
    script.add(events=EVENTS)
    script.wait(10_000.0)
    assert script.notices() == []
