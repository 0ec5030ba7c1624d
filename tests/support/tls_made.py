"""TLS connections made octet by octet, with a PSK and no sockets: the sending half of what the observer reads.

The key schedules are the project's own (held against OpenSSL elsewhere); records are protected by code of their own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from dissectors.tls import prf
from dissectors.tls.schedule13 import (
    EXTERNAL_BINDER,
    IMPORTED_BINDER,
    ImportedIdentity,
    KeySchedule,
    derive_secret,
    finished_mac,
    hkdf_expand_label,
    next_secret,
)
from dissectors.tls.secrets import PskCandidate

PSK = bytes(range(16))
CANDIDATE = PskCandidate(PSK, "made")
CLIENT_RANDOM = hashlib.sha256(b"client").digest()
SERVER_RANDOM = hashlib.sha256(b"server").digest()
Protect = Callable[[int, bytes], bytes]
"""From content type and plaintext to a record's fragment."""


def vector(size: int, data: bytes) -> bytes:
    """An opaque vector whose length has `size` octets."""
    return len(data).to_bytes(size, "big") + data


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes((kind,)) + vector(3, body)


def extension(kind: int, data: bytes = b"") -> bytes:
    """One extension."""
    return kind.to_bytes(2, "big") + vector(2, data)


def client_hello(suite: int, extensions: bytes = b"", version: int = 0x0303, session_id: bytes = b"") -> bytes:
    """A ClientHello that offers one suite."""
    body = version.to_bytes(2, "big") + CLIENT_RANDOM + vector(1, session_id)
    return message(1, body + vector(2, suite.to_bytes(2, "big")) + b"\1\0" + vector(2, extensions))


def server_hello(suite: int, extensions: bytes = b"", version: int = 0x0303, session_id: bytes = b"") -> bytes:
    """A ServerHello."""
    body = version.to_bytes(2, "big") + SERVER_RANDOM + vector(1, session_id) + suite.to_bytes(2, "big") + b"\0"
    return message(2, body + vector(2, extensions))


@dataclass
class Made:
    """A connection: its records in the order sent, and what the application sent."""

    version: int = 0x0303
    records: list[tuple[int, bytes]] = field(default_factory=list)
    "Direction (0: client) and whole record."
    sent: tuple[bytes, bytes] = (b"", b"")
    protect: list[Protect | None] = field(default_factory=lambda: [None, None])
    traffic: list[bytes] = field(default_factory=list)
    "TLS 1.3: the application traffic secret of each direction."

    def put(self, direction: int, kind: int, content: bytes) -> None:
        """Send one record."""
        protect = self.protect[direction]
        if protect is not None:
            content = protect(kind, content)
            if self.version == 0x0304:
                kind = 23
        version = min(self.version, 0x0303)
        self.records.append((direction, bytes((kind,)) + version.to_bytes(2, "big") + vector(2, content)))

    def say(self, direction: int, data: bytes) -> None:
        """Send application data."""
        self.put(direction, 23, data)
        both = list(self.sent)
        both[direction] += data
        self.sent = (both[0], both[1])

    def stream(self, direction: int) -> bytes:
        """All octets of a direction."""
        return b"".join(record for which, record in self.records if which == direction)


def aead12(aead: AESGCM | AESCCM, salt: bytes) -> Protect:
    """GCM and CCM of TLS 1.2, with an explicit nonce that starts at random and counts."""
    count = [0]

    def protect(kind: int, plain: bytes) -> bytes:
        sequence = count[0]
        count[0] += 1
        explicit = (0x1122334455660000 + sequence).to_bytes(8, "big")
        header = sequence.to_bytes(8, "big") + bytes((kind, 3, 3)) + len(plain).to_bytes(2, "big")
        return explicit + aead.encrypt(salt + explicit, plain, header)

    return protect


def chacha12(key: bytes, iv: bytes) -> Protect:
    """ChaCha20-Poly1305 of TLS 1.2."""
    count = [0]

    def protect(kind: int, plain: bytes) -> bytes:
        sequence = count[0].to_bytes(8, "big")
        count[0] += 1
        nonce = bytes(a ^ b for a, b in zip(iv, bytes(4) + sequence, strict=True))
        header = sequence + bytes((kind, 3, 3)) + len(plain).to_bytes(2, "big")
        return ChaCha20Poly1305(key).encrypt(nonce, plain, header)

    return protect


