"""What `review` finds in messages of MIKEY-TICKET (RFC 6043 sections 4.2, 6.1 and 6.10), one fact at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from mikey_exchanges import ANSWERED_CS, CS, ID_I, ID_KMS, ID_R, POLICY, TIMES, exchange
from mikey_vectors import PSK_VER

from dissectors.mikey import (
    EmptyMap,
    GenericIdMap,
    Kemac,
    MikeyMessage,
    OpaquePayload,
    Payload,
    SrtpCs,
    SrtpIdMap,
    Ticket,
    TicketFlags,
    TicketPolicy,
    Tp,
    Tr,
    decode_key_mgmt,
    encode_policy,
    make_message,
    review,
)

MADE = exchange(1)
assert MADE.request is not None
assert MADE.resolve is not None
ALL = [MADE.init, MADE.resp, *MADE.request, *MADE.resolve]


def texts(message: MikeyMessage) -> list[str]:
    return [note.text for note in review(message)]


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
def test_what_is_right_has_no_notes(mode: int) -> None:
    made = exchange(mode)
    for message in (made.init, made.resp, *(made.request or ()), *(made.resolve or ())):
        assert review(message) == []
    bare = exchange(mode, omit_identities=True)
    assert review(bare.init) == []


def test_flag_v_is_never_judged() -> None:
    """Sections 4.2 and 6.1 contradict each other."""
    for message in ALL:
        header = replace(message.header, response_expected=not message.header.response_expected)
        assert review(make_message(header, message.payloads)) == []


def test_other_documents_are_not_judged() -> None:
    assert review(decode_key_mgmt(PSK_VER)) == []


def without(message: MikeyMessage, place: int) -> MikeyMessage:
    return make_message(message.header, [*message.payloads[:place], *message.payloads[place + 1 :]])


@pytest.mark.parametrize(
    ("message", "place", "expected"),
    [
        (ALL[0], 0, ["T is missing"]),
        (ALL[0], 1, ["RANDRi is missing"]),
        (ALL[0], -1, ["V is missing"]),
        (ALL[2], 4, ["TP is missing"]),
        (ALL[3], 1, ["TICKET is missing"]),
        (ALL[3], 2, ["KEMAC is missing"]),
        (ALL[4], 1, ["RANDRr is missing"]),
        (ALL[5], 1, ["KEMAC is missing"]),
    ],
)
def test_missing(message: MikeyMessage, place: int, expected: list[str]) -> None:
    place %= len(message.payloads)
    assert texts(without(message, place)) == expected


def test_order_and_doubles() -> None:
    time, rand, *rest = MADE.init.payloads
    assert texts(make_message(MADE.init.header, [rand, time, *rest])) == ["T stands behind RANDRi"]
    assert texts(make_message(MADE.init.header, [time, time, rand, *rest])) == ["T is there 2 times"]
    opaque = OpaquePayload(200, b"\0x")
    assert texts(make_message(MADE.init.header, [*MADE.init.payloads, opaque])) == [
        "payload 200 is not understood, nor what may follow it"
    ]


def test_headers() -> None:
    srtp = SrtpIdMap((SrtpCs(0, 0, 0),))
    for message in ALL[2:]:
        for cs_map in (srtp, EmptyMap(1), GenericIdMap()):
            assert texts(make_message(replace(message.header, cs_map=cs_map), message.payloads)) == [
                "an exchange with the KMS has no crypto session and an empty map"
            ]
    assert texts(make_message(replace(MADE.init.header, cs_map=srtp), MADE.init.payloads)) == [
        "a transfer exchange cannot use an SRTP-ID map"
    ]
    assert texts(make_message(replace(MADE.resp.header, cs_map=EmptyMap(1)), MADE.resp.payloads)) == [
        "an SP payload cannot be there with an empty map"
    ]
    sessions = (CS, replace(ANSWERED_CS, cs_id=2, spi=b""), replace(ANSWERED_CS, cs_id=3))
    assert texts(make_message(replace(MADE.resp.header, cs_map=GenericIdMap(sessions)), MADE.resp.payloads)) == [
        "CS ID 1 has 0 policies, not one",
        "CS ID 2 has no SPI in a response",
    ]


def with_policy(payloads: Sequence[Payload], flags: TicketFlags | None = None) -> list[str]:
    changed = [
        replace(each, policy_data=encode_policy(TicketPolicy(tuple(payloads))), flags=flags or each.flags)
        if isinstance(each, Ticket | Tp)
        else each
        for each in MADE.init.payloads
    ]
    return texts(make_message(MADE.init.header, changed))


def test_policies() -> None:
    assert with_policy(POLICY.payloads) == []
    assert with_policy([ID_KMS, ID_I, *TIMES]) == ["the policy names no responder"]
    assert with_policy([ID_I, ID_KMS, ID_R]) == ["IDRkms stands behind IDRi"]
    assert with_policy([ID_KMS, Kemac(0, b""), ID_R, ID_R]) == ["a granted policy has no KEMAC"]
    assert with_policy([Tr(4, 0, bytes(8)), ID_R]) == ["the rekeying interval has TS type NTP_UTC (0)"]
    assert with_policy(POLICY.payloads, TicketFlags(d=True, h=True)) == ["I is 0, initiator data has 69 octets"]
    assert with_policy(POLICY.payloads, TicketFlags(d=True, e=True, f=True, g=True, i=True)) == []
    assert with_policy(POLICY.payloads, TicketFlags(d=True, f=True, g=True, i=True)) == [
        "I is 1 (keys are forked), but E is 0 (no resolve exchange)"
    ]


def test_request_with_k() -> None:
    asked = ALL[2]
    changed = [
        replace(each, flags=replace(each.flags, k=True)) if isinstance(each, Tp) else each for each in asked.payloads
    ]
    assert texts(make_message(asked.header, changed)) == ["K is 1 in a request"]


def test_policy_that_cannot_be_read() -> None:
    changed = [replace(each, policy_data=b"\x0e\0") if isinstance(each, Ticket) else each for each in ALL[0].payloads]
    (note,) = review(make_message(ALL[0].header, changed))
    assert note.clause == "RFC 6043 section 6.10"
    assert note.text.startswith("the policy cannot be read: MIKEY payload IDR at octet 2")
