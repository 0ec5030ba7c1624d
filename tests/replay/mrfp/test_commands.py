"""H.248 commands of the MRFP: what is asked, chosen, told, and refused with which error (H.248.1, H.248.8)."""

from __future__ import annotations

import pytest
from mrfp_script import MEDIA, MGC, UE, Script

from dissectors.h248 import (
    CHOOSE_CONTEXT,
    Command,
    CommandName,
    ContextAction,
    H248Message,
    TransactionReply,
    TransactionRequest,
)
from dissectors.h248.model import MediaDescriptor, Property, StreamParameters
from replay.events import Close, Connect, Listen, Unlisten
from replay.mrfp import Limits

LOCAL = "L{\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=path:$\n}"


def error(reply: str) -> int:
    assert "ER=" in reply, reply
    return int(reply.split("ER=", 1)[1].split("{", 1)[0])


# ---------------------------------------------------------------------- what is chosen


def test_mrfp_1_address_port_and_session_id_are_chosen() -> None:
    script = Script()
    added = script.add(setup="active")
    session_id = added.path.rpartition("/")[2].removesuffix(";tcp")
    assert added.reply == (
        f"{{C={added.context}{{A={added.termination}{{M{{ST=1{{L{{\nv=0\nc=IN IP4 {MEDIA}\n"
        f"m=message {added.port} TCP/MSRP *\na=setup:active\na=path:msrp://{MEDIA}:{added.port}/{session_id};tcp\n"
        "}}}}}}"
    )
    assert added.port in range(20_000, 30_000)
    assert len(session_id) == 20  # 80 bits (RFC 4975 section 14.1)


def test_each_session_has_a_port_and_an_id_of_its_own() -> None:
    script = Script()
    added = [script.add(), *(script.add("$") for _ in range(20))]
    assert len({each.port for each in added}) == 21
    assert len({each.path.rpartition("/")[2] for each in added}) == 21
    assert len({each.context for each in added}) == 21


def test_offer_2_the_transport_decides_the_scheme() -> None:
    assert Script().add(proto="TCP/TLS/MSRP").path.startswith(f"msrps://{MEDIA}:")


def test_the_first_alternative_that_is_msrp_is_taken() -> None:  # clause 7.1.8
    reply = Script().order(
        "C=${A=${M{ST=1{L{\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n"
        "v=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=path:$\n}}}}}"
    )
    assert "m=audio" not in reply
    assert "a=path:msrp://" in reply


def test_a_stream_without_its_number_is_stream_1() -> None:
    reply = Script().order(f"C=${{A=ip/1/mb/${{M{{{LOCAL}}}}}}}")
    assert "a=path:msrp://" in reply


def test_ipv6() -> None:
    script = Script(media_address="2001:db8::5")
    reply = script.order("C=${A=${M{ST=1{L{\nv=0\nc=IN IP6 $\nm=message $ TCP/MSRP *\na=path:$\n}}}}}")
    assert "c=IN IP6 2001:db8::5\n" in reply
    assert "a=path:msrp://[2001:db8::5]:" in reply


def test_a_termination_joins_a_context_that_exists() -> None:
    script = Script()
    first = script.add()
    second = script.add(first.context)
    assert second.context == first.context
    assert second.termination != first.termination


def test_a_partly_wildcarded_name_and_dollar_alone() -> None:
    script = Script()
    assert "{A=ip/1/mb/" in script.order(f"C=${{A=ip/$/$/${{M{{ST=1{{{LOCAL}}}}}}}}}")
    assert "{A=ip/1/mb/" in script.order(f"C=${{A=${{M{{ST=1{{{LOCAL}}}}}}}}}")
    assert "{A=ip/1/mb/" in script.order(f"C=${{A=ip/${{M{{ST=1{{{LOCAL}}}}}}}}}")


# ---------------------------------------------------------------------- Modify, Move, Subtract


