"""Which session a connection or termination belongs to where several announced its ends (decision 26).

Every case is linked twice: all at the end of the capture, and handed out early every second, as `analyze` does for
documents. Both must tell the same.
"""

from __future__ import annotations

import pytest

from analyzer.conversations.connection import Connection
from analyzer.correlate import claims
from analyzer.correlate.correlator import Correlator
from analyzer.model import Confidence, Coverage, Message
from tests.analyzer.conversations.made import MRFP, MS, START, UE, UE_B, Dialog, Gateway, S, media, msrp_sdp, tcp

Thing = Message | Connection
MSRP = 28563
"The port of the MRFP in the first call."


def call(
    name: str,
    at: int,
    *,
    ue: tuple[str, int, str] = (UE, 7394, ""),
    mrfp: tuple[str, int, str] | None = (MRFP, MSRP, ""),
    talk: int = 5 * S,
    status: int = 200,
    tag: str = "",
) -> list[Thing]:
    """INVITE, final response, and where it was accepted BYE; address, port and session-id of both ends."""
    d = Dialog(name, at=START + at, frame=at // MS)
    d.request("INVITE", 1, msrp_sdp(*ue), to_tag=tag)
    if status == 200:
        d.response(200, sdp=msrp_sdp(*mrfp) if mrfp else b"")
        d.request("ACK", 1)
    d.wait(talk)
    if status == 200:
        d.request("BYE", 2)
        d.response(200, "BYE", 2)
    else:
        d.response(status)
        d.request("ACK", 1)
    return list(d.messages)


def add(
    number: int, at: int, local: tuple[str, int, str], remote: tuple[str, int, str], *, until: int = 6 * S
) -> list[Thing]:
    """Add, reply, and later Subtract, reply."""
    g = Gateway(at=START + at, frame=at // MS + 100_000)
    name = f"ip/1/{number}"
    things: list[Thing] = [
        g.down(f"T={2 * number}{{C=${{A=ip/1/${{{media(b'', msrp_sdp(*remote))}}}}}}}"),
        g.up(f"P={2 * number}{{C={number}{{A={name}{{{media(msrp_sdp(*local))}}}}}}}"),
    ]
    g.wait(until)
    things += [
        g.down(f"T={2 * number + 1}{{C={number}{{S={name}}}}}"),
        g.up(f"P={2 * number + 1}{{C={number}{{S={name}}}}}"),
    ]
    return things


def silent(client: str, server: str, at: int, outcome: str = "refused", *, last: int = MS) -> Connection:
    """A connection that says nothing of its session: refused, not answered, or TLS."""
    protocol = "tls" if outcome in ("closed", "open") else ""
    return tcp(client, server, at=START + at, last=START + at + last, outcome=outcome, protocol=protocol)


def linked(*groups: list[Thing] | Thing, one_clock: bool = True) -> dict[str, list[str]]:
    """Name of a call (or kind of another session) -> terminations and connections, by their last numbers."""
    things = [thing for group in groups for thing in (group if isinstance(group, list) else [group])]
    late, early = (_linked(things, one_clock, every) for every in (1 << 60, S))
    assert early == late
    return late


def _linked(things: list[Thing], one_clock: bool, every: int) -> dict[str, list[str]]:
    correlator = Correlator(Coverage())
    correlator.scope.one_clock = one_clock
    events: list[tuple[int, Thing | None, Connection | None]] = []
    for thing in things:
        if isinstance(thing, Message):
            events.append((thing.time, thing, None))
        else:
            thing.claimed.clear()
            events += [(thing.started, None, thing), (thing.last + 15 * S, thing, None)]
    found, now = [], START
    for time, thing, opened in sorted(events, key=lambda each: each[0]):
        while now + every < time:
            now += every
            found += list(correlator.finish_calls(now))
        if isinstance(thing, Message):
            correlator.add_message(thing)
        elif opened is not None:
            correlator.connection_opened(opened.client)
        elif thing is not None:
            correlator.add_connection(thing)
    while every < 1 << 60 and now < START + 200 * S:
        now += every
        found += list(correlator.finish_calls(now))
    found += list(correlator.finish())
    assert not correlator.claims._owned
    assert not correlator.claims._taken
    assert not correlator.claims._undecided
    assert not correlator.claims._unknown
    assert not correlator.claims._served
    assert not correlator.claims.announcements._by_key
    told: dict[str, list[str]] = {}
    for session in found:
        name = session.call.call_id if session.call is not None else session.kind
        parts = [life.termination_id.rpartition("/")[2] for life in session.terminations]
        parts += [part.connection.name.removeprefix("tcp ") for part in session.connections]
        told.setdefault(name, []).extend(parts)
    return told


GOOD = tcp(f"{MRFP}:{MSRP}", f"{UE}:7394", ("m1", "u1"), at=START + 20 * MS, last=START + 5 * S)
FIRST = call("a", 0, ue=(UE, 7394, "u1"), mrfp=(MRFP, MSRP, "m1"))
C1, C2, OTHER = f"{MRFP}:{MSRP} > {UE}:7394", f"{MRFP}:28570 > {UE}:7394", f"{MRFP}:40000 > {UE}:7394"


@pytest.mark.parametrize("outcome", ["refused", "timeout", "closed"])
@pytest.mark.parametrize("source", [28570, 40000], ids=["announced", "any port"])
@pytest.mark.parametrize("later", [2 * S, 6 * S], ids=["while the first talks", "after its BYE"])
def test_the_second_call_from_the_same_place(outcome: str, source: int, later: int) -> None:
    """The first call went well; the connection of the second is refused, not answered, or TLS."""
    second = call("b", later, ue=(UE, 7394, "u2"), mrfp=(MRFP, 28570, "m2"))
    lost = silent(f"{MRFP}:{source}", f"{UE}:7394", later + 20 * MS, outcome)
    assert linked(FIRST, GOOD, second, lost) == {"a": [C1], "b": [C2 if source == 28570 else OTHER]}


def test_a_try_that_is_refused_in_the_same_call_stays_with_it() -> None:
    """The neighbour: nobody else announced anything."""
    refused = silent(f"{MRFP}:40000", f"{UE}:7394", 10 * MS)
    assert linked(FIRST, GOOD, refused) == {"a": [OTHER, C1]}


def test_refused_twice_and_then_a_good_call() -> None:
    """Three calls in a row: 503 after the RST, twice, and then it works."""
    things: list[list[Thing] | Thing] = []
    for number in range(3):
        at, port = number * 2 * S, 28570 + number
        local, remote = (MRFP, port, f"m{number}"), (UE, 7394, f"u{number}")
        last = number == 2
        things.append(call(f"c{number}", at, ue=remote, mrfp=local, talk=S, status=200 if last else 503))
        things.append(add(number + 1, at + MS // 2, local, remote, until=S // 2))
        if last:
            made = tcp(f"{MRFP}:{port}", f"{UE}:7394", ("m2", "u2"), at=START + at + 5 * MS, last=START + at + S)
            things.append(made)
        else:
            things.append(silent(f"{MRFP}:{port}", f"{UE}:7394", at + 5 * MS))
    assert linked(*things) == {
        f"c{number}": [str(number + 1), f"{MRFP}:{28570 + number} > {UE}:7394"] for number in range(3)
    }


def test_the_dead_first_call_takes_no_tls() -> None:
    """The first ends without a connection; that of the second comes from a port that nobody announced."""
    dead = call("dead", 0, talk=S, status=503)
    alive = call("alive", 3 * S, mrfp=(MRFP, 28570, ""))
    tls = silent(f"{MRFP}:40000", f"{UE}:7394", 3 * S + 20 * MS, "closed", last=4 * S)
    assert linked(dead, alive, tls) == {"dead": [], "alive": [OTHER]}
    assert linked(dead, add(1, 2 * MS, (MRFP, MSRP, ""), (UE, 7394, ""), until=S), alive, tls) == {
        "dead": ["1"],
        "alive": [OTHER],
    }


def test_an_exact_pair_beats_a_later_announcement() -> None:
    """Both calls are up; the connection comes from the port of the first, after the second announced its own."""
    first, second = call("a", 0), call("b", S, mrfp=(MRFP, 28570, ""))
    assert linked(first, second, silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 2 * S)) == {"a": [C1], "b": []}
    assert linked(first, second, silent(f"{MRFP}:40000", f"{UE}:7394", 2 * S)) == {"a": [], "b": [OTHER]}


def test_what_is_over_gets_nothing_that_begins_later() -> None:
    first = call("a", 0)
    assert linked(first, silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 5 * S + 6 * MS + 1, "closed")) == {"a": [], "tcp": [C1]}
    assert linked(first, silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 5 * S + 6 * MS, "closed")) == {"a": [C1]}


def test_two_clocks_may_differ_by_ten_seconds() -> None:
    """The same on two clocks: what comes up to `SLACK_NS` after the BYE may have come before it."""
    first = call("a", 0)
    over = 5 * S + 4 * MS
    near = silent(f"{MRFP}:{MSRP}", f"{UE}:7394", over + 10 * S, "closed")
    assert linked(first, near, one_clock=False) == {"a": [C1]}
    far = silent(f"{MRFP}:{MSRP}", f"{UE}:7394", over + 10 * S + 1, "closed")
    assert linked(first, far, one_clock=False) == {"a": [], "tcp": [C1]}
    assert claims.SLACK_NS == 10 * S


def test_a_subtract_ends_it_where_the_bye_was_lost() -> None:
    """No BYE in the capture: what comes after the Subtract belongs to the next call, or to nobody."""
    local, remote = (MRFP, MSRP, ""), (UE, 7394, "")
    lost = call("a", 0)[:3]
    life = add(1, MS // 2, local, remote, until=3 * S)
    tls = silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 4 * S, "closed")
    assert linked(lost, life, tls) == {"a": ["1"], "tcp": [C1]}
    assert linked(lost, life, silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 2 * S, "closed")) == {"a": ["1", C1]}


