"""H.248 text: the examples of RFC 3525 Annex B grammar, later versions, and what the field writes against it."""

from __future__ import annotations

import pytest

from dissectors.errors import DecodeError
from dissectors.h248 import (
    ALL_CONTEXTS,
    CHOOSE_CONTEXT,
    NULL_CONTEXT,
    CommandName,
    Segment,
    TransactionAck,
    TransactionReply,
    TransactionRequest,
    decode_h248_text,
    encode_h248_text,
)
from dissectors.h248.model import (
    Authentication,
    Command,
    ContextAction,
    ErrorDescriptor,
    Event,
    ObservedEvent,
    Property,
    Signal,
    SignalList,
    Topology,
)

ADD = b"""!/2 [192.0.2.10]:2944
T=4711{C=${A=ip/1/mb/${M{ST=1{O{MO=SR},L{
v=0
c=IN IP4 $
m=message $ TCP/TLS/MSRP *
a=setup:active
a=path:$
},R{
v=0
c=IN IP4 198.51.100.7
m=message 7394 TCP/TLS/MSRP *
a=setup:passive
a=path:msrps://198.51.100.7:7394/2s93i9ek2a;tcp
}}},E=9001{tcpbcc/BNCChange{ST=1,Type=failed},tlsbsc/BNCChange{ST=1,Type=failed},hangterm/thb{timerx=3600}},
SG{tcpbcc/EstBNC{ST=1},tlsbsc/EstBNC{ST=1}}}}}
"""


def command(text: str, *, head: str = "!/3 mg1 T=1{C=1{") -> Command:
    """The one command of a request."""
    (transaction,) = decode_h248_text(f"{head}{text}}}}}".encode("latin-1")).transactions
    assert isinstance(transaction, TransactionRequest)
    ((found,),) = ([action.commands for action in transaction.actions],)
    return found[0]


def action(text: str) -> ContextAction:
    (transaction,) = decode_h248_text(f"!/3 mg1 P=1{{{text}}}".encode()).transactions
    assert isinstance(transaction, TransactionReply)
    return transaction.actions[0]


def test_add_with_local_and_remote() -> None:
    message = decode_h248_text(ADD)
    assert (message.version, message.mid, message.faults) == (2, "[192.0.2.10]:2944", [])
    assert message.summary() == "T=4711 C=$ Add ip/1/mb/$"
    (request,) = message.transactions
    assert isinstance(request, TransactionRequest)
    (added,) = request.actions[0].commands
    assert added.media is not None
    stream = added.media.streams[1]
    assert stream.mode == "SendReceive"
    assert stream.local == (b"v=0\nc=IN IP4 $\nm=message $ TCP/TLS/MSRP *\na=setup:active\na=path:$\n")
    assert stream.remote is not None
    assert stream.remote.endswith(b"a=path:msrps://198.51.100.7:7394/2s93i9ek2a;tcp\n")
    assert len(stream.local_sdp) == len(stream.remote_sdp) == 1
    assert added.events is not None
    assert added.events.request_id == 9001
    assert added.events.events[0] == Event("tcpbcc/BNCChange", 1, parameters=[Property("Type", ["failed"])])
    assert added.signals == [Signal("tcpbcc/EstBNC", 1), Signal("tlsbsc/EstBNC", 1)]


@pytest.mark.parametrize("pretty", [False, True])
def test_add_comes_back(pretty: bool) -> None:
    message = decode_h248_text(ADD)
    assert decode_h248_text(encode_h248_text(message, pretty)) == message


