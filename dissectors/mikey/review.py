"""What a message of MIKEY-TICKET does not do as RFC 6043 says, from the message alone: order, presence, header, policy.

Decoding tolerates all of it. The V flag of the header is never judged: sections 4.2 and 6.1 contradict each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from dissectors.errors import DecodeError
from dissectors.mikey.chain import OpaquePayload, Payload
from dissectors.mikey.header import EmptyMap, GenericIdMap, SrtpIdMap
from dissectors.mikey.message import TICKET_MESSAGES, MikeyMessage
from dissectors.mikey.numbers import DataType, IdRole, PayloadType, RandRole, TsRole, TsType, name_of
from dissectors.mikey.payloads import SecurityPolicy
from dissectors.mikey.ticket import TicketPolicy, decode_policy
from dissectors.mikey.ticket_payloads import Idr, Randr, Ticket, Tp, Tr

ORDER: dict[int, str] = {
    DataType.REQUEST_INIT_PSK: "T RANDRi [IDRi] [IDRkms] TP [IDRpsk] V",
    DataType.REQUEST_INIT_PK: "T RANDRi [IDRi] {CERT} [IDRkms] TP [CHASH] PKE SIGN",
    DataType.REQUEST_RESP: "T [IDRkms] TICKET KEMAC V",
    DataType.TRANSFER_INIT: "T RANDRi [IDRi] [IDRr] {SP} TICKET [KEMAC] V",
    DataType.TRANSFER_RESP: "T [RANDRr] [IDRr] [RANDRkms] {SP} [KEMAC] V",
    DataType.RESOLVE_INIT_PSK: "T RANDRr [IDRr] [IDRkms] TICKET [IDRpsk] V",
    DataType.RESOLVE_INIT_PK: "T RANDRr [IDRr] {CERT} [IDRkms] TICKET [CHASH] PKE SIGN",
    DataType.RESOLVE_RESP: "T [IDRkms] KEMAC [IDRr] [RANDRkms] V",
}
"Payloads in the order of RFC 6043 section 4.2: `[]` optional, `{}` any number."

_POLICY_ORDER = "[IDRkms] [IDRi] [TRs] [TRe] [TRr] [KEMAC] {IDRapp} {IDRr}"
_RESPONSES = frozenset({DataType.REQUEST_RESP, DataType.TRANSFER_RESP, DataType.RESOLVE_RESP})
_TRANSFERS = frozenset({DataType.TRANSFER_INIT, DataType.TRANSFER_RESP})
_ID_ROLES: dict[int, str] = {
    IdRole.INITIATOR: "IDRi",
    IdRole.RESPONDER: "IDRr",
    IdRole.KMS: "IDRkms",
    IdRole.PRE_SHARED_KEY: "IDRpsk",
    IdRole.APPLICATION: "IDRapp",
}
_RAND_ROLES: dict[int, str] = {RandRole.INITIATOR: "RANDRi", RandRole.RESPONDER: "RANDRr", RandRole.KMS: "RANDRkms"}
_TS_ROLES: dict[int, str] = {
    TsRole.TIME_OF_ISSUE: "TRi",
    TsRole.START_OF_VALIDITY: "TRs",
    TsRole.END_OF_VALIDITY: "TRe",
    TsRole.REKEYING_INTERVAL: "TRr",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One departure from the RFC."""

    clause: str
    text: str


def short_name(payload: Payload) -> str:
    """A payload as the RFC abbreviates it: `RANDRi`, `IDRkms`, `T`."""
    if isinstance(payload, Idr):
        return _ID_ROLES.get(payload.role, "IDR")
    if isinstance(payload, Randr):
        return _RAND_ROLES.get(payload.role, "RANDR")
    if isinstance(payload, Tr):
        return _TS_ROLES.get(payload.role, "TR")
    number = payload.payload_type
    return number.name if isinstance(number, PayloadType) else f"payload {number}"


def review(message: MikeyMessage) -> list[Note]:
    """What departs from RFC 6043; empty for the messages of other documents."""
    if message.data_type not in TICKET_MESSAGES:
        return []
    return [*_header(message), *_payloads(message), *_ticket(message)]


