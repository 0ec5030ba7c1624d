"""Numbers of MIKEY, in the spelling of IANA's registry "mikey-payloads" (RFC 3830, 4563, 4650, 4738, 6043, 6267, 6509).

A decoded field holds the member where the registry has one and the plain number where it has none; both are `int`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar, cast

E = TypeVar("E", bound=IntEnum)


def known(numbers: type[E], value: int) -> E | int:
    """The member of `numbers` with this value, or the number itself when it is not registered."""
    member = numbers._value2member_map_.get(value)  # calling the class costs an exception per unregistered value
    return value if member is None else cast(E, member)


def name_of(value: int) -> str:
    """A field's value for a reader: `TRANSFER_INIT (14)`, or the bare number when it is not registered."""
    return f"{value.name} ({int(value)})" if isinstance(value, IntEnum) else str(value)


class DataType(IntEnum):
    """What message it is (HDR, RFC 3830 section 6.1)."""

    PRE_SHARED = 0
    PSK_VER_MSG = 1
    PUBLIC_KEY = 2
    PK_VER_MSG = 3
    D_H_INIT = 4
    D_H_RESP = 5
    ERROR = 6
    DHHMAC_INIT = 7
    DHHMAC_RESP = 8
    RSA_R_I_MSG = 9
    RSA_R_R_MSG = 10
    REQUEST_INIT_PSK = 11
    REQUEST_INIT_PK = 12
    REQUEST_RESP = 13
    TRANSFER_INIT = 14
    TRANSFER_RESP = 15
    RESOLVE_INIT_PSK = 16
    RESOLVE_INIT_PK = 17
    RESOLVE_RESP = 18
    REQUEST_KEY_PSK = 19
    REQUEST_KEY_PKE = 20
    REQUEST_KEY_RESP = 21
    I_MESSAGE_1 = 22
    R_MESSAGE_1 = 23
    I_MESSAGE_2 = 24
    R_MESSAGE_2 = 25
    SAKKE_MSG = 26


class PayloadType(IntEnum):
    """What payload follows (Next payload, RFC 3830 section 6.1)."""

    LAST_PAYLOAD = 0
    KEMAC = 1
    PKE = 2
    DH = 3
    SIGN = 4
    T = 5
    ID = 6
    CERT = 7
    CHASH = 8
    V = 9
    SP = 10
    RAND = 11
    ERR = 12
    TR = 13
    IDR = 14
    RANDR = 15
    TP = 16
    TICKET = 17
    KEY_DATA = 20
    GENERAL_EXT = 21
    IBAKE = 22
    ESK = 23
    SK = 24
    ECCPT = 25
    SAKKE = 26


class PrfFunc(IntEnum):
    """The PRF of key derivation (RFC 3830 section 6.1; RFC 6043 section 6.1)."""

    MIKEY_1 = 0
    PRF_HMAC_SHA_256 = 1


class CsIdMapType(IntEnum):
    """How crypto sessions are told in the header (RFC 3830 section 6.1; RFC 4563; RFC 6043 section 6.1.1)."""

    SRTP_ID = 0
    EMPTY_MAP = 1
    GENERIC_ID = 2


class EncrAlg(IntEnum):
    """How the keys of a KEMAC are encrypted (RFC 3830 section 6.2; RFC 6043 section 6.3)."""

    NULL = 0
    AES_CM_128 = 1
    AES_KW_128 = 2
    AES_CM_256 = 3


class MacAlg(IntEnum):
    """MAC of KEMAC and V (RFC 3830 sections 6.2 and 6.9; RFC 6043 section 6.3)."""

    NULL = 0
    HMAC_SHA_1_160 = 1
    HMAC_SHA_256_256 = 2


class EnvelopeCache(IntEnum):
    """What may be done with an envelope key (C of PKE, RFC 3830 section 6.3)."""

    NO_CACHE = 0
    CACHE = 1
    CACHE_FOR_CSB = 2


class DhGroup(IntEnum):
    """RFC 3830 section 6.4."""

    OAKLEY_5 = 0
    OAKLEY_1 = 1
    OAKLEY_2 = 2


class SignatureType(IntEnum):
    """S type (RFC 3830 section 6.5; RFC 6509)."""

    RSA_PKCS1_V1_5 = 0
    RSA_PSS = 1
    ECCSI = 2


class TsType(IntEnum):
    """RFC 3830 section 6.6; RFC 6043 section 6.6."""

    NTP_UTC = 0
    NTP = 1
    COUNTER = 2
    NTP_UTC_32 = 3


class IdType(IntEnum):
    """RFC 3830 section 6.7; RFC 6043 section 6.7."""

    NAI = 0
    URI = 1
    BYTE_STRING = 2