def test_compact_and_pretty_layout() -> None:
    message = decode_h248_text(b'!/2 mg1 P=88{C=17{N=ip/1/mb/33{ER=449{"a=path"}}}}')
    assert encode_h248_text(message) == b'!/2 mg1\nP=88{C=17{N=ip/1/mb/33{ER=449{"a=path"}}}}'
    assert encode_h248_text(message, pretty=True) == (
        b"MEGACO/2 mg1\nReply = 88 {\n  Context = 17 {\n    Notify = ip/1/mb/33 {\n"
        b'      Error = 449{"a=path"}\n    }\n  }\n}'
    )


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (
            "!/2 [192.0.2.20]:2944 T=88{C=17{N=ip/1/mb/33{OE=9001{20260101T12000103:a/b}}}}",
            "T=88 C=17 Notify ip/1/mb/33",
        ),
        ("!/2 [192.0.2.10]:2944 T=4713{C=17{S=*}}", "T=4713 C=17 Subtract *"),
        ("!/2 [2001:db8::1] PN=7{}", "PN=7"),
        ("!/1 <mgc.example.net>:2944 K{1,5-9}", "K 1,5"),
        ("!/3 MTP{A1B2} SM=9/2/&", "SM=9/2"),
        ('MEGACO/1 mg1 Error = 400 {"x"}', "error 400"),
        ("!/1 mg1 P=1{ER=403{}}P=2{IA,C=*{AV=*}}", "P=1 error 403; P=2 C=* AuditValue *"),
        ("!/1 mg1 t=1{c=-{o-w-mf=a@b.example}}", "T=1 C=- Modify a@b.example"),
        ("!/1 mg1 T={C=1{A=t1}}", None),
        ("!/1 mg1 T{C=1{A=t1}}", "T=0 C=1 Add t1"),
    ],
)
def test_summaries(text: str, summary: str | None) -> None:
    if summary is None:
        with pytest.raises(DecodeError):
            decode_h248_text(text.encode())
    else:
        assert decode_h248_text(text.encode()).summary() == summary


def test_summary_shows_no_keys() -> None:
    message = decode_h248_text(b'!/2 mg1 T=1{C=1{MF=t{M{ST=1{O{tlsbsc/psk="00112233"}}}}}}')
    assert "00112233" not in message.summary()


def test_authentication_header() -> None:
    message = decode_h248_text(b"AU=0x0000000a:0x00000001:0x" + b"ab" * 12 + b" !/1 mg1 PN=1{}")
    assert message.authentication == Authentication("0000000A", "00000001", "AB" * 12)
    assert decode_h248_text(encode_h248_text(message)) == message


def test_special_contexts() -> None:
    text = b"!/1 mg1 T=1{C=-{A=a},C=${A=a},C=*{A=a},C=4294967295{A=a}}"
    (request,) = decode_h248_text(text).transactions
    assert isinstance(request, TransactionRequest)
    ids = [each.context_id for each in request.actions]
    assert ids == [NULL_CONTEXT, CHOOSE_CONTEXT, ALL_CONTEXTS, ALL_CONTEXTS]


def test_segments_and_acknowledgements() -> None:
    message = decode_h248_text(b"!/3 mg1 P=9/2/END{C=1{A=t}}P=9/3{C=1}SM=9/2 K{1,3-5}")
    first, second, segment, ack = message.transactions
    assert isinstance(first, TransactionReply)
    assert isinstance(second, TransactionReply)
    assert (first.segment, first.last_segment) == (2, True)
    assert (second.segment, second.last_segment) == (3, False)
    assert segment == Segment(9, 2)
    assert isinstance(ack, TransactionAck)
    assert (ack.ranges, ack.single_ids()) == ([(1, 1), (3, 5)], [1, 3, 4, 5])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a/b=1", Property("a/b", ["1"])),
        ('a/b = "q, }r"', Property("a/b", ["q, }r"], quoted=True)),
        ("a/b={x,y}", Property("a/b", ["x", "y"], "=", "{}")),
        ("a/b=[x , y]", Property("a/b", ["x", "y"], "=", "[]")),
        ("a/b=[1:9]", Property("a/b", ["1", "9"], "=", "[:]")),
        ("a/b>3", Property("a/b", ["3"], ">")),
        ("a/b < 3", Property("a/b", ["3"], "<")),
        ("a/b#3", Property("a/b", ["3"], "#")),
        ("gm/sam=172.20.75.65", Property("gm/sam", ["172.20.75.65"])),
        ('gm/sam="[172.18.128.19]"', Property("gm/sam", ["[172.18.128.19]"], quoted=True)),
    ],
)
def test_property_values(text: str, value: Property) -> None:
    """RFC 3525 Annex B production parmValue, and both forms of addresses seen in the field."""
    media = command(f"MF=t{{M{{ST=1{{O{{{text}}}}}}}}}").media
    assert media is not None
    assert media.streams[1].properties == [value]