def cbc(mac_key: bytes, mac: str, key: bytes, iv: bytes, version: int, etm: bool) -> Protect:
    """CBC, with the IV of the key block and chained (TLS 1.0) or with one in each record."""
    count = [0]
    chain = [iv]

    def protect(kind: int, plain: bytes) -> bytes:
        head = count[0].to_bytes(8, "big") + bytes((kind,)) + version.to_bytes(2, "big")
        count[0] += 1
        if not etm:
            plain += hmac.digest(mac_key, head + vector(2, plain), mac)
        padding = 15 - len(plain) % 16
        explicit = hashlib.sha256(head).digest()[:16]
        encryptor = Cipher(algorithms.AES(key), modes.CBC(explicit if version > 0x0301 else chain[0])).encryptor()
        text = encryptor.update(plain + bytes((padding,)) * (padding + 1))
        chain[0] = text[-16:]
        if version > 0x0301:
            text = explicit + text
        return text + hmac.digest(mac_key, head + vector(2, text), mac) if etm else text

    return protect


def null(mac_key: bytes, mac: str) -> Protect:
    """NULL: the MAC alone."""
    count = [0]

    def protect(kind: int, plain: bytes) -> bytes:
        head = count[0].to_bytes(8, "big") + bytes((kind, 3, 3))
        count[0] += 1
        return plain + hmac.digest(mac_key, head + vector(2, plain), mac)

    return protect


MADE_SUITES = {
    "gcm": (0x00A8, 0x0303, False),
    "ccm8": (0xC0A8, 0x0303, False),
    "chacha": (0xCCAB, 0x0303, False),
    "cbc": (0x00AE, 0x0303, False),
    "cbc-etm": (0x00AE, 0x0303, True),
    "cbc-1.0": (0x008C, 0x0301, False),
    "null": (0x00B0, 0x0303, False),
}
"""Suite, version, encrypt_then_mac."""


def sides(name: str, block: bytes) -> list[Protect | None]:
    """The protection of both directions from a key block."""
    _, version, etm = MADE_SUITES[name]

    def cut(*sizes: int) -> list[list[bytes]]:
        out: list[list[bytes]] = [[], []]
        at = 0
        for size in sizes:
            for side in (0, 1):
                out[side].append(block[at : at + size])
                at += size
        return out

    if name == "gcm":
        return [aead12(AESGCM(key), salt) for key, salt in cut(16, 4)]
    if name == "ccm8":
        return [aead12(AESCCM(key, 8), salt) for key, salt in cut(16, 4)]
    if name == "chacha":
        return [chacha12(key, iv) for key, iv in cut(32, 12)]
    if name == "null":
        return [null(mac_key, "sha256") for (mac_key,) in cut(32)]
    mac, mac_size, iv_size = ("sha1", 20, 16) if version == 0x0301 else ("sha256", 32, 0)
    return [cbc(mac_key, mac, key, iv, version, etm) for mac_key, key, iv in cut(mac_size, 16, iv_size)]


def made12(name: str, *, ems: bool = False, psk: bytes = PSK, ticket: bytes = b"", session_id: bytes = b"") -> Made:
    """A full handshake of TLS 1.0 or 1.2, to the end of both Finished."""
    suite, version, etm = MADE_SUITES[name]
    made = Made(version)
    offered = (extension(22) if etm else b"") + (extension(23) if ems else b"")
    hello = client_hello(suite, offered, version)
    answer = server_hello(suite, offered, version, session_id)
    done = message(14, b"")
    exchange = message(16, vector(2, b"id"))
    seen = hello + answer + done + exchange
    hash_name = prf.MD5_SHA1 if version == 0x0301 else "sha256"
    premaster = prf.psk_premaster_secret(psk)
    if ems:
        master = prf.extended_master_secret(hash_name, premaster, prf.transcript_hash(hash_name, seen))
    else:
        master = prf.master_secret(hash_name, premaster, CLIENT_RANDOM, SERVER_RANDOM)
    protections = sides(name, prf.key_block(hash_name, master, CLIENT_RANDOM, SERVER_RANDOM, 256))
    finished = message(20, prf.verify_data(hash_name, master, True, prf.transcript_hash(hash_name, seen)))
    seen += finished
    made.put(0, 22, hello)
    made.put(1, 22, answer + done)
    made.put(0, 22, exchange)
    made.put(0, 20, b"\1")
    made.protect[0] = protections[0]
    made.put(0, 22, finished)
    if ticket:
        given = message(4, bytes(4) + vector(2, ticket))
        made.put(1, 22, given)
        seen += given
    made.put(1, 20, b"\1")
    made.protect[1] = protections[1]
    made.put(1, 22, message(20, prf.verify_data(hash_name, master, False, prf.transcript_hash(hash_name, seen))))
    return made


