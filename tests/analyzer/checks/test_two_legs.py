"""Two SIP legs with one Call-ID, and H.248 on Iq beside Mp: CR sections A to D are about Mp and the MRFC's leg alone.

The IMS-ALG on the way commands a gateway too (TS 23.334 clause 5); what it rewrites is not the MRFC's (RFC 6714
section 5). Each situation has a neighbour in which the MRFC is wrong, and found.
"""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.correlate.session import Session
from analyzer.findings import Status
from analyzer.model import Verdict
from tests.analyzer.checks.border_world import (
    ACCESS,
    AGW,
    ALG,
    CORE,
    MEDIA,
    MRFP_PATH,
    UE_PATH,
    Border,
    DialOut,
    local,
    sdp,
)
from tests.analyzer.conversations.made import MRFC, MRFP, UE

OTHER_PATH = f"msrp://{MEDIA}:28563/another;tcp"
WRONG_PATH = sdp(MEDIA, 28563, OTHER_PATH, "active")
WRONG_PLACE = sdp(MRFC, 28563, MRFP_PATH, "active")
DIAL_IN = "tcp-dial-in"


def codes(session: Session) -> list[str]:
    return sorted(finding.code for finding in session.findings)


def of_call(sessions: list[Session]) -> Session:
    (session,) = [each for each in sessions if each.sip is not None]
    return session


BOTH = [
    pytest.param({}, id="Iq and Mp"),
    pytest.param({"iq": False}, id="Mp alone"),
    pytest.param({"mp": False}, id="Iq alone"),
    pytest.param({"tags": True}, id="tags of its own on each leg"),
    pytest.param({"paths": False}, id="the AGW knows nothing of MSRP"),
    pytest.param({"at_once": False}, id="each side of the AGW by itself"),
    pytest.param({"aware": True}, id="the AGW is an MSRP agent"),
    pytest.param({"hops": ("core",)}, id="the MRFC's leg alone"),
]


@pytest.mark.parametrize("change", BOTH)
def test_a_border_on_the_way_is_neither_mrfc_nor_mrfp(change: dict[str, Any]) -> None:
    sessions, correlator = Border(**change).judged()
    session = of_call(sessions)
    assert (session.flow, session.verdict, codes(session)) == (DIAL_IN, Verdict.OK, [])
    roles = {address: correlator.nodes.role(address) for address in (ALG, AGW, ACCESS, MRFC, MRFP, MEDIA)}
    iq, mp = change.get("iq", True), change.get("mp", True)
    assert roles[ALG] == ("P-CSCF/IMS-ALG" if iq else "proxy")
    assert (roles[AGW], roles[ACCESS]) == (("IMS-AGW", "IMS-AGW") if iq else ("", ""))
    assert (roles[MRFC], roles[MRFP], roles[MEDIA]) == ("MRFC", "MRFP" if mp else "", "MRFP")


@pytest.mark.parametrize("change", [each for each in BOTH if each.id != "Iq alone"])
def test_the_mrfc_that_answers_another_path_is_found_beside_iq(change: dict[str, Any]) -> None:
    """OFFER-5, TS 23.333 clause 6.2.10.3.1."""
    session = of_call(Border(**change, answer=WRONG_PATH).judged()[0])
    assert (session.flow, session.results["OFFER-5"].status) == (DIAL_IN, Status.FAILED)
    assert session.verdict is Verdict.FAILED


@pytest.mark.parametrize("change", [each for each in BOTH if each.id != "Iq alone"])
def test_the_mrfc_that_answers_another_address_is_found_beside_iq(change: dict[str, Any]) -> None:
    """TCP-6, TS 23.333 clause 6.2.20.1 step 6: the MRFC's own hop is in the capture."""
    session = of_call(Border(**change, answer=WRONG_PLACE).judged()[0])
    assert session.results["TCP-6"].status is Status.FAILED


