"""Back-to-back user agents, border gateways and roles (RFC 7315, RFC 7989; TS 23.333, TS 23.334)."""

from __future__ import annotations

import itertools

import pytest

from analyzer.conversations.connection import Connection
from analyzer.conversations.sip_call import SipCall
from analyzer.correlate.correlator import Correlator
from analyzer.correlate.leg_media import MAX_NOTED, LegMediaTable
from analyzer.correlate.session import Conference, Session
from analyzer.evidence import Evidence, Side
from analyzer.model import Coverage, Message
from analyzer.profile import DEFAULT_PROFILE
from dissectors.sip import decode_sip
from tests.analyzer.conversations.made import (
    MRFC,
    MRFP,
    START,
    UE,
    UE_B,
    Dialog,
    Gateway,
    S,
    flow,
    media,
    msrp_sdp,
    tcp,
)

ALG, AGW, ACCESS, CORE = "192.0.2.50", "192.0.2.60", "203.0.113.60", "192.0.2.61"
UUID = "ab30317f1a784dc48ff824d0d3715d86"
FOCUS = (("Contact", "<sip:chat-17@conf.example.net>;isfocus"),)


def run(
    things: list[Message | Connection], roles: dict[str, str] | None = None
) -> tuple[list[Session], list[Conference], Correlator]:
    correlator = Correlator(Coverage(), roles)
    for thing in things:
        if isinstance(thing, Message):
            correlator.add_message(thing)
        else:
            correlator.add_connection(thing)
    found = sorted(correlator.finish(), key=lambda each: (each.first, each.id))
    return found, correlator.conferences_found(), correlator


def legs(things: list[Message | Connection]) -> list[Session]:
    """The sessions in the order of their Call-IDs; each has one."""
    return sorted(run(things)[0], key=lambda each: each.call.call_id if each.call else "")


def setup(
    d: Dialog, offer: bytes, answer: bytes, headers: tuple[tuple[str, str], ...] = ()
) -> list[Message | Connection]:
    d.request("INVITE", 1, offer)
    d.response(200, sdp=answer, headers=headers)
    d.request("ACK", 1)
    d.request("BYE", 2)
    d.response(200, "BYE", 2)
    return list(d.messages)


def through_the_border(focus: bool = False, paths: bool = True, identities: bool = True) -> list[Message | Connection]:
    """UE - IMS-ALG/IMS-AGW - MRFC/MRFP: two calls, one AGW context of two terminations, MSRP untouched (RFC 6714)."""
    access, core = Dialog("access", UE, ALG, frame=1), Dialog("core", ALG, MRFC, at=START + S, frame=101)
    if identities:
        access.icid = core.icid = "icid-4711"
        access.session_id = core.session_id = UUID
    headers = FOCUS if focus else ()
    ue, agw_core = msrp_sdp(UE, 7394, "ue1"), msrp_sdp(CORE, 40002, "ue1")
    mrfp, agw_access = msrp_sdp(MRFP, 28563, "mrf1"), msrp_sdp(ACCESS, 40001, "mrf1")
    agw, mrf = Gateway(ALG + ":2944", AGW + ":2944", frame=1001), Gateway(frame=1101)

    def plain(sdp: bytes) -> bytes:
        """An AGW that knows nothing of MSRP is told no paths (TS 23.334 clause 5.16)."""
        return sdp if paths else b"".join(line for line in sdp.splitlines(True) if not line.startswith(b"a=path"))

    things = setup(access, ue, agw_access, headers) + setup(core, agw_core, mrfp, headers)
    things += [
        agw.down(f"T=1{{C=${{A=ip/1/${{{media(b'', plain(ue))}}},A=ip/2/${{{media(b'', plain(mrfp))}}}}}}}"),
        agw.up(f"P=1{{C=5{{A=ip/1/1{{{media(plain(agw_access))}}},A=ip/2/2{{{media(plain(agw_core))}}}}}}}"),
        mrf.down(f"T=1{{C=${{A=ip/1/${{{media(b'', agw_core)}}}}}}}"),
        mrf.up(f"P=1{{C=17{{A=ip/1/33{{{media(mrfp)}}}}}}}"),
        tcp(f"{UE}:7394", f"{ACCESS}:40001", ("ue1", "mrf1"), frame=2001),
        tcp(f"{CORE}:40002", f"{MRFP}:28563", ("ue1", "mrf1"), frame=2101),
    ]
    return things


