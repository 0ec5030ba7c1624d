"""Opening protected records, one object per direction and key (RFC 5246 section 6.2.3, RFC 7366, RFC 8446 section 5.2).

`open` takes the records of one direction in order and returns the plaintext of each, or None for a record that does not
authenticate: nothing is ever returned that did not. After a loss (`lose`) the sequence number is searched among those
that the lost octets leave possible.

CBC decryption depends on nothing but the previous block of ciphertext, so one decryptor serves a whole direction: an
explicit IV is decrypted to one block that nobody looks at, and what follows comes out right.
"""

from __future__ import annotations

import hmac
from struct import Struct

from cryptography.exceptions import InvalidTag

from dissectors.tls.ciphers import aead, cbc_decryptor, stream_decryptor
from dissectors.tls.schedule13 import hkdf_expand_label, next_secret
from dissectors.tls.suites import Mode, Suite

MAX_UNKNOWN_LOSS = 1024
"""Records searched for the sequence number when the size of a loss is unknown."""
_HEADER = Struct(">QBHH").pack  # sequence number, type, version, length: the MAC's and the AEAD's additional data
_HEADER13 = Struct(">BHH").pack


class TrialBudget:
    """Bounds what is spent on searching sequence numbers and keys, in octets decrypted, per connection."""

    __slots__ = ("left",)

    def __init__(self, octets: int = 1 << 25) -> None:
        self.left = octets

    def take(self, size: int) -> bool:
        """Spend one trial on a record of `size` octets; False when the budget is used up."""
        self.left -= size + 256
        return self.left >= 0


class RecordOpener:
    """Opens the records of one direction under one key."""

    __slots__ = ("budget", "sequence", "uncertain")

    OVERHEAD = 0
    "Octets that the protection adds to a record at least; a bound for how many records a loss can have held."

    def __init__(self, budget: TrialBudget) -> None:
        self.budget = budget
        self.sequence = 0
        self.uncertain = 0
        "How many records beyond `sequence` may have been lost."

    def lose(self, octets: int, begun: bool) -> None:
        """Note a loss of `octets` (0: unknown); with `begun` the first of them belong to a record that had begun."""
        self.sequence += begun
        most = octets // (5 + max(1, self.OVERHEAD)) + 1 if octets else MAX_UNKNOWN_LOSS
        self.uncertain = min(self.uncertain + most, 1 << 16)

    def skip(self) -> None:
        """Note that exactly one record is lost."""
        self.sequence += 1

    def open(self, content_type: int, version: int, fragment: bytes) -> bytes | None:
        """The plaintext of the next record, or None if it does not authenticate."""
        plain = self.attempt(self.sequence, content_type, version, fragment)
        if plain is None:
            return self._missed(content_type, version, fragment)
        self.sequence += 1
        self.uncertain = 0
        return plain

    def _missed(self, content_type: int, version: int, fragment: bytes) -> bytes | None:
        """The record has not the next sequence number, or is damaged."""
        plain = self._search(content_type, version, fragment) if self.uncertain else None
        if plain is not None:
            self.sequence += 1
            self.uncertain = 0
        elif self.uncertain:
            self.uncertain += 1  # a damaged record, or none at all: both stay possible
        else:
            self.sequence += 1
        return plain

    def attempt(self, sequence: int, content_type: int, version: int, fragment: bytes) -> bytes | None:
        """The plaintext if the record has this sequence number; changes nothing."""
        raise NotImplementedError

    def _search(self, content_type: int, version: int, fragment: bytes) -> bytes | None:
        for sequence in range(self.sequence + 1, self.sequence + self.uncertain + 1):
            if not self.budget.take(len(fragment)):
                return None
            plain = self.attempt(sequence, content_type, version, fragment)
            if plain is not None:
                self.sequence = sequence
                return plain
        return None