def protect13(secret: bytes) -> Protect:
    """TLS_AES_128_GCM_SHA256 under a traffic secret, with three octets of padding."""
    key = hkdf_expand_label("sha256", secret, b"key", b"", 16)
    iv = int.from_bytes(hkdf_expand_label("sha256", secret, b"iv", b"", 12), "big")
    count = [0]

    def protect(kind: int, plain: bytes) -> bytes:
        inner = plain + bytes((kind, 0, 0, 0))
        header = b"\x17\3\3" + (len(inner) + 16).to_bytes(2, "big")
        nonce = (iv ^ count[0]).to_bytes(12, "big")
        count[0] += 1
        return AESGCM(key).encrypt(nonce, inner, header)

    return protect


def made13(*, early: bytes = b"", accepted: bool = True, imported: bool = False, psk: bytes = PSK) -> Made:
    """A TLS 1.3 psk_ke handshake with an external (or imported) PSK, to the end of both Finished."""
    made = Made(0x0304)
    identity, binder_label = b"id", EXTERNAL_BINDER
    if imported:
        identity = vector(2, b"id") + vector(2, b"context") + b"\3\4\0\1"
        psk, binder_label = ImportedIdentity(identity).imported_psk(psk), IMPORTED_BINDER
    schedule = KeySchedule("sha256", psk)

    def digest(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    def hello_with(binder: bytes) -> bytes:
        offered = extension(43, b"\2\3\4") + extension(45, b"\1\0") + (extension(42) if early else b"")
        psks = vector(2, vector(2, identity) + bytes(4)) + vector(2, vector(1, binder))
        return client_hello(0x1301, offered + extension(41, psks))

    hello = hello_with(bytes(32))
    hello = hello_with(schedule.binder(binder_label, digest(hello[:-35])))
    answer = server_hello(0x1301, extension(43, b"\3\4") + extension(41, b"\0\0"))
    schedule.without_dh()
    made.put(0, 22, hello)
    if early:
        made.protect[0] = protect13(derive_secret("sha256", schedule.early, b"c e traffic", digest(hello)))
        made.put(0, 23, early)
        if accepted:
            made.sent = (early, b"")
    made.put(1, 22, answer)
    made.put(1, 20, b"\1")
    seen = hello + answer
    secrets = [
        derive_secret("sha256", schedule.handshake, label, digest(seen)) for label in (b"c hs traffic", b"s hs traffic")
    ]
    made.protect[1] = protect13(secrets[1])
    flight = message(8, vector(2, extension(42) if early and accepted else b""))
    flight += message(20, finished_mac("sha256", secrets[1], digest(seen + flight)))
    seen += flight
    made.put(1, 22, flight)
    application = [
        derive_secret("sha256", schedule.master, label, digest(seen)) for label in (b"c ap traffic", b"s ap traffic")
    ]
    made.protect[1] = protect13(application[1])
    if early and accepted:
        end = message(5, b"")
        made.put(0, 22, end)
        seen += end
    made.protect[0] = protect13(secrets[0])
    made.put(0, 22, message(20, finished_mac("sha256", secrets[0], digest(seen))))
    made.protect[0] = protect13(application[0])
    made.traffic = application
    return made


def update_key(made: Made, direction: int) -> None:
    """Send a KeyUpdate and go on with the next key."""
    made.put(direction, 22, message(24, b"\0"))
    secrets = made.traffic
    secrets[direction] = next_secret("sha256", secrets[direction])
    made.protect[direction] = protect13(secrets[direction])


def made(name: str, **options: bool) -> Made:
    """A handshake by the name of its protection: one of `MADE_SUITES`, or ``1.3``."""
    return made13(**options) if name == "1.3" else made12(name, **options)
