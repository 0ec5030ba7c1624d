"""The MIKEY messages of a session: in `a=key-mgmt` of its SDP (RFC 4567), and the PSK that the MRFC gave the MRFP."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzer.conversations.kms_exchange import KmsExchange
from analyzer.evidence.announced import Announced
from analyzer.evidence.evidence import Evidence
from analyzer.evidence.gateway import Order
from dissectors.errors import DecodeError

if TYPE_CHECKING:
    from dissectors.mikey import MikeyMessage, Ticket

REQUEST_RESP, TRANSFER_INIT, TRANSFER_RESP = 13, 14, 15
RESOLVE_INITS = frozenset({16, 17})
"Data types of MIKEY-TICKET (RFC 6043 section 6.1); the codec is imported when there is something to decode."

MAX_ALTERNATIVES = 8
"Lines of `a=key-mgmt` that are read of one description: they are alternatives (RFC 4567 section 3.1)."


@dataclass(slots=True)
class KeyManagement:
    """One `a=key-mgmt:mikey` line."""

    announced: Announced
    message: MikeyMessage | None
    "None where it cannot be read."
    why: str = ""
    "Why not."

    @property
    def frames(self) -> tuple[int, ...]:
        return self.announced.frames

    @property
    def time(self) -> int:
        return self.announced.time

    @property
    def data_type(self) -> int | None:
        return self.message.data_type if self.message is not None else None


def key_management(announced: Announced | None) -> list[KeyManagement]:
    """The MIKEY messages of a description, in order of preference."""
    media = announced.media if announced is not None else None
    if announced is None or media is None:
        return []
    if not media.key_mgmt:
        return []
    from dissectors.mikey import decode_key_mgmt

    found = []
    for protocol, value in media.key_mgmt[:MAX_ALTERNATIVES]:
        if protocol != "mikey":
            continue
        try:
            found.append(KeyManagement(announced, decode_key_mgmt(value)))
        except DecodeError as error:
            found.append(KeyManagement(announced, None, f"{error.why} (octet {error.offset})"))
    return found


def transfer_init(evidence: Evidence) -> KeyManagement | None:
    """TRANSFER_INIT of the offer; else whatever MIKEY message it has."""
    found = key_management(evidence.offer)
    return next((each for each in found if each.data_type == TRANSFER_INIT), next(iter(found), None))


def transfer_resp(evidence: Evidence) -> KeyManagement | None:
    """TRANSFER_RESP of the answer; else whatever MIKEY message it has."""
    found = key_management(evidence.answer)
    return next((each for each in found if each.data_type == TRANSFER_RESP), next(iter(found), None))


def kms_exchanges(evidence: Evidence) -> Sequence[tuple[MikeyMessage, MikeyMessage]]:
    """What users asked the KMS about this session's ticket, and what it answered, as far as the capture holds both."""
    pairs = ((each.asked, each.answered) for each in evidence.session.kms_exchanges)
    return [(asked, answered) for asked, answered in pairs if answered is not None]


def ticket_request(evidence: Evidence) -> KmsExchange | None:
    """The exchange in which the KMS gave this session's ticket, if the capture holds it."""
    found = (each for each in evidence.session.kms_exchanges if each.answered is not None)
    return next((each for each in found if each.answered and each.answered.data_type == REQUEST_RESP), None)


def ticket_resolve(evidence: Evidence, ticket: Ticket) -> KmsExchange | None:
    """The exchange in which a ticket was to be resolved: the first that was answered, else one that was not."""
    found = [
        each
        for each in evidence.session.kms_exchanges
        if each.asked.data_type in RESOLVE_INITS
        and each.asked.ticket is not None
        and hmac.compare_digest(each.asked.ticket.protected(), ticket.protected())
    ]
    return next((each for each in found if each.response is not None), next(iter(found), None))


@dataclass(slots=True)
class GivenPsk:
    """A Pre-Shared Key that the MRFC gave the MRFP."""

    order: Order
    item: str
    "The property that carries it."
    key: bytes = field(repr=False)


def psk_orders(evidence: Evidence) -> list[GivenPsk]:
    """Every Pre-Shared Key in the commands about the session's termination, in order of time."""
    read = ((order, name, _octets(value)) for order, name, value in psk_carriers(evidence))
    return [GivenPsk(order, name, key) for order, name, key in read if key is not None]


def psk_carriers(evidence: Evidence) -> list[tuple[Order, str, str]]:
    """The properties that carry a Pre-Shared Key, with their values, whether or not these can be read."""
    found = []
    wanted = evidence.profile.psk_properties
    for order in evidence.orders:
        command = order.command
        if command is None or command.media is None:
            continue
        properties = [each for stream in command.media.streams.values() for each in stream.properties]
        if command.media.termination_state is not None:
            properties += command.media.termination_state.properties
        found += [
            (order, each.name, each.values[0]) for each in properties if each.name.lower() in wanted and each.values
        ]
    return found


def _octets(text: str) -> bytes | None:
    """The value as octets: hexadecimal in both encodings (H.248.1 Annex B: two digits an octet)."""
    digits = text.strip().strip('"').removeprefix("0x").removeprefix("0X")
    try:
        return bytes.fromhex(digits) or None
    except ValueError:
        return None