class AeadOpener(RecordOpener):
    """GCM and CCM (RFC 5288, RFC 6655): four octets of nonce from the key block, eight in each record."""

    __slots__ = ("_aead", "_explicit", "_overhead", "_salt")

    OVERHEAD = 16

    def __init__(self, suite: Suite, key: bytes, iv: bytes, budget: TrialBudget) -> None:
        super().__init__(budget)
        self._aead = aead(suite.cipher, key)
        self._salt = iv
        self._overhead = 8 + suite.cipher.tag_size
        self._explicit = b""  # explicit nonce of the last record that opened

    def open(self, content_type: int, version: int, fragment: bytes) -> bytes | None:
        # As the base does it, without the calls: this is where the time goes.
        explicit = fragment[:8]
        size = len(fragment) - self._overhead
        try:
            header = _HEADER(self.sequence, content_type, version, size if size > 0 else 0)
            plain: bytes | None = self._aead.decrypt(self._salt + explicit, fragment[8:], header)
        except (InvalidTag, ValueError):  # ValueError: no room for nonce and tag
            plain = self._missed(content_type, version, fragment)
        else:
            self.sequence += 1
            self.uncertain = 0
        if plain is not None:
            self._explicit = explicit
        return plain

    def attempt(self, sequence: int, content_type: int, version: int, fragment: bytes) -> bytes | None:
        size = len(fragment) - self._overhead
        if size < 0:
            return None
        header = _HEADER(sequence, content_type, version, size)
        try:
            return self._aead.decrypt(self._salt + fragment[:8], fragment[8:], header)
        except InvalidTag:
            return None

    def _search(self, content_type: int, version: int, fragment: bytes) -> bytes | None:
        # Most senders count in the explicit nonce: its step tells how many records are missing.
        step = int.from_bytes(fragment[:8], "big") - int.from_bytes(self._explicit, "big")
        if self._explicit and 1 < step <= self.uncertain + 1:
            sequence = self.sequence + step - 1
            plain = self.attempt(sequence, content_type, version, fragment)
            if plain is not None:
                self.sequence = sequence
                return plain
        return super()._search(content_type, version, fragment)


class ChaChaOpener(RecordOpener):
    """ChaCha20-Poly1305 in TLS 1.2 (RFC 7905): the nonce is the IV XOR the sequence number."""

    __slots__ = ("_aead", "_iv")

    OVERHEAD = 16

    def __init__(self, suite: Suite, key: bytes, iv: bytes, budget: TrialBudget) -> None:
        super().__init__(budget)
        self._aead = aead(suite.cipher, key)
        self._iv = int.from_bytes(iv, "big")

    def attempt(self, sequence: int, content_type: int, version: int, fragment: bytes) -> bytes | None:
        size = len(fragment) - 16
        if size < 0:
            return None
        header = _HEADER(sequence, content_type, version, size)
        try:
            return self._aead.decrypt((self._iv ^ sequence).to_bytes(12, "big"), fragment, header)
        except InvalidTag:
            return None


class MacOpener(RecordOpener):
    """A record MAC over the plaintext: NULL and RC4, and the base of CBC (RFC 5246 sections 6.2.3.1 and 6.2.3.2)."""

    __slots__ = ("_decryptor", "_mac_key", "_mac_name", "_mac_size")

    OVERHEAD = 16

    def __init__(self, suite: Suite, mac_key: bytes, key: bytes, budget: TrialBudget) -> None:
        super().__init__(budget)
        self._mac_key = mac_key
        self._mac_name = suite.mac
        self._mac_size = len(mac_key)
        self._decryptor = stream_decryptor(suite.cipher, key) if suite.cipher.mode is Mode.STREAM else None

    def open(self, content_type: int, version: int, fragment: bytes) -> bytes | None:
        return super().open(content_type, version, self._decrypt(fragment))

    def attempt(self, sequence: int, content_type: int, version: int, fragment: bytes) -> bytes | None:
        # `fragment` is decrypted already.
        size = len(fragment) - self._mac_size
        if size < 0:
            return None
        data = fragment[:size]
        mac = hmac.digest(self._mac_key, _HEADER(sequence, content_type, version, size) + data, self._mac_name)
        return data if hmac.compare_digest(mac, fragment[size:]) else None

    def _decrypt(self, fragment: bytes) -> bytes:
        """The record's content with its MAC behind; empty where there is none, which no MAC matches."""
        return fragment if self._decryptor is None else self._decryptor.update(fragment)


class CbcOpener(MacOpener):
    """CBC with the MAC inside (RFC 5246 section 6.2.3.2); TLS 1.0 without the explicit IV."""

    __slots__ = ("_block_size", "_cbc", "_skip")

    OVERHEAD = 24

    def __init__(
        self, suite: Suite, mac_key: bytes, key: bytes, iv: bytes, explicit_iv: bool, budget: TrialBudget
    ) -> None:
        super().__init__(suite, mac_key, key, budget)
        self._block_size = suite.cipher.block_size
        self._skip = self._block_size if explicit_iv else 0
        self._cbc = cbc_decryptor(suite.cipher, key, iv or bytes(self._block_size))

    def _decrypt(self, fragment: bytes) -> bytes:
        if not fragment or len(fragment) % self._block_size:
            return b""
        plain = self._cbc.update(fragment)
        padding = plain[-1] + 1
        end = len(plain) - padding
        if end < self._skip or plain[end:] != plain[-1:] * padding:
            return b""
        return plain[self._skip : end]