def test_rows_of_mp_are_not_held_against_iq() -> None:
    """Without Mp nothing is known of what the MRFC told its MRFP."""
    session = of_call(Border(mp=False).judged()[0])
    rows = {code: session.results[code].status for code in ("TCP-2", "TCP-3", "TCP-4", "OFFER-1", "OFFER-5", "MRFP-1")}
    assert set(rows.values()) == {Status.NOT_OBSERVABLE}
    assert "border gateway" in session.results["TCP-2"].reason


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"mp": False}, id="Iq"),
        pytest.param({}, id="Iq and Mp"),
        pytest.param({"mp": False, "paths": False}, id="agnostic"),
        pytest.param({"mp": False, "paths": False, "at_once": False}, id="agnostic, one by one"),
        pytest.param({"mp": False, "aware": True}, id="aware"),
        pytest.param({"aware": True, "at_once": False}, id="aware, one by one, and Mp"),
    ],
)
def test_the_access_leg_alone_is_not_judged_as_the_mrfcs(change: dict[str, Any]) -> None:
    """The IMS-ALG keeps the Contact with `isfocus`: that alone makes it no MRFC."""
    sessions, correlator = Border(hops=("access",), **change).judged()
    session = of_call(sessions)
    assert (session.flow, session.verdict, codes(session)) == (None, Verdict.INCOMPLETE, [])
    assert session.state == "ended, not judged: only a border gateway serves it"
    assert session.flow_reason.startswith("only a border gateway serves it (ip/")
    assert (correlator.nodes.role(ALG), correlator.nodes.role(AGW)) == ("P-CSCF/IMS-ALG", "IMS-AGW")


def test_a_real_mrfc_that_is_the_only_hop_is_judged() -> None:
    """The neighbour of the access leg alone: one termination of a context, and it is the MRFP's."""
    for answer, status in ((sdp(MEDIA, 28563, MRFP_PATH, "active"), Status.OK), (WRONG_PLACE, Status.FAILED)):
        world = Border(hops=("core",), iq=False, answer=answer)
        session = of_call(world.judged()[0])
        assert (session.flow, session.results["TCP-6"].status) == (DIAL_IN, status)


def test_what_a_border_rewrote_is_not_the_mrfcs() -> None:
    """SIP of the access leg and Mp: TCP-6 and OFFER-3b compare what is not the MRFC's own."""
    sessions, correlator = Border(hops=("access",), iq=False).judged()
    session = of_call(sessions)
    assert (session.flow, session.verdict, codes(session)) == (DIAL_IN, Verdict.OK, [])
    for code in ("TCP-6", "OFFER-3b"):
        result = session.results[code]
        assert result.status is Status.NOT_OBSERVABLE
        assert "the MRFC's own SIP is not in the capture" in result.reason
        assert MRFC in result.reason
    assert [session.results[code].status for code in ("OFFER-1", "OFFER-5")] == [Status.OK, Status.OK]
    assert (correlator.nodes.role(ALG), correlator.nodes.role(ACCESS)) == ("", "")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"answer": WRONG_PLACE}, "TCP-6"),
        ({"remote": local(UE, 7395, UE_PATH, "passive")}, "OFFER-3b"),
    ],
    ids=["TCP-6", "OFFER-3b"],
)
def test_an_mrfc_whose_h248_has_an_address_of_its_own_is_judged(change: dict[str, Any], code: str) -> None:
    """One of the two places is that of the SIP, so no border is between them; the other one is the MRFC's fault."""
    session = of_call(_direct(**change).judged()[0])
    assert (session.flow, session.results[code].status) == (DIAL_IN, Status.FAILED)
    assert of_call(_direct().judged()[0]).verdict is Verdict.OK


def _direct(**change: Any) -> Border:
    """UE and MRFC without anything between them, Mp from another address of the MRFC."""
    direct = {"remote": local(UE, 7394, UE_PATH, "passive")} | change
    return Border(hops=("core",), iq=False, mgc="192.0.2.11", core=UE, core_port=7394, alg=UE, **direct)


