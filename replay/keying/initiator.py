"""A MIKEY-TICKET key agreement as its initiator carries it out (RFC 6043 section 4.2), in any of the four modes.

request      a Ticket Request for the KMS, or None where the initiator makes the ticket itself (modes 3 and 4)
take_ticket  the KMS's answer
transfer_init  for the offer
finish       checks TRANSFER_RESP from the answer and gives the TEK
"""

from __future__ import annotations

import hmac
from dataclasses import replace

from dissectors.errors import DecodeError
from dissectors.mikey import (
    MODE_FLAGS,
    DataType,
    GenericCs,
    IdRole,
    KeyData,
    KeyDataType,
    MikeyMessage,
    Secret,
    SecretKind,
    Spi,
    Ticket,
    TicketPolicy,
    Timestamp,
    Tp,
    Tr,
    TsRole,
    TsType,
    build_base_ticket,
    build_request_init_psk,
    build_transfer_init,
    decode_mikey,
    encode_mikey,
    encode_policy,
    ntp_utc,
    split_mpk,
    unlock_transfer,
)
from dissectors.mikey.exchange import open_kms_exchange
from dissectors.mikey.outcome import RefusalError
from replay.keying.party import Chance, KeyingRefused, Party, identity

MPK_SPI, TGK_SPI = b"\0\0\0\1", b"\0\0\0\2"


