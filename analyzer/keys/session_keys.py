"""From what one session shows to the PSKs that may open its TLS, the likeliest first, each with the way to it.

In order: the TEK of the MIKEY-TICKET exchange in its SDP (TS 33.328: it is the PSK of TLS); the PSK that the MRFC gave
the MRFP, where the user allows its use; the PSKs supplied for TLS itself. None is believed before TLS authenticates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from analyzer.evidence import Evidence
from analyzer.evidence.mikey import kms_exchanges, psk_orders, transfer_init, transfer_resp
from analyzer.keys.ring import KeyRing
from dissectors.errors import DecodeError
from dissectors.mikey import MikeyMessage, Reason, Unlocked, unlock_transfer
from dissectors.sip import parse_name_addr

TEK_LENGTHS = (16, 32, 20)
"Octets of a derived TEK that is used as PSK: the specification at hand does not say which."


@dataclass(frozen=True, slots=True)
class SessionPsk:
    """One key to try."""

    key: bytes = field(repr=False)
    source: str
    "The supplied key, or where in the capture it stands."
    trace: tuple[str, ...] = ()
    "How it was derived: `TPK`, `ticket`, `TGK`, `TEK`."

    def __str__(self) -> str:
        return self.source + (f": {' > '.join(self.trace)}" if self.trace else "")


@dataclass(frozen=True, slots=True)
class NoTek:
    """Why the keys supplied for a MIKEY-TICKET exchange give no PSK."""

    why: str
    "Which key, and what speaks against it."
    wrong: bool
    "A key that is meant for this session, or for any, is not the right one."
    tried: tuple[str, ...]
    "Names of the keys that are meant for this session."


WRONG_KEYS = frozenset({Reason.WRONG_TICKET_KEY, Reason.WRONG_KMS_KEY})


class SessionKeys:
    """The candidates of one session, worked out when first asked for."""

    def __init__(self, evidence: Evidence, ring: KeyRing, *, psk_from_h248: bool = False) -> None:
        self._evidence = evidence
        self._ring = ring
        self._psk_from_h248 = psk_from_h248
        self._unlocked: Unlocked | None = None

    def unlocked(self) -> Unlocked | None:
        """What the supplied keys make of the session's MIKEY-TICKET exchange; None when none was captured."""
        if self._unlocked is None:
            init = transfer_init(self._evidence)
            if init is not None and init.message is not None:
                self._unlocked = unlock(self._evidence, init.message, self._ring)
        return self._unlocked

    def no_tek(self) -> NoTek | None:
        """Why no TEK came of the exchange; None where one did, or where no key was there to try."""
        unlocked = self.unlocked()
        init = transfer_init(self._evidence)
        if unlocked is None or init is None or init.message is None or any(each.teks for each in unlocked.attempts):
            return None
        failures = [(each.secret, each.failures[0]) for each in unlocked.attempts if each.failures]
        if not failures:
            return None
        meant = self._ring.meant_for(init.message)
        # The key that came furthest says most; of equals that which is meant for this session.
        secret, failure = min(failures, key=lambda each: (each[1].reason in WRONG_KEYS, each[0].name not in meant))
        wrong = failure.reason in WRONG_KEYS
        how = "opens the ticket of this session" if wrong else "gives a PSK for this session"
        told = failure.detail if failure.reason is Reason.NO_KEY else str(replace(failure, secret=None))
        who = f"the {secret.kind.value} {secret.name}".strip()
        none = f"none of {len(failures)} keys {how}; {who}: {told}"
        one = f"{who} {how.replace('opens', 'does not open').replace('gives a', 'gives no')}: {told}"
        tried = tuple(each.name for each, _ in failures if each.name in meant)
        return NoTek(one if len(failures) == 1 else none, wrong and bool(tried), tried)

    def candidates(self, identity: bytes | None, ends: Sequence[tuple[str, int]]) -> Iterator[SessionPsk]:
        """Keys to try for a TLS session with this PSK identity between these ends."""
        seen: set[bytes] = set()
        for each in self._all(identity, ends):
            if each.key not in seen:
                seen.add(each.key)
                yield each

    def _all(self, identity: bytes | None, ends: Sequence[tuple[str, int]]) -> Iterator[SessionPsk]:
        unlocked = self.unlocked()
        if unlocked is not None:
            for attempt in unlocked.attempts:
                for tek in attempt.teks:
                    yield SessionPsk(tek.key, attempt.secret.name, tek.trace)
        if self._psk_from_h248:
            for psk in psk_orders(self._evidence):
                yield SessionPsk(psk.key, f"H.248 {psk.item}")
        for supplied in self._ring.for_tls(identity, ends):
            yield SessionPsk(supplied.key, supplied.name)


def unlock(evidence: Evidence, init: MikeyMessage, ring: KeyRing) -> Unlocked:
    """Hold every key that may fit against the exchange."""
    resp = transfer_resp(evidence)
    return unlock_transfer(
        init,
        resp.message if resp is not None else None,
        secrets=ring.for_transfer(init),
        kms_exchanges=kms_exchanges(evidence),
        identities=[each.encode("utf-8", "surrogateescape") for each in identities(evidence)],
        tek_lengths=TEK_LENGTHS,
    )


def identities(evidence: Evidence) -> list[str]:
    """URIs that messages may leave out though their MACs cover them: From, To, P-Asserted-Identity, Request-URI."""
    facts = evidence.facts
    if facts is None:
        return []
    found = [facts.caller.uri, facts.callee.uri, facts.request_uri]
    for part in (evidence.offer, evidence.answer):
        if part is not None:
            for value in part.message.decoded.header_list("P-Asserted-Identity"):
                try:
                    found.append(parse_name_addr(value).uri)
                except DecodeError:
                    continue
    return list(dict.fromkeys(uri.partition(";")[0] for uri in found if uri))
