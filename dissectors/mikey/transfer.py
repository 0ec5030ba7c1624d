"""From a transfer exchange and what is known to the TEKs of its crypto sessions (RFC 6043 sections 4.2.2, 5.1, 5.2).

The order: open the ticket, or the exchange with the KMS, with each secret; check TRANSFER_INIT with MPKi, then Vi and
Vr; fork MPKr and the TGKs with IDRr and RANDRkms of TRANSFER_RESP; check TRANSFER_RESP; derive the TEKs. A message
whose MAC does not fit still gives keys where it can, marked as such: an identity written otherwise spoils the MAC, not
the key, and whoever uses the key has a stronger test.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from dissectors.errors import DecodeError
from dissectors.mikey.exchange import (
    candidates,
    decrypt_message_keys,
    error_names,
    open_base_ticket,
    open_kms_exchange,
    open_mpk,
    session_keys,
)
from dissectors.mikey.header import GenericCs
from dissectors.mikey.key_data import KeyData, Spi
from dissectors.mikey.keys import (
    MPKR_FORK,
    TGK_FORK,
    ProtectionKeys,
    SessionConstant,
    fork_key,
    initial_message_keys,
    response_message_keys,
    session_key,
    vr_keys,
)
from dissectors.mikey.mac import mac_fits, v_fits
from dissectors.mikey.message import MikeyMessage
from dissectors.mikey.numbers import DataType, IdRole, KeyDataType, RandRole, name_of
from dissectors.mikey.outcome import (
    Attempt,
    Checks,
    Failure,
    KeySource,
    Reason,
    RefusalError,
    Secret,
    SecretKind,
    Tek,
    Unlocked,
    choose,
)
from dissectors.mikey.payloads import Kemac
from dissectors.mikey.ticket import TicketPolicy, decode_initiator_data, decode_policy
from dissectors.mikey.ticket_payloads import Ticket

_TEKS = frozenset({KeyDataType.TEK, KeyDataType.TEK_SALT})
_TGKS = frozenset({KeyDataType.TGK, KeyDataType.TGK_SALT})
_DIRECT = {
    SecretKind.TGK: ("TGK", KeyDataType.TGK),
    SecretKind.FORKED_TGK: ("TGK'", KeyDataType.TGK),
    SecretKind.TEK: ("TEK", KeyDataType.TEK),
}


def unlock_transfer(
    init: MikeyMessage,
    resp: MikeyMessage | None = None,
    *,
    secrets: Sequence[Secret],
    kms_exchanges: Sequence[tuple[MikeyMessage, MikeyMessage]] = (),
    identities: Sequence[bytes] = (),
    tek_lengths: Sequence[int] = (16,),
) -> Unlocked:
    """The TEKs of a TRANSFER_INIT and its answer, with the way to them and every reason against.

    `kms_exchanges` are pairs of REQUEST_INIT and REQUEST_RESP or RESOLVE_INIT and RESOLVE_RESP that were captured;
    `identities` the data of identities that messages may have left out, as URIs without parameters. A derived TEK has
    no length of its own (TS 33.328 does not come with this): one is given for each of `tek_lengths`, in octets.
    """
    ticket = init.ticket
    if init.data_type != DataType.TRANSFER_INIT or ticket is None:
        return Unlocked(failures=(Failure(Reason.NO_TICKET, name_of(init.data_type)),))
    common = []
    if not secrets:
        common.append(Failure(Reason.NO_KEY))
    attempts = []
    for secret in secrets:
        try:
            sources = _sources(secret, ticket, kms_exchanges, identities)
        except RefusalError as refusal:
            attempts.append(Attempt(secret=secret, failures=(Failure(refusal.reason, refusal.detail, secret),)))
            continue
        except ValueError as error:
            attempts.append(Attempt(secret=secret, failures=(Failure(Reason.UNSUPPORTED, str(error), secret),)))
            continue
        attempts += (_Transfer(init, resp, ticket, source, identities, tek_lengths).attempt() for source in sources)
    return choose(attempts, common)


def _sources(
    secret: Secret,
    ticket: Ticket,
    kms_exchanges: Sequence[tuple[MikeyMessage, MikeyMessage]],
    identities: Sequence[bytes],
) -> list[KeySource]:
    """The keys that a secret leads to; RefusalError or ValueError when to none."""
    if secret.kind is SecretKind.TPK:
        return [open_base_ticket(ticket, secret)]
    if secret.kind is SecretKind.MPK:
        return [open_mpk(ticket, secret)]
    if secret.kind is not SecretKind.KMS_PSK:
        name, key_type = _DIRECT[secret.kind]
        key = KeyData(key_type, secret.key, validity=Spi(secret.spi) if secret.spi else None)
        return [KeySource(secret=secret, trace=(name,), keys=(key,), forked=secret.kind is SecretKind.FORKED_TGK)]
    found: list[KeySource] = []
    refusal = RefusalError(Reason.NO_KEY, "no exchange with the KMS was captured that the key could open")
    for request, response in kms_exchanges:
        try:
            found.append(open_kms_exchange(request, response, ticket, secret, identities))
        except RefusalError as error:
            if error.reason is not Reason.OTHER_TICKET:
                refusal = error
    if not found:
        raise refusal
    return found


class _Held(NamedTuple):
    """A key at hand, the way to it, and whether a party of the transfer supplied it: such keys are never forked."""

    key: KeyData
    trace: tuple[str, ...]
    supplied: bool


class _Transfer:
    """One attempt: a transfer exchange and one source of keys."""

    def __init__(
        self,
        init: MikeyMessage,
        resp: MikeyMessage | None,
        ticket: Ticket,
        source: KeySource,
        identities: Sequence[bytes],
        tek_lengths: Sequence[int],
    ) -> None:
        self.init = init
        self.ticket = ticket
        self.flags = ticket.flags
        self.source = source
        self.identities = identities
        self.tek_lengths = tek_lengths
        self.failures: list[Failure] = []
        self.policy = TicketPolicy()
        self._guarded(self._read_policy)
        direct = source.secret.kind in _DIRECT or source.secret.kind is SecretKind.MPK
        self.checks = Checks(ticket=None if direct else True)
        self.resp = self._answer(resp)
        self.rand_i = init.rand(RandRole.INITIATOR) or b""
        self.rand_r = self._rand_r()
        self.pool = [_Held(key, source.trace, False) for key in source.keys]

    def attempt(self) -> Attempt:
        """Check and derive whatever can be."""
        for step in (self._check_init, self._check_initiator_data, self._check_resp):
            self._guarded(step)
        teks: list[Tek] = []
        sessions = self._sessions()
        if not sessions:
            self._fail(Reason.NO_CRYPTO_SESSION)
        for cs in sessions:
            held = [each for each in self.pool if not cs.spi or each.key.spi in (cs.spi, b"")] or self.pool
            if not held:
                self._fail(Reason.NO_SESSION_KEY, f"CS ID {cs.cs_id}")
            for each in held:
                self._guarded(partial(self._derive, cs, each, teks))
        return Attempt(
            secret=self.source.secret,
            teks=tuple(teks),
            checks=self.checks,
            failures=tuple(dict.fromkeys(self.failures)),
        )

    def _fail(self, reason: Reason, detail: str = "") -> None:
        self.failures.append(Failure(reason, detail, self.source.secret))

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except RefusalError as refusal:
            self._fail(refusal.reason, refusal.detail)
        except DecodeError as error:
            self._fail(Reason.UNREADABLE, str(error))
        except ValueError as error:
            self._fail(Reason.UNSUPPORTED, str(error))

    def _read_policy(self) -> None:
        self.policy = decode_policy(self.ticket)

    def _answer(self, resp: MikeyMessage | None) -> MikeyMessage | None:
        """The TRANSFER_RESP, if what is given is one."""
        if resp is None:
            return None
        if resp.header.csb_id != self.init.header.csb_id:
            self._fail(Reason.RESPONSE_MISMATCH, "its CSB ID is another")
        elif resp.data_type == DataType.ERROR:
            self._fail(Reason.TRANSFER_REFUSED, error_names(resp))
        elif resp.data_type != DataType.TRANSFER_RESP:
            self._fail(Reason.RESPONSE_MISMATCH, name_of(resp.data_type))
        else:
            return resp
        return None

    def _rand_r(self) -> bytes:
        """RANDRr, if the flag G has it generated."""
        return (self.resp.rand(RandRole.RESPONDER) or b"") if self.resp is not None and self.flags.g else b""

    def _initial_keys(self) -> ProtectionKeys | None:
        mpk_i = self.source.mpk_i
        header = self.init.header
        if mpk_i is None:
            return None
        return initial_message_keys(header.prf, mpk_i, header.csb_id, rand_i=self.rand_i)

    def _check_init(self) -> None:
        keys = self._initial_keys()
        if keys is None:
            return
        v = self.init.verification
        named_i, named_r = self.init.identity(IdRole.INITIATOR), self.init.identity(IdRole.RESPONDER)
        firsts = candidates([named_i, self.policy.initiator], self.identities)
        seconds = candidates([named_r, *self.policy.responders], self.identities)
        key = keys.auth_key(v.auth_alg) if v is not None else b""
        fits = v is not None and any(
            v_fits(self.init, key, id_i=first, id_r=second) for first in firsts for second in seconds
        )
        self.checks = replace(self.checks, transfer_init=fits)
        if not fits:
            self._fail(Reason.WRONG_TRANSFER_INIT, "" if v is not None and v.mac else "it has no MAC")
        kemac = self.init.first(Kemac)
        if kemac is not None:
            self._add_keys("KEMAC of TRANSFER_INIT", decrypt_message_keys(kemac, keys, self.init, self.init))

    def _check_initiator_data(self) -> None:
        """Vi is the copy of V; Vr is the initiator's word to the KMS (section 6.10)."""
        if not self.flags.i:
            return
        data = decode_initiator_data(self.ticket.initiator_data)
        v = self.init.verification
        vi = v is not None and v.auth_alg == data.vi.auth_alg and hmac.compare_digest(v.mac, data.vi.mac)
        vr = None
        if self.source.mpk_r is not None:
            # The RFC does not say which PRF; the policy's has all else that the KMS reads, the header's is the other.
            alg = data.vr.auth_alg
            functions = dict.fromkeys((self.flags.prf, self.init.header.prf))
            keys = [vr_keys(function, self.source.mpk_r).auth_key(alg) for function in functions]
            vr = any(mac_fits(alg, key, data.covered, data.vr.mac) for key in keys)
        self.checks = replace(self.checks, vi=vi, vr=vr)
        if not vi or vr is False:
            self._fail(Reason.WRONG_INITIATOR_DATA, "Vi" if not vi else "Vr")

    def _modifier(self) -> tuple[bytes, bytes]:
        """What keys are forked with: IDRr and RANDRkms; RefusalError when they are not there."""
        if self.resp is None:
            raise RefusalError(Reason.RESPONSE_MISSING, "keys are forked with its RANDRkms")
        rand_kms = self.resp.rand(RandRole.KMS)
        if rand_kms is None:
            raise RefusalError(Reason.RESPONSE_INCOMPLETE, "it has no RANDRkms")
        answered, asked = (each.identity(IdRole.RESPONDER) for each in (self.resp, self.init))
        named = answered or asked or next(iter(self.policy.responders), None)
        if named is None:
            raise RefusalError(Reason.RESPONSE_INCOMPLETE, "it has no IDRr")
        return named.data, rand_kms

    def _check_resp(self) -> None:
        if self.resp is None:
            return
        key = self.source.mpk_i
        if self.flags.i:
            key = self.source.mpk_r_forked
            if key is None and self.source.mpk_r is not None:
                key = fork_key(self.flags.prf, MPKR_FORK, self.source.mpk_r, *self._modifier())
        if key is None:
            return
        header = self.init.header
        keys = response_message_keys(header.prf, key, header.csb_id, rand_i=self.rand_i, rand_r=self.rand_r)
        v = self.resp.verification
        fits = v is not None and v_fits(self.resp, keys.auth_key(v.auth_alg), initial=self.init)
        self.checks = replace(self.checks, transfer_resp=fits)
        if not fits:
            self._fail(Reason.WRONG_TRANSFER_RESP, "" if v is not None and v.mac else "it has no MAC")
        kemac = self.resp.first(Kemac)
        if kemac is not None:
            self._add_keys("KEMAC of TRANSFER_RESP", decrypt_message_keys(kemac, keys, self.resp, self.init))

    def _add_keys(self, where: str, keys: Sequence[KeyData]) -> None:
        """Keys that a party supplies are never forked (section 4.2.2)."""
        self.pool += (_Held(key, (*self.source.trace, where), True) for key in session_keys(keys))

    def _sessions(self) -> tuple[GenericCs, ...]:
        """The crypto sessions, as the response has them: it completes what the initial message left open."""
        answered = self.resp.header.crypto_sessions if self.resp is not None else ()
        return answered or self.init.header.crypto_sessions

    def _derive(self, cs: GenericCs, held: _Held, teks: list[Tek]) -> None:
        """Add the TEKs that one key gives for one crypto session."""
        key, trace = held.key, held.trace
        if self.source.secret.kind not in _DIRECT:
            forked = self.source.forked and not held.supplied and key.key_type in _TGKS
            trace = (*trace, KeyDataType(key.key_type).name.removesuffix("_SALT") + "'" * forked)
        if key.key_type in _TEKS:
            teks.append(Tek(cs.cs_id, cs.prot_type, key.key, trace, key.spi, True, key.salt))
            return
        tgk = key.key
        if key.key_type in _TGKS and self.flags.i and not (held.supplied or self.source.forked):
            tgk = fork_key(self.flags.prf, TGK_FORK, tgk, *self._modifier())
            trace = (*trace, "TGK'")
        if self.flags.g and not self.rand_r:
            if self.resp is None:
                raise RefusalError(Reason.RESPONSE_MISSING, "its RANDRr enters the TEK")
            raise RefusalError(Reason.RESPONSE_INCOMPLETE, "it has no RANDRr")
        for length in dict.fromkeys(self.tek_lengths):
            tek = session_key(
                self.init.header.prf,
                tgk,
                SessionConstant.TEK,
                cs.cs_id,
                length,
                rand_i=self.rand_i if self.flags.h else b"",
                rand_r=self.rand_r,
            )
            teks.append(Tek(cs.cs_id, cs.prot_type, tek, (*trace, "TEK"), key.spi, False, key.salt))
