"""One handshake of TLS 1.0 to 1.2: its facts, and the master secrets that may be its own.

Nothing in here is trusted: a candidate is the right one when a protected record authenticates under its key block.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from dissectors.tls import prf
from dissectors.tls.events import Outcome, TlsSession
from dissectors.tls.handshake import ClientKeyExchange
from dissectors.tls.hello import ServerHello
from dissectors.tls.keylog import CLIENT_RANDOM, PMS_CLIENT_RANDOM
from dissectors.tls.protection import RecordOpener, TrialBudget, key_block_size, opener_from_key_block
from dissectors.tls.registry import ProtocolVersion
from dissectors.tls.secrets import CachedSession, KeySource, PskCandidate, PskQuery, TlsSecrets
from dissectors.tls.suites import Suite, suite_of
from dissectors.tls.transcript import Transcript


class Candidate:
    """A master secret that may be the session's."""

    __slots__ = ("_block", "master", "source", "suite")

    def __init__(self, source: KeySource, master: bytes, suite: Suite) -> None:
        self.source = source
        self.master = master
        self.suite = suite
        self._block = b""

    def opener(self, negotiation: Negotiation, client: bool, budget: TrialBudget) -> RecordOpener:
        """Opens what the client (or the server) sends under this master secret."""
        suite = self.suite
        session = negotiation.session
        version = session.version
        if not self._block:
            size = key_block_size(suite, version)
            randoms = session.client_random, session.server_random
            self._block = prf.key_block(negotiation.hash_name, self.master, *randoms, size)
        return opener_from_key_block(suite, version, session.encrypt_then_mac, self._block, client, budget)


