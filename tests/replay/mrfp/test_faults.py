"""Each fault breaks just the behaviour of its row; without it the same conversation keeps it."""

from __future__ import annotations

import pytest
from mrfp_script import EVENTS, KEY, MEDIA, SECURE, START_BOTH, START_TCP, UE, Script

from replay.events import Close, Connect, Connected, ConnectFailed, Listen, Secure, Secured, SecureFailed
from replay.mrfp import FAULTS


def with_and_without(row: str) -> list[tuple[bool, Script]]:
    return [(True, Script([row])), (False, Script())]


def test_every_fault_has_a_sentence_and_a_test() -> None:
    tested = "-".join(name.removeprefix("test_").replace("_", "-").upper() for name in globals())
    assert [row for row in FAULTS if f"-{row.upper()}" not in tested] == []
    assert all(text.endswith(".") for text in FAULTS.values())


def test_gen_1() -> None:
    for broken, script in with_and_without("GEN-1"):
        ann = script.join(name="ann")
        bob = script.join(ann.added.context, "bob")
        ann.say("x")
        (got,) = bob.take()
        assert got.content_type == ("" if broken else "message/cpim")
        assert got.body == ann.wrapped("x").encode()


def test_gen_3() -> None:
    for broken, script in with_and_without("GEN-3"):
        added = script.add()
        name = added.termination
        assert ("msrpstat/" in script.order(f"C={added.context}{{AV={name}{{AT{{SA}}}}}}")) == (not broken)
        assert ("msrpstat/" in script.order(f"C={added.context}{{S={name}{{AT{{SA}}}}}}")) == (not broken)


def test_gen_4() -> None:
    for broken, script in with_and_without("GEN-4"):
        reply = script.order('C=${A=ip/1/mb/${M{ST=1{O{mf/script="keep;"}}}}}')
        assert "ER=" not in reply
        added = script.add()
        reply = script.order(f'C={added.context}{{MF={added.termination}{{M{{ST=1{{O{{mf/script="keep;"}}}}}}}}}}')
        assert ("ER=701" in reply) == broken


def test_mrfp_1() -> None:
    for broken, script in with_and_without("MRFP-1"):
        reply = script.order("C=${A=$" + "{M{ST=1{L{\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=path:$\n}}}}}")
        assert ("a=path:" in reply) != broken
        assert f"c=IN IP4 {MEDIA}\n" in reply
        assert len(script.mrfp.legs) == 1


def test_mrfp_2() -> None:
    for broken, script in with_and_without("MRFP-2"):
        ann = script.join(name="ann")
        ann.say("x")
        assert ann.status() == (481 if broken else 200)


def test_mrfp_3() -> None:
    for broken, script in with_and_without("MRFP-3"):
        ann = script.join(name="ann")
        bob = script.join(ann.added.context, "bob")
        ann.say("x")
        (got,) = bob.take()
        assert (got.to_path == bob.path) != broken
        if broken:
            assert got.to_path == "msrp://198.51.100.7:7394/bob;TCP"


def test_tcp_5() -> None:
    for broken, script in with_and_without("TCP-5"):
        added = script.add(setup="active", signals=START_TCP)
        assert script.of(Connect) == ([] if broken else [Connect(1, (MEDIA, added.port), UE)])
        assert script.of(Listen) == ([Listen((MEDIA, added.port))] if broken else [])
    script = Script(["TCP-5"])
    script.add(setup="active", signals=START_BOTH, **SECURE)  # type: ignore[arg-type]
    assert len(script.of(Connect)) == 1


@pytest.mark.parametrize("row", ["CONN-6", "TCPC-1"])
def test_conn_6_tcpc_1(row: str) -> None:
    for broken, script in with_and_without(row):
        script.add(setup="active", signals=START_TCP)
        assert len(script.of(Connect)) == (not broken)
        assert len(script.of(Listen)) == broken


def test_conn_1() -> None:
    for broken, script in with_and_without("CONN-1"):
        script.add(setup="passive")
        assert len(script.of(Connect)) == broken
        assert len(script.of(Listen)) == (not broken)


def test_conn_2() -> None:
    for broken, script in with_and_without("CONN-2"):
        script.add(setup="active", signals=START_TCP, path="msrp://198.51.100.7:7395/ann;tcp")
        (wish,) = script.of(Connect)
        assert wish.peer == (("198.51.100.7", 7395) if broken else UE)


def test_tls_5() -> None:
    for broken, script in with_and_without("TLS-5"):
        added = script.add(setup="active", signals=START_BOTH, **SECURE)  # type: ignore[arg-type]
        script.tell(Connected(1, (MEDIA, added.port), UE))
        script.tell(Secured(1, "mrfp"))
        script.order(f"C={added.context}{{S={added.termination}}}")
        assert script.of(Close) == [Close(1, silent=broken)]


def test_din_7() -> None:
    for broken, script in with_and_without("DIN-7"):
        script.add(setup="active", signals=START_BOTH, **SECURE)  # type: ignore[arg-type]
        assert len(script.of(Connect)) == (not broken)
        assert len(script.of(Listen)) == broken


def test_tcp_f() -> None:
    for broken, script in with_and_without("TCP-F"):
        script.add(setup="active", events=EVENTS, signals=START_TCP)
        script.tell(ConnectFailed(1, "refused"))
        assert len(script.notices()) == (not broken)


@pytest.mark.parametrize("layer", ["tcp", "tls"])
def test_din_f(layer: str) -> None:
    for broken, script in with_and_without("DIN-F"):
        added = script.add(setup="active", events=EVENTS, signals=START_BOTH, **SECURE)  # type: ignore[arg-type]
        if layer == "tcp":
            script.tell(ConnectFailed(1, "timeout"))
        else:
            script.tell(Connected(1, (MEDIA, added.port), UE))
            script.tell(SecureFailed(1, "bad record mac"))
        assert len(script.notices()) == (not broken)


def test_din_8() -> None:
    for broken, script in with_and_without("DIN-8"):
        added = script.add(setup="active", signals=START_BOTH, **SECURE)  # type: ignore[arg-type]
        script.tell(Connected(1, (MEDIA, added.port), UE))
        assert script.of(Secure) == [Secure(1, not broken, KEY, "mrfp")]


def test_din_4d() -> None:
    for broken, script in with_and_without("DIN-4d"):
        added = script.add(setup="active", signals=START_TCP, **SECURE)  # type: ignore[arg-type]
        script.tell(Connected(1, (MEDIA, added.port), UE))
        assert len(script.of(Secure)) == (not broken)


def test_dout_12() -> None:
    for broken, script in with_and_without("DOUT-12"):
        script.add(setup="passive", **SECURE)  # type: ignore[arg-type]
        assert len(script.of(Connect)) == broken
        assert len(script.of(Listen)) == (not broken)
        if broken:  # the UE still starts TLS
            script.tell(Connected(1, (MEDIA, 5), UE))
            assert script.of(Secure) == [Secure(1, False, KEY, "mrfp")]


def test_dout_13() -> None:
    for broken, script in with_and_without("DOUT-13"):
        added = script.add(setup="passive", **SECURE)  # type: ignore[arg-type]
        connection = script.accept(added.port)
        assert script.of(Secure) == [Secure(connection, broken, KEY, "mrfp")]
