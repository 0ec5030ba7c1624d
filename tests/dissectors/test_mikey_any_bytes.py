"""Any octets give a MIKEY message that encodes to them, or a DecodeError; the same for what is inside tickets."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mikey_vectors import PSK_INIT, PSK_VER, TRANSFER_INIT, TRANSFER_RESP

from dissectors.errors import DecodeError
from dissectors.mikey import (
    GeneralExt,
    Header,
    Kemac,
    Sakke,
    Sign,
    Ticket,
    Timestamp,
    Tp,
    covered_by_kemac,
    covered_by_v,
    decode_base64,
    decode_base_ticket,
    decode_initiator_data,
    decode_key_chain,
    decode_key_mgmt,
    decode_mikey,
    decode_policy,
    encode_base_ticket,
    encode_mikey,
    encode_policy,
    make_message,
)

SAKKE = make_message(Header(data_type=26), (Timestamp(0, bytes(8)), Sakke(1, 1, bytes(273)), Sign(2, bytes(129))))
SEEDS = [*map(decode_base64, (TRANSFER_INIT, TRANSFER_RESP, PSK_INIT, PSK_VER)), SAKKE.octets]


def read_all(data: bytes) -> None:
    try:
        message = decode_mikey(data)
    except DecodeError:
        return
    assert message.octets == encode_mikey(message) == data
    assert list(message.starts) == sorted(set(message.starts))
    covered_by_v(message, initial=message)
    covered_by_kemac(message)
    assert len(message.header.crypto_sessions) <= 255
    for payload in message.payloads:
        if isinstance(payload, Tp | Ticket):
            read_policy(payload)
        if isinstance(payload, Ticket):
            read_inside(payload)
        if isinstance(payload, Kemac):
            with suppress(DecodeError):
                decode_key_chain(payload.encr_data)
        if isinstance(payload, GeneralExt):
            payload.sdp_ids()
            with suppress(DecodeError):
                payload.key_ids()


def read_policy(payload: Tp | Ticket) -> None:
    payload.flags.contradictions(True)
    try:
        policy = decode_policy(payload)
    except DecodeError:
        return
    if payload.policy_data:
        assert encode_policy(policy) == payload.policy_data
    _ = (policy.kms, policy.initiator, policy.responders, policy.requested_keys)


def read_inside(payload: Ticket) -> None:
    with suppress(DecodeError):
        base = decode_base_ticket(payload.ticket_data)
        assert encode_base_ticket(base.thdr, base.payloads) == payload.ticket_data
    with suppress(DecodeError):
        initiator = decode_initiator_data(payload.initiator_data)
        assert initiator.covered + initiator.vr.mac == payload.initiator_data


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.integers(0, 12))
        data[at : at + size] = draw(st.one_of(st.binary(max_size=4), st.sampled_from([b"\x11\0\1", b"\xff\xff"])))
    return bytes(data)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=80).map(lambda tail: SEEDS[0][:10] + tail)))
@settings(max_examples=400, deadline=None)
def test_random(data: bytes) -> None:
    read_all(data)


@given(mutated())
@settings(max_examples=600, deadline=None)
def test_mutated(data: bytes) -> None:
    read_all(data)


@given(st.binary(max_size=120), st.binary(max_size=120), st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_inside_of_tickets(policy: bytes, ticket: bytes, initiator: bytes) -> None:
    """Whatever the parts of a ticket hold, the message around them is read, and the parts give a result or an error."""
    payload = Ticket(policy_data=policy, ticket_data=ticket, initiator_data=initiator)
    read_all(make_message(Header(data_type=14), (payload,)).octets)


@given(st.one_of(st.text(max_size=80), st.text("AQ+/= \r\nmikey", max_size=80)))
@settings(max_examples=200, deadline=None)
def test_random_values(value: str) -> None:
    try:
        decode_key_mgmt(value)
    except DecodeError:
        return


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_every_cut_and_every_flipped_bit(seed: int) -> None:
    """Byte by byte: each prefix, and each octet with one bit flipped."""
    data = SEEDS[seed]
    for at in range(len(data)):
        read_all(data[:at])
        read_all(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b"\x0b\0", id="RAND that names RAND"),
        pytest.param(b"\x11\0\1\1\1\2\0\0\0\0\0\0\0\0", id="TICKET that names TICKET"),
        pytest.param(b"\x14\0\0\0", id="key data that names key data"),
        pytest.param(b"\x0a\0\0\0\0", id="SP that names SP"),
    ],
)
def test_chains_that_name_themselves(piece: bytes) -> None:
    """A chain ends with its octets, and reading is linear: 256 KiB of the smallest payloads within seconds."""
    count = (1 << 18) // len(piece) - 10
    data = bytes.fromhex("010e") + piece[:1] + bytes.fromhex("81123456780001") + piece * count
    started = time.perf_counter()
    with pytest.raises(DecodeError):  # the last one still announces another
        decode_mikey(data)
    message = decode_mikey(data[: -len(piece)] + b"\0" + piece[1:])
    assert len(message.payloads) == count
    assert time.perf_counter() - started < 10


def test_tickets_in_tickets() -> None:
    """Tickets nested to any depth: only the one that is asked for is taken apart."""
    inner = Ticket(policy_data=b"\x11\0")
    for _ in range(300):
        data = encode_base_ticket_like(inner)
        inner = Ticket(policy_data=b"\0", ticket_data=data[-60000:])
    read_all(make_message(Header(data_type=14), (inner,)).octets)


def encode_base_ticket_like(inner: Ticket) -> bytes:
    return b"\x11\0\0\0" + inner.body()
