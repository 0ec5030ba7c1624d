"""Making the messages and tickets of MIKEY-TICKET (RFC 6043 section 4), with their MACs and encrypted keys.

Times and random values are arguments: nothing here has a clock or chance. The MAC algorithm is HMAC-SHA-256-256 and the
encryption AES-CM-128 unless said otherwise. What makes no sense is a ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dissectors.mikey.chain import Payload
from dissectors.mikey.flags import TicketFlags
from dissectors.mikey.header import GenericCs, GenericIdMap, Header
from dissectors.mikey.kemac import NO_CSB, encrypt_keys
from dissectors.mikey.key_data import KeyData
from dissectors.mikey.keys import (
    ProtectionKeys,
    initial_message_keys,
    response_message_keys,
    ticket_keys,
    vr_keys,
)
from dissectors.mikey.mac import compute_mac, covered_by_v
from dissectors.mikey.message import MikeyMessage, make_message
from dissectors.mikey.numbers import DataType, EncrAlg, IdRole, MacAlg, PayloadType, PrfFunc, RandRole, TicketType
from dissectors.mikey.octets import push_int
from dissectors.mikey.payloads import MAC_LENGTH, Err, Kemac, Rand, SecurityPolicy, Timestamp, Verification
from dissectors.mikey.ticket import TicketPolicy, decode_policy, encode_base_ticket, encode_policy
from dissectors.mikey.ticket_payloads import Idr, Randr, Thdr, Ticket, Tp

SHA256 = PrfFunc.PRF_HMAC_SHA_256


def build_base_ticket(
    flags: TicketFlags,
    policy: TicketPolicy,
    *,
    ticket_protection_key: bytes,
    keys: Sequence[KeyData],
    timestamp: Timestamp,
    rand: bytes,
    key_identity: Idr | None = None,
    encr_alg: int = EncrAlg.AES_CM_128,
    mac_alg: int = MacAlg.HMAC_SHA_256_256,
    ticket_type: int = TicketType.MIKEY_BASE_TICKET,
) -> Ticket:
    """A base ticket (Appendix A). `keys` is the MPK and then the TGKs, TEKs and GTGKs."""
    protection = ticket_keys(flags.prf, ticket_protection_key, rand)
    chain: list[Payload] = [
        timestamp,
        Rand(rand),
        encrypt_keys(keys, protection, encr_alg, NO_CSB, timestamp.sixty_four_bits),
        *_given(key_identity),
    ]

    def with_mac(mac: bytes) -> Ticket:
        data = encode_base_ticket(Thdr(), [*chain, Verification(mac_alg, mac)])
        return Ticket(ticket_type=ticket_type, flags=flags, policy_data=encode_policy(policy), ticket_data=data)

    auth_key = protection.auth_key(mac_alg)
    size = MAC_LENGTH[mac_alg]
    covered = with_mac(bytes(size)).protected()
    return with_mac(compute_mac(mac_alg, auth_key, covered[: len(covered) - size]))


def build_transfer_init(
    ticket: Ticket,
    *,
    csb_id: int,
    mpk_i: bytes,
    mpk_r: bytes | None = None,
    timestamp: Timestamp,
    rand_i: bytes,
    id_i: Idr | None = None,
    id_r: Idr | None = None,
    crypto_sessions: Sequence[GenericCs] = (),
    policies: Sequence[SecurityPolicy] = (),
    keys: Sequence[KeyData] = (),
    prf: int = SHA256,
    encr_alg: int = EncrAlg.AES_CM_128,
    mac_alg: int = MacAlg.HMAC_SHA_256_256,
) -> MikeyMessage:
    """TRANSFER_INIT (section 4.2.2.1). When keys are forked, `mpk_r` is needed for the initiator data.

    Identities that are left out enter the MAC as the ticket's policy has them. `keys` are what the initiator supplies.
    """
    protection = initial_message_keys(prf, mpk_i, csb_id, rand_i=rand_i)
    header = Header(
        data_type=DataType.TRANSFER_INIT,
        response_expected=ticket.flags.f,
        prf=prf,
        csb_id=csb_id,
        cs_map=GenericIdMap(tuple(crypto_sessions)),
    )
    front: list[Payload] = [timestamp, Randr(RandRole.INITIATOR, rand_i), *_given(id_i), *_given(id_r), *policies]
    behind = _kemac(keys, protection, encr_alg, csb_id, timestamp)
    policy = decode_policy(ticket)
    named_i = id_i or policy.initiator
    named_r = id_r or next(iter(policy.responders), None)
    ticket = replace(ticket, initiator_data=b"")
    message = _sealed(
        header,
        [*front, ticket, *behind],
        mac_alg,
        protection,
        id_i=named_i.data if named_i else b"",
        id_r=named_r.data if named_r else b"",
    )
    if not ticket.flags.i:
        return message
    if mpk_r is None:
        raise ValueError("keys are forked: the initiator data needs MPKr")
    v = message.verification
    if v is None:
        raise ValueError("keys are forked: the initiator data needs V")
    data = initiator_data(ticket.flags.prf, mpk_r, v)
    ticket = replace(ticket, initiator_data=data)
    return make_message(header, [*front, ticket, *behind, v])


def initiator_data(function: int, mpk_r: bytes, v: Verification) -> bytes:
    """Vi and Vr (section 6.10) for the V of a TRANSFER_INIT."""
    covered = push_int(PayloadType.V, 1) + push_int(PayloadType.V, 1) + v.body() + b"\0" + push_int(v.auth_alg, 1)
    return covered + compute_mac(v.auth_alg, vr_keys(function, mpk_r).auth_key(v.auth_alg), covered)


def build_transfer_resp(
    init: MikeyMessage,
    *,
    key: bytes,
    timestamp: Timestamp,
    rand_r: bytes | None = None,
    id_r: Idr | None = None,
    rand_kms: bytes | None = None,
    crypto_sessions: Sequence[GenericCs] = (),
    policies: Sequence[SecurityPolicy] = (),
    keys: Sequence[KeyData] = (),
    encr_alg: int = EncrAlg.AES_CM_128,
    mac_alg: int = MacAlg.HMAC_SHA_256_256,
) -> MikeyMessage:
    """TRANSFER_RESP (section 4.2.2.2). `key` is MPKr' when keys are forked, else MPKi."""
    header = init.header
    rand_i = init.rand(RandRole.INITIATOR) or b""
    protection = response_message_keys(header.prf, key, header.csb_id, rand_i=rand_i, rand_r=rand_r or b"")
    answer = Header(
        data_type=DataType.TRANSFER_RESP,
        prf=header.prf,
        csb_id=header.csb_id,
        cs_map=GenericIdMap(tuple(crypto_sessions)),
    )
    payloads: list[Payload] = [
        timestamp,
        *_given(None if rand_r is None else Randr(RandRole.RESPONDER, rand_r)),
        *_given(id_r),
        *_given(None if rand_kms is None else Randr(RandRole.KMS, rand_kms)),
        *policies,
        *_kemac(keys, protection, encr_alg, header.csb_id, timestamp),
    ]
    return _sealed(answer, payloads, mac_alg, protection, initial=init)


