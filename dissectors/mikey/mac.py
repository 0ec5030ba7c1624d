"""What each MAC covers, making and checking it (RFC 3830 sections 5.2 and 6.2; RFC 6043 section 5.2 and table 5.2).

The MAC value itself is never covered. An identity is the data of its ID or IDR payload, and is covered even when the
payload was left out of the message.
"""

from __future__ import annotations

import hmac

from dissectors.mikey.message import MikeyMessage
from dissectors.mikey.numbers import DataType, MacAlg
from dissectors.mikey.payloads import Kemac, Verification
from dissectors.mikey.ticket_payloads import Ticket

_HASHES: dict[int, str] = {MacAlg.HMAC_SHA_1_160: "sha1", MacAlg.HMAC_SHA_256_256: "sha256"}


def compute_mac(mac_alg: int, auth_key: bytes, covered: bytes) -> bytes:
    """The MAC over octets; empty for NULL, ValueError for an algorithm that is not registered."""
    if mac_alg == MacAlg.NULL:
        return b""
    if mac_alg not in _HASHES:
        raise ValueError(f"MAC algorithm {mac_alg} is not known")
    return hmac.digest(auth_key, covered, _HASHES[mac_alg])


def mac_fits(mac_alg: int, auth_key: bytes, covered: bytes, mac: bytes) -> bool:
    """Whether a MAC is right, compared in constant time. The NULL MAC proves nothing: it never fits."""
    return mac_alg != MacAlg.NULL and hmac.compare_digest(compute_mac(mac_alg, auth_key, covered), mac)


def without_mac(message: MikeyMessage) -> bytes:
    """The octets of a message up to the MAC of its last payload, a V or KEMAC."""
    last = message.payloads[-1] if message.payloads else None
    size = len(last.mac) if isinstance(last, Verification | Kemac) else 0
    return message.octets[: len(message.octets) - len(message.trailing) - size]


def without_initiator_data(message: MikeyMessage) -> bytes:
    """The same without the initiator data of its ticket and their length, which are written after V is made."""
    octets = without_mac(message)
    for start, payload in reversed(list(zip(message.starts, message.payloads, strict=True))):
        if isinstance(payload, Ticket):
            at = start + 1 + len(payload.protected())
            octets = octets[:at] + octets[at + 2 + len(payload.initiator_data) :]
    return octets


def covered_by_v(
    message: MikeyMessage,
    *,
    id_i: bytes = b"",
    id_r: bytes = b"",
    id_kms: bytes = b"",
    initial: MikeyMessage | None = None,
) -> bytes:
    """What the MAC of V covers, by data type.

    Initial messages take two identities; responses take the `initial` message they answer, whole; an error stands for
    itself. Verification messages of RFC 3830 take ID_i, ID_r and the timestamp, which the initial message has.
    """
    octets = without_mac(message)
    match message.data_type:
        case DataType.REQUEST_INIT_PSK | DataType.REQUEST_INIT_PK:
            return octets + id_i + id_kms
        case DataType.RESOLVE_INIT_PSK | DataType.RESOLVE_INIT_PK:
            return octets + id_r + id_kms
        case DataType.TRANSFER_INIT:
            return without_initiator_data(message) + id_i + id_r
        case DataType.REQUEST_RESP | DataType.TRANSFER_RESP | DataType.RESOLVE_RESP:
            return octets + (b"" if initial is None else initial.octets)
        case DataType.PSK_VER_MSG | DataType.PK_VER_MSG:
            timestamp = (initial or message).timestamp
            return octets + id_i + id_r + (b"" if timestamp is None else timestamp.value)
    return octets


def v_fits(
    message: MikeyMessage,
    auth_key: bytes,
    *,
    id_i: bytes = b"",
    id_r: bytes = b"",
    id_kms: bytes = b"",
    initial: MikeyMessage | None = None,
) -> bool:
    """Whether V of a message is right under a key; False when there is none or its MAC is NULL."""
    v = message.verification
    if v is None:
        return False
    covered = covered_by_v(message, id_i=id_i, id_r=id_r, id_kms=id_kms, initial=initial)
    return mac_fits(v.auth_alg, auth_key, covered, v.mac)


def covered_by_kemac(message: MikeyMessage) -> bytes | None:
    """What the MAC of a KEMAC covers in RFC 3830 and 4650: the message up to it, but in public key mode itself alone.

    None when the message has no KEMAC.
    """
    for start, payload in zip(message.starts, message.payloads, strict=True):
        if isinstance(payload, Kemac):
            if message.data_type in (DataType.PUBLIC_KEY, DataType.RSA_R_R_MSG):
                body = payload.body()
                return b"\0" + body[: len(body) - len(payload.mac)]  # its next payload octet counts as 0 (section 6.2)
            return message.octets[: start + 1 + len(payload.body()) - len(payload.mac)]
    return None
