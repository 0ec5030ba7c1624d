"""The flags of a ticket policy (RFC 6043 section 6.10), 24 bits, and which of them exclude each other."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.mikey.numbers import PrfFunc, known


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFlags:
    """The flags by letter, most significant first."""

    prf: int = PrfFunc.PRF_HMAC_SHA_256
    "PRF for key forking and for the keys of a base ticket; TEKs are derived with that of the message's header."
    d: bool = False
    "The KMS made the ticket; else the initiator."
    e: bool = False
    "The responder has to resolve the ticket with the KMS."
    f: bool = False
    "TRANSFER_RESP is sent."
    g: bool = False
    "The responder generates RANDRr."
    h: bool = False
    "RANDRi is used when TEKs are derived."
    i: bool = False
    "Keys are forked."
    j: bool = False
    "The ticket may be reused."
    k: bool = False
    "The KMS changed what was requested; 0 in TP."
    l: bool = False  # noqa: E741
    "The initiator may supply session keys."
    m: bool = False
    "The responder may supply session keys."
    n: bool = False
    "An initiator that knows nothing of the ticket type can use it."
    o: bool = False
    "A responder that knows nothing of the ticket type can use it."
    reserved: int = 0
    "The last five bits."

    @classmethod
    def decode(cls, data: bytes) -> TicketFlags:
        """Read three octets."""
        value = int.from_bytes(data, "big")
        bits = {letter: bool(value >> (16 - place) & 1) for place, letter in enumerate("defghijklmno")}
        return cls(prf=known(PrfFunc, value >> 17), reserved=value & 0x1F, **bits)

    def encode(self) -> bytes:
        """The three octets."""
        if not (0 <= self.prf < 128 and 0 <= self.reserved < 32):
            raise ValueError("PRF func has seven bits, the reserved field five")
        value = self.prf << 17 | self.reserved
        for place, letter in enumerate("defghijklmno"):
            value |= bool(getattr(self, letter)) << (16 - place)
        return value.to_bytes(3, "big")

    @property
    def letters(self) -> str:
        """The flags that are set: `EFGHILNO`."""
        return "".join(letter.upper() for letter in "defghijklmno" if getattr(self, letter))

    @property
    def mode(self) -> int:
        """The mode that D and E show (RFC 6043 section 4.1.1): 1 to 4."""
        return (1 if self.e else 2) if self.d else (3 if self.e else 4)

    def contradictions(self, tgk_in_ticket: bool | None = None) -> list[str]:
        """Which rules of section 6.10 the flags break, in words; `tgk_in_ticket` when that is known."""
        rules = (
            (not self.d and not self.l, "D is 0 (the initiator made the ticket), but L is 0 (it may not supply keys)"),
            (self.g and not self.f, "G is 1 (the responder generates RANDRr), but F is 0 (no TRANSFER_RESP)"),
            (not self.g and not self.h, "neither G nor H is 1: no random value would enter the keys"),
            (self.i and not self.e, "I is 1 (keys are forked), but E is 0 (no resolve exchange)"),
            (self.k and not self.d, "K is 1 (changed by the KMS), but D is 0 (not made by the KMS)"),
            (self.m and not self.f, "M is 1 (the responder may supply keys), but F is 0 (no TRANSFER_RESP)"),
            (
                self.i and bool(tgk_in_ticket) and not self.f,
                "I is 1 and a TGK is in the ticket, but F is 0 (no TRANSFER_RESP)",
            ),
        )
        return [text for broken, text in rules if broken]


MODE_FLAGS = {
    1: TicketFlags(d=True, e=True, f=True, g=True, h=True, i=True, n=True, o=True),
    2: TicketFlags(d=True, f=True, g=True, h=True, n=True, o=True),
    3: TicketFlags(e=True, f=True, g=True, h=True, i=True, l=True, n=True, o=True),
    4: TicketFlags(f=True, g=True, h=True, l=True, n=True, o=True),
}
"Usual flags for each of the four modes: who knows the ticket key decides D, E and I."
