"""A MIKEY-TICKET key agreement as its responder carries it out (RFC 6043 section 4.2).

Responder(...)   reads and checks TRANSFER_INIT from the offer, as far as that goes without keys
request          a Ticket Resolve for the KMS, or None where the responder has the ticket's key (modes 2 and 4)
take_resolution  the KMS's answer
finish           TRANSFER_RESP for the answer; then `tek` is there
"""

from __future__ import annotations

from dissectors.errors import DecodeError
from dissectors.mikey import (
    MPKR_FORK,
    DataType,
    GenericCs,
    IdRole,
    MikeyMessage,
    RandRole,
    Secret,
    SecretKind,
    SecurityPolicy,
    Ticket,
    TicketPolicy,
    Timestamp,
    TsRole,
    TsType,
    build_resolve_init_psk,
    build_transfer_resp,
    decode_mikey,
    decode_policy,
    encode_mikey,
    fork_key,
    ntp_utc,
    unlock_transfer,
)
from dissectors.mikey.exchange import open_base_ticket, open_kms_exchange
from dissectors.mikey.outcome import KeySource, RefusalError
from replay.keying.party import Chance, KeyingRefused, Party, identity, spoil_mac


class Responder:
    """One key agreement, from a TRANSFER_INIT that came; times are in seconds since 1970."""

    def __init__(self, party: Party, own: str, octets: bytes, *, now: float, chance: Chance) -> None:
        """`own` is our KMS user identity. Raises KeyingRefused when the message is not to be answered."""
        self.party = party
        self.own = own
        self._chance = chance
        self.tek = b""
        "The key of the crypto session, once `finish` was called."
        self._request: MikeyMessage | None = None
        self._exchanges: list[tuple[MikeyMessage, MikeyMessage]] = []
        self._source: KeySource | None = None
        self._id_r = identity(IdRole.RESPONDER, own)
        self._rand_kms: bytes | None = None
        try:
            self.init = decode_mikey(octets)
            self.ticket = self._checked(now)
        except DecodeError:
            raise KeyingRefused("TRANSFER_INIT is unreadable") from None

    def _checked(self, now: float) -> Ticket:
        init = self.init
        ticket = init.ticket
        if init.data_type != DataType.TRANSFER_INIT or ticket is None:
            raise KeyingRefused("not a TRANSFER_INIT")
        self.policy: TicketPolicy = decode_policy(ticket)
        self.session = self._session()
        self._check_times(now)
        # Without this no one could tell a ticket for somebody else from one for us before the KMS is asked.
        if self.policy.responders and self.own.encode("utf-8", "surrogateescape") not in [
            each.data for each in self.policy.responders
        ]:
            raise KeyingRefused("the ticket is for somebody else")
        return ticket

    def _session(self) -> GenericCs:
        """The crypto session that is for TLS; the other one of two is no reason to refuse (TS 33.328 wants one)."""
        for cs in self.init.header.crypto_sessions:
            if cs.prot_type == self.party.prot_type or cs.prot_type > 240:
                return cs
        raise KeyingRefused("no crypto session for TLS")

    def _check_times(self, now: float) -> None:
        skew = self.party.clock_skew
        timestamp = self.init.timestamp
        sent = timestamp.unix_nanoseconds if timestamp is not None else None
        if sent is not None and abs(sent / 1e9 - now) > skew:
            raise KeyingRefused("the time of TRANSFER_INIT is not ours")
        begin, end = (self.policy.time(role) for role in (TsRole.START_OF_VALIDITY, TsRole.END_OF_VALIDITY))
        if begin is not None and (begin.unix_nanoseconds or 0) / 1e9 > now + skew:
            raise KeyingRefused("the ticket is not valid yet")
        if end is not None and end.unix_nanoseconds is not None and end.unix_nanoseconds / 1e9 < now - skew:
            raise KeyingRefused("the ticket has expired")

    @property
    def psk_identity(self) -> str:
        """What we call the key in TLS."""
        return f"{self.init.header.csb_id:08x}"

    @property
    def initiator(self) -> str:
        """Who is said to have made TRANSFER_INIT; proven once `finish` returned."""
        named = self.init.identity(IdRole.INITIATOR) or self.policy.initiator
        return named.data.decode("utf-8", "replace") if named is not None else ""

    # ------------------------------------------------------------------ the ticket

    def request(self, now: float, *, spoilt: bool = False) -> bytes | None:
        """RESOLVE_INIT for the KMS, or None when a key of ours opens the ticket; `spoilt` gives it a wrong MAC."""
        if not self.ticket.flags.e and self.open_ticket():
            return None
        made = build_resolve_init_psk(
            self.ticket,
            psk=self.party.kms_key,
            csb_id=int.from_bytes(self._chance(4), "big"),
            timestamp=_timestamp(now),
            rand_r=self._chance(16),
            id_r=self._id_r,
            id_kms=identity(IdRole.KMS, self.party.kms),
            id_psk=identity(IdRole.PRE_SHARED_KEY, self.party.kms_key_identity)
            if self.party.kms_key_identity
            else None,
        )
        made = spoil_mac(made) if spoilt else made
        self._request = made
        return encode_mikey(made)

    def open_ticket(self) -> bool:
        """Open the ticket with a ticket key of ours, if one fits."""
        for key in self.party.ticket_keys.values():
            try:
                self._source = open_base_ticket(self.ticket, Secret(SecretKind.TPK, key))
            except (RefusalError, ValueError):
                continue
            if self.ticket.flags.i:
                self._rand_kms = self._chance(16)
            return True
        return False

    def take_resolution(self, octets: bytes) -> None:
        """RESOLVE_RESP of the KMS. Raises KeyingRefused."""
        if self._request is None:
            raise KeyingRefused("no ticket was to be resolved")
        try:
            response = decode_mikey(octets)
            if response.data_type == DataType.ERROR:
                raise KeyingRefused("the KMS does not resolve the ticket")
            secret = Secret(SecretKind.KMS_PSK, self.party.kms_key)
            self._source = open_kms_exchange(self._request, response, self.ticket, secret)
        except DecodeError:
            raise KeyingRefused("the KMS's answer is unreadable") from None
        except (RefusalError, ValueError):
            raise KeyingRefused("the KMS's answer does not fit") from None
        self._exchanges = [(self._request, response)]
        self._id_r = response.identity(IdRole.RESPONDER) or self._id_r
        self._rand_kms = response.rand(RandRole.KMS)

    # ------------------------------------------------------------------ the transfer

    def finish(self, now: float, *, unchecked: bool = False) -> MikeyMessage:
        """TRANSFER_RESP; the MACs of TRANSFER_INIT, Vi and the ticket are checked first. Raises KeyingRefused.

        `unchecked` leaves the checks out.
        """
        try:
            return self._finished(now, unchecked)
        except (DecodeError, ValueError):
            raise KeyingRefused("TRANSFER_INIT asks for what is not known here") from None

    def _finished(self, now: float, unchecked: bool) -> MikeyMessage:
        source = self._source
        flags = self.ticket.flags
        if source is None:
            raise KeyingRefused("the ticket was not resolved")
        key = source.mpk_i
        if flags.i:
            key = source.mpk_r_forked
            if key is None and source.mpk_r is not None and self._rand_kms is not None:
                key = fork_key(flags.prf, MPKR_FORK, source.mpk_r, self._id_r.data, self._rand_kms)
        if key is None:
            raise KeyingRefused("no MPK came with the ticket")
        cs = self.session
        spi = cs.spi or next((each.spi for each in source.keys), b"")
        answered = GenericCs(cs_id=cs.cs_id, prot_type=cs.prot_type, spi=spi, policies=(0,))
        response = build_transfer_resp(
            self.init,
            key=key,
            timestamp=_timestamp(now),
            rand_r=self._chance(16) if flags.g else None,
            id_r=self._id_r,
            rand_kms=self._rand_kms if flags.i else None,
            crypto_sessions=[answered],
            policies=[SecurityPolicy(0, cs.prot_type)],
        )
        unlocked = unlock_transfer(
            self.init,
            response,
            secrets=[source.secret],
            kms_exchanges=self._exchanges,
            tek_lengths=(self.party.tek_length,),
        )
        if not unchecked and not unlocked.authentic:
            raise KeyingRefused("TRANSFER_INIT does not fit its ticket")
        if not unlocked.teks:
            raise KeyingRefused("no key comes of TRANSFER_INIT")
        self.tek = unlocked.teks[0].key
        return response


def _timestamp(now: float) -> Timestamp:
    return Timestamp(TsType.NTP_UTC, ntp_utc(round(now * 1e9)))
