"""MIKEY-TICKET of a scenario: from a table `[mikey.NAME]` to the messages of its exchanges (RFC 6043 section 4.2).

The table says the mode, who the parties are, which keys they hold and what each random value is; `samples/README.md`
lists its fields. Every answer is built over the exact octets of what it answers. Steps use the messages as
`<<mikey.NAME.transfer_init>>` (base64, for `a=key-mgmt`) and `<<mikey.NAME.request_init.octets>>` (for HTTP).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dissectors.mikey import (
    MODE_FLAGS,
    MPKR_FORK,
    TGK_FORK,
    ErrorNo,
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
    build_error,
    build_request_init_psk,
    build_request_resp,
    build_resolve_init_psk,
    build_resolve_resp,
    build_transfer_init,
    build_transfer_resp,
    encode_mikey,
    encode_policy,
    fork_key,
    idr,
    make_message,
    session_key,
    split_mpk,
)
from dissectors.mikey.payloads import Verification
from dissectors.mikey.timestamps import ntp_utc

MESSAGES = ("request_init", "request_resp", "transfer_init", "resolve_init", "resolve_resp", "transfer_resp")
KEYS = ("tpk", "kms_psk_initiator", "kms_psk_responder", "mpk", "tgk")
RANDS = ("ticket_rand", "request_rand", "rand_i", "resolve_rand", "rand_kms", "rand_r")
FIELDS = frozenset(
    {
        *("mode", "flags", "initiator", "responder", "kms", "named_initiator", "named_responder", "answered_by"),
        *("csb_id", "crypto_sessions", "prot_type", "prf", "tek_length", "lifetime_s", "at", "spoil", "refused"),
        *KEYS,
        *RANDS,
    }
)
MPK_SPI, TGK_SPI = b"\0\0\0\1", b"\0\0\0\2"
SHA256 = PrfFunc.PRF_HMAC_SHA_256


class MikeyError(ValueError):
    """A table cannot be meant; the message says why."""


@dataclass
class KeyAgreement:
    """One MIKEY-TICKET key agreement, each message made when first asked for."""

    table: dict[str, Any]
    start: int
    "Nanoseconds since 1970 UTC at the start of the capture."

    def __post_init__(self) -> None:
        if unknown := self.table.keys() - FIELDS:
            raise MikeyError(f"no field {', '.join(sorted(unknown))}")

    # ------------------------------------------------------------------ what the table says

    def _octets(self, name: str) -> bytes:
        if name not in self.table:
            raise MikeyError(f"{name} is needed")
        return bytes.fromhex(self.table[name])

    def _time(self, name: str) -> Timestamp:
        seconds = self.table.get("at", {}).get(name, 0)
        return Timestamp(TsType.NTP_UTC, ntp_utc(self.start + round(seconds * 10**9)))

    @property
    def mode(self) -> int:
        """1 to 4: who knows the ticket key (RFC 6043 section 4.1.1)."""
        return int(self.table["mode"])

    @cached_property
    def flags(self) -> TicketFlags:
        """Those usual for the mode, or those that `flags` names by letter."""
        if "flags" in self.table:
            return TicketFlags(**{letter.lower(): True for letter in self.table["flags"]})
        return MODE_FLAGS[self.mode]

    def _identity(self, role: IdRole, name: str, otherwise: str = "") -> Any:
        return idr(role, IdType.URI, self.table.get(name) or self.table[otherwise or name])

    @cached_property
    def policy(self) -> TicketPolicy:
        """For whom and when the ticket is."""
        begin = self._time("ticket").value
        seconds = int.from_bytes(begin[:4], "big")
        end = (seconds + self.table.get("lifetime_s", 86400)).to_bytes(4, "big")
        times = (
            Tr(TsRole.START_OF_VALIDITY, TsType.NTP_UTC_32, begin[:4]),
            Tr(TsRole.END_OF_VALIDITY, TsType.NTP_UTC_32, end),
        )
        kms, initiator = self._identity(IdRole.KMS, "kms"), self._identity(IdRole.INITIATOR, "initiator")
        return TicketPolicy((kms, initiator, *times, self._identity(IdRole.RESPONDER, "responder")))

    # ------------------------------------------------------------------ keys

    def _key(self, kind: KeyDataType, key: bytes, spi: bytes) -> KeyData:
        return KeyData(kind, key, validity=Spi(spi))

    @cached_property
    def _mpks(self) -> tuple[bytes, bytes]:
        return split_mpk(self.flags.prf, self._octets("mpk"), self._octets("ticket_rand"))

    @property
    def _responder(self) -> bytes:
        """Identity data that enters the forking: who answers."""
        return str(self.table.get("answered_by") or self.table["responder"]).encode()

    @cached_property
    def _forked(self) -> tuple[bytes, bytes]:
        """MPKr' and TGK'; MPKr and TGK where keys are not forked."""
        mpk_r, tgk = self._mpks[1], self._octets("tgk")
        if not self.flags.i:
            return mpk_r, tgk
        rand = self._octets("rand_kms")
        prf = self.flags.prf
        return fork_key(prf, MPKR_FORK, mpk_r, self._responder, rand), fork_key(
            prf, TGK_FORK, tgk, self._responder, rand
        )

    @cached_property
    def tek(self) -> bytes:
        """The TEK of the first crypto session: the PSK of TLS (TS 33.328)."""
        return session_key(
            self.table.get("prf", SHA256),
            self._forked[1],
            SessionConstant.TEK,
            1,
            self.table.get("tek_length", 16),
            rand_i=self._octets("rand_i") if self.flags.h else b"",
            rand_r=self._octets("rand_r") if self.flags.g else b"",
        )

    # ------------------------------------------------------------------ messages

    @cached_property
    def ticket(self) -> Ticket:
        """The base ticket, made by whoever the mode lets make it."""
        keys = (
            self._key(KeyDataType.MPK, self._octets("mpk"), MPK_SPI),
            self._key(KeyDataType.TGK, self._octets("tgk"), TGK_SPI),
        )
        return build_base_ticket(
            self.flags,
            self.policy,
            ticket_protection_key=self._octets("tpk"),
            keys=keys,
            timestamp=self._time("ticket"),
            rand=self._octets("ticket_rand"),
        )

    @cached_property
    def request_init(self) -> MikeyMessage:
        """Ticket Request, the initiator to the KMS."""
        made = build_request_init_psk(
            Tp(flags=self.flags, policy_data=encode_policy(self.policy)),
            psk=self._octets("kms_psk_initiator"),
            csb_id=self.table["csb_id"] ^ 0x01010101,
            timestamp=self._time("request_init"),
            rand_i=self._octets("request_rand"),
            id_i=self._identity(IdRole.INITIATOR, "initiator"),
            id_kms=self._identity(IdRole.KMS, "kms"),
        )
        return self._sent("request_init", made)

    @cached_property
    def request_resp(self) -> MikeyMessage:
        """The KMS to the initiator: the ticket and its keys."""
        mpk_i, mpk_r = self._mpks
        keys = [self._key(KeyDataType.MPK, mpk_i, MPK_SPI)]
        keys += [self._key(KeyDataType.MPK, mpk_r, MPK_SPI)] if self.flags.i else []
        keys += [self._key(KeyDataType.TGK, self._octets("tgk"), TGK_SPI)]
        made = build_request_resp(
            self.request_init,
            self.ticket,
            psk=self._octets("kms_psk_initiator"),
            timestamp=self._time("request_resp"),
            keys=keys,
        )
        return self._sent("request_resp", made)

    @cached_property
    def transfer_init(self) -> MikeyMessage:
        """The initiator to the responder, in the offer."""
        count = self.table.get("crypto_sessions", 1)
        sessions = [
            GenericCs(cs_id=number, prot_type=self.table.get("prot_type", 2), spi=TGK_SPI)
            for number in range(1, count + 1)
        ]
        made = build_transfer_init(
            self.ticket,
            csb_id=self.table["csb_id"],
            mpk_i=self._mpks[0],
            mpk_r=self._mpks[1],
            timestamp=self._time("transfer_init"),
            rand_i=self._octets("rand_i"),
            id_i=self._identity(IdRole.INITIATOR, "named_initiator", "initiator"),
            id_r=self._identity(IdRole.RESPONDER, "named_responder", "responder"),
            crypto_sessions=sessions,
            prf=self.table.get("prf", SHA256),
        )
        return self._sent("transfer_init", made)

    @cached_property
    def resolve_init(self) -> MikeyMessage:
        """Ticket Resolve, the responder to the KMS, with the ticket as it came."""
        ticket = self.transfer_init.ticket
        assert ticket is not None
        made = build_resolve_init_psk(
            ticket,
            psk=self._octets("kms_psk_responder"),
            csb_id=self.table["csb_id"] ^ 0x02020202,
            timestamp=self._time("resolve_init"),
            rand_r=self._octets("resolve_rand"),
            id_r=self._identity(IdRole.RESPONDER, "responder"),
            id_kms=self._identity(IdRole.KMS, "kms"),
        )
        return self._sent("resolve_init", made)

    @cached_property
    def resolve_resp(self) -> MikeyMessage:
        """The KMS to the responder: keys, forked for it; or an Error message where the table says `refused`."""
        if self.table.get("refused"):
            return build_error(
                self.resolve_init, [ErrorNo[self.table["refused"]]], timestamp=self._time("resolve_resp")
            )
        mpk_r, tgk = self._forked
        keys = [self._key(KeyDataType.MPK, self._mpks[0], MPK_SPI)]
        keys += [self._key(KeyDataType.MPK, mpk_r, MPK_SPI)] if self.flags.i else []
        keys += [self._key(KeyDataType.TGK, tgk, TGK_SPI)]
        made = build_resolve_resp(
            self.resolve_init,
            psk=self._octets("kms_psk_responder"),
            timestamp=self._time("resolve_resp"),
            keys=keys,
            id_r=idr(IdRole.RESPONDER, IdType.URI, self._responder),
            rand_kms=self._octets("rand_kms") if self.flags.i else None,
        )
        return self._sent("resolve_resp", made)

    @cached_property
    def transfer_resp(self) -> MikeyMessage:
        """The responder to the initiator, in the answer."""
        sessions = [GenericCs(cs_id=1, prot_type=self.table.get("prot_type", 2), spi=TGK_SPI, policies=(0,))]
        made = build_transfer_resp(
            self.transfer_init,
            key=self._forked[0] if self.flags.i else self._mpks[0],
            timestamp=self._time("transfer_resp"),
            rand_r=self._octets("rand_r") if self.flags.g else None,
            id_r=idr(IdRole.RESPONDER, IdType.URI, self._responder),
            rand_kms=self._octets("rand_kms") if self.flags.i else None,
            crypto_sessions=sessions,
            policies=[SecurityPolicy(0, self.table.get("prot_type", 2))],
        )
        return self._sent("transfer_resp", made)

    def _sent(self, name: str, message: MikeyMessage) -> MikeyMessage:
        """The message as sent: with a wrong MAC if the table says to spoil it."""
        if name not in self.table.get("spoil", ()):
            return message
        v = message.verification
        assert v is not None
        wrong = Verification(v.auth_alg, v.mac[:-1] + bytes([v.mac[-1] ^ 1]))
        return make_message(message.header, [*message.payloads[:-1], replace(v, mac=wrong.mac)])


def words(name: str, agreement: KeyAgreement) -> dict[str, str]:
    """What steps may use: the messages that the mode has, and the key; values of one character per octet."""
    found = {
        f"mikey.{name}.tek": agreement.tek.hex(),
        f"mikey.{name}.tgk": bytes.fromhex(agreement.table["tgk"]).hex(),
    }
    for each in MESSAGES:
        if each.startswith("request") and "kms_psk_initiator" not in agreement.table:
            continue
        if each.startswith("resolve") and "kms_psk_responder" not in agreement.table:
            continue
        octets = encode_mikey(getattr(agreement, each))
        found[f"mikey.{name}.{each}"] = base64.b64encode(octets).decode("ascii")
        found[f"mikey.{name}.{each}.octets"] = octets.decode("latin-1")
    return found