@pytest.mark.parametrize("paths", [True, False], ids=["aware", "agnostic"])
@pytest.mark.parametrize("identities", [True, False], ids=["ICID", "no identity"])
def test_each_leg_gets_its_own_media(paths: bool, identities: bool) -> None:
    access, core = legs(through_the_border(paths=paths, identities=identities))
    assert [f"{life.gateway} {life.termination_id}" for life in access.terminations] == [f"{AGW}:2944 ip/1/1"]
    assert sorted(f"{life.gateway} {life.termination_id}" for life in core.terminations) == [
        f"{MRFP}:2944 ip/1/33",
        f"{AGW}:2944 ip/2/2",
    ]
    assert [part.connection.name for part in access.connections] == [f"tcp {UE}:7394 > {ACCESS}:40001"]
    assert [part.connection.name for part in core.connections] == [f"tcp {CORE}:40002 > {MRFP}:28563"]


def test_legs_are_linked_both_ways() -> None:
    access, core = legs(through_the_border())
    assert [(link.to, link.reason, link.confidence.value) for link in access.links if "session" in link.to] == [
        (f"session {core.id}", "same ICID and Session-ID", "certain")
    ]
    assert [link.to for link in core.links if link.to.startswith("session")] == [f"session {access.id}"]


def test_legs_by_icid_alone() -> None:
    one, two = Dialog("a", UE, ALG), Dialog("b", ALG, UE_B, at=START + S, frame=101)
    one.icid = two.icid = "icid-1"
    (first, second), _, _ = run(setup(one, b"", b"") + setup(two, b"", b""))
    assert [(link.to, link.reason, link.confidence.value) for link in first.links] == [
        (f"session {second.id}", "same ICID (RFC 7315)", "likely")
    ]


@pytest.mark.parametrize("focus", [False, True], ids=["no focus", "focus behind it"])
def test_roles_at_the_border(focus: bool) -> None:
    """The controller between two calls of one ICID whose terminations share a context is an IMS-ALG."""
    _, _, correlator = run(through_the_border(focus))
    roles = {address: correlator.nodes.role(address) for address in (UE, ALG, AGW, ACCESS, CORE, MRFC, MRFP)}
    assert roles == {
        UE: "UE" if focus else "",
        ALG: "P-CSCF/IMS-ALG",
        AGW: "IMS-AGW",
        ACCESS: "IMS-AGW",
        CORE: "IMS-AGW",
        MRFC: "MRFC",
        MRFP: "MRFP",
    }


def test_roles_given_are_never_overruled() -> None:
    _, _, correlator = run(through_the_border(), {ALG: "IBCF", UE: "UE"})
    assert (correlator.nodes.role(ALG), correlator.nodes.role(UE)) == ("IBCF", "UE")
    assert correlator.nodes.gives(ALG)
    assert not correlator.nodes.gives(AGW)


def test_roles_of_plain_calls() -> None:
    """Audio without a focus: a media gateway and its controller, nothing of conferences."""
    g = Gateway()
    offer, answer = msrp_sdp(UE, 4000, media="audio"), msrp_sdp(MRFP, 5000, media="audio")
    things = setup(Dialog(), offer, answer)
    things += [
        g.down(f"T=1{{C=${{A=ip/1/${{{media(b'', offer)}}}}}}}"), g.up(f"P=1{{C=7{{A=ip/1/3{{{media(answer)}}}}}}}")
    ]  # fmt: skip
    (session,), conferences, correlator = run(things)
    assert (session.kind, conferences) == ("call", [])
    assert (correlator.nodes.role(MRFC), correlator.nodes.role(MRFP), correlator.nodes.role(UE)) == ("MGC", "MG", "")


def test_roles_at_a_focus_behind_a_proxy() -> None:
    proxy = "192.0.2.1"
    d = Dialog()
    offer, answer = msrp_sdp(UE, 7394, "ue1"), msrp_sdp(MRFP, 28563, "mrf1")
    first = d.request("INVITE", 1, offer, way=flow(UE, proxy))
    d.again(first, flow(proxy, MRFC))
    second = d.response(200, sdp=answer, headers=FOCUS, way=flow(MRFC, proxy))
    d.again(second, flow(proxy, UE))
    _, _, correlator = run(list(d.messages))
    roles = [correlator.nodes.role(address) for address in (UE, proxy, MRFC, MRFP)]
    assert roles == ["UE", "proxy", "MRFC", "MRFP"]