def test_the_copy_on_the_mrfcs_hop_may_be_missing() -> None:
    """Its 200 escaped the capture on that hop; the other one has the border's address."""
    world = Border(iq=False)
    world.things = [
        each
        for each in world.things
        if not (getattr(each, "protocol", "") == "sip" and each.flow.src_ip == MRFC and b"\r\nv=0" in each.decoded.data)
    ]
    session = of_call(world.judged()[0])
    assert session.results["TCP-6"].status is Status.NOT_OBSERVABLE
    assert "MRFC's own hop" in session.results["TCP-6"].reason
    assert codes(session) == []


def test_roles_given_by_the_user_decide() -> None:
    """`--node` comes before all inference."""
    session = of_call(Border(hops=("access",), mp=False).judged({ALG: "MRFC", AGW: "MRFP"})[0])
    assert session.flow == DIAL_IN
    session = of_call(Border(hops=("core",), iq=False).judged({MRFC: "IBCF", MRFP: "TrGW"})[0])
    assert (session.flow, session.verdict) == (None, Verdict.INCOMPLETE)


OUT = [each for each in BOTH if not {"paths", "at_once", "aware"} & set(each.values[0])]


@pytest.mark.parametrize("change", OUT)
def test_a_border_on_the_way_of_a_dial_out(change: dict[str, Any]) -> None:
    sessions, correlator = DialOut(**change).judged()
    session = of_call(sessions)
    assert (session.flow, session.verdict, codes(session)) == ("tcp-dial-out", Verdict.OK, [])
    assert correlator.nodes.role(ALG) == ("P-CSCF/IMS-ALG" if change.get("iq", True) else "proxy")
    assert correlator.nodes.role(MRFC) == "MRFC"


@pytest.mark.parametrize("change", [each for each in OUT if each.id != "Iq alone"])
def test_the_mrfc_that_configures_another_path_is_found_beside_iq(change: dict[str, Any]) -> None:
    """ANS-1, TS 23.333 clause 6.2.10.3.1: the answer's path, which the IMS-ALG left alone."""
    wrong = local(CORE, 40002, f"msrp://{UE}:7394/another;tcp", "active")
    session = of_call(DialOut(**change, remote=wrong).judged()[0])
    assert (session.flow, session.results["ANS-1"].status) == ("tcp-dial-out", Status.FAILED)


def test_the_access_leg_of_a_dial_out_is_not_judged_as_the_mrfcs() -> None:
    sessions, correlator = DialOut(hops=("access",), mp=False).judged()
    session = of_call(sessions)
    assert (session.flow, session.verdict, codes(session)) == (None, Verdict.INCOMPLETE, [])
    assert (correlator.nodes.role(ALG), correlator.nodes.role(AGW)) == ("P-CSCF/IMS-ALG", "IMS-AGW")


def test_a_dial_out_whose_own_hop_is_missing_is_judged_by_its_paths() -> None:
    session = of_call(DialOut(hops=("access",), iq=False).judged()[0])
    assert (session.flow, session.verdict, codes(session)) == ("tcp-dial-out", Verdict.OK, [])
    assert [session.results[code].status for code in ("SEND-3", "ANS-1")] == [Status.OK, Status.OK]


WORLDS = [
    *(pytest.param(Border, each.values[0], id=f"dial-in, {each.id}") for each in BOTH),
    *(pytest.param(DialOut, each.values[0], id=f"dial-out, {each.id}") for each in OUT),
    *(
        pytest.param(world, {"hops": ("access",), **change}, id=f"{name}, access leg, {what}")
        for world, name in ((Border, "dial-in"), (DialOut, "dial-out"))
        for change, what in (({}, "Iq and Mp"), ({"iq": False}, "Mp"), ({"mp": False}, "Iq"))
    ),
]


@pytest.mark.parametrize(("world", "change"), WORLDS)
def test_no_message_that_is_missing_makes_anybody_wrong(world: type[Border], change: dict[str, Any]) -> None:
    """Whichever one escaped the capture: what is left is not held against the wrong node."""
    for number in range(len(world(**change).things)):
        lossy = world(**change)
        lost = lossy.things.pop(number)
        sessions, _ = lossy.judged()
        assert (lost, [codes(session) for session in sessions]) == (lost, [[] for _ in sessions])