def test_reserve_then_configure() -> None:  # DOUT-2, DOUT-9b
    script = Script()
    reply = script.order(f"C=${{A=ip/1/mb/${{M{{ST=1{{{LOCAL}}}}}}}}}")
    number, name = reply.split("C=")[1].split("{")[0], reply.split("A=")[1].split("{")[0]
    path = reply.split("a=path:")[1].split("\n")[0]
    port = path.split(":")[2].split("/")[0]
    assert script.of(Listen) == [Listen((MEDIA, int(port)))]
    again = (
        f"L{{\nv=0\nc=IN IP4 {MEDIA}\nm=message {port} TCP/MSRP *\na=setup:passive\na=path:{path}\n}},"
        "R{\nv=0\nc=IN IP4 198.51.100.7\nm=message 7394 TCP/MSRP *\na=path:msrp://198.51.100.7:7394/ue1;tcp\n}"
    )
    assert script.order(f"C={number}{{MF={name}{{M{{ST=1{{O{{MO=SR}},{again}}}}}}}}}") == f"{{C={number}{{MF={name}}}}}"
    assert script.mrfp.legs[0].path == "msrp://198.51.100.7:7394/ue1;tcp"
    assert script.mrfp.legs[0].remote == UE


def test_properties_that_a_modify_does_not_name_stay() -> None:  # H.248.1 clause 7.1.1
    script = Script()
    control = 'MO=SR,mf/script="discard;",msi/room="sip:chat@conf.example.net"'
    ann = script.join(name="ann", control=control)
    bob = script.join(ann.added.context, "bob")
    added = ann.added
    script.order(f"C={added.context}{{MF={added.termination}{{M{{ST=1{{O{{tlsbsc/psk=00112233}}}}}}}}}}")
    reply = script.order(f"C={added.context}{{AV={added.termination}{{AT{{M}}}}}}")
    assert f"O{{{control}}}" in reply
    ann.say("still filtered")
    assert bob.take() == []
    script.order(f'C={added.context}{{MF={added.termination}{{M{{ST=1{{O{{mf/script="keep;"}}}}}}}}}}')
    ann.say("no more", message_id="m2")
    assert len(bob.take()) == 1


def test_without_a_connection_line_the_first_path_entry_has_the_address() -> None:
    script = Script()
    remote = "R{\nv=0\nm=message 7394 TCP/MSRP *\na=path:msrp://198.51.100.7:2855/r;tcp msrp://192.0.2.7:1/u;tcp\n}"
    assert "a=path:" in script.order(in_stream(f"{LOCAL},{remote}"))
    assert script.mrfp.legs[0].remote == UE
    assert error(script.order(in_stream(LOCAL + ",R{\nv=0\nm=message 7394 TCP/MSRP *\n}"))) == 449


def test_local_may_be_chosen_again_and_stays() -> None:
    script = Script()
    added = script.add()
    reply = script.order(f"C={added.context}{{MF={added.termination}{{M{{ST=1{{{LOCAL}}}}}}}}}")
    assert f"a=path:{added.path}\n" in reply


def test_subtract_returns_statistics_and_ends_the_context_with_the_last() -> None:  # clause 7.2.4, row GEN-3
    script = Script()
    one, two = script.add(), None
    two = script.add(one.context)
    zeros = "msrpstat/mr=0,msrpstat/or=0,msrpstat/cr=0,msrpstat/ms=0,msrpstat/os=0,msrpstat/cs=0,mf/dropped=0"
    assert script.order(f"C={one.context}{{S={one.termination}}}") == (
        f"{{C={one.context}{{S={one.termination}{{SA{{{zeros}}}}}}}}}"
    )
    assert script.of(Unlisten) == [Unlisten((MEDIA, one.port))]
    assert script.order(f"C={one.context}{{S={two.termination}{{AT{{}}}}}}") == (
        f"{{C={one.context}{{S={two.termination}}}}}"
    )
    assert error(script.order(f"C={one.context}{{S={two.termination}}}")) == 411


