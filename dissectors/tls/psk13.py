"""Which PSK a TLS 1.3 handshake uses: the one whose binder is the one sent (RFC 8446 section 4.2.11.2, RFC 9258)."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from dissectors.errors import DecodeError
from dissectors.tls.events import TlsSession
from dissectors.tls.hello import OfferedPsk
from dissectors.tls.schedule13 import (
    EXTERNAL_BINDER,
    HASH_SIZE,
    IMPORTED_BINDER,
    RESUMPTION_BINDER,
    ImportedIdentity,
    KeySchedule,
)
from dissectors.tls.secrets import KeySource, PskCandidate, PskQuery

if TYPE_CHECKING:
    from dissectors.tls.observer import TlsObserver


class PskSearch:
    """Tries tickets, external PSKs and imported ones, in this order."""

    def __init__(self, observer: TlsObserver, session: TlsSession, hash_name: str) -> None:
        self._observer = observer
        self._session = session
        self._hash_name = hash_name
        self.asked = False
        "Whether there was any key to try."

    def find(self, offered: OfferedPsk, covered: bytes) -> tuple[KeySource, KeySchedule] | None:
        """The key of this offer; `covered` is the hash of what its binder covers."""
        if len(offered.binder) != HASH_SIZE[self._hash_name]:
            return None
        for source, label, psk in islice(self._keys(offered.identity), self._observer.max_candidates):
            self.asked = True
            schedule = KeySchedule(self._hash_name, psk)
            if hmac.compare_digest(schedule.binder(label, covered), offered.binder):
                return source, schedule
        return None

    def _keys(self, identity: bytes) -> Iterator[tuple[KeySource, bytes, bytes]]:
        cached = self._observer.secrets.sessions.find("ticket", identity)
        if cached is not None and cached.source is not None and cached.hash_name == self._hash_name:
            origin = cached.source.origin or cached.source
            yield KeySource("resumption", cached.source.label, origin), RESUMPTION_BINDER, cached.secret
        for candidate in self._ask(identity):
            yield KeySource("psk", candidate.label), EXTERNAL_BINDER, candidate.key
        try:
            imported = ImportedIdentity(identity)
        except DecodeError:
            return
        if imported.hash_name == self._hash_name:
            for candidate in self._ask(imported.external_identity):
                psk = imported.imported_psk(candidate.key, candidate.hash_name)
                yield KeySource("psk", candidate.label), IMPORTED_BINDER, psk

    def _ask(self, identity: bytes) -> Iterator[PskCandidate]:
        session = self._session
        finder = self._observer.secrets.psks
        if finder is None or session.server_hello is None:
            return
        query = PskQuery(
            psk_identity=identity,
            psk_identity_hint=None,
            client_random=session.client_random,
            server_random=session.server_random,
            version=session.version,
            cipher_suite=session.server_hello.cipher_suite,
            context=self._observer.context,
        )
        yield from finder(query)