def test_signals() -> None:
    found = command(
        "MF=t{SG{SL=4{cg/rt{SY=TO,DR=50,NC={TimeOut,IBE}},cg/bt},cg/dt{ST=2,KA,SPADI=External,SPARQ=5,SPAIS=7,q=1}}}"
    )
    assert found.signals == [
        SignalList(4, [Signal("cg/rt", None, "TimeOut", 50, ["TO", "IBE"]), Signal("cg/bt")]),
        Signal("cg/dt", 2, "", None, None, True, [Property("q", ["1"])], "EX", 5, 7),
    ]


def test_embedded_events() -> None:
    found = command(
        "MF=t{E=5{al/of{EM{SG{cg/dt},E=6{al/on}}},dd/ce{DM=d1},al/fl{NBRN{EM{SG{cg/rt}}}}},EB{al/on{ST=1}}}"
    )
    assert found.events is not None
    off, collected, flash = found.events.events
    assert off.embedded_signals == [Signal("cg/dt")]
    assert off.embedded_events is not None
    assert off.embedded_events.events == [Event("al/on")]
    assert collected.digit_map == "d1"
    assert (flash.notify_behaviour, flash.embedded_signals) == ("NBRN", [Signal("cg/rt")])
    assert found.event_buffer == [Event("al/on", 1)]


def test_topology() -> None:
    found = action("C=1{TP{t1,t2,BW,t1,t3,IS,ST=2},PR=3,EGO,IEPS=ON,A=t1}")
    assert found.topology == [Topology("t1", "t2", "BW"), Topology("t1", "t3", "IS", 2)]
    assert (found.priority, found.emergency, found.ieps) == (3, False, True)


def test_audits() -> None:
    assert command("AV=t{AT{M{ST=1{ O{MO} }}, SA , DM}}").audit == ["M{ST=1{O{MO}}}", "SA", "DM"]
    listed = action("C=1{AV=C{t1,t2},AC=C{ER=411{}},AV=t{M,OE,PG{g-1}}}").commands
    assert listed[0].context_terminations == ["t1", "t2"]
    assert listed[1].error == ErrorDescriptor(411)
    assert listed[2].packages == ["g-1"]


def test_service_change() -> None:
    change = command(
        'SC=ROOT{SV{Method=HandOff,RE="903 MGC directed",DL=4,MG=[192.0.2.3]:2944,AD=55555,PF=Mp/1,V=2,'
        "20260101t12000000,X-TT=1}}"
    ).service_change
    assert change is not None
    assert (change.method, change.reason, change.delay) == ("HandOff", "903 MGC directed", 4)
    assert (change.mgc_id_to_try, change.address) == ("[192.0.2.3]:2944", "55555")
    assert (change.profile, change.version, change.timestamp) == ("Mp/1", 2, "20260101T12000000")
    assert change.extensions == [Property("X-TT", ["1"])]


def test_digit_map_keeps_its_blanks() -> None:
    assert command("MF=t{DM=plan{ T:16, (0s| 00s) }}").digit_map == "plan{ T:16, (0s| 00s) }"