def members(found: list[Session], conferences: list[Conference]) -> list[tuple[str, list[str]]]:
    """URI and the Call-IDs of every conference."""
    names = {session.id: session.call.call_id if session.call else "" for session in found}
    return [(each.uri, [names[session] for session in each.sessions]) for each in conferences]


def participants(room: str, count: int, frame: int, at: int, focus: bool = True) -> list[Message | Connection]:
    """UEs that dial in to one room: a call each, all terminations in one context."""
    gateway = Gateway(frame=frame + 500, at=at)
    things: list[Message | Connection] = []
    context = 17 if room == "one" else 18
    for number in range(count):
        ue, name = f"10.0.{context}.{number + 1}", f"{room}{number}"
        offer, answer = msrp_sdp(ue, 7394, f"u{name}"), msrp_sdp(MRFP, 28563, f"m{name}")
        d = Dialog(name, ue, MRFC, at=at + number * S, frame=frame + 10 * number)
        headers = (("Contact", f"<sip:{room}@conf.example.net>;isfocus"),) if focus else ()
        things += setup(d, offer, answer, headers)
        gateway.time = at + number * S
        wanted = "$" if number == 0 else str(context)
        tid = context * 100 + number
        things += [
            gateway.down(f"T={tid}{{C={wanted}{{A=ip/1/${{{media(b'', offer)}}}}}}}"),
            gateway.up(f"P={tid}{{C={context}{{A=ip/1/{context}{number}{{{media(answer)}}}}}}}"),
        ]
    return things


