"""How near in time and place something must be to a session whose MSRP session-ids it has."""

from __future__ import annotations

import pytest

from analyzer.conversations.connection import Connection
from analyzer.correlate.correlator import IDLE_NS, LINGER_NS, OPEN_MEDIA_NS, Correlator
from analyzer.model import Coverage, Message
from tests.analyzer.conversations.made import MRFP, MS, START, UE, Dialog, Gateway, S, media, msrp_sdp, tcp

OFFER, ANSWER = msrp_sdp(UE, 7394, "ue1"), msrp_sdp(MRFP, 28563, "mrf1")
AGW, AGW_CORE = "203.0.113.40", "192.0.2.40"
"The two sides of a border gateway."


def call(
    call_id: str = "c1", at: int = 0, offer: bytes = OFFER, answer: bytes = ANSWER, icid: str = ""
) -> list[Message]:
    """INVITE at 0, 200, ACK; BYE and 200 until exactly 20 s later."""
    d = Dialog(call_id, at=START + at)
    d.icid = icid
    d.request("INVITE", 1, offer)
    d.response(200, sdp=answer)
    d.request("ACK", 1)
    d.wait(20 * S - 4 * MS)
    d.request("BYE", 2)
    d.response(200, "BYE", 2)
    return d.messages


def linked(*things: Message | Connection) -> dict[str, list[str]]:
    """Call-ID -> its terminations and connections."""
    correlator = Correlator(Coverage())
    for thing in things:
        if isinstance(thing, Message):
            correlator.add_message(thing)
        else:
            correlator.connection_opened(thing.client)
            correlator.add_connection(thing)
    return {
        session.call.call_id: [life.name for life in session.terminations]
        + [part.connection.name for part in session.connections]
        for session in correlator.finish()
        if session.call is not None
    }


@pytest.mark.parametrize(("beyond", "ours"), [(0, True), (1, False)])
@pytest.mark.parametrize("late", [True, False])
def test_msrp_of_our_session_ids_within_ten_seconds(late: bool, beyond: int, ours: bool) -> None:
    """A UE may use a session-id again: ten seconds for clocks that differ, and not a nanosecond more."""
    begin, last = (30 * S + beyond, 31 * S) if late else (-12 * S, -10 * S - beyond)
    made = tcp(f"{MRFP}:28563", f"{UE}:7394", ("mrf1", "ue1"), at=START + begin, last=START + last)
    assert linked(*call(), made) == {"c1": [made.name] if ours else []}


@pytest.mark.parametrize(("beyond", "ours"), [(0, True), (1, False)])
@pytest.mark.parametrize("late", [True, False])
def test_a_termination_of_our_session_ids_within_ten_seconds(late: bool, beyond: int, ours: bool) -> None:
    begin = 30 * S + beyond if late else -12 * S - beyond
    g = Gateway(at=START + begin)
    things = [
        g.down(f"T=1{{C=${{A=ip/1/${{{media(b'', OFFER)}}}}}}}"),
        g.up(f"P=1{{C=17{{A=ip/1/33{{{media(ANSWER)}}}}}}}"),
    ]
    g.wait(2 * S - 3 * MS)
    things += [g.down("T=2{C=17{S=ip/1/33}}"), g.up("P=2{C=17{S=ip/1/33}}")]
    assert things[-1].time == START + begin + 2 * S
    assert linked(*call(), *things) == {"c1": ["context 17 ip/1/33"] if ours else []}


@pytest.mark.parametrize("at", ["access", "core", "elsewhere"])
@pytest.mark.parametrize("access_first", [True, False])
def test_of_two_legs_the_one_whose_addresses_fit_has_the_connection(at: str, access_first: bool) -> None:
    """The session-ids pass the border gateway unchanged (RFC 6714), and one of the two connections was captured."""
    access = call("access", 0 if access_first else MS, OFFER, msrp_sdp(AGW, 9999, "mrf1"), icid="x")
    core = call("core", MS if access_first else 0, msrp_sdp(AGW_CORE, 8888, "ue1"), ANSWER, icid="x")
    ends = {
        "access": (f"{UE}:7394", f"{AGW}:9999"),
        "core": (f"{AGW_CORE}:8888", f"{MRFP}:28563"),
        "elsewhere": ("198.51.100.99:1", "198.51.100.98:2"),
    }
    made = tcp(*ends[at], ("ue1", "mrf1"), at=START + 100 * MS, last=START + 10 * S)
    found = linked(*access, *core, made)
    owner = at if at != "elsewhere" else ("access" if access_first else "core")
    assert found == {"access": [], "core": []} | {owner: [made.name]}


def test_one_end_of_ours_is_less_than_two_of_theirs() -> None:
    """Both legs know the gateway's address; the connection beyond it has two of the other leg."""
    access = call("access", 0, OFFER, msrp_sdp(AGW, 9999, "mrf1"), icid="x")
    core = call("core", MS, msrp_sdp(AGW, 8888, "ue1"), ANSWER, icid="x")
    made = tcp(f"{AGW}:8888", f"{MRFP}:28563", ("ue1", "mrf1"), at=START + 100 * MS, last=START + 10 * S)
    assert linked(*access, *core, made) == {"access": [], "core": [made.name]}


# ---------------------------------------------------------------------- handing out


def handed_out(*, patient: bool, opened: bool) -> int | None:
    """Seconds after the BYE at which a call is handed out whose connection stays open; None: not for an hour."""
    correlator = Correlator(Coverage())
    messages = call()
    for message in messages:
        correlator.add_message(message)
    if opened:
        correlator.connection_opened(tcp(f"{MRFP}:28563", f"{UE}:7394", outcome="open").client)
    over = messages[-1].time
    for second in range(1, 3600):
        now = over + second * S
        if list(correlator.finish_calls(now) if patient else correlator.finish(now)):
            return second
    return None


def test_a_call_waits_two_minutes_for_its_connection_and_no_longer() -> None:
    """What is read as it comes (`ndjson`) is not held up by a connection that nobody closes."""
    assert (LINGER_NS, OPEN_MEDIA_NS) == (40 * S, 120 * S)
    assert IDLE_NS > 3600 * S
    assert handed_out(patient=False, opened=False) == 41
    # It is looked at again when it has waited another 40 s, so some seconds later.
    assert handed_out(patient=False, opened=True) == 123


def test_where_all_are_told_together_it_waits_for_the_end() -> None:
    """The neighbour: `text`, `json`, `csv` tell what the whole capture shows."""
    assert handed_out(patient=True, opened=False) == 41
    assert handed_out(patient=True, opened=True) is None
