"""Opening what holds the keys: a base ticket with its key, an exchange with the KMS with the key shared with it.

RFC 6043 sections 4.2.1 (Ticket Request), 4.2.3 (Ticket Resolve), Appendix A (base ticket). The MAC is checked before
anything is decrypted, so a wrong key never gives garbage.
"""

from __future__ import annotations

from collections.abc import Iterable

from dissectors.errors import DecodeError
from dissectors.mikey.kemac import NO_CSB, decrypt_keys
from dissectors.mikey.key_data import KeyData
from dissectors.mikey.keys import (
    ProtectionKeys,
    initial_message_keys,
    response_message_keys,
    split_mpk,
    ticket_keys,
)
from dissectors.mikey.mac import mac_fits, v_fits
from dissectors.mikey.message import MikeyMessage
from dissectors.mikey.numbers import DataType, IdRole, KeyDataType, RandRole, name_of
from dissectors.mikey.outcome import KeySource, Reason, RefusalError, Secret
from dissectors.mikey.payloads import Err, Kemac
from dissectors.mikey.ticket import TicketPolicy, decode_base_ticket, decode_policy
from dissectors.mikey.ticket_payloads import Idr, Ticket, Tp

_MAX_IDENTITIES = 16
"How many identities are tried for one role: MACs cover them, messages may leave them out."

RESOLVE_INITS = frozenset({DataType.RESOLVE_INIT_PSK, DataType.RESOLVE_INIT_PK})


def open_base_ticket(ticket: Ticket, secret: Secret) -> KeySource:
    """Check and decrypt ticket data with a ticket key; RefusalError says why not, ValueError for unknown algorithms."""
    try:
        base = decode_base_ticket(ticket.ticket_data)
    except DecodeError as error:
        raise RefusalError(Reason.UNREADABLE_TICKET, f"ticket type {name_of(ticket.ticket_type)}, {error}") from None
    keys = ticket_keys(ticket.flags.prf, secret.key, base.rand)
    v = base.verification
    protected = ticket.protected()
    covered = protected[: len(protected) - len(v.mac)]
    if not mac_fits(v.auth_alg, keys.auth_key(v.auth_alg), covered, v.mac):
        raise RefusalError(Reason.WRONG_TICKET_KEY)
    try:
        found = decrypt_keys(base.kemac, keys, NO_CSB, base.timestamp.sixty_four_bits)
    except DecodeError as error:
        raise RefusalError(Reason.UNREADABLE_TICKET, f"the MAC fits, the keys inside do not decrypt: {error}") from None
    mpk = next((each.key for each in found if each.key_type == KeyDataType.MPK), None)
    if mpk is None:
        raise RefusalError(Reason.UNREADABLE_TICKET, "there is no MPK inside")
    mpk_i, mpk_r = split_mpk(ticket.flags.prf, mpk, base.rand)
    return KeySource(secret=secret, trace=("TPK", "ticket"), mpk_i=mpk_i, mpk_r=mpk_r, keys=session_keys(found))


def open_mpk(ticket: Ticket, secret: Secret) -> KeySource:
    """MPKi and MPKr from the MPK of a base ticket, whose RAND is in clear."""
    try:
        base = decode_base_ticket(ticket.ticket_data)
    except DecodeError as error:
        raise RefusalError(Reason.UNREADABLE_TICKET, str(error)) from None
    mpk_i, mpk_r = split_mpk(ticket.flags.prf, secret.key, base.rand)
    return KeySource(secret=secret, trace=("MPK",), mpk_i=mpk_i, mpk_r=mpk_r)


