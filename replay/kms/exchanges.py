"""What the KMS answers: REQUEST_RESP, RESOLVE_RESP or an Error message (RFC 6043 sections 4.2.1, 4.2.3, 5.4).

Pure: times and random octets are handed in. Whoever is not known, or may not, gets an Error message; keys go only to
whoever proved to share one with the KMS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dissectors.errors import DecodeError
from dissectors.mikey import (
    MODE_FLAGS,
    DataType,
    ErrorNo,
    IdRole,
    IdType,
    KeyData,
    KeyDataType,
    MikeyMessage,
    RandRole,
    Spi,
    TicketFlags,
    TicketPolicy,
    Timestamp,
    TsType,
    decode_policy,
    fork_key,
    initial_message_keys,
    split_mpk,
)
from dissectors.mikey.build import build_base_ticket, build_error, build_request_resp, build_resolve_resp, idr
from dissectors.mikey.exchange import open_base_ticket
from dissectors.mikey.keys import MPKR_FORK, TGK_FORK
from dissectors.mikey.mac import v_fits
from dissectors.mikey.numbers import TsRole
from dissectors.mikey.outcome import RefusalError, Secret, SecretKind
from dissectors.mikey.ticket_payloads import Ticket, Tp, Tr
from dissectors.mikey.timestamps import ntp_utc
from replay.keying.party import not_by_chance
from replay.kms.users import KmsConfig, KmsUser

Draw = Callable[[int], bytes]
"""So many random octets."""
IsNew = Callable[[], bool]
"""Takes note of the request at hand; False when it was seen before."""

MPK_SPI, TGK_SPI = b"\0\0\0\1", b"\0\0\0\2"
KEY_OCTETS = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and what the log says of it (no identities, no keys)."""

    message: MikeyMessage
    note: str


def answer(config: KmsConfig, request: MikeyMessage, now: int, draw: Draw, is_new: IsNew = lambda: True) -> Answer:
    """The response to a request; `now` is the time in ns since 1970 UTC.

    `is_new` is asked once the request has proved to be of who it says (RFC 3830 section 5.4).
    """
    timestamp = Timestamp(TsType.NTP_UTC, ntp_utc(now))
    if request.data_type == DataType.REQUEST_INIT_PSK:
        return _request(config, request, timestamp, now, draw, is_new)
    if request.data_type == DataType.RESOLVE_INIT_PSK:
        return _resolve(config, request, timestamp, now, draw, is_new)
    return _refused(request, ErrorNo.UNSUPPORTED_MESSAGE_TYPE, timestamp, "unsupported message")


def _refused(request: MikeyMessage, number: ErrorNo, timestamp: Timestamp, note: str) -> Answer:
    return Answer(build_error(request, [number], timestamp=timestamp), f"refused: {note}")


def _authenticated(
    config: KmsConfig, request: MikeyMessage, role: IdRole, rand_role: RandRole, otherwise: bytes
) -> KmsUser | None:
    """The user whose key protects the request."""
    named = request.identity(IdRole.PRE_SHARED_KEY) or request.identity(role)
    user = config.user(named.data if named is not None else otherwise)
    v = request.verification
    if user is None or v is None:
        return None
    rand = request.rand(rand_role) or b""
    rands = {"rand_i" if rand_role is RandRole.INITIATOR else "rand_r": rand}
    keys = initial_message_keys(request.header.prf, user.psk, request.header.csb_id, **rands)
    identity, kms = user.identity.encode(), config.identity.encode()
    fits = v_fits(request, keys.auth_key(v.auth_alg), id_i=identity, id_r=identity, id_kms=kms)
    return user if fits else None


def _stale(config: KmsConfig, request: MikeyMessage, now: int, is_new: IsNew) -> str:
    """Why an authentic request is not answered all the same; or empty."""
    sent = request.timestamp.unix_nanoseconds if request.timestamp is not None else None
    if sent is not None and abs(sent - now) > config.clock_skew * 10**9:
        return "its time is not ours"
    return "" if is_new() else "it was seen before"