class CertType(IntEnum):
    """RFC 3830 section 6.7."""

    X_509_V3 = 0
    X_509_V3_URL = 1
    X_509_V3_SIGN = 2
    X_509_V3_ENCR = 3


class HashFunc(IntEnum):
    """RFC 3830 section 6.8; RFC 6043."""

    SHA_1 = 0
    MD5 = 1
    SHA_256 = 2


class ProtType(IntEnum):
    """Security protocol of an SP or a crypto session (RFC 3830 section 6.10; RFC 4442).

    None is registered for TLS, which TS 33.328 Annex H.3 needs; what vendors use is a matter of profile.
    """

    SRTP = 0
    TESLA = 1


class SrtpParam(IntEnum):
    """SRTP policy parameters of SP (RFC 3830 section 6.10.1; RFC 4771; RFC 7714)."""

    ENCRYPTION_ALGORITHM = 0
    SESSION_ENCR_KEY_LENGTH = 1
    AUTHENTICATION_ALGORITHM = 2
    SESSION_AUTH_KEY_LENGTH = 3
    SESSION_SALT_KEY_LENGTH = 4
    SRTP_PRF = 5
    KEY_DERIVATION_RATE = 6
    SRTP_ENCRYPTION = 7
    SRTCP_ENCRYPTION = 8
    SENDERS_FEC_ORDER = 9
    SRTP_AUTHENTICATION = 10
    AUTHENTICATION_TAG_LENGTH = 11
    SRTP_PREFIX_LENGTH = 12
    ROC_TRANSMISSION_RATE = 13
    AEAD_AUTHENTICATION_TAG_LENGTH = 20


class KeyDataType(IntEnum):
    """RFC 3830 section 6.13; RFC 6043; RFC 6267."""

    TGK = 0
    TGK_SALT = 1
    TEK = 2
    TEK_SALT = 3
    GTGK = 4
    GTGK_SALT = 5
    MPK = 6
    K_PR = 7


class KeyValidity(IntEnum):
    """KV (RFC 3830 section 6.13)."""

    NULL = 0
    SPI = 1
    INTERVAL = 2


class ExtType(IntEnum):
    """General extensions (RFC 3830 section 6.15; RFC 4567, 4442, 4563, 4738, 5410, 6509; TS 33.180)."""

    VENDOR_ID = 0
    SDP_IDS = 1
    TESLA_I_KEY = 2
    KEY_ID = 3
    CSB_ID = 4
    OMA_BCAST = 5
    SAKKE_TO_SELF = 6
    THREEGPP_KEY_PARAMETERS = 7


class KeyIdType(IntEnum):
    """Items of a Key ID extension (RFC 4563)."""

    MBMS_DOMAIN = 0
    MBMS_SERVICE_KEY = 1
    MBMS_TRAFFIC_KEY = 2


class ErrorNo(IntEnum):
    """RFC 3830 section 6.12; RFC 4738; RFC 6043 section 6.11."""

    AUTH_FAILURE = 0
    INVALID_TS = 1
    INVALID_PRF = 2
    INVALID_MAC = 3
    INVALID_EA = 4
    INVALID_HA = 5
    INVALID_DH = 6
    INVALID_ID = 7
    INVALID_CERT = 8
    INVALID_SP = 9
    INVALID_SPPAR = 10
    INVALID_DT = 11
    UNSPECIFIED_ERROR = 12
    UNSUPPORTED_MESSAGE_TYPE = 13
    INVALID_TICKET = 14
    INVALID_TPPAR = 15


class TsRole(IntEnum):
    """What a time of a ticket policy is for (RFC 6043 section 6.4): issue, start, end, rekey interval."""

    TIME_OF_ISSUE = 1
    START_OF_VALIDITY = 2
    END_OF_VALIDITY = 3
    REKEYING_INTERVAL = 4


class IdRole(IntEnum):
    """Whose identity it is (RFC 6043 section 6.6; RFC 6509; TS 33.180)."""

    INITIATOR = 1
    RESPONDER = 2
    KMS = 3
    PRE_SHARED_KEY = 4
    APPLICATION = 5
    INITIATORS_KMS = 6
    RESPONDERS_KMS = 7
    HASHED_INITIATOR = 8
    HASHED_RESPONDER = 9


class RandRole(IntEnum):
    """Whose random value it is (RFC 6043 section 6.8)."""

    INITIATOR = 1
    RESPONDER = 2
    KMS = 3


class TicketType(IntEnum):
    """RFC 6043 section 6.10 and Appendix A; TS 33.328."""

    MIKEY_BASE_TICKET = 1
    THREEGPP_BASE_TICKET = 2
