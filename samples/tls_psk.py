"""TLS 1.2 with a pre-shared key, written out both sides at once: the flights of a handshake, then records.

RFC 5246 (TLS 1.2), RFC 4279 and 5487 (PSK suites), RFC 5288 (AES-GCM), RFC 7627 (extended master secret). Nothing here
asks a random source: randoms, IVs and the premaster of a certificate suite come from the caller or from hashes, which
is fit for samples only. It is written apart from the dissector, so that the two can be held against each other.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
CLIENT, SERVER = 0, 1
VERSION = b"\x03\x03"
MAX_RECORD = 1 << 14

SUITES = {
    "TLS_PSK_WITH_AES_128_CBC_SHA": 0x008C,
    "TLS_PSK_WITH_AES_128_GCM_SHA256": 0x00A8,
    "TLS_PSK_WITH_AES_128_CBC_SHA256": 0x00AE,
    "TLS_RSA_WITH_AES_128_GCM_SHA256": 0x009C,
}
SCSV = 0x00FF
"TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 section 3.3)."
ALERTS = {
    "close_notify": 0,
    "unexpected_message": 10,
    "bad_record_mac": 20,
    "handshake_failure": 40,
    "illegal_parameter": 47,
    "decrypt_error": 51,
    "protocol_version": 70,
    "internal_error": 80,
    "unknown_psk_identity": 115,
}


@dataclass(slots=True, kw_only=True)
class TlsParameters:
    """What a description says about one TLS session."""

    psk: bytes = b""
    server_psk: bytes = b""
    "What the server holds, where that is another key."
    psk_identity: bytes = b""
    psk_hint: bytes | None = None
    suite: str = "TLS_PSK_WITH_AES_128_GCM_SHA256"
    extended_master_secret: bool = True
    client_random: bytes = b""
    server_random: bytes = b""
    certificate: bytes = b""
    "The server's certificate, PEM, for a suite that needs one."


class Tls(Protocol):
    """Both ends of a TLS session: written out (`TlsSession`), or real ones (`samples.record_openssl`)."""

    parameters: TlsParameters

    @property
    def agrees(self) -> bool: ...
    def client_hello(self) -> bytes: ...
    def server_flight(self) -> bytes: ...
    def client_flight(self) -> bytes: ...
    def server_finish(self) -> bytes: ...
    def data(self, side: int, octets: bytes) -> bytes: ...
    def alert(self, side: int, name: str, *, fatal: bool = True) -> bytes: ...
    def key_log_line(self) -> str: ...


@dataclass(slots=True)
class _Side:
    """What one side writes with: its keys, and whether it uses them already."""

    mac_key: bytes
    key: bytes
    salt: bytes
    protected: bool = False
    sequence: int = 0


@dataclass(slots=True)
class TlsSession:
    """Both ends of one session."""

    parameters: TlsParameters
    _transcript: bytes = b""
    _sides: list[_Side] = field(default_factory=list)
    _master: bytes = b""

    @property
    def suite(self) -> int:
        """The suite's number; KeyError when it is not known here."""
        return SUITES[self.parameters.suite]

    def client_hello(self) -> bytes:
        """Flight 1."""
        suites = struct.pack("!HH", self.suite, SCSV)
        extensions = b"\0\x17\0\0" if self.parameters.extended_master_secret else b""
        if self.parameters.certificate:
            extensions += bytes.fromhex("000d000400020401")  # signature_algorithms: rsa_pkcs1_sha256
        body = VERSION + self.parameters.client_random + b"\0" + _vector(suites, 2) + b"\x01\0"
        return self._handshake(CLIENT, (1, body + (_vector(extensions, 2) if extensions else b"")))

    def server_flight(self) -> bytes:
        """Flight 2: ServerHello to ServerHelloDone."""
        extensions = b"\xff\x01\0\x01\0" + (b"\0\x17\0\0" if self.parameters.extended_master_secret else b"")
        hello = VERSION + self.parameters.server_random + b"\0" + struct.pack("!HB", self.suite, 0)
        messages = [(2, hello + _vector(extensions, 2))]
        if self.parameters.certificate:
            certificate = x509.load_pem_x509_certificate(self.parameters.certificate).public_bytes(Encoding.DER)
            messages.append((11, _vector(_vector(certificate, 3), 3)))
        elif self.parameters.psk_hint is not None:
            messages.append((12, _vector(self.parameters.psk_hint, 2)))
        return self._handshake(SERVER, *messages, (14, b""))

    def client_flight(self) -> bytes:
        """Flight 3: ClientKeyExchange, ChangeCipherSpec, Finished."""
        if self.parameters.certificate:
            premaster, exchanged = self._rsa_premaster()
        else:
            psk = self.parameters.psk
            premaster = _vector(bytes(len(psk)), 2) + _vector(psk, 2)
            exchanged = _vector(self.parameters.psk_identity, 2)
        sent = self._handshake(CLIENT, (16, exchanged))
        self._derive(premaster)
        return sent + self._finish(CLIENT, b"client finished")

    def server_finish(self) -> bytes:
        """Flight 4: ChangeCipherSpec, Finished."""
        return self._finish(SERVER, b"server finished")

    @property
    def agrees(self) -> bool:
        """Whether the server holds the client's key, so that it can read the client's Finished."""
        return not self.parameters.server_psk or self.parameters.server_psk == self.parameters.psk

    def data(self, side: int, octets: bytes) -> bytes:
        """Application data as records."""
        parts = [octets[at : at + MAX_RECORD] for at in range(0, len(octets), MAX_RECORD)]
        return b"".join(self._record(side, APPLICATION_DATA, part) for part in parts)

    def alert(self, side: int, name: str, *, fatal: bool = True) -> bytes:
        """An alert; protected if the side protects already."""
        return self._record(side, ALERT, bytes((2 if fatal else 1, ALERTS[name])))

    def key_log_line(self) -> str:
        """The session's line in NSS key log format."""
        return f"CLIENT_RANDOM {self.parameters.client_random.hex()} {self._master.hex()}"

    # ------------------------------------------------------------------ keys

    def _rsa_premaster(self) -> tuple[bytes, bytes]:
        """Premaster secret and its encryption (RFC 5246 section 7.4.7.1), the padding from a hash."""
        premaster = VERSION + _stretch(b"premaster" + self.parameters.client_random, 46)
        key = x509.load_pem_x509_certificate(self.parameters.certificate).public_key()
        assert isinstance(key, RSAPublicKey)
        numbers = key.public_numbers()
        size = (key.key_size + 7) // 8
        padding = _stretch(b"padding" + self.parameters.client_random, size - 51).replace(b"\0", b"\x01")
        padded = int.from_bytes(b"\0\x02" + padding + b"\0" + premaster, "big")
        return premaster, _vector(pow(padded, numbers.e, numbers.n).to_bytes(size, "big"), 2)

    def _derive(self, premaster: bytes) -> None:
        randoms = self.parameters.client_random, self.parameters.server_random
        if self.parameters.extended_master_secret:
            seed = hashlib.sha256(self._transcript).digest()
            self._master = _prf(premaster, b"extended master secret", seed, 48)
        else:
            self._master = _prf(premaster, b"master secret", randoms[0] + randoms[1], 48)
        mac = 0 if self._is_gcm else self._mac().digest_size
        salt = 4 if self._is_gcm else 0
        block = _prf(self._master, b"key expansion", randoms[1] + randoms[0], 2 * (mac + 16 + salt))
        macs, keys, salts = block[: 2 * mac], block[2 * mac : 2 * mac + 32], block[2 * mac + 32 :]
        self._sides = [
            _Side(macs[n * mac : n * mac + mac], keys[n * 16 : n * 16 + 16], salts[n * salt : n * salt + salt])
            for n in (CLIENT, SERVER)
        ]

    @property
    def _is_gcm(self) -> bool:
        return "_GCM_" in self.parameters.suite

    def _mac(self, key: bytes = b"") -> hmac.HMAC:
        return hmac.new(key, digestmod="sha256" if self.parameters.suite.endswith("SHA256") else "sha1")

    # ------------------------------------------------------------------ records

    def _handshake(self, side: int, *messages: tuple[int, bytes]) -> bytes:
        sent = b""
        for kind, body in messages:
            message = bytes((kind,)) + _vector(body, 3)
            self._transcript += message
            sent += self._record(side, HANDSHAKE, message)
        return sent

    def _finish(self, side: int, label: bytes) -> bytes:
        sent = self._record(side, CHANGE_CIPHER_SPEC, b"\x01")
        self._sides[side].protected = True
        verify_data = _prf(self._master, label, hashlib.sha256(self._transcript).digest(), 12)
        return sent + self._handshake(side, (20, verify_data))

    def _record(self, side: int, kind: int, plain: bytes) -> bytes:
        fragment = self._protect(side, kind, plain) if self._sides and self._sides[side].protected else plain
        return bytes((kind,)) + VERSION + _vector(fragment, 2)

    def _protect(self, side: int, kind: int, plain: bytes) -> bytes:
        keys = self._sides[side]
        sequence = struct.pack("!Q", keys.sequence)
        keys.sequence += 1
        header = sequence + bytes((kind,)) + VERSION + struct.pack("!H", len(plain))
        if self._is_gcm:
            return sequence + AESGCM(keys.key).encrypt(keys.salt + sequence, plain, header)
        mac = self._mac(keys.mac_key)
        mac.update(header + plain)
        data = plain + mac.digest()
        padding = 15 - len(data) % 16
        iv = hmac.digest(keys.key, b"iv" + sequence, "sha256")[:16]
        cipher = Cipher(algorithms.AES(keys.key), modes.CBC(iv)).encryptor()
        return iv + cipher.update(data + bytes((padding,)) * (padding + 1)) + cipher.finalize()


def _vector(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data


def _stretch(seed: bytes, size: int) -> bytes:
    """Octets that are the same each time."""
    blocks = (hashlib.sha256(seed + bytes((number,))).digest() for number in range(-(-size // 32)))
    return b"".join(blocks)[:size]


def random_of(name: str) -> bytes:
    """32 octets that stand for a random value where a description gives none."""
    return _stretch(name.encode(), 32)


def _prf(secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246 section 5 with SHA-256, as every suite here has it."""
    seed = label + seed
    found, a = b"", seed
    while len(found) < size:
        a = hmac.digest(secret, a, "sha256")
        found += hmac.digest(secret, a + seed, "sha256")
    return found[:size]