def test_braces_in_sdp() -> None:
    """RFC 3525 Annex B production nonEscapeChar: `\\}` is the only escape, a backslash by itself is not."""
    media = command("MF=t{M{ST=1{L{v=0\na=x:{1\\}\na=y:\\z\n}}}}").media
    assert media is not None
    assert media.streams[1].local == b"v=0\na=x:{1}\na=y:\\z\n"
    message = decode_h248_text(b"!/1 mg1 T=1{C=1{MF=t{M{ST=1{L{v=0\na=x:\\\\}\n}}}}}}")
    assert decode_h248_text(encode_h248_text(message)) == message


# ---------------------------------------------------------------------- what the field writes

FIELD = [
    ("!/1 mg1 t=1{c=${tp{*,*,is,st=1},a=rtp/2/${m{st=1{o{mo=so}}}}}}", []),
    ("!/1 mg1 ; a comment\r\n T = 1 { ; another {\n Context=1 { Subtract = t1 {} } }", []),
    ("!/1 mg1 K {1}", []),
    ("!/1 mg1 P=1{C=-{AV=ROOT}}", []),
    ("!/1 mg1 P=1{C=17}", []),
    ("!/1 mg1 T=1{C=1{MF=t{SG{}}}}", []),
    ("!/1 mg1 T=1{C=1{MF=t{SG}}}", []),
    ("!/1 mg1 T=1{C=1{MF=t{M{ST=1{O{MO=SR,}}}}}}", ["comma before the closing brace of local control"]),
    ("!/1 mg1 T=1{C=1{MF=t{M{TS{ServiceStates = { InService },Buffer = ON}}}}}", []),
    ("!/1 mg1 T=1{C=1{MF=t{L{v=0\n}}}}", ["media without Media descriptor"]),
    ("!/1 mg1 T=1{C=1{MF=t{M{\nv=0\nc=IN IP4 192.0.2.1\nm=audio 4 RTP/AVP -\n}}}}", ["Local without its token"]),
    ("!/1 mg1 T=1{C=1{MF=R {M{ST=1{R {m=audio 4 RTP/AVP -}}}}}}", []),
    ("!/1 mg1 T=1{C=1{MF=t{Foo=1{a,b{c}},SG}}}", ["unknown descriptor"]),
    ("!/1 [192.0.2.1]:2944T=1{C=1{A=t}}", ["no space behind the message identifier"]),
    ("!/1 mg1 P=1{}", ["reply without content"]),
    ("!/1 mg1 PN=1{},PN=2{}", ["comma between transactions"]),
]


@pytest.mark.parametrize(("text", "faults"), FIELD)
def test_field_deviations_are_read_and_noted(text: str, faults: list[str]) -> None:
    message = decode_h248_text(text.encode())
    assert message.faults == faults
    assert message.transactions
    again = decode_h248_text(encode_h248_text(message))
    assert again == message


def test_values_of_field_deviations() -> None:
    media = command("MF=t{M{TS{ServiceStates = { InService },Buffer = ON}}}").media
    assert media is not None
    assert media.termination_state is not None
    assert media.termination_state.service_state == "InService"
    lost = command("MF=t{M{\nv=0\nm=audio 4 RTP/AVP -\n}}").media
    assert lost is not None
    assert lost.streams[1].local == b"v=0\nm=audio 4 RTP/AVP -\n"
    assert command("MF=t{Foo=1{a, b{c}}}").extensions == ["Foo=1{a, b{c}}"]
    assert command("N=t{OE=1{20260101T12000103 : a/b{ST=1}}}").observed_events is not None


@pytest.mark.parametrize("spelling", ["OE=9{20260101T12000103:a/b}", "OE=9{20260101t12000103 : a/b}"])
def test_observed_event_with_time(spelling: str) -> None:
    observed = command(f"N=t{{{spelling}}}").observed_events
    assert observed is not None
    assert observed.events == [ObservedEvent("a/b", None, "20260101T12000103")]