def test_subtract_all_closes_the_connections() -> None:
    script = Script()
    one = script.join()
    two = script.join(one.added.context, "ue2")
    context = one.added.context
    reply = script.order(f"C={context}{{W-S=*{{AT{{}}}}}}")
    assert reply == f"{{C={context}{{S=*}}}}"
    assert {wish.connection for wish in script.of(Close)} == {one.connection, two.connection}
    assert script.mrfp.legs == []


def test_all_contexts() -> None:
    script = Script()
    one, two = script.add(), script.add()
    reply = script.order("C=*{S=*{AT{}}}")
    assert reply == f"{{C={one.context}{{S={one.termination}}},C={two.context}{{S={two.termination}}}}}"


def test_move() -> None:
    script = Script()
    one, two = script.join(name="a"), script.join(name="b")
    reply = script.order(f"C={one.added.context}{{MV={two.added.termination}}}")
    assert reply == f"{{C={one.added.context}{{MV={two.added.termination}}}}}"
    assert error(script.order(f"C={two.added.context}{{S=*}}")) == 411
    one.say("now you hear me")
    assert [message.method for message in two.take()] == ["SEND"]


def test_commands_go_on_behind_a_failed_optional_one() -> None:  # clause 8.1
    script = Script()
    added = script.add()
    context, name = added.context, added.termination
    reply = script.order(f"C={context}{{O-MF=ip/1/mb/0,MF={name},MF=ip/1/mb/0,MF={name}}}")
    assert reply.count("MF=") == 3
    assert reply.count("ER=430") == 2
    assert reply.endswith('MF=ip/1/mb/0{ER=430{"unknown TerminationID ip/1/mb/0"}}}}')


def test_a_failed_add_leaves_nothing_behind() -> None:
    script = Script()
    reply = script.order(f"C=${{A=ip/1/mb/${{M{{ST=1{{{LOCAL}}}}},E=1{{x/y}}}}}}")
    assert reply == '{C=${A=ip/1/mb/${ER=440{"unsupported package x"}}}}'
    assert script.mrfp.legs == []
    assert script.of(Listen) == []
    added = script.add()
    reply = script.order(f"C={added.context}{{A=ip/1/mb/${{M{{ST=1{{{LOCAL}}}}},E=1{{x/y}}}}}}")
    assert error(reply) == 440
    assert script.order(f"C={added.context}{{AV=*{{AT{{}}}}}}") == f"{{C={added.context}{{AV={added.termination}}}}}"


# ---------------------------------------------------------------------- audits


def test_audit_of_root() -> None:
    reply = Script().order("C=-{AV=ROOT{AT{M,PG}}}")
    assert reply == (
        "{C=-{AV=ROOT{M{TS{root/maxNumberOfContexts=10000,root/maxTerminationsPerContext=1000,"
        "root/MGProvisionalResponseTimerValue=2000,SI=IV}},"
        "PG{g-1,root-2,hangterm-1,it-1,msrpstat-1,msi-1,mf-1,tcpbcc-1,tlsbsc-1}}}}"
    )


def test_the_key_is_told_to_nobody() -> None:
    script = Script()
    key = "bf04b1b296f94d6a83f3693e76622403"
    added = script.add(proto="TCP/TLS/MSRP", control=f'MO=SR,tlsbsc/psk={key},msi/room="sip:chat@conf"')
    assert script.mrfp.legs[0].psk == bytes.fromhex(key)
    reply = script.order(f"C={added.context}{{AV={added.termination}{{AT{{M,E,SG,SA,PG,OE}}}}}}")
    assert 'O{MO=SR,msi/room="sip:chat@conf"}' in reply
    assert key not in reply
    assert key not in repr(script.last)


def test_audit_by_wildcard_and_of_nothing() -> None:
    script = Script()
    added = script.add()
    reply = script.order("C=*{AV=ip/1/mb/*{AT{}}}")
    assert reply == f"{{C={added.context}{{AV={added.termination}}}}}"
    assert error(script.order("C=*{AV=ip/2/*{AT{}}}")) == 431
    assert error(script.order("C=-{AV=ip/1/mb/*{AT{}}}")) == 431


