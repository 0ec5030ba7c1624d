"""The key ring: which supplied keys may fit a ticket, a TLS session or an address, the likeliest first.

A key that names a holder, an identity or an address which is another one is still tried, but last: identities are
spelled in many ways, and a key is believed only when something authenticates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer.keys.supplied import KeyKind, SuppliedKey
from dissectors.errors import DecodeError
from dissectors.mikey import IdRole, MikeyMessage, Secret, SecretKind, Unlocked, decode_policy

MAX_TRIED = 1024
"Keys of one kind tried for one session: those that name what is seen come first, then those that opened others."

_SECRETS = {
    KeyKind.TPK: SecretKind.TPK,
    KeyKind.KMS_PSK: SecretKind.KMS_PSK,
    KeyKind.MPK: SecretKind.MPK,
}


class KeyRing:
    """The supplied keys, asked session by session; it counts which were of use."""

    def __init__(self, keys: Iterable[SuppliedKey] = ()) -> None:
        self.keys = list(keys)
        self._of_kind: dict[KeyKind, list[SuppliedKey]] = {kind: [] for kind in KeyKind}
        self._by_identity: dict[bytes, list[SuppliedKey]] = {}
        self._by_address: dict[str, list[SuppliedKey]] = {}
        self._general: list[SuppliedKey] = []
        self._by_csb_id: dict[int, list[SuppliedKey]] = {}
        self._by_name = {key.name: key for key in self.keys}
        for key in self.keys:
            self._of_kind[key.kind].append(key)
            if key.csb_id is not None:
                self._by_csb_id.setdefault(key.csb_id, []).append(key)
            if key.kind is KeyKind.PSK:
                if key.identity is not None:
                    self._by_identity.setdefault(key.identity, []).append(key)
                if key.address:
                    self._by_address.setdefault(key.address, []).append(key)
                if key.identity is None and not key.address:
                    self._general.append(key)

    def for_transfer(self, init: MikeyMessage) -> list[Secret]:
        """What may open a TRANSFER_INIT: TEK and TGK of its CSB ID first, then ticket and KMS keys."""
        csb_id = init.header.csb_id
        named = self._by_csb_id.get(csb_id, [])
        direct = [key for key in named if key.kind in (KeyKind.TEK, KeyKind.TGK)]
        direct += [key for kind in (KeyKind.TEK, KeyKind.TGK) for key in self._of_kind[kind] if key.csb_id is None]
        found = [_direct(key) for key in direct[:MAX_TRIED]]
        identities, kms = _identities(init)
        for kind in (KeyKind.TPK, KeyKind.KMS_PSK, KeyKind.MPK):
            keys = sorted(self._of_kind[kind], key=lambda key: (_fit(key, identities, kms), -key.used))
            found += [Secret(_SECRETS[kind], key.key, key.name) for key in keys[:MAX_TRIED]]
        return found

    def meant_for(self, init: MikeyMessage) -> set[str]:
        """Names of the keys that name nobody else than a TRANSFER_INIT does."""
        identities, kms = _identities(init)
        return {key.name for key in self.keys if _fit(key, identities, kms) < 2}

    def for_tls(self, identity: bytes | None, ends: Iterable[tuple[str, int]]) -> Iterator[SuppliedKey]:
        """PSKs of TLS: those of this identity at one of these ends, of the identity, of an end, then the general."""
        places = list(ends)
        by_identity = self._by_identity.get(identity, []) if identity is not None else []
        by_address = [key for address, _ in places for key in self._by_address.get(address, [])]
        seen: set[int] = set()
        both = [key for key in by_identity if key.address and _at(key, places)]
        rest = [key for key in by_identity if not key.address]
        there = [key for key in by_address if _at(key, places) and key.identity is None]
        # An identity may be written otherwise than it is sent; the address alone speaks for such a key.
        else_where = [key for key in by_address if _at(key, places)]
        for key in (*both, *rest, *there, *self._general, *else_where):
            if id(key) not in seen:
                seen.add(id(key))
                yield key

    def note(self, name: str, *, opened: bool) -> None:
        """Count what became of a key."""
        key = self._by_name.get(name)
        if key is not None:
            if opened:
                key.used += 1
            else:
                key.failed += 1

    def note_fitting(self, unlocked: Unlocked | None) -> None:
        """Note the keys that a MIKEY-TICKET exchange verifies with."""
        for attempt in unlocked.attempts if unlocked is not None else ():
            key, checks = self._by_name.get(attempt.secret.name), attempt.checks
            if key is not None and True in (checks.ticket, checks.transfer_init, checks.transfer_resp):
                key.fits = True

    def account(self) -> list[tuple[str, int, int]]:
        """Every key by name: sessions that it opened, and sessions it was tried for in vain."""
        return [(key.name, key.used, key.failed) for key in self.keys]

    def unused(self) -> list[SuppliedKey]:
        """Keys that opened nothing, and fit nothing."""
        return [key for key in self.keys if not key.used and not key.fits]

    def fitting(self) -> set[str]:
        """Names of the keys that verified a ticket or a message of MIKEY-TICKET."""
        return {key.name for key in self.keys if key.fits}


def _direct(key: SuppliedKey) -> Secret:
    kind = SecretKind.TEK if key.kind is KeyKind.TEK else SecretKind.FORKED_TGK if key.forked else SecretKind.TGK
    return Secret(kind, key.key, key.name, key.spi)


def _identities(init: MikeyMessage) -> tuple[set[str], set[str]]:
    """The identities that may hold a key of this message, and those of the KMS, in lower case."""
    people = [init.identity(role) for role in (IdRole.INITIATOR, IdRole.RESPONDER, IdRole.PRE_SHARED_KEY)]
    servers = [init.identity(IdRole.KMS)]
    if init.ticket is not None:
        try:
            policy = decode_policy(init.ticket)
        except DecodeError:
            pass
        else:
            people += [policy.initiator, *policy.responders]
            servers.append(policy.kms)
    return {_plain(each.data) for each in people if each}, {_plain(each.data) for each in servers if each}


def _plain(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape").lower()


def _fit(key: SuppliedKey, identities: set[str], kms: set[str]) -> int:
    """0: names what is there; 1: names nothing; 2: names something else."""
    worst = 0
    for said, seen in ((key.holder, identities), (key.kms, kms)):
        if not said:
            worst = max(worst, 1)
        elif said.lower() not in seen:
            worst = max(worst, 2)
    return worst


def _at(key: SuppliedKey, places: list[tuple[str, int]]) -> bool:
    return any(key.address == address and key.port in (None, port) for address, port in places)