def _request(
    config: KmsConfig, request: MikeyMessage, timestamp: Timestamp, now: int, draw: Draw, is_new: IsNew
) -> Answer:
    wanted = request.first(Tp)
    try:
        policy = decode_policy(wanted) if wanted is not None else TicketPolicy()
    except DecodeError:
        return _refused(request, ErrorNo.INVALID_TPPAR, timestamp, "the requested policy cannot be read")
    named = policy.initiator
    user = _authenticated(
        config, request, IdRole.INITIATOR, RandRole.INITIATOR, named.data if named is not None else b""
    )
    if user is None:
        return _refused(request, ErrorNo.AUTH_FAILURE, timestamp, "the requester is not known, or its MAC does not fit")
    if stale := _stale(config, request, now, is_new):
        return _refused(request, ErrorNo.INVALID_TS, timestamp, stale)
    if not user.may_request or not policy.responders:
        return _refused(request, ErrorNo.INVALID_TPPAR, timestamp, "by policy")
    responder = config.user(policy.responders[0].data)
    flags = wanted.flags if wanted is not None else MODE_FLAGS[1]
    # A responder with a ticket key of its own opens tickets itself (mode 2), unless resolving is asked for.
    own = responder.tpk if responder is not None and not flags.e else None
    if own is None and not config.tpk:
        return _refused(request, ErrorNo.INVALID_TPPAR, timestamp, "no ticket key")
    flags = _granted(flags, MODE_FLAGS[2 if own is not None else 1])
    if "DIN-1e" in config.faults:
        flags = _granted(flags, MODE_FLAGS[3])
    if "MRFP-TLS-2" in config.faults:
        draw = not_by_chance
    rand, mpk, tgk = draw(KEY_OCTETS), draw(KEY_OCTETS), draw(KEY_OCTETS)
    begin = ntp_utc(now)[:4]
    end = (int.from_bytes(begin, "big") + config.lifetime & 0xFFFFFFFF).to_bytes(4, "big")
    granted = TicketPolicy(
        (
            idr(IdRole.KMS, IdType.URI, config.identity),
            idr(IdRole.INITIATOR, IdType.URI, user.identity),
            Tr(TsRole.START_OF_VALIDITY, TsType.NTP_UTC_32, begin),
            Tr(TsRole.END_OF_VALIDITY, TsType.NTP_UTC_32, end),
            *policy.responders,
        )
    )
    ticket = build_base_ticket(
        flags,
        granted,
        ticket_protection_key=own or config.tpk,
        keys=[_key(KeyDataType.MPK, mpk, MPK_SPI), _key(KeyDataType.TGK, tgk, TGK_SPI)],
        timestamp=timestamp,
        rand=rand,
    )
    mpk_i, mpk_r = split_mpk(flags.prf, mpk, rand)
    keys = [_key(KeyDataType.MPK, mpk_i, MPK_SPI)]
    keys += [_key(KeyDataType.MPK, mpk_r, MPK_SPI)] if flags.i else []
    keys += [_key(KeyDataType.TGK, tgk, TGK_SPI)]
    made = build_request_resp(request, ticket, psk=user.psk, timestamp=timestamp, keys=keys)
    return Answer(made, f"ticket of mode {flags.mode} issued")


def _granted(wanted: TicketFlags, usual: TicketFlags) -> TicketFlags:
    """The flags of the mode; of what was wanted only reuse can be had."""
    return replace(usual, prf=wanted.prf, j=wanted.j)


def _resolve(
    config: KmsConfig, request: MikeyMessage, timestamp: Timestamp, now: int, draw: Draw, is_new: IsNew
) -> Answer:
    ticket = request.ticket
    if ticket is None:
        return _refused(request, ErrorNo.INVALID_TICKET, timestamp, "no ticket")
    try:
        policy = decode_policy(ticket)
    except DecodeError:
        return _refused(request, ErrorNo.INVALID_TICKET, timestamp, "the ticket's policy cannot be read")
    first = policy.responders[0].data if policy.responders else b""
    user = _authenticated(config, request, IdRole.RESPONDER, RandRole.RESPONDER, first)
    if user is None:
        return _refused(request, ErrorNo.AUTH_FAILURE, timestamp, "the responder is not known, or its MAC does not fit")
    if stale := _stale(config, request, now, is_new):
        return _refused(request, ErrorNo.INVALID_TS, timestamp, stale)
    allowed = {each.data for each in policy.responders}
    if not user.may_resolve or user.identity.encode() not in allowed:
        return _refused(request, ErrorNo.INVALID_TICKET, timestamp, "by policy")
    if _expired(policy, now):
        return _refused(request, ErrorNo.INVALID_TICKET, timestamp, "the ticket has expired")
    for key in config.ticket_keys():
        try:
            source = open_base_ticket(ticket, Secret(SecretKind.TPK, key))
        except (RefusalError, ValueError):
            continue
        break
    else:
        return _refused(request, ErrorNo.INVALID_TICKET, timestamp, "no ticket key fits")
    if source.mpk_i is None:
        return _refused(request, ErrorNo.INVALID_TICKET, timestamp, "the ticket has no MPK")
    if "MRFP-TLS-2" in config.faults:
        draw = not_by_chance
    rand_kms = draw(KEY_OCTETS) if ticket.flags.i else None
    identity = user.identity.encode()
    keys = [_key(KeyDataType.MPK, source.mpk_i, MPK_SPI)]
    tgks = list(source.keys)
    if rand_kms is not None and source.mpk_r is not None:
        forked = fork_key(ticket.flags.prf, MPKR_FORK, source.mpk_r, identity, rand_kms)
        keys.append(_key(KeyDataType.MPK, forked, MPK_SPI))
        tgks = [_forked(each, ticket, identity, rand_kms) for each in tgks]
    made = build_resolve_resp(
        request,
        psk=user.psk,
        timestamp=timestamp,
        keys=[*keys, *tgks],
        id_r=idr(IdRole.RESPONDER, IdType.URI, user.identity),
        rand_kms=rand_kms,
    )
    return Answer(made, "ticket resolved")


def _forked(key: KeyData, ticket: Ticket, identity: bytes, rand_kms: bytes) -> KeyData:
    """TGKs are forked, TEKs never (RFC 6043 section 5.1.1)."""
    if key.key_type not in (KeyDataType.TGK, KeyDataType.TGK_SALT):
        return key
    return _key(KeyDataType.TGK, fork_key(ticket.flags.prf, TGK_FORK, key.key, identity, rand_kms), key.spi)


def _expired(policy: TicketPolicy, now: int) -> bool:
    end = policy.time(TsRole.END_OF_VALIDITY)
    if end is None or end.ts_type != TsType.NTP_UTC_32:
        return False
    return int.from_bytes(end.value, "big") < int.from_bytes(ntp_utc(now)[:4], "big")


def _key(kind: KeyDataType, key: bytes, spi: bytes) -> KeyData:
    return KeyData(kind, key, validity=Spi(spi))