def test_capabilities() -> None:
    reply = Script().order("C=-{AC=ROOT{AT{E,SG,SA}}}")
    assert "tcpbcc/bncchange" in reply
    assert "tlsbsc/estbnc" in reply
    assert "msrpstat/mr" in reply


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ("C=999{S=*}", 411),
        ("C=${S=*}", 421),
        ("C=-{A=ip/1/mb/$}", 421),
        ("C=*{A=ip/1/mb/$}", 421),
        ("C=${A=ip/2/mb/$}", 430),
        ("C=${A=ip/1/mb/77}", 430),
        ("C=${A=ROOT}", 410),
        ("C=${A=*}", 431),
        ("C=-{MF=ip/1/mb/1}", 430),
        ("C=-{N=ROOT{OE=1{g/cause}}}", 443),
        ("C=-{MF=ROOT{M{TS{root/maxNumberOfContexts=5}}}}", 534),
        ("C=-{MF=ROOT{SG{tcpbcc/EstBNC}}}", 513),
        ("C=-{AV=ROOT{AT{MD}}}", 444),
        ('C=-{SC=ROOT{SV{MT=FL,RE="909 x"}}}', 501),
    ],
)
def test_error_codes_of_actions_and_names(order: str, code: int) -> None:
    assert error(Script().order(order)) == code


def in_stream(stream: str, more: str = "") -> str:
    return f"C=${{A=ip/1/mb/${{M{{ST=1{{{stream}}}}}{more}}}}}"


REMOTE = "R{{\nv=0\nc=IN IP4 {0}\nm=message {1} TCP/MSRP *\na=path:{2}\n}}"
PATH = "msrp://198.51.100.7:7394/ue1;tcp"


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (in_stream("L{\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n}"), 515),
        (in_stream("L{\nno SDP at all\n}"), 474),
        (in_stream("L{\nv=0\nc=IN IP4 192.0.2.99\nm=message $ TCP/MSRP *\na=path:$\n}"), 449),
        (in_stream("L{\nv=0\nc=IN IP4 $\nm=message 1 TCP/MSRP *\na=path:$\n}"), 449),
        (in_stream("L{\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=path:msrp://x:1/y;tcp\n}"), 449),
        (in_stream(LOCAL + "," + REMOTE.format("ue.example", 7394, PATH)), 449),
        (in_stream(LOCAL + "," + REMOTE.format("198.51.100.7", 7394, "msrp:bad")), 449),
        (in_stream(LOCAL + "," + REMOTE.format("198.51.100.7", "$", PATH)), 449),
        (in_stream("O{MO=LB}"), 517),
        (in_stream("O{nt/jit=5}"), 440),
        (in_stream("O{tlsbsc/nothing=5}"), 450),
        (in_stream("O{tlsbsc/psk=xyz}"), 449),
        (in_stream("O{root/maxNumberOfContexts=5}"), 455),
        (in_stream(LOCAL, ",E=1{tcpbcc/nothing}"), 451),
        (in_stream(LOCAL, ",E=1{hangterm/thb}"), 457),
        (in_stream(LOCAL, ",E=1{hangterm/thb{timerx=never}}"), 449),
        (in_stream(LOCAL, ",SG{tcpbcc/nothing}"), 452),
        (in_stream(LOCAL, ",SG{cg/rt}"), 440),
        (in_stream(LOCAL, ",SG{tcpbcc/EstBNC{ST=1}}"), 441),
        (in_stream(LOCAL, ",SG{tlsbsc/EstBNC{ST=1}}"), 513),
        (in_stream(LOCAL.replace("TCP/MSRP", "TCP/TLS/MSRP"), ",SG{tlsbsc/EstBNC{ST=1}}"), 472),
        ("C=${A=ip/1/mb/${SG{tcpbcc/EstBNC}}}", 441),
        (in_stream(LOCAL, ",SA{rtp/ps}"), 440),
        (in_stream(LOCAL, ",SA{msrpstat/xx}"), 453),
        (in_stream(LOCAL, ",DM=d1{(1|2)}"), 444),
    ],
)
def test_error_codes_of_descriptors(order: str, code: int) -> None:
    script = Script()
    assert error(script.order(order)) == code
    assert script.mrfp.legs == []
    assert script.of(Listen) + script.of(Connect) == []