def test_terminations_without_sip() -> None:
    """H.248 alone: each termination has the connection that begins in its life."""
    ends = (MRFP, MSRP, ""), (UE, 7394, "")
    lives = add(1, 0, *ends, until=2 * S), add(2, 3 * S, *ends, until=2 * S)
    tls = [silent(f"{MRFP}:{MSRP}", f"{UE}:7394", at, "closed") for at in (10 * MS, 3 * S + 10 * MS)]
    assert linked(*lives, *tls) == {"message": ["1", C1, "2", C1]}
    assert linked(*lives, tls[1]) == {"message": ["1", "2", C1]}


def test_two_calls_at_once_are_served_in_their_order() -> None:
    """Both announced within milliseconds, and the MRFP connects from ports that nobody announced."""
    first, second = call("a", 0), call("b", 4 * MS, mrfp=(MRFP, 28570, ""))
    one = silent(f"{MRFP}:40000", f"{UE}:7394", 20 * MS, "closed", last=S)
    other = silent(f"{MRFP}:40001", f"{UE}:7394", 22 * MS, "closed", last=S)
    assert linked(first, second, one, other) == {"a": [OTHER], "b": [f"{MRFP}:40001 > {UE}:7394"]}


def test_a_call_that_has_its_connection_leaves_the_next_to_the_other() -> None:
    """The first call's connection carries MSRP, so the one that is refused is that of the second."""
    second = call("b", 4 * MS, ue=(UE, 7394, "u2"), mrfp=(MRFP, 28570, "m2"))
    assert linked(FIRST, GOOD, second, silent(f"{MRFP}:40000", f"{UE}:7394", 22 * MS)) == {"a": [C1], "b": [OTHER]}