def open_kms_exchange(
    request: MikeyMessage, response: MikeyMessage, ticket: Ticket, secret: Secret, identities: Iterable[bytes] = ()
) -> KeySource:
    """Check and decrypt REQUEST_RESP or RESOLVE_RESP with the key shared with the KMS, for a ticket.

    In public key mode the secret is the envelope key. `identities` are tried for those that the request leaves out.
    """
    resolve = request.data_type in RESOLVE_INITS
    role = RandRole.RESPONDER if resolve else RandRole.INITIATOR
    rand = request.rand(role) or b""
    rands = {"rand_r" if resolve else "rand_i": rand}
    csb_id, function = request.header.csb_id, request.header.prf
    asked = initial_message_keys(function, secret.key, csb_id, **rands)
    answered = response_message_keys(function, secret.key, csb_id, **rands)
    if response.data_type == DataType.ERROR:
        raise RefusalError(Reason.KMS_REFUSED, error_names(response))
    if response.data_type != (DataType.RESOLVE_RESP if resolve else DataType.REQUEST_RESP):
        raise RefusalError(Reason.RESPONSE_MISMATCH, f"{name_of(response.data_type)} answers no request to the KMS")
    subject = request.ticket if resolve else response.ticket
    if subject is None or subject.protected() != ticket.protected():
        raise RefusalError(Reason.OTHER_TICKET)
    if not _v_fits(response, answered, initial=request):
        fits = _request_fits(request, asked, resolve, list(identities))
        raise RefusalError(Reason.WRONG_KMS_RESPONSE if fits else Reason.WRONG_KMS_KEY)
    kemac = response.first(Kemac)
    if kemac is None:
        raise RefusalError(Reason.WRONG_KEMAC, f"{name_of(response.data_type)} has no KEMAC")
    found = decrypt_message_keys(kemac, answered, response, request)
    masters = [each.key for each in found if each.key_type == KeyDataType.MPK]
    forking = ticket.flags.i
    mpk_r = masters[1] if forking and len(masters) > 1 else None
    return KeySource(
        secret=secret,
        trace=("KMS key", "RESOLVE_RESP" if resolve else "REQUEST_RESP"),
        mpk_i=masters[0] if masters else None,
        mpk_r=None if resolve else mpk_r,
        mpk_r_forked=mpk_r if resolve else None,
        keys=session_keys(found),
        forked=resolve and forking,
    )


def session_keys(keys: Iterable[KeyData]) -> tuple[KeyData, ...]:
    """The TGKs, GTGKs and TEKs among keys."""
    return tuple(each for each in keys if each.key_type not in (KeyDataType.MPK, KeyDataType.K_PR))


def decrypt_message_keys(
    kemac: Kemac, protection: ProtectionKeys, message: MikeyMessage, initial: MikeyMessage
) -> tuple[KeyData, ...]:
    """The keys in a message's KEMAC.

    RFC 6043 lets a response have a time of its own, RFC 3830 has the initiator's in the IV: the message's own is tried
    first, then that of the initial message.
    """
    times = [each.timestamp.sixty_four_bits for each in (message, initial) if each.timestamp is not None]
    for time in dict.fromkeys(times):
        try:
            return decrypt_keys(kemac, protection, message.header.csb_id, time)
        except DecodeError:
            continue
    raise RefusalError(Reason.WRONG_KEMAC, f"of {name_of(message.data_type)}")


def error_names(message: MikeyMessage) -> str:
    """The errors of an Error message."""
    return ", ".join(name_of(each.error_no) for each in message.all(Err)) or "no ERR payload"


def candidates(named: Iterable[Idr | None], others: Iterable[bytes] = ()) -> list[bytes]:
    """Identities to try, without doubles, those of the messages first."""
    found = dict.fromkeys([*(each.data for each in named if each is not None), *others])
    return list(found)[:_MAX_IDENTITIES] or [b""]


def policy_of(payload: Tp | Ticket | None) -> TicketPolicy:
    """The policy, empty when it cannot be read."""
    if payload is None:
        return TicketPolicy()
    try:
        return decode_policy(payload)
    except DecodeError:
        return TicketPolicy()


def _request_fits(request: MikeyMessage, keys: ProtectionKeys, resolve: bool, identities: list[bytes]) -> bool:
    policy = policy_of(request.ticket if resolve else request.first(Tp))
    kms = [request.identity(IdRole.KMS), policy.kms]
    if resolve:
        users = [request.identity(IdRole.RESPONDER), *policy.responders]
    else:
        users = [request.identity(IdRole.INITIATOR), policy.initiator]
    return any(
        _v_fits(request, keys, id_i=user, id_r=user, id_kms=server)  # it covers one of the two, by its data type
        for user in candidates(users, identities)
        for server in candidates(kms, identities)
    )


def _v_fits(
    message: MikeyMessage,
    keys: ProtectionKeys,
    *,
    id_i: bytes = b"",
    id_r: bytes = b"",
    id_kms: bytes = b"",
    initial: MikeyMessage | None = None,
) -> bool:
    v = message.verification
    if v is None:
        return False
    key = keys.auth_key(v.auth_alg)
    return v_fits(message, key, id_i=id_i, id_r=id_r, id_kms=id_kms, initial=initial)