class Negotiation:
    """State of one handshake, from ClientHello to Finished."""

    def __init__(self, session: TlsSession, hello: bytes) -> None:
        self.session = session
        self.hello = hello
        "The whole ClientHello message."
        self.suite: Suite | None = None
        self.hash_name = ""
        self.transcript = Transcript()
        self.transcript.add(hello)
        self.broken = False
        "Octets of this handshake are lost: its transcript is not whole."
        self.done = False
        "ServerHelloDone was seen: no abbreviated handshake."
        self.exchange: ClientKeyExchange | None = None
        self.session_hash = b""
        self.ticket = b""
        "What NewSessionTicket gave the client."
        self.chosen: Candidate | None = None
        self.asked = False
        "Whether there was any candidate at all."
        self.lacking = ""
        "The cipher that the cryptography library here was built without."
        self.reason: Outcome | None = None
        "Why it was not opened, once it is over."
        self._tried: list[Candidate] = []
        self._source: Iterator[Candidate] | None = None

    def answer(self, hello: ServerHello) -> None:
        """Take the ServerHello's decisions."""
        self.session.server_hello = hello
        self.suite = suite_of(hello.cipher_suite)
        if self.suite is not None and self.suite.tls13:
            self.suite = None
        if hello.version < ProtocolVersion.TLS_1_2:
            self.hash_name = prf.MD5_SHA1
        else:
            self.hash_name = "sha256" if self.suite is None else self.suite.hash
        self.transcript.select(self.hash_name)

    @property
    def unsupported(self) -> str:
        """Why its records cannot be opened whatever is supplied; empty when they can."""
        hello = self.session.server_hello
        if hello is None:
            return ""
        if hello.version < ProtocolVersion.TLS_1_0 or hello.version > ProtocolVersion.TLS_1_2:
            return f"{self.session.version_name} is not supported"
        if self.suite is None:
            return f"the cipher suite {self.session.cipher_suite_name} is not supported"
        if hello.compression_method:
            return "TLS compression is not supported"
        return ""

    def candidates(self, secrets: TlsSecrets, context: object, limit: int) -> Iterator[Candidate]:
        """The master secrets to try; those tried before come first again."""
        if self._source is None:
            self._source = islice(self._candidates(secrets, context), limit)
        yield from list(self._tried)
        for candidate in self._source:
            self.asked = True
            self._tried.append(candidate)
            yield candidate

    def cached(self, secrets: TlsSecrets) -> CachedSession | None:
        """The session that this one resumes, if it is known."""
        ticket = self.session.client_hello.session_ticket or b""
        found = secrets.sessions.find("ticket", ticket)
        if found is None and self.session.server_hello is not None:
            found = secrets.sessions.find("session_id", self.session.server_hello.session_id)
        return found

    def _candidates(self, secrets: TlsSecrets, context: object) -> Iterator[Candidate]:
        session = self.session
        suite = self.suite
        if self.unsupported or session.server_hello is None or suite is None:
            return
        if session.resumed or self.broken:
            cached = self.cached(secrets)
            if cached is not None and cached.secret and cached.source is not None:
                label = cached.source.label
                source = KeySource("resumption", label, cached.source.origin or cached.source)
                yield Candidate(source, cached.secret, suite)
        log = secrets.key_log
        from_log = KeySource("key_log")
        master = log.secret(CLIENT_RANDOM, session.client_random)
        if master is not None:
            yield Candidate(from_log, master, suite)
        master = log.session_master_secret(session.server_hello.session_id)
        if master is not None:
            yield Candidate(from_log, master, suite)
        if session.resumed:
            return
        for source, premaster in self._premaster_secrets(secrets, context, suite.key_exchange):
            master = self._master(premaster)
            if master:
                yield Candidate(source, master, suite)

    def _master(self, premaster: bytes) -> bytes:
        session = self.session
        if session.extended_master_secret:
            return (
                prf.extended_master_secret(self.hash_name, premaster, self.session_hash) if self.session_hash else b""
            )
        return prf.master_secret(self.hash_name, premaster, session.client_random, session.server_random)

    def _premaster_secrets(
        self, secrets: TlsSecrets, context: object, exchange: str
    ) -> Iterator[tuple[KeySource, bytes]]:
        from_log = KeySource("key_log")
        premaster = secrets.key_log.secret(PMS_CLIENT_RANDOM, self.session.client_random)
        if premaster is not None:
            yield from_log, premaster
        encrypted = b"" if self.exchange is None else self.exchange.exchange_keys
        if exchange == "RSA" and encrypted:
            premaster = secrets.key_log.rsa_premaster_secret(encrypted)
            if premaster is not None:
                yield from_log, premaster
            for premaster in self._decrypted(secrets, encrypted):
                yield KeySource("rsa_key"), premaster
        elif exchange == "PSK" and not (self.exchange is None and self.session.extended_master_secret):
            for candidate in self._psks(secrets, context):
                yield KeySource("psk", candidate.label), prf.psk_premaster_secret(candidate.key)
        elif exchange == "RSA_PSK" and encrypted and secrets.psks is not None:
            others = list(self._decrypted(secrets, encrypted))
            if others:
                for candidate in self._psks(secrets, context):
                    for other in others:
                        yield KeySource("psk", candidate.label), prf.psk_premaster_secret(candidate.key, other)

    def _psks(self, secrets: TlsSecrets, context: object) -> Iterator[PskCandidate]:
        session = self.session
        if secrets.psks is None or session.server_hello is None:
            return
        query = PskQuery(
            psk_identity=session.psk_identity,
            psk_identity_hint=session.psk_identity_hint,
            client_random=session.client_random,
            server_random=session.server_random,
            version=session.version,
            cipher_suite=session.server_hello.cipher_suite,
            context=context,
        )
        for candidate in secrets.psks(query):
            if len(candidate.key) <= 0xFFFF:
                yield candidate

    @staticmethod
    def _decrypted(secrets: TlsSecrets, encrypted: bytes) -> Iterator[bytes]:
        """The premaster secret of RSA key exchange under each private key of the right size."""
        for key in secrets.rsa_keys:
            if key.key_size + 7 >> 3 != len(encrypted):
                continue
            try:
                premaster = key.decrypt(encrypted, PKCS1v15())
            except ValueError:
                continue
            # A wrong key gives random octets of any length; 48 are right by chance at times, and fail as a candidate.
            if len(premaster) == 48:
                yield premaster