# ---------------------------------------------------------------------- terminations


def test_the_add_of_the_next_call_with_the_same_ends() -> None:
    """No session-ids (RTP, or a gateway that knows nothing of MSRP), the same ports twice within two seconds."""
    ends = (UE, 7394, ""), (MRFP, MSRP, "")
    calls = call("a", 0, talk=S), call("b", 2 * S, talk=S)
    lives = add(1, MS // 2, ends[1], ends[0], until=S), add(2, 2 * S + MS // 2, ends[1], ends[0], until=S)
    assert linked(*calls, *lives) == {"a": ["1"], "b": ["2"]}


def test_an_add_after_the_end_of_the_only_call_is_of_another() -> None:
    life = add(2, 2 * S, (MRFP, MSRP, ""), (UE, 7394, ""), until=S)
    assert linked(call("a", 0, talk=S), life) == {"a": [], "message": ["2"]}


def test_an_add_with_our_session_id_after_the_end_is_ours() -> None:
    """The neighbour: a session-id is random, so this is the MRFC that adds when the call is over."""
    ours = call("a", 0, ue=(UE, 7394, "u1"), mrfp=(MRFP, MSRP, "m1"), talk=S)
    for local in ("m1", "m2"):
        life = add(2, 2 * S, (MRFP, MSRP, local), (UE, 7394, "u1"), until=S)
        assert linked(ours, life) == {"a": ["2"]}


def test_set_up_again_with_the_same_offer() -> None:
    """503, and at once another INVITE with the same SDP, session-id and all: each call has its own."""
    ue = (UE, 7394, "u1")
    failed = call("a", 0, ue=ue, talk=S, status=503)
    good = call("b", 2 * S, ue=ue, mrfp=(MRFP, 28570, "m2"))
    lives = add(1, MS // 2, (MRFP, MSRP, "m1"), ue, until=S), add(2, 2 * S + MS // 2, (MRFP, 28570, "m2"), ue)
    made = tcp(f"{MRFP}:28570", f"{UE}:7394", ("m2", "u1"), at=START + 2 * S + 20 * MS, last=START + 4 * S)
    refused = silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 20 * MS)
    assert linked(failed, good, *lives, made, refused) == {"a": ["1", C1], "b": ["2", C2]}
    # Without H.248 it is the same.
    assert linked(failed, good, made) == {"a": [], "b": [C2]}


# ---------------------------------------------------------------------- elsewhere


def test_two_ues_behind_one_nat() -> None:
    """The SDP has private addresses; each MRFP port was announced to one UE alone."""
    one = call("a", 0, ue=("10.0.0.1", 9, ""))
    other = call("b", S, ue=("10.0.0.2", 9, ""), mrfp=(MRFP, 28570, ""))
    nat = "198.51.100.99"
    tls = [silent(f"{nat}:{30000 + at}", f"{MRFP}:{port}", at * S, "closed") for at, port in ((2, MSRP), (3, 28570))]
    assert linked(one, other, *tls) == {
        "a": [f"{nat}:30002 > {MRFP}:{MSRP}"],
        "b": [f"{nat}:30003 > {MRFP}:28570"],
    }


def test_behind_one_nat_to_one_port_nothing_is_guessed() -> None:
    one, other = call("a", 0, ue=("10.0.0.1", 9, "")), call("b", S, ue=("10.0.0.2", 9, ""))
    tls = silent("198.51.100.99:30000", f"{MRFP}:{MSRP}", 2 * S, "closed")
    assert linked(one, other, tls) == {"a": [], "b": [], "tcp": [f"198.51.100.99:30000 > {MRFP}:{MSRP}"]}


def test_a_stranger_that_knocks_is_not_the_participant() -> None:
    """The UE is active; a stranger connects to the announced port of the MRFP and is refused, or says nothing."""
    first = call("a", 0, ue=(UE, 7394, "u1"), mrfp=(MRFP, MSRP, "m1"))
    made = tcp(f"{UE}:51000", f"{MRFP}:{MSRP}", ("u1", "m1"), at=START + S, last=START + 4 * S)
    knock = silent("192.0.2.66:40000", f"{MRFP}:{MSRP}", 500 * MS)
    assert linked(first, made, knock) == {"a": [f"{UE}:51000 > {MRFP}:{MSRP}"]}
    tls = silent(f"{UE}:51000", f"{MRFP}:{MSRP}", S, "closed")
    assert linked(first, tls, knock) == {"a": [f"{UE}:51000 > {MRFP}:{MSRP}"]}
    far = silent("198.51.100.99:30000", f"{MRFP}:{MSRP}", S, "closed")
    assert linked(first, far, knock)["a"] == []


def test_from_another_address_of_nobody_else_it_is_possible() -> None:
    """The neighbour: one client alone goes to the port, from an address that the SDP does not name."""
    far = silent("198.51.100.99:30000", f"{MRFP}:{MSRP}", S, "closed")
    assert linked(call("a", 0), far) == {"a": [f"198.51.100.99:30000 > {MRFP}:{MSRP}"]}
    correlator = Correlator(Coverage())
    for message in call("a", 0):
        correlator.add_message(message)  # type: ignore[arg-type]
    correlator.add_connection(far)
    (session,) = correlator.finish()
    assert [link.confidence for link in session.links] == [Confidence.POSSIBLE]


def test_ues_with_one_port_each() -> None:
    """Two UEs call at once; their ports are equal and their addresses are not."""
    one, other = call("a", 0), call("b", MS, ue=(UE_B, 7394, ""), mrfp=(MRFP, 28570, ""))
    refused = silent(f"{MRFP}:40000", f"{UE}:7394", 20 * MS)
    assert linked(one, other, refused) == {"a": [OTHER], "b": []}


def test_a_connection_from_before_the_call_is_not_its_own() -> None:
    """More than `SLACK_NS` before an INVITE that was captured; where the call began before the capture it may be."""
    tls = silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 0, "closed", last=40 * S)
    assert linked(call("a", 10 * S), tls) == {"a": [C1]}
    assert linked(call("a", 10 * S + 1), tls) == {"a": [], "tcp": [C1]}
    assert linked(call("a", 20 * S, tag="t"), tls) == {"a": [C1]}