def test_a_termination_of_another_context() -> None:
    script = Script()
    one, two = script.add(), script.add()
    assert error(script.order(f"C={one.context}{{S={two.termination}}}")) == 435
    assert error(script.order(f"C={one.context}{{A={two.termination}}}")) == 433


def test_the_transport_of_a_session_cannot_change() -> None:
    script = Script()
    added = script.add()
    local = LOCAL.replace("TCP/MSRP", "TCP/TLS/MSRP")
    assert error(script.order(f"C={added.context}{{MF={added.termination}{{M{{ST=1{{{local}}}}}}}}}")) == 473


def test_limits() -> None:
    script = Script(limits=Limits(contexts=1, terminations_per_context=1), media_ports=range(20_000, 20_001))
    added = script.add()
    assert error(script.order(in_stream(LOCAL))) == 412
    assert error(script.order(in_stream(LOCAL).replace("C=$", f"C={added.context}"))) == 434
    script = Script(media_ports=range(20_000, 20_001))
    added = script.add()
    assert error(script.order(in_stream(LOCAL))) == 510
    script.order(f"C={added.context}{{S=*}}")
    assert script.add().port == 20_000


def test_a_repeated_add_is_not_executed_again() -> None:  # Annex D.1.1
    script = Script()
    one = script.order(in_stream(LOCAL), 77)
    assert script.order(in_stream(LOCAL), 77) == one
    assert len(script.mrfp.legs) == 1


# ---------------------------------------------------------------------- binary


def test_the_same_in_binary() -> None:
    script = Script()
    local = b"v=0\r\nc=IN IP4 $\r\nm=message $ TCP/MSRP *\r\na=path:$\r\n"
    remote = b"v=0\r\nc=IN IP4 198.51.100.7\r\nm=message 7394 TCP/MSRP *\r\na=path:msrp://198.51.100.7:7394/ue1;tcp\r\n"
    control = [Property("mf/script", ["keep;"])]
    stream = StreamParameters("SendReceive", has_local_control=True, properties=control, local=local, remote=remote)
    add = Command(CommandName.ADD, ["$"], media=MediaDescriptor({1: stream}))

    def ask(number: int, context_id: int, command: Command) -> tuple[int, Command]:
        request = TransactionRequest(number, [ContextAction(context_id, [command])])
        message = script.order_binary(H248Message(2, f"[{MGC[0]}]:{MGC[1]}", [request], encoding="binary"))
        (reply,) = message.transactions
        assert isinstance(reply, TransactionReply)
        return reply.actions[0].context_id, reply.actions[0].commands[0]

    context_id, added = ask(1, CHOOSE_CONTEXT, add)
    (name,) = added.termination_ids
    assert added.error is None
    assert added.media is not None
    assert added.media.streams[1].local_sdp[0].media[0].path[0].startswith(f"msrp://{MEDIA}:")
    _, audited = ask(2, context_id, Command(CommandName.AUDIT_VALUE, [name], audit=["M", "SA"]))
    assert audited.media is not None
    assert [(each.name, each.values) for each in audited.media.streams[1].properties] == [("mf/script", ["keep;"])]
    _, subtracted = ask(3, context_id, Command(CommandName.SUBTRACT, [name]))
    assert [each.name for each in subtracted.statistics or ()][:2] == ["msrpstat/mr", "msrpstat/or"]
    assert script.mrfp.legs == []