class EncryptThenMacOpener(CbcOpener):
    """CBC with the MAC over the ciphertext (RFC 7366)."""

    __slots__ = ()

    def open(self, content_type: int, version: int, fragment: bytes) -> bytes | None:
        text = RecordOpener.open(self, content_type, version, fragment)
        cipher = fragment[: -self._mac_size]
        plain = self._decrypt(cipher)  # also without a valid MAC: TLS 1.0 chains over records
        return None if text is None else plain


class NullOpener(RecordOpener):
    """A NULL cipher whose MAC key is not known: the content is in the clear, and not authenticated."""

    __slots__ = ("_mac_size",)

    def __init__(self, mac_size: int, budget: TrialBudget) -> None:
        super().__init__(budget)
        self._mac_size = mac_size

    def attempt(self, sequence: int, content_type: int, version: int, fragment: bytes) -> bytes | None:
        size = len(fragment) - self._mac_size
        return fragment[:size] if size >= 0 else None


class Tls13Opener(RecordOpener):
    """TLS 1.3 (RFC 8446 section 5.2); `open` returns the content without padding, its type is in `inner_type`."""

    __slots__ = ("_aead", "_iv", "_overhead", "inner_type", "secret", "suite")

    OVERHEAD = 9

    def __init__(self, suite: Suite, secret: bytes, budget: TrialBudget) -> None:
        super().__init__(budget)
        self.suite = suite
        self.secret = secret
        self.inner_type = 0
        cipher = suite.cipher
        self._aead = aead(cipher, hkdf_expand_label(suite.hash, secret, b"key", b"", cipher.key_size))
        self._iv = int.from_bytes(hkdf_expand_label(suite.hash, secret, b"iv", b"", 12), "big")
        self._overhead = cipher.tag_size

    def attempt(self, sequence: int, content_type: int, version: int, fragment: bytes) -> bytes | None:
        size = len(fragment)
        if size <= self._overhead:
            return None
        header = _HEADER13(content_type, version, size)
        try:
            inner = self._aead.decrypt((self._iv ^ sequence).to_bytes(12, "big"), fragment, header)
        except InvalidTag:
            return None
        content = inner.rstrip(b"\0")
        self.inner_type = content[-1] if content else -1
        return content[:-1]

    def updated(self) -> Tls13Opener:
        """The opener after a KeyUpdate of this direction (section 7.2)."""
        return Tls13Opener(self.suite, next_secret(self.suite.hash, self.secret), self.budget)


def key_block_size(suite: Suite, version: int) -> int:
    """Octets of key block that both directions need together."""
    return 2 * sum(_key_sizes(suite, version))


def _key_sizes(suite: Suite, version: int) -> tuple[int, int, int]:
    cipher = suite.cipher
    mac_size = {"": 0, "md5": 16, "sha1": 20, "sha256": 32, "sha384": 48}[suite.mac]
    if cipher.mode is Mode.CBC:
        iv_size = cipher.block_size if version <= 0x0301 else 0
    else:
        iv_size = {Mode.GCM: 4, Mode.CCM: 4, Mode.CHACHA20: 12}.get(cipher.mode, 0)
    return mac_size, cipher.key_size, iv_size


def opener_from_key_block(
    suite: Suite, version: int, encrypt_then_mac: bool, block: bytes, client: bool, budget: TrialBudget
) -> RecordOpener:
    """Opens what the client (or the server) writes; `block` as cut by RFC 5246 section 6.3."""
    mac_size, key_size, iv_size = _key_sizes(suite, version)
    side = 0 if client else 1
    at = side * mac_size
    mac_key = block[at : at + mac_size]
    at = 2 * mac_size + side * key_size
    key = block[at : at + key_size]
    at = 2 * (mac_size + key_size) + side * iv_size
    iv = block[at : at + iv_size]
    mode = suite.cipher.mode
    if mode is Mode.CBC:
        opener = EncryptThenMacOpener if encrypt_then_mac else CbcOpener
        return opener(suite, mac_key, key, iv, version > 0x0301, budget)
    if mode in (Mode.GCM, Mode.CCM):
        return AeadOpener(suite, key, iv, budget)
    if mode is Mode.CHACHA20:
        return ChaChaOpener(suite, key, iv, budget)
    return MacOpener(suite, mac_key, key, budget)


def null_opener(suite: Suite, budget: TrialBudget) -> NullOpener:
    """For a NULL suite whose keys are not known."""
    return NullOpener(_key_sizes(suite, 0x0303)[0], budget)