# ---------------------------------------------------------------------- which weighs more


def test_one_clock_a_live_session_beats_an_exact_pair() -> None:
    """The connection begins a second before the second call announces its two ends: it is of the first, by one end."""
    first, second = call("a", 0, mrfp=(MRFP, 28570, "")), call("b", 3 * S)
    made = silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 2 * S, "closed")
    assert linked(first, second, made) == {"a": [C1], "b": []}


def test_on_two_clocks_an_exact_pair_weighs_more() -> None:
    """The neighbour: the clocks may differ by that second."""
    first, second = call("a", 0, mrfp=(MRFP, 28570, "")), call("b", 3 * S)
    made = silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 2 * S, "closed")
    assert linked(first, second, made, one_clock=False) == {"a": [], "b": [C1]}


def test_what_is_announced_only_later_is_no_reason() -> None:
    """Two clocks and equal ends: the call that announced it before has it, though the other did so nearer to it."""
    first = call("a", 0, mrfp=(MRFP, 28570, ""), talk=30 * S)
    second = call("b", 5 * S + 100 * MS, mrfp=(MRFP, 28571, ""), tag="t", talk=30 * S)
    earlier = Dialog("b", at=START, frame=9)
    earlier.request("OPTIONS", 1, to_tag="t")
    made = silent(f"{MRFP}:40000", f"{UE}:7394", 5 * S, "closed")
    assert linked(first, second, list(earlier.messages), made, one_clock=False) == {"a": [OTHER], "b": []}