@pytest.mark.parametrize(
    ("text", "what", "offset"),
    [
        (b"hello", "H.248 header", 0),
        (b"!/1 mg1 ", "H.248 message", 8),
        (b"!/1 mg1 X=1{}", "H.248 message", 8),
        (b"!/1 mg1 T=x{}", "H.248 transaction id", 10),
        (b"!/1 mg1 T=1{C=1{A=t{M{ST=99999{}}}}}", "H.248 stream id", 25),
        (b"!/1 mg1 T=1{C=1{A=t{M{ST=1{Q}}}}}", "H.248 media", 27),
        (b"!/1 mg1 T=1{C=1{A=t;comment\n", "H.248 message", 28),
        (b"!/1 mg1 T=1{D=1{A=t}}", "H.248 action", 12),
    ],
)
def test_errors_say_where(text: bytes, what: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_h248_text(text)
    assert (caught.value.what, caught.value.offset) == (what, offset)


def test_names_keep_their_spelling() -> None:
    found = command("MF=T1{M{ST=1{O{G/CAUSE=Ab}}}}")
    assert (found.name, found.termination_ids) == (CommandName.MODIFY, ["T1"])
    assert found.media is not None
    assert found.media.streams[1].properties == [Property("G/CAUSE", ["Ab"])]
    lower = decode_h248_text(b"!/3 MG1 t=1{c=1{mf=t1{m{st=1{o{g/cause=ab}}}}}}")
    assert lower.equals(decode_h248_text(b"!/3 mg1 T=1{C=1{MF=T1{M{ST=1{O{G/CAUSE=Ab}}}}}}"))


@pytest.mark.parametrize(
    ("written", "direction", "stream_id", "faults"),
    [
        ("Oneway", "Oneway", None, 0),
        ("OnewayBoth, ST=1", "OnewayBoth", 1, 0),
        ("OE", "OE", None, 0),
        ("Oneway, 1, OnewayExternal", "OnewayExternal", 1, 2),  # OTP 25 megaco, pretty and compact
        ("OW,1,OWE", "OnewayExternal", 1, 2),
        ("Oneway, 1, OnewayBoth", "OnewayBoth", 1, 2),
        ("OW,1,OWB", "OnewayBoth", 1, 2),
        ("Oneway, OnewayBoth", "OnewayBoth", None, 1),
    ],
)
def test_topology_directions_as_the_grammar_and_as_erlang_writes_them(
    written: str, direction: str, stream_id: int | None, faults: int
) -> None:
    """H.248.1 Annex B.2, topologyTriple; OTP's codec writes a bare stream id and the extension behind Oneway."""
    message = decode_h248_text(f"!/3 [1.1.1.1]:2944 T=1{{C=1{{TP{{a,b,{written}}},MF=a}}}}".encode())
    (request,) = message.transactions
    (action,) = request.actions  # type: ignore[union-attr]
    (triple,) = action.topology or []
    assert (triple.one, triple.other, triple.direction, triple.stream_id) == ("a", "b", direction, stream_id)
    assert len(message.faults) == faults


def test_two_triples_stay_two() -> None:
    message = decode_h248_text(b"!/3 [1.1.1.1]:2944 T=1{C=1{TP{a,b,OW,c,d,BW,ST=2},MF=a}}")
    (request,) = message.transactions
    (action,) = request.actions  # type: ignore[union-attr]
    assert [(each.one, each.direction, each.stream_id) for each in action.topology or []] == [
        ("a", "OW", None),
        ("c", "BW", 2),
    ]


@pytest.mark.parametrize("written", ["SA{}", "Statistics { }", "SA", 'Statistics { }, ER=500{"a \\\\} b"}'])
def test_an_empty_statistics_descriptor_has_braces_or_none(written: str) -> None:
    message = decode_h248_text(f"!/3 [1.1.1.1]:2944 P=1{{C=1{{S=a{{{written}}}}}}}".encode())
    (reply,) = message.transactions
    (command,) = reply.actions[0].commands  # type: ignore[union-attr]
    assert (command.statistics, message.faults) == ([], [])