def build_request_init_psk(
    policy: Tp,
    *,
    psk: bytes,
    csb_id: int,
    timestamp: Timestamp,
    rand_i: bytes,
    id_i: Idr | None = None,
    id_kms: Idr | None = None,
    id_psk: Idr | None = None,
    prf: int = SHA256,
    mac_alg: int = MacAlg.HMAC_SHA_256_256,
) -> MikeyMessage:
    """REQUEST_INIT_PSK (section 4.2.1.1), to the KMS; `psk` is shared with it."""
    header = Header(data_type=DataType.REQUEST_INIT_PSK, response_expected=True, prf=prf, csb_id=csb_id)
    payloads: list[Payload] = [
        timestamp,
        Randr(RandRole.INITIATOR, rand_i),
        *_given(id_i),
        *_given(id_kms),
        policy,
        *_given(id_psk),
    ]
    inside = decode_policy(policy)
    named_i, named_kms = id_i or inside.initiator, id_kms or inside.kms
    return _sealed(
        header,
        payloads,
        mac_alg,
        initial_message_keys(prf, psk, csb_id, rand_i=rand_i),
        id_i=named_i.data if named_i else b"",
        id_kms=named_kms.data if named_kms else b"",
    )


def build_request_resp(
    request: MikeyMessage,
    ticket: Ticket,
    *,
    psk: bytes,
    timestamp: Timestamp,
    keys: Sequence[KeyData],
    id_kms: Idr | None = None,
    encr_alg: int = EncrAlg.AES_CM_128,
    mac_alg: int = MacAlg.HMAC_SHA_256_256,
) -> MikeyMessage:
    """REQUEST_RESP (section 4.2.1.2). `keys`: MPKi, MPKr when keys are forked (not forked yet), TGKs (likewise)."""
    rand_i = request.rand(RandRole.INITIATOR) or b""
    header = request.header
    protection = response_message_keys(header.prf, psk, header.csb_id, rand_i=rand_i)
    payloads: list[Payload] = [
        timestamp,
        *_given(id_kms),
        ticket,
        encrypt_keys(keys, protection, encr_alg, header.csb_id, timestamp.sixty_four_bits),
    ]
    return _sealed(_answer(header, DataType.REQUEST_RESP), payloads, mac_alg, protection, initial=request)