def test_a_modify_with_signals_alone_orders_the_connection() -> None:
    """The second call announced the UE's place last; then the MRFP is told to open the connection of the first."""
    calls = call("a", 0, mrfp=None), call("b", 10 * S, mrfp=None)
    lives = [*add(1, MS, (MRFP, MSRP, ""), (UE, 7394, ""), until=30 * S)]
    lives += add(2, 10 * S + MS, (MRFP, 28570, ""), (UE, 7394, ""), until=30 * S)
    g = Gateway(at=START + 15 * S, frame=900_000)
    order = [g.down("T=90{C=1{MF=ip/1/1{SG{tcpbcc/EstBNC}}}}"), g.up("P=90{C=1{MF=ip/1/1}}")]
    made = silent(f"{MRFP}:40000", f"{UE}:7394", 15 * S + 20 * MS)
    long = [[each[0]] for each in calls]
    assert linked(*long, lives, made) == {"a": ["1"], "b": ["2", OTHER]}
    assert linked(*long, lives, list(order), made) == {"a": ["1", OTHER], "b": ["2"]}


def test_a_modify_counts_also_where_the_table_was_read_before() -> None:
    """What another session asked in between must not matter."""
    correlator = Correlator(Coverage())
    g = Gateway(at=START + 15 * S, frame=900_000)
    things = [call("a", 0, mrfp=None)[0], call("b", 10 * S, mrfp=None)[0]]
    things += add(1, MS, (MRFP, MSRP, ""), (UE, 7394, ""))[:2]
    things += add(2, 10 * S + MS, (MRFP, 28570, ""), (UE, 7394, ""))[:2]
    for thing in things:
        correlator.add_message(thing)  # type: ignore[arg-type]
    assert correlator.claims.announcements.version() > 0
    for message in (g.down("T=90{C=1{MF=ip/1/1{SG{tcpbcc/EstBNC}}}}"), g.up("P=90{C=1{MF=ip/1/1}}")):
        correlator.add_message(message)
    correlator.add_connection(silent(f"{MRFP}:40000", f"{UE}:7394", 15 * S + 20 * MS))
    found = {each.call.call_id: len(each.connections) for each in correlator.finish() if each.call is not None}
    assert found == {"a": 1, "b": 0}


