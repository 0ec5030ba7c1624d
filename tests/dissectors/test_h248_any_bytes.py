"""Any octets give a message or DecodeError; what was decoded is encoded again and keeps its meaning."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.errors import DecodeError
from dissectors.h248 import H248Message, decode_h248, decode_h248_text, encode_h248_text
from dissectors.h248.ber_guard import MAX_ELEMENTS, MAX_NESTING, check_ber
from dissectors.h248.binary import decode_h248_binary, encode_h248_binary
from dissectors.h248.model import (
    Command,
    CommandName,
    ContextAction,
    ErrorDescriptor,
    Event,
    EventsDescriptor,
    MediaDescriptor,
    ObservedEvent,
    ObservedEvents,
    Property,
    ServiceChange,
    Signal,
    SignalList,
    StreamParameters,
    TerminationState,
    Topology,
    TransactionAck,
    TransactionPending,
    TransactionReply,
    TransactionRequest,
)
from dissectors.h248.text_words import _cut_slowly, cut_words

MESSAGES = Path(__file__).resolve().parents[3] / "shared" / "captures" / "h248-messages"
SEEDS = [path.read_bytes() for path in sorted(MESSAGES.glob("*"))] or [
    b"!/2 [192.0.2.10]:2944\nT=1{C=${A=ip/1/$"
    b'{M{ST=1{O{MO=SR,a/b="c"},L{\nv=0\nm=message $ TCP/MSRP *\n}}},E=1{a/b{ST=1}},SG{c/d}}}}',
    bytes.fromhex("301da11b800103a10ca00a8004c000021481020b80a208a106a10480021268"),
]
PIECES = [
    b"{",
    b"}",
    b"=",
    b",",
    b'"',
    b";",
    b"L{",
    b"R {",
    b"[",
    b"]",
    b"\\}",
    b"\x00",
    b"\xff",
    b"T=1{",
    b"EM{",
    b"/",
]


def read(data: bytes) -> H248Message | None:
    try:
        return decode_h248(data)
    except DecodeError:
        return None


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"!/1 mg1 ", b"0\x1d\xa1\x1b\x80\x01\x03"]))
def test_random_octets(data: bytes, head: bytes) -> None:
    read(head + data)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_messages(data: st.DataObject) -> None:
    octets = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets)))
        width = data.draw(st.integers(0, 6))
        octets[at : at + width] = data.draw(st.sampled_from(PIECES) | st.binary(max_size=3))
    message = read(bytes(octets))
    if message is None:
        return
    message.summary()
    message.canonical()
    for pretty in (False, True):
        try:
            encoded = encode_h248_text(message, pretty)
        except ValueError:
            continue
        read(encoded)
    try:
        binary = encode_h248_binary(message)
    except ValueError:
        return
    decode_h248_binary(binary)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, b"a", b" ", b"\n", b"Remote{", b'"x"', b"\xa0", b"\\"]), max_size=25))
def test_both_ways_of_cutting_words_agree(pieces: list[bytes]) -> None:
    text = b"".join(pieces).decode("latin-1")
    assert cut_words(text, 0) == [word for word, _ in _cut_slowly(text, 0)]


# ---------------------------------------------------------------------- generated messages

numbers = st.integers(0, 0xFFFFFFFF)
streams_ids = st.integers(0, 65535)
words = st.from_regex(r"[A-Za-z0-9_.*$/+&!'?@^`~()%|\\-]{1,8}", fullmatch=True)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126, blacklist_characters='"'), max_size=12)
sdp = st.lists(st.from_regex(r"[vcma]=[ -~]{0,20}[!-\[\]-~]", fullmatch=True), min_size=0, max_size=4).map(
    lambda lines: "".join(line + "\r\n" for line in lines).encode()
)


Names = st.SearchStrategy[str]


def messages(
    items: Names, parameter_names: Names, terminations: Names, binary: bool = False
) -> st.SearchStrategy[H248Message]:
    """Messages with these names."""

    def properties(names: st.SearchStrategy[str]) -> st.SearchStrategy[list[Property]]:
        one = st.builds(Property, names, st.lists(words, min_size=1, max_size=1), st.sampled_from("=<>#"))
        string = st.builds(Property, names, st.lists(texts, min_size=1, max_size=1), quoted=st.just(True))
        several = st.builds(
            Property, names, st.lists(words, min_size=2, max_size=3), form=st.sampled_from(["{}", "[]"])
        )
        return st.lists(one | string | several, max_size=3)

    flags = st.none() | st.booleans()
    # CHOOSE is nothing that a gateway can count: a statistic of that value has no binary form.
    counted = st.lists(words.filter(lambda word: word != "$"), max_size=1)
    statistics = st.lists(st.builds(Property, items, counted), max_size=2)
    signal = st.builds(
        Signal,
        items,
        st.none() | streams_ids,
        st.sampled_from(["", "OnOff", "TimeOut", "Brief"]),
        st.none() | streams_ids,
        st.none() | st.lists(st.sampled_from(["TO", "IBE", "IBS", "OR", "IR"]), max_size=2, unique=True),
        st.booleans(),
        properties(parameter_names),
        st.sampled_from(["", "EX", "IT", "B"]),
        st.none() | numbers,
        st.none() | streams_ids,
    )
    signals = st.lists(signal | st.builds(SignalList, streams_ids, st.lists(signal, max_size=2)), max_size=2)
    plain_event = st.builds(Event, items, st.none() | streams_ids, st.booleans(), properties(parameter_names))
    embedded = st.builds(EventsDescriptor, numbers, st.lists(plain_event, max_size=2))
    event = st.builds(
        Event,
        items,
        st.none() | streams_ids,
        st.booleans(),
        properties(parameter_names),
        st.none() | st.sampled_from(["dialplan01", "{(1|2 3x.)}"]),
        st.none() | signals,
        st.none() | embedded,
        st.sampled_from(["", "NBIN", "NBRN", "NBNN"]),
        st.booleans(),
    )
    stream = st.builds(
        StreamParameters,
        st.sampled_from(["", "SendOnly", "ReceiveOnly", "SendReceive", "Inactive", "Loopback"]),
        flags,
        flags,
        properties(items),
        st.just(True),
        st.none() | sdp,
        st.none() | sdp,
        st.none() | statistics,
    )
    state = st.builds(
        TerminationState,
        st.sampled_from(["", "Test", "OutOfService", "InService"]),
        st.sampled_from(["", "LockStep", "OFF"]),
        properties(items),
    )
    media = st.builds(MediaDescriptor, st.dictionaries(streams_ids, stream, max_size=2), st.none() | state)
    stamps = st.sampled_from(["", "20260101T12000103"])
    observed = st.builds(
        ObservedEvents,
        st.integers(1, 0xFFFFFFFF),
        st.lists(
            st.builds(ObservedEvent, items, st.none() | streams_ids, stamps, properties(parameter_names)), max_size=2
        ),
    )
    errors = st.builds(ErrorDescriptor, st.integers(400, 999), texts)
    change = st.builds(
        ServiceChange,
        st.sampled_from(["Restart", "Forced", "Graceful", "Disconnected", "HandOff", "Failover"]),
        texts,
        st.none() | numbers,
        st.sampled_from(["", "55555", "[192.0.2.1]:2944", "<mg.example.net>"]),
        st.sampled_from(["", "[2001:db8::1]:2944"]),
        st.sampled_from(["", "mp/1"]),
        st.none() | st.integers(0, 99),
        stamps,
        st.booleans(),
        st.lists(st.sampled_from(["M", "E", "SA"]), max_size=2, unique=True),
    )
    described = {
        "media": st.none() | media,
        "signals": st.none() | signals,
        "events": st.none() | st.builds(EventsDescriptor, numbers, st.lists(event, max_size=2)),
        "statistics": st.none() | statistics,
        "digit_map": st.none() | st.just("dialplan01{T:1,(1|2 3x.)}"),
    }
    reported = {
        "packages": st.none() | st.lists(st.just("g-1"), max_size=2),
        "observed_events": st.none() | observed,
        "error": st.none() | errors,
    }
    names = st.sampled_from([CommandName.ADD, CommandName.MODIFY, CommandName.MOVE])
    ids = st.lists(terminations, min_size=1, max_size=2)
    amm = st.builds(Command, names, ids, st.booleans(), st.booleans(), **described)
    answer = st.builds(Command, names, ids, **described, **reported)
    service = st.builds(Command, st.just(CommandName.SERVICE_CHANGE), st.just(["ROOT"]), service_change=change)
    audit = st.builds(
        Command,
        st.sampled_from([CommandName.AUDIT_VALUE, CommandName.AUDIT_CAPABILITY]),
        st.lists(terminations, min_size=1, max_size=1),
        audit=st.lists(st.sampled_from(["M", "E", "SG", "DM", "SA", "M{ST=1{O{nt/jit}}}"]), max_size=3, unique=True),
    )
    triples = st.builds(Topology, terminations, terminations, st.just("BW"), st.none() | streams_ids)
    context = (
        st.none() | st.lists(triples, max_size=2),
        st.none() | st.integers(0, 15),
        flags,
        flags,
        properties(items),
        st.none() | st.lists(st.just("7"), max_size=2),
    )
    asked = st.builds(ContextAction, numbers, st.lists(amm | service | audit, max_size=2), *context)
    answered = st.builds(ContextAction, numbers, st.lists(answer, max_size=2), *context, error=st.none() | errors)
    requests = st.builds(TransactionRequest, numbers, st.lists(asked, min_size=1, max_size=2))
    segment = st.none() | streams_ids
    replies = st.builds(
        TransactionReply, numbers, st.lists(answered, max_size=2), st.booleans(), st.none(), segment
    ) | st.builds(TransactionReply, numbers, st.just([]), st.booleans(), errors, segment)
    acks = st.builds(TransactionAck, st.lists(st.tuples(numbers, numbers), min_size=1, max_size=3))
    return st.builds(
        H248Message,
        st.integers(1, 3),
        st.sampled_from(["[192.0.2.1]:2944", "<mg.example.net>:2944", "mg1", "MTP{A1B2}", "[2001:db8::1]"]),
        st.lists(requests | replies | acks | st.builds(TransactionPending, numbers), min_size=1, max_size=2),
    )


text_messages = messages(
    st.from_regex(r"[a-z][a-z0-9]{0,5}/[a-z][a-z0-9]{0,5}", fullmatch=True),
    st.from_regex(r"q[a-z0-9]{0,6}", fullmatch=True),
    st.from_regex(r"(ROOT|\$|\*|t[a-z0-9]{0,4}(/[a-z0-9]{1,3}){0,2}(/[$*])?)", fullmatch=True),
)
numbered_messages = messages(
    st.from_regex(r"0x9[0-9a-f]{3}/0x[0-9a-e][0-9a-f]{3}", fullmatch=True),
    st.from_regex(r"0x[0-9a-e][0-9a-f]{3}", fullmatch=True),
    st.from_regex(
        r"(ROOT|\$|\*|[01]{8}(/[01]{8}){2}|[01]{8}/[01]{0,7}[$*]|[01]{0,7}[$*]/[01]{8}/[01]{8})", fullmatch=True
    ),
)


@settings(max_examples=150, deadline=None)
@given(text_messages, st.booleans())
def test_generated_messages_come_back_from_text(message: H248Message, pretty: bool) -> None:
    assert decode_h248_text(encode_h248_text(message, pretty)) == message


@settings(max_examples=100, deadline=None)
@given(numbered_messages)
def test_generated_messages_mean_the_same_in_binary(message: H248Message) -> None:
    octets = encode_h248_binary(message)
    decoded = decode_h248_binary(octets)
    assert decoded.equals(message)
    assert encode_h248_binary(decoded) == octets
    assert decode_h248_text(encode_h248_text(decoded)).equals(message)


# ---------------------------------------------------------------------- size and nesting


@pytest.mark.parametrize(
    "data",
    [
        b"!/1 mg1 T=1{C=1{" * 5000,
        b"!/1 mg1 T=1{C=1{A=t{" + b"Unknown{" * 20000,
        b"!/1 mg1 T=1{C=1{A=t{" + b"E=1{a/b{EM{" * 5000,
        b"!/1 mg1 T=1{C=1{A=t{" + b"DM={x}," * 20000,
        b"!/1 mg1 T=1{C=1{A=t{M{ST=1{" + b"L{" * 30000,
        b"!/1 mg1 T=1{C=1{A=t{M{ST=1{L{" + b"\\}" * 30000,
        b'!/1 mg1 "" ' + b" R {" * 20000 + b"}",
        b"!/1 mg1 " + b'"' * 60000,
        b"!/1 mg1 " + b";" * 60000,
        b";\n" * 30000,
        b" " * 60000,
        b"!/1 mg1 " + b"P=1/1" * 12000,
        b"!/1 mg1 T=1{C=1{SC=ROOT{SV{AD=" + b"[" * 30000,
        b"!/1 [" + b":" * 60000,
        b"!/1 " + b"a" * 60000,
        b"\x30\x80" * 20000,
        b"\x30\x80" * (MAX_NESTING - 1) + b"\x04\x00" * 5000,
    ],
    ids=range(17),
)
def test_hostile_sizes_are_turned_away_quickly(data: bytes) -> None:
    began = time.perf_counter()
    read(data)
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it ends in the middle"),
        (b"\x30", "it ends in the middle"),
        (b"\x30\x05\x04\x09abc", "longer than what holds it"),
        (b"\x30\x84\xff\xff\xff\xff", "longer than what holds it"),
        (b"\x30\x85\x01\x00\x00\x00\x00", "a length that is too great"),
        (b"\x30\x80" * (MAX_NESTING + 1), f"more than {MAX_NESTING} elements inside each other"),
        (b"\x30\x80" + b"\x04\x00" * (MAX_ELEMENTS + 1), f"more than {MAX_ELEMENTS} elements"),
        (b"\x00\x00", "an end of contents that ends nothing"),
        (b"\x04\x80\x00\x00", "a primitive element of indefinite length"),
        (b"\x3f" + b"\xff" * 9, "a tag number that is too great"),
    ],
)
def test_guard_says_why(data: bytes, why: str) -> None:
    with pytest.raises(DecodeError) as caught:
        check_ber(data)
    assert caught.value.why == why


def test_guard_finds_the_end() -> None:
    assert check_ber(b"\x30\x80\x04\x01a\x00\x00rest") == 7
    assert check_ber(b"\x30\x03\x04\x01arest") == 5
    assert check_ber(b"\x30\x00") == 2