def _header(message: MikeyMessage) -> Iterator[Note]:
    cs_map = message.header.cs_map
    if message.data_type not in _TRANSFERS:
        if not (isinstance(cs_map, EmptyMap) and cs_map.count == 0):
            yield Note("RFC 6043 section 4.2", "an exchange with the KMS has no crypto session and an empty map")
        return
    if isinstance(cs_map, SrtpIdMap):
        yield Note("RFC 6043 section 4.2.2", "a transfer exchange cannot use an SRTP-ID map")
    if isinstance(cs_map, EmptyMap) and message.first(SecurityPolicy) is not None:
        yield Note("RFC 4563", "an SP payload cannot be there with an empty map")
    if isinstance(cs_map, GenericIdMap) and message.data_type in _RESPONSES:
        for cs in cs_map.sessions:
            if len(cs.policies) != 1:
                yield Note("RFC 6043 section 6.1.1", f"CS ID {cs.cs_id} has {len(cs.policies)} policies, not one")
            if not cs.spi:
                yield Note("RFC 6043 section 6.1.1", f"CS ID {cs.cs_id} has no SPI in a response")


def _payloads(message: MikeyMessage) -> Iterator[Note]:
    names = [short_name(each) for each in message.payloads]
    if message.data_type in _TRANSFERS and message.first(Ticket) is None and not message.all(Randr):
        return  # a CSB update, which has neither (section 4.2.2.3)
    yield from _compare(names, ORDER[message.data_type], "RFC 6043 section 4.2")
    if message.trailing:
        yield Note("RFC 3830 section 5.1", f"{len(message.trailing)} octets behind the last payload")
    if any(isinstance(each, OpaquePayload) for each in message.payloads):
        yield Note("RFC 3830 section 5.3", f"{names[-1]} is not understood, nor what may follow it")


def _compare(names: list[str], order: str, clause: str) -> Iterator[Note]:
    """What is missing, and what stands before something it should follow."""
    wanted = [(item.strip("[]{}"), item[0]) for item in order.split()]
    places = {name: place for place, (name, _) in enumerate(wanted)}
    for name, kind in wanted:
        count = names.count(name)
        if not count and kind not in "[{":
            yield Note(clause, f"{name} is missing")
        if count > 1 and kind != "{":
            yield Note(clause, f"{name} is there {count} times")
    found = [name for name in names if name in places]
    for before, name in itertools.pairwise(found):
        if places[name] < places[before]:
            yield Note(clause, f"{name} stands behind {before}")


def _ticket(message: MikeyMessage) -> Iterator[Note]:
    for payload in message.payloads:
        if isinstance(payload, Tp | Ticket):
            try:
                policy = decode_policy(payload)
            except DecodeError as error:
                yield Note("RFC 6043 section 6.10", f"the policy cannot be read: {error}")
                continue
            yield from _policy(payload, policy)
            # The KMS hands the ticket out without initiator data: they are made with TRANSFER_INIT.
            if isinstance(payload, Ticket) and message.data_type != DataType.REQUEST_RESP:
                size = len(payload.initiator_data)
                if bool(size) != payload.flags.i:
                    text = f"I is {int(payload.flags.i)}, initiator data has {size} octets"
                    yield Note("RFC 6043 section 6.10", text)


def _policy(payload: Tp | Ticket, policy: TicketPolicy) -> Iterator[Note]:
    clause = "RFC 6043 section 6.10"
    yield from (Note(clause, text) for text in payload.flags.contradictions())
    yield from _compare([short_name(each) for each in policy.payloads], _POLICY_ORDER, clause)
    if not policy.responders:
        yield Note(clause, "the policy names no responder")
    if policy.trailing:
        yield Note(clause, f"{len(policy.trailing)} octets behind the policy")
    if isinstance(payload, Ticket):
        if policy.requested_keys is not None:
            yield Note(clause, "a granted policy has no KEMAC")
    elif payload.flags.k:
        yield Note(clause, "K is 1 in a request")
    rekeying = policy.time(TsRole.REKEYING_INTERVAL)
    if rekeying is not None and rekeying.ts_type != TsType.NTP_UTC_32:
        yield Note(clause, f"the rekeying interval has TS type {name_of(rekeying.ts_type)}")
