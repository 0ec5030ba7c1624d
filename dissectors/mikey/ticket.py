"""What is inside TP and TICKET: policy, ticket data of a base ticket, initiator data (RFC 6043 section 6.10, App. A).

The policy of every ticket type is in clear and has one form. The ticket data of a 3GPP base ticket (TS 33.328) is not
public here: it is tried as a base ticket and else left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dissectors.errors import DecodeError
from dissectors.mikey.chain import OpaquePayload, Payload, first_type, pull_chain, push_chain
from dissectors.mikey.key_data import UnknownLengthError
from dissectors.mikey.numbers import IdRole, PayloadType, TsRole
from dissectors.mikey.octets import Reader, push_int
from dissectors.mikey.payloads import Kemac, Rand, Timestamp, Verification
from dissectors.mikey.ticket_payloads import Idr, Thdr, Ticket, Tp, Tr


@dataclass(frozen=True, slots=True)
class TicketPolicy:
    """TP data: for whom and when the ticket is."""

    payloads: tuple[Payload, ...] = ()
    trailing: bytes = b""

    def identities(self, role: IdRole) -> list[Idr]:
        """The identities with a role, in order."""
        return [each for each in self.payloads if isinstance(each, Idr) and each.role == role]

    @property
    def initiator(self) -> Idr | None:
        """IDRi."""
        return next(iter(self.identities(IdRole.INITIATOR)), None)

    @property
    def kms(self) -> Idr | None:
        """IDRkms."""
        return next(iter(self.identities(IdRole.KMS)), None)

    @property
    def responders(self) -> list[Idr]:
        """IDRr, at least one; several for a group."""
        return self.identities(IdRole.RESPONDER)

    def time(self, role: TsRole) -> Tr | None:
        """TRs, TRe or TRr."""
        return next((each for each in self.payloads if isinstance(each, Tr) and each.role == role), None)

    @property
    def requested_keys(self) -> Kemac | None:
        """KEMAC: which keys are asked for; only in TP, not in a granted policy."""
        return next((each for each in self.payloads if isinstance(each, Kemac)), None)


def decode_policy(policy: Tp | Ticket) -> TicketPolicy:
    """Read the TP data of a TP or TICKET payload."""
    if not policy.policy_data:
        return TicketPolicy()
    reader = Reader(policy.policy_data, "MIKEY ticket policy")
    chain = pull_chain(reader, reader.pull_int(1))
    return TicketPolicy(chain.payloads, policy.policy_data[chain.end :])


def encode_policy(policy: TicketPolicy) -> bytes:
    """TP data: the first payload's type and the chain."""
    return push_int(first_type(policy.payloads), 1) + push_chain(policy.payloads) + policy.trailing


@dataclass(frozen=True, slots=True)
class BaseTicket:
    """Ticket data of a MIKEY base ticket: THDR T RAND KEMAC [IDRpsk] V."""

    thdr: Thdr
    payloads: tuple[Payload, ...]
    timestamp: Timestamp
    rand: bytes
    kemac: Kemac
    "The protected keys."
    verification: Verification

    @property
    def key_identity(self) -> Idr | None:
        """IDRpsk: which ticket key protects it."""
        return next((e for e in self.payloads if isinstance(e, Idr) and e.role == IdRole.PRE_SHARED_KEY), None)


def decode_base_ticket(ticket_data: bytes) -> BaseTicket:
    """Read ticket data as that of a base ticket; DecodeError when it is not."""
    reader = Reader(ticket_data, "MIKEY payload THDR")
    first = reader.pull_int(1)
    thdr = Thdr(reader.pull_vector(2))
    chain = pull_chain(reader, first)
    payloads = chain.payloads
    if ticket_data[chain.end :] or any(isinstance(each, OpaquePayload) for each in payloads):
        raise DecodeError("MIKEY base ticket", chain.end, "octets that belong to no payload of a base ticket")
    timestamp = next((each for each in payloads if isinstance(each, Timestamp)), None)
    rand = next((each.rand for each in payloads if isinstance(each, Rand)), None)
    kemac = next((each for each in payloads if isinstance(each, Kemac)), None)
    v = payloads[-1] if payloads else None
    if timestamp is None or rand is None or kemac is None or not isinstance(v, Verification):
        raise DecodeError("MIKEY base ticket", 0, "not THDR T RAND KEMAC [IDRpsk] V")
    return BaseTicket(thdr, payloads, timestamp, rand, kemac, v)


def encode_base_ticket(thdr: Thdr, payloads: Sequence[Payload]) -> bytes:
    """Ticket data of a base ticket."""
    return push_int(first_type(payloads), 1) + thdr.body() + push_chain(payloads)


@dataclass(frozen=True, slots=True)
class InitiatorData:
    """What the initiator adds to a ticket when keys are forked: Vi for the responder, Vr for the KMS."""

    vi: Verification
    vr: Verification
    covered: bytes
    "The octets that the MAC of Vr covers: everything in front of it."


def decode_initiator_data(data: bytes) -> InitiatorData:
    """Read initiator data.

    Vi should be the copy of V, whose next payload octet is 0 as the last of its message; another Vr stands behind it
    all the same, so 0 and 9 are both taken.
    """
    reader = Reader(data, "MIKEY initiator data")
    first, after_vi = reader.pull(2)
    if first != PayloadType.V or after_vi not in (PayloadType.LAST_PAYLOAD, PayloadType.V):
        raise reader.fail("not the two payloads Vi and Vr", 0)
    try:
        vi = Verification.pull(reader, PayloadType.V)
    except UnknownLengthError:
        raise reader.fail("the MAC algorithm of Vi is not registered", 2) from None
    if reader.pull_int(1) != PayloadType.LAST_PAYLOAD:
        raise reader.fail("Vr is not the last payload", reader.at - 1)
    vr = Verification.pull(reader, PayloadType.LAST_PAYLOAD)
    if reader.left:
        raise reader.fail("octets behind Vr")
    return InitiatorData(vi, vr, data[: len(data) - len(vr.mac)])
