"""Whole exchanges of MIKEY-TICKET in each of its four modes, as KMS, initiator and responder would make them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mikey_vectors import CSB_ID, INITIATOR, KMS, MPK, RAND_I, RAND_KMS, RAND_R, RESPONDER, TGK, TICKET_RAND, TPK

from dissectors.mikey import (
    MODE_FLAGS,
    MPKR_FORK,
    TGK_FORK,
    GenericCs,
    IdRole,
    IdType,
    KeyData,
    KeyDataType,
    MikeyMessage,
    PrfFunc,
    SecurityPolicy,
    SessionConstant,
    Spi,
    Ticket,
    TicketFlags,
    TicketPolicy,
    Timestamp,
    Tp,
    Tr,
    TsRole,
    TsType,
    build_base_ticket,
    build_request_init_psk,
    build_request_resp,
    build_resolve_init_psk,
    build_resolve_resp,
    build_transfer_init,
    build_transfer_resp,
    encode_policy,
    fork_key,
    idr,
    session_key,
    split_mpk,
)

ID_I = idr(IdRole.INITIATOR, IdType.URI, INITIATOR)
ID_R = idr(IdRole.RESPONDER, IdType.URI, RESPONDER)
ID_KMS = idr(IdRole.KMS, IdType.URI, KMS)
TIMES = (
    Tr(TsRole.START_OF_VALIDITY, TsType.NTP_UTC_32, bytes.fromhex("e0000000")),
    Tr(TsRole.END_OF_VALIDITY, TsType.NTP_UTC_32, bytes.fromhex("e0015180")),
)
POLICY = TicketPolicy((ID_KMS, ID_I, *TIMES, ID_R))
MPK_KEY = KeyData(KeyDataType.MPK, MPK, validity=Spi(b"\0\0\0\1"))
TGK_KEY = KeyData(KeyDataType.TGK, TGK, validity=Spi(b"\0\0\0\2"))
TEK_KEY = KeyData(KeyDataType.TEK, b"a TEK of 24 octets......", validity=Spi(b"\0\0\0\2"))
CS = GenericCs(cs_id=1, prot_type=2, spi=b"\0\0\0\2")
ANSWERED_CS = replace(CS, policies=(0,))
PSK_I = b"initiator and KMS"
PSK_R = b"responder and KMS"
SHA256 = PrfFunc.PRF_HMAC_SHA_256


def ntp(text: str) -> Timestamp:
    return Timestamp(TsType.NTP_UTC, bytes.fromhex(text))


@dataclass(frozen=True)
class Exchange:
    """Everything of one session; None for exchanges that its mode has not."""

    ticket: Ticket
    init: MikeyMessage
    resp: MikeyMessage
    request: tuple[MikeyMessage, MikeyMessage] | None
    resolve: tuple[MikeyMessage, MikeyMessage] | None
    forked_tgk: bytes
    tek: bytes


def exchange(
    mode: int,
    *,
    flags: TicketFlags | None = None,
    key: KeyData = TGK_KEY,
    prf: int = SHA256,
    omit_identities: bool = False,
    supplied: tuple[KeyData, ...] = (),
    answered: tuple[KeyData, ...] = (),
) -> Exchange:
    """The exchange of a mode, with the octets of the vectors where they fit.

    `supplied` and `answered` are keys in the KEMAC of TRANSFER_INIT and TRANSFER_RESP, for the flags L and M.
    """
    flags = flags or MODE_FLAGS[mode]
    ticket = build_base_ticket(
        flags,
        POLICY,
        ticket_protection_key=TPK,
        keys=(MPK_KEY, key),
        timestamp=ntp("e000000000000000"),
        rand=TICKET_RAND,
    )
    mpk_i, mpk_r = split_mpk(flags.prf, MPK, TICKET_RAND)
    forked_mpk_r = fork_key(flags.prf, MPKR_FORK, mpk_r, RESPONDER, RAND_KMS)
    forks = flags.i and key.key_type in (KeyDataType.TGK, KeyDataType.TGK_SALT)
    forked = fork_key(flags.prf, TGK_FORK, key.key, RESPONDER, RAND_KMS) if forks else key.key
    rand_r = RAND_R if flags.g else None
    init = build_transfer_init(
        ticket,
        csb_id=CSB_ID,
        mpk_i=mpk_i,
        mpk_r=mpk_r,
        timestamp=ntp("e000001000000000"),
        rand_i=RAND_I,
        id_i=None if omit_identities else ID_I,
        id_r=None if omit_identities else ID_R,
        crypto_sessions=[CS],
        keys=supplied,
        prf=prf,
    )
    resp = build_transfer_resp(
        init,
        key=forked_mpk_r if flags.i else mpk_i,
        timestamp=ntp("e000001180000000"),
        rand_r=rand_r,
        id_r=ID_R,
        rand_kms=RAND_KMS if flags.i else None,
        crypto_sessions=[ANSWERED_CS],
        policies=[SecurityPolicy(0, 2)],
        keys=answered,
    )
    tek = key.key
    if key.key_type not in (KeyDataType.TEK, KeyDataType.TEK_SALT):
        tek = session_key(
            prf,
            forked,
            SessionConstant.TEK,
            1,
            16,
            rand_i=RAND_I if flags.h else b"",
            rand_r=rand_r or b"",
        )
    masters = [KeyData(KeyDataType.MPK, mpk_i, validity=Spi(b"\0\0\0\1"))]
    request = resolve = None
    if flags.d:
        asked = build_request_init_psk(
            Tp(flags=flags, policy_data=encode_policy(POLICY)),
            psk=PSK_I,
            csb_id=0x11111111,
            timestamp=ntp("e000000400000000"),
            rand_i=b"request rand i..",
            id_i=None if omit_identities else ID_I,
            id_kms=None if omit_identities else ID_KMS,
        )
        unforked = [KeyData(KeyDataType.MPK, mpk_r, validity=Spi(b"\0\0\0\1"))] if flags.i else []
        request = (
            asked,
            build_request_resp(
                asked, ticket, psk=PSK_I, timestamp=ntp("e000000500000000"), keys=[*masters, *unforked, key]
            ),
        )
    if flags.e:
        assert init.ticket is not None
        asked = build_resolve_init_psk(
            init.ticket,
            psk=PSK_R,
            csb_id=0x22222222,
            timestamp=ntp("e000001080000000"),
            rand_r=b"resolve rand r..",
            id_r=None if omit_identities else ID_R,
            id_kms=None if omit_identities else ID_KMS,
        )
        forked_master = [KeyData(KeyDataType.MPK, forked_mpk_r, validity=Spi(b"\0\0\0\1"))] if flags.i else []
        resolve = (
            asked,
            build_resolve_resp(
                asked,
                psk=PSK_R,
                timestamp=ntp("e000001100000000"),
                keys=[*masters, *forked_master, replace(key, key=forked)],
                id_r=ID_R,
                rand_kms=RAND_KMS if flags.i else None,
            ),
        )
    return Exchange(ticket, init, resp, request, resolve, forked, tek)