class Initiator:
    """One key agreement with one responder; times are in seconds since 1970."""

    def __init__(self, party: Party, own: str, responder: str, *, mode: int, chance: Chance) -> None:
        """`own` and `responder` are KMS user identities, derived from the URIs in From and To (TS 23.333)."""
        self.party = party
        self.own = own
        self.responder = responder
        self.mode = mode
        self._chance = chance
        self._flags = MODE_FLAGS[mode]
        self.csb_id = int.from_bytes(chance(4), "big")
        self._request: MikeyMessage | None = None
        self._response: MikeyMessage | None = None
        self._ticket: Ticket | None = None
        self._mpks: tuple[bytes, bytes | None] = (b"", None)
        self._spi = TGK_SPI
        self._secret = Secret(SecretKind.KMS_PSK, party.kms_key)
        self._init: MikeyMessage | None = None

    @property
    def psk_identity(self) -> str:
        """What we call the key in TLS; TS 33.328 fixes nothing that we know of."""
        return f"{self.csb_id:08x}"

    # ------------------------------------------------------------------ the ticket

    def request(self, now: float) -> bytes | None:
        """REQUEST_INIT for the KMS, or None: then the ticket is made here."""
        if not self._flags.d:
            self._make_ticket(now)
            return None
        made = build_request_init_psk(
            Tp(flags=self._flags, policy_data=encode_policy(self._policy(now))),
            psk=self.party.kms_key,
            csb_id=int.from_bytes(self._chance(4), "big"),
            timestamp=_timestamp(now),
            rand_i=self._chance(16),
            id_i=identity(IdRole.INITIATOR, self.own),
            id_kms=identity(IdRole.KMS, self.party.kms),
            id_psk=identity(IdRole.PRE_SHARED_KEY, self.party.kms_key_identity)
            if self.party.kms_key_identity
            else None,
        )
        self._request = made
        return encode_mikey(made)

    def take_ticket(self, octets: bytes) -> None:
        """REQUEST_RESP of the KMS. Raises KeyingRefused."""
        if self._request is None:
            raise KeyingRefused("no ticket was asked for")
        try:
            response = decode_mikey(octets)
            ticket = response.ticket
            if response.data_type == DataType.ERROR:
                raise KeyingRefused("the KMS gives no ticket")
            if ticket is None:
                raise KeyingRefused("the KMS's answer has no ticket")
            source = open_kms_exchange(self._request, response, ticket, self._secret)
        except DecodeError:
            raise KeyingRefused("the KMS's answer is unreadable") from None
        except (RefusalError, ValueError):
            raise KeyingRefused("the KMS's answer does not fit") from None
        if source.mpk_i is None:
            raise KeyingRefused("the KMS's answer has no MPK")
        self._response = response
        self._ticket = ticket
        self._mpks = source.mpk_i, source.mpk_r
        self._spi = next((key.spi for key in source.keys), b"")

    def spoil_ticket(self) -> None:
        """A ticket whose MAC does not fit: refused by whoever opens it."""
        if self._ticket is None:
            return
        data = self._ticket.ticket_data
        self._ticket = replace(self._ticket, ticket_data=data[:-1] + bytes([data[-1] ^ 1]))

    def _make_ticket(self, now: float) -> None:
        key = self.party.ticket_keys.get(self.mode, b"")
        if not key:
            raise KeyingRefused(f"no ticket key for mode {self.mode}")
        self._secret = Secret(SecretKind.TPK, key)
        mpk, rand = self._chance(16), self._chance(16)
        self._ticket = build_base_ticket(
            self._flags,
            self._policy(now),
            ticket_protection_key=key,
            keys=(
                KeyData(KeyDataType.MPK, mpk, validity=Spi(MPK_SPI)),
                KeyData(KeyDataType.TGK, self._chance(16), validity=Spi(TGK_SPI)),
            ),
            timestamp=_timestamp(now),
            rand=rand,
        )
        self._mpks = split_mpk(self._flags.prf, mpk, rand)

    def _policy(self, now: float) -> TicketPolicy:
        begin = ntp_utc(round(now * 1e9))[:4]
        end = ((int.from_bytes(begin, "big") + self.party.ticket_lifetime) & 0xFFFFFFFF).to_bytes(4, "big")
        return TicketPolicy(
            (
                identity(IdRole.KMS, self.party.kms),
                identity(IdRole.INITIATOR, self.own),
                Tr(TsRole.START_OF_VALIDITY, TsType.NTP_UTC_32, begin),
                Tr(TsRole.END_OF_VALIDITY, TsType.NTP_UTC_32, end),
                identity(IdRole.RESPONDER, self.responder),
            )
        )

    # ------------------------------------------------------------------ the transfer

    def transfer_init(
        self, now: float, *, named: str = "", crypto_sessions: int = 1, prot_type: int | None = None
    ) -> MikeyMessage:
        """TRANSFER_INIT with one crypto session for TLS (TS 33.328 Annex H.3).

        `named` is another initiator to name; it and the further arguments break what the flow asks for.
        """
        if self._ticket is None:
            raise KeyingRefused("there is no ticket")
        protocol = self.party.prot_type if prot_type is None else prot_type
        sessions = [
            GenericCs(cs_id=number, prot_type=protocol, spi=self._spi) for number in range(1, crypto_sessions + 1)
        ]
        self._init = build_transfer_init(
            self._ticket,
            csb_id=self.csb_id,
            mpk_i=self._mpks[0],
            mpk_r=self._mpks[1],
            timestamp=_timestamp(now),
            rand_i=self._chance(16),
            id_i=identity(IdRole.INITIATOR, named or self.own),
            id_r=identity(IdRole.RESPONDER, self.responder),
            crypto_sessions=sessions,
        )
        return self._init

    def sent(self, message: MikeyMessage) -> None:
        """What was really sent, where it is not what `transfer_init` gave."""
        self._init = message

    def finish(self, octets: bytes, *, unchecked: bool = False) -> bytes:
        """The TEK, once TRANSFER_RESP fits and names the responder that was meant. Raises KeyingRefused.

        TS 23.333 clauses 6.2.19.2.1 step 10 and 6.2.19.2.2 steps 9 to 11; `unchecked` leaves the checks out.
        """
        if self._init is None:
            raise KeyingRefused("no TRANSFER_INIT was sent")
        try:
            response = decode_mikey(octets)
        except DecodeError:
            raise KeyingRefused("TRANSFER_RESP is unreadable") from None
        if response.data_type != DataType.TRANSFER_RESP:
            raise KeyingRefused("the answer is no TRANSFER_RESP")
        exchanges = [(self._request, self._response)] if self._request and self._response else []
        unlocked = unlock_transfer(
            self._init,
            response,
            secrets=[self._secret],
            kms_exchanges=exchanges,
            tek_lengths=(self.party.tek_length,),
        )
        if not unchecked:
            if not (unlocked.authentic and unlocked.checks.transfer_resp):
                raise KeyingRefused("TRANSFER_RESP does not fit")
            named = response.identity(IdRole.RESPONDER)
            if named is not None and not hmac.compare_digest(
                named.data, self.responder.encode("utf-8", "surrogateescape")
            ):
                raise KeyingRefused("another responder than the one that was meant")
        if not unlocked.teks:
            raise KeyingRefused("no key comes of TRANSFER_RESP")
        return unlocked.teks[0].key


def _timestamp(now: float) -> Timestamp:
    return Timestamp(TsType.NTP_UTC, ntp_utc(round(now * 1e9)))
