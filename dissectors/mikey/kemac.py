"""Encrypting and decrypting the keys of a KEMAC (RFC 3830 section 4.2.3; RFC 6043 section 6.3).

AES-CM has no check of its own: a wrong key gives noise, which `decode_key_chain` refuses but for rare chance. Check the
MAC first, wherever there is one.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from dissectors.errors import DecodeError
from dissectors.mikey.chain import decode_key_chain, push_chain
from dissectors.mikey.key_data import KeyData
from dissectors.mikey.keys import ProtectionKeys
from dissectors.mikey.numbers import EncrAlg
from dissectors.mikey.octets import push_int
from dissectors.mikey.payloads import Kemac

NO_CSB = 0xFFFFFFFF
"CSB ID in the IV of a ticket's KEMAC (RFC 6043 Appendix A)."


def aes_cm_iv(salt_key: bytes, csb_id: int, timestamp: bytes) -> bytes:
    """The first counter block: (salt XOR (0000 || CSB ID || T)) || 0000, T in 64 bits."""
    mask = b"\0\0" + push_int(csb_id, 4, "CSB ID") + timestamp
    return bytes(one ^ other for one, other in zip(salt_key, mask, strict=True)) + b"\0\0"


def encrypt_keys(
    keys: Sequence[KeyData], protection: ProtectionKeys, encr_alg: int, csb_id: int, timestamp: bytes
) -> Kemac:
    """A KEMAC without a MAC, as RFC 6043 has them; ValueError for an algorithm that is not registered."""
    clear = push_chain(keys)
    key, salt = protection.encr_key(encr_alg), protection.salt_key(encr_alg)
    if encr_alg == EncrAlg.NULL:
        data = clear
    elif encr_alg == EncrAlg.AES_KW_128:
        data = _wrap(key, salt, clear + bytes(max(-len(clear) % 8, 16 - len(clear))))
    else:
        data = _aes_cm(key, aes_cm_iv(salt, csb_id, timestamp), clear)
    return Kemac(encr_alg, data)


def decrypt_keys(kemac: Kemac, protection: ProtectionKeys, csb_id: int, timestamp: bytes) -> tuple[KeyData, ...]:
    """The keys inside; DecodeError when what comes out is none, ValueError for an algorithm that is not registered."""
    alg = kemac.encr_alg
    key, salt = protection.encr_key(alg), protection.salt_key(alg)
    if alg == EncrAlg.NULL:
        clear = kemac.encr_data
    elif alg == EncrAlg.AES_KW_128:
        clear = _unwrap(key, salt, kemac.encr_data)
    else:
        clear = _aes_cm(key, aes_cm_iv(salt, csb_id, timestamp), kemac.encr_data)
    return decode_key_chain(clear)


def _aes_cm(key: bytes, iv: bytes, data: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()


def _wrap(key: bytes, check: bytes, clear: bytes) -> bytes:
    """AES key wrap (RFC 3394 section 2.2.1) with the salt for its initial value (RFC 3830 section 4.2.3)."""
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    blocks = [clear[at : at + 8] for at in range(0, len(clear), 8)]
    step = 0
    for _ in range(6):
        for place, block in enumerate(blocks):
            step += 1
            mixed = cipher.update(check + block)
            check = (int.from_bytes(mixed[:8], "big") ^ step).to_bytes(8, "big")
            blocks[place] = mixed[8:]
    return check + b"".join(blocks)


def _unwrap(key: bytes, check: bytes, data: bytes) -> bytes:
    """The reverse (RFC 3394 section 2.2.2); DecodeError when the check value does not come out."""
    if len(data) % 8 or len(data) < 24:
        raise DecodeError("MIKEY key data", 0, "not whole blocks of AES key wrap")
    cipher = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
    found = data[:8]
    blocks = [data[at : at + 8] for at in range(8, len(data), 8)]
    step = 6 * len(blocks)
    for _ in range(6):
        for place in reversed(range(len(blocks))):
            front = (int.from_bytes(found, "big") ^ step).to_bytes(8, "big")
            mixed = cipher.update(front + blocks[place])
            found, blocks[place] = mixed[:8], mixed[8:]
            step -= 1
    if not hmac.compare_digest(found, check):
        raise DecodeError("MIKEY key data", 0, "the check value of AES key wrap does not fit the key")
    return b"".join(blocks)