def test_another_termination_goes_on_where_one_is_subtracted() -> None:
    """The MRFC tries again with a new termination; the BYE was lost."""
    ends = (MRFP, MSRP, ""), (UE, 7394, "")
    lives = [*add(1, MS, *ends, until=3 * S), *add(2, 3 * S + 50 * MS, *ends, until=9 * S)]
    tls = silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 4 * S, "closed")
    assert linked(call("a", 0)[:3], lives, tls) == {"a": ["1", "2", C1]}


def test_what_is_sent_again_prolongs_no_call() -> None:
    """The 200 to the BYE comes once more four seconds later."""
    first = call("a", 0)
    late = Dialog("a", at=START + 9 * S, frame=9000)
    late.again(first[-1])  # type: ignore[arg-type]
    tls = silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 7 * S, "closed")
    assert linked(first, list(late.messages), tls) == {"a": [], "tcp": [C1]}


def test_what_is_sent_again_announces_nothing() -> None:
    """The 200 of the first call is sent again after the INVITE of the second."""
    first, second = call("a", 0, talk=20 * S), call("b", 5 * S, mrfp=(MRFP, 28570, ""), talk=20 * S)
    late = Dialog("a", at=START + 6 * S, frame=9000)
    late.again(first[1])  # type: ignore[arg-type]
    made = silent(f"{MRFP}:40000", f"{UE}:7394", 7500 * MS)
    assert linked(first, second, list(late.messages), made) == {"a": [], "b": [OTHER]}


@pytest.mark.parametrize("with_h248", [True, False])
def test_legs_of_one_call_that_announce_the_same(with_h248: bool) -> None:
    """A B2BUA without media passes the SDP on: the first leg has it all, though the second is answered before it."""
    ends = (UE, 7394, ""), (MRFP, MSRP, "")
    things: list[list[Thing] | Thing] = []
    for name, at, answered in (("a", 0, 5 * S + 10 * MS), ("b", MS, 5 * S)):
        d = Dialog(name, at=START + at, frame=at // MS)
        d.icid = "one"
        d.request("INVITE", 1, msrp_sdp(*ends[0]))
        d.time = START + answered
        d.response(200, sdp=msrp_sdp(*ends[1]))
        d.request("ACK", 1)
        d.wait(5 * S)
        d.request("BYE", 2)
        d.response(200, "BYE", 2)
        things.append(list(d.messages))
    if with_h248:
        things.append(add(1, 5 * S - 100 * MS, ends[1], ends[0], until=5 * S))
    things.append(silent(f"{MRFP}:{MSRP}", f"{UE}:7394", 5 * S + 5 * MS, "closed"))
    assert linked(*things) == {"a": [*(["1"] if with_h248 else []), C1], "b": []}


def test_the_other_session_id_alone_takes_nothing() -> None:
    """The answer of the first call was lost: another call with the MRFP's session-id, and another UE, is no rival."""
    lost = call("a", 0, ue=(UE, 7394, "u1"), mrfp=None)
    other = call("b", 2 * S, ue=(UE_B, 7394, "u2"), mrfp=(MRFP, MSRP, "m1"))
    assert linked(lost, other, GOOD) == {"a": [C1], "b": []}
