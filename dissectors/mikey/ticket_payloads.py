"""The payloads that RFC 6043 section 6 adds: TR, IDR, RANDR, TP, TICKET, and THDR of Appendix A."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.mikey.flags import TicketFlags
from dissectors.mikey.key_data import UnknownLengthError
from dissectors.mikey.numbers import IdRole, IdType, PayloadType, RandRole, TicketType, TsRole, TsType, known
from dissectors.mikey.octets import Reader, push_int, push_vector
from dissectors.mikey.timestamps import TS_LENGTH, unix_nanoseconds


@dataclass(frozen=True, slots=True)
class Tr:
    """A time with a role (section 6.4)."""

    role: int
    ts_type: int
    value: bytes

    payload_type = PayloadType.TR

    @property
    def seconds(self) -> int:
        """The value of a rekeying interval, in seconds."""
        return int.from_bytes(self.value[:4], "big")

    @property
    def unix_nanoseconds(self) -> int | None:
        """The time in ns since 1970; None for a counter."""
        return unix_nanoseconds(self.ts_type, self.value)

    def body(self) -> bytes:
        size = TS_LENGTH.get(self.ts_type)
        if size is not None and len(self.value) != size:
            raise ValueError(f"a time of type {int(self.ts_type)} has {size} octets, not {len(self.value)}")
        return push_int(self.role, 1, "TS role") + push_int(self.ts_type, 1, "TS type") + self.value

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Tr:
        role = known(TsRole, reader.pull_int(1))
        ts_type = known(TsType, reader.pull_int(1))
        if not isinstance(ts_type, TsType):
            raise UnknownLengthError
        return cls(role, ts_type, reader.pull(TS_LENGTH[ts_type]))


@dataclass(frozen=True, slots=True)
class Idr:
    """An identity with a role (section 6.6)."""

    role: int
    id_type: int
    data: bytes

    payload_type = PayloadType.IDR

    def body(self) -> bytes:
        return (
            push_int(self.role, 1, "ID role")
            + push_int(self.id_type, 1, "ID type")
            + push_vector(self.data, 2, "an identity")
        )

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Idr:
        return cls(known(IdRole, reader.pull_int(1)), known(IdType, reader.pull_int(1)), reader.pull_vector(2))


@dataclass(frozen=True, slots=True)
class Randr:
    """A random value with a role (section 6.8)."""

    role: int
    rand: bytes

    payload_type = PayloadType.RANDR

    def body(self) -> bytes:
        return push_int(self.role, 1, "RAND role") + push_vector(self.rand, 1, "a RAND")

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Randr:
        return cls(known(RandRole, reader.pull_int(1)), reader.pull_vector(1))


@dataclass(frozen=True, slots=True)
class Thdr:
    """First item of the ticket data of a base ticket (Appendix A); it has no payload number, its place tells it."""

    data: bytes = b""

    def body(self) -> bytes:
        return push_vector(self.data, 2, "THDR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tp:
    """A ticket policy, as requested (section 6.10); `dissectors.mikey.ticket` reads its data."""

    ticket_type: int = TicketType.MIKEY_BASE_TICKET
    subtype: int = 1
    version: int = 1
    flags: TicketFlags = field(default_factory=TicketFlags)
    policy_data: bytes = b""

    payload_type = PayloadType.TP

    def body(self) -> bytes:
        return (
            push_int(self.ticket_type, 2, "ticket type")
            + push_int(self.subtype, 1, "subtype")
            + push_int(self.version, 1, "version")
            + self.flags.encode()
            + push_vector(self.policy_data, 2, "TP data")
        )

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Tp:
        return cls(
            ticket_type=known(TicketType, reader.pull_int(2)),
            subtype=reader.pull_int(1),
            version=reader.pull_int(1),
            flags=TicketFlags.decode(reader.pull(3)),
            policy_data=reader.pull_vector(2),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """TICKET (section 6.10): the granted policy in clear, the protected keys, and what the initiator adds."""

    ticket_type: int = TicketType.MIKEY_BASE_TICKET
    subtype: int = 1
    version: int = 1
    flags: TicketFlags = field(default_factory=TicketFlags)
    policy_data: bytes = b""
    ticket_data: bytes = b""
    initiator_data: bytes = b""

    payload_type = PayloadType.TICKET

    def protected(self) -> bytes:
        """The octets from the ticket type through the ticket data: what the MAC inside the ticket data covers."""
        return (
            push_int(self.ticket_type, 2, "ticket type")
            + push_int(self.subtype, 1, "subtype")
            + push_int(self.version, 1, "version")
            + self.flags.encode()
            + push_vector(self.policy_data, 2, "TP data")
            + push_vector(self.ticket_data, 2, "ticket data")
        )

    def body(self) -> bytes:
        return self.protected() + push_vector(self.initiator_data, 2, "initiator data")

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Ticket:
        policy = Tp.pull(reader, next_payload)
        return cls(
            ticket_type=policy.ticket_type,
            subtype=policy.subtype,
            version=policy.version,
            flags=policy.flags,
            policy_data=policy.policy_data,
            ticket_data=reader.pull_vector(2),
            initiator_data=reader.pull_vector(2),
        )