def test_two_conferences_interleaved() -> None:
    one, two = participants("one", 3, 1, START), participants("two", 3, 10001, START + S // 2)
    mixed = [each for pair in itertools.zip_longest(one, two) for each in pair if each is not None]
    found, conferences, _ = run(mixed)
    assert members(found, conferences) == [
        ("sip:one@conf.example.net", ["one0", "one1", "one2"]),
        ("sip:two@conf.example.net", ["two0", "two1", "two2"]),
    ]


def test_conference_by_context_alone() -> None:
    found, conferences, _ = run(participants("one", 3, 1, START, focus=False))
    assert members(found, conferences) == [("", ["one0", "one1", "one2"])]
    found, conferences, _ = run(participants("one", 2, 1, START, focus=False))
    assert conferences == []


def test_conference_id_is_that_of_its_uri() -> None:
    _, first, _ = run(participants("one", 3, 1, START))
    _, second, _ = run(participants("one", 2, 1, START + 50 * S))
    assert [each.id for each in first] == [each.id for each in second]


def test_context_used_again_is_another_conference() -> None:
    """Without a focus: the same context id later is not the same room (H.248.1 clause 6.1)."""
    first, later = (
        participants("one", 3, 1, START, focus=False),
        participants("one", 3, 20001, START + 900 * S, focus=False),
    )
    for thing in later:
        assert isinstance(thing, Message)
        if thing.protocol == "sip":
            text = thing.decoded.data.replace(b"Call-ID: one", b"Call-ID: new")
            thing.decoded = decode_sip(text)
    found, conferences, _ = run(first + later)
    assert members(found, conferences) == [("", ["one0", "one1", "one2"]), ("", ["new0", "new1", "new2"])]


def test_conference_uri_does_not_depend_on_who_leaves_first() -> None:
    """The same room in two spellings (RFC 3261 section 19.1.4)."""
    one = ("Contact", "<sip:chat@Conf.example.net;gr=1>;isfocus")
    other = ("Contact", "<sip:chat@conf.example.net>;isfocus")
    for first, second in ((one, other), (other, one)):
        things = setup(Dialog("a"), b"", b"", (first,)) + setup(
            Dialog("b", at=START + S, frame=51), b"", b"", (second,)
        )
        found, conferences, _ = run(things)
        assert members(found, conferences) == [("sip:chat@Conf.example.net;gr=1", ["a", "b"])]


def test_each_leg_knows_what_the_other_announced() -> None:
    """Whichever is handed out first: of the one that is gone a note stays."""
    access, core = legs(through_the_border())
    for session, other, offer, answer in (
        (access, core, f"{CORE}:40002", f"{MRFP}:28563"),
        (core, access, f"{UE}:7394", f"{ACCESS}:40001"),
    ):
        (leg,) = session.other_legs
        assert leg.session_id == other.id
        assert leg.offer is not None
        assert leg.answer is not None
        assert [f"{each.end.address}:{each.end.port}" for each in (leg.offer, leg.answer)] == [offer, answer]
    access.release()
    assert access.other_legs == []


def test_both_legs_of_a_border_gateway_are_told() -> None:
    """Also when all calls are handed out at once, at the end of the capture."""
    assert [session.border for session in legs(through_the_border())] == [True, True]


def test_notes_about_legs_are_bounded() -> None:
    table = LegMediaTable()
    call = SipCall("one")
    call.add(Dialog("one").request("INVITE", 1, msrp_sdp(UE, 7394, "ue1")))
    for number in range(MAX_NOTED + 5):
        call.call_id = f"c{number}"
        table.note(call, f"s{number}")
    assert table.of(["c0", "c4"], {}) == []
    assert [leg.session_id for leg in table.of(["c5", f"c{MAX_NOTED + 4}"], {})] == ["s5", f"s{MAX_NOTED + 4}"]


@pytest.mark.parametrize("paths", [True, False], ids=["aware", "agnostic"])
def test_the_mrfp_behind_a_border_gateway_is_still_the_mrfp(paths: bool) -> None:
    """The AGW's context joins two legs, the MRFP's on the core leg does not: the MRFC's rows are held against it."""
    sessions, _, correlator = run(through_the_border(focus=True, paths=paths))
    by_call = {session.call.call_id: session for session in sessions if session.call is not None}
    access, core = by_call["access"], by_call["core"]
    seen = [Evidence(session, correlator.nodes, correlator.scope, DEFAULT_PROFILE) for session in (access, core)]
    assert [each.is_border for each in seen] == [True, False]
    assert [each.side for each in seen] == [Side.UNKNOWN, Side.ANSWERS]
    assert seen[0].mrfp is None
    assert seen[1].mrfp is not None
    assert (seen[1].mrfp.gateway, seen[1].mrfp.termination_id) == (f"{MRFP}:2944", "ip/1/33")


def calls_of_one_icid(count: int) -> list[Session]:
    things: list[Message | Connection] = []
    for number in range(count):
        d = Dialog(f"call{number}", UE, MRFC, at=START + number * S, frame=1 + 10 * number)
        d.icid = "icid-4711"
        things += setup(d, b"", b"")
    return run(things)[0]


@pytest.mark.parametrize(("count", "others"), [(2, 1), (8, 7), (9, 0), (20, 0)])
def test_an_identity_that_more_calls_share_than_a_call_has_legs_is_none(count: int, others: int) -> None:
    """Some equipment writes a constant into P-Charging-Vector; eight legs are a call through six networks."""
    for session in calls_of_one_icid(count):
        assert [link.reason for link in session.links] == ["same ICID (RFC 7315)"] * others


@pytest.mark.parametrize("paths", [True, False], ids=["aware", "agnostic"])
def test_two_participants_one_of_them_behind_a_border_are_both_of_the_mrfp(paths: bool) -> None:
    """Two gateways that exchange media, two terminations in each context: only one of them is at the border."""
    things = through_the_border(focus=True, paths=paths)
    direct = Dialog("direct", UE_B, MRFC, at=START + S // 2, frame=301)
    offer, answer = msrp_sdp(UE_B, 8145, "ue2"), msrp_sdp(MRFP, 28563, "mrf2")
    mrf = Gateway(frame=1301, at=START + 2 * S)
    things += setup(direct, offer, answer, FOCUS)
    things += [
        mrf.down(f"T=9{{C=17{{A=ip/1/${{{media(b'', offer)}}}}}}}"),
        mrf.up(f"P=9{{C=17{{A=ip/1/34{{{media(answer)}}}}}}}"),
    ]
    sessions, _, correlator = run(things)
    by_call = {session.call.call_id: session for session in sessions if session.call is not None}
    for name, side in (("access", Side.UNKNOWN), ("core", Side.ANSWERS), ("direct", Side.ANSWERS)):
        seen = Evidence(by_call[name], correlator.nodes, correlator.scope, DEFAULT_PROFILE)
        assert (name, seen.side) == (name, side)
        assert {gateway for gateway, _ in by_call[name].borders} <= {f"{AGW}:2944"}