def build_resolve_init_psk(
    ticket: Ticket,
    *,
    psk: bytes,
    csb_id: int,
    timestamp: Timestamp,
    rand_r: bytes,
    id_r: Idr | None = None,
    id_kms: Idr | None = None,
    id_psk: Idr | None = None,
    prf: int = SHA256,
    mac_alg: int = MacAlg.HMAC_SHA_256_256,
) -> MikeyMessage:
    """RESOLVE_INIT_PSK (section 4.2.3.1), the responder to the KMS; the ticket as it came in TRANSFER_INIT."""
    header = Header(data_type=DataType.RESOLVE_INIT_PSK, response_expected=True, prf=prf, csb_id=csb_id)
    payloads: list[Payload] = [
        timestamp,
        Randr(RandRole.RESPONDER, rand_r),
        *_given(id_r),
        *_given(id_kms),
        ticket,
        *_given(id_psk),
    ]
    policy = decode_policy(ticket)
    named_r, named_kms = id_r or next(iter(policy.responders), None), id_kms or policy.kms
    return _sealed(
        header,
        payloads,
        mac_alg,
        initial_message_keys(prf, psk, csb_id, rand_r=rand_r),
        id_r=named_r.data if named_r else b"",
        id_kms=named_kms.data if named_kms else b"",
    )


def build_resolve_resp(
    request: MikeyMessage,
    *,
    psk: bytes,
    timestamp: Timestamp,
    keys: Sequence[KeyData],
    id_kms: Idr | None = None,
    id_r: Idr | None = None,
    rand_kms: bytes | None = None,
    encr_alg: int = EncrAlg.AES_CM_128,
    mac_alg: int = MacAlg.HMAC_SHA_256_256,
) -> MikeyMessage:
    """RESOLVE_RESP (section 4.2.3.2). `keys`: MPKi, then MPKr' and TGK's already forked when keys are forked."""
    header = request.header
    rand_r = request.rand(RandRole.RESPONDER) or b""
    protection = response_message_keys(header.prf, psk, header.csb_id, rand_r=rand_r)
    payloads: list[Payload] = [
        timestamp,
        *_given(id_kms),
        encrypt_keys(keys, protection, encr_alg, header.csb_id, timestamp.sixty_four_bits),
        *_given(id_r),
        *_given(None if rand_kms is None else Randr(RandRole.KMS, rand_kms)),
    ]
    return _sealed(_answer(header, DataType.RESOLVE_RESP), payloads, mac_alg, protection, initial=request)


def build_error(
    failed: MikeyMessage,
    errors: Sequence[int],
    *,
    timestamp: Timestamp,
    protection: ProtectionKeys | None = None,
    mac_alg: int = MacAlg.HMAC_SHA_256_256,
) -> MikeyMessage:
    """An Error message (section 5.4) about `failed`; without `protection` it has no V, as when no key is shared."""
    header = _answer(failed.header, DataType.ERROR)
    payloads: list[Payload] = [timestamp, *(Err(number) for number in errors)]
    if protection is None:
        return make_message(header, payloads)
    return _sealed(header, payloads, mac_alg, protection)


def idr(role: IdRole, id_type: int, identity: str | bytes) -> Idr:
    """An IDR payload for octets, or for text as decoders give it (surrogate escapes are octets that were no UTF-8)."""
    octets = identity.encode("utf-8", "surrogateescape") if isinstance(identity, str) else identity
    return Idr(role, id_type, octets)


def _given(payload: Payload | None) -> list[Payload]:
    return [] if payload is None else [payload]


def _answer(header: Header, data_type: DataType) -> Header:
    """Responses repeat PRF func, CSB ID and map of what they answer (section 4.2)."""
    return replace(header, data_type=data_type, response_expected=False)


def _kemac(
    keys: Sequence[KeyData], protection: ProtectionKeys, encr_alg: int, csb_id: int, timestamp: Timestamp
) -> list[Kemac]:
    return [encrypt_keys(keys, protection, encr_alg, csb_id, timestamp.sixty_four_bits)] if keys else []


def _sealed(
    header: Header,
    payloads: Sequence[Payload],
    mac_alg: int,
    protection: ProtectionKeys,
    *,
    id_i: bytes = b"",
    id_r: bytes = b"",
    id_kms: bytes = b"",
    initial: MikeyMessage | None = None,
) -> MikeyMessage:
    """The message with its V."""
    auth_key = protection.auth_key(mac_alg)
    draft = make_message(header, [*payloads, Verification(mac_alg, bytes(MAC_LENGTH[mac_alg]))])
    covered = covered_by_v(draft, id_i=id_i, id_r=id_r, id_kms=id_kms, initial=initial)
    return make_message(header, [*payloads, Verification(mac_alg, compute_mac(mac_alg, auth_key, covered))])
