"""TLS-PSK below Python 3.13: functions of the OpenSSL that `ssl` has loaded, called through `ctypes`.

What makes it safe:

- *The right library.* Symbols are looked up in the extension module `_ssl`, which is loaded already (RTLD_NOLOAD), and
  so in the very libssl and libcrypto that it is bound to; no library is searched for by name. The version that answers
  must be `ssl.OPENSSL_VERSION`.
- *The right pointer.* A context of CPython is the object's head, then the `SSL_CTX *` (`PySSLContext` of
  `Modules/_ssl.c`; 3.11 and 3.12 get security fixes alone). Before the first use this is tried on a context of our own:
  OpenSSL must tell what `ssl` has set, and the other way round.
- *Callbacks that stay.* C gets two functions for the life of the process. From the connection they learn which context
  is meant (`SSL_get_SSL_CTX`); a context that is gone is none, and its connections are refused.
- *Nothing crosses C.* A callback catches all, and then gives no key, which OpenSSL turns into an alert. What it writes
  fits the room that OpenSSL names. (A KeyboardInterrupt before the `try` would be printed by ctypes, and the handshake
  would fail; asyncio takes SIGINT itself.)

OpenSSL: SSL_CTX_set_psk_client_callback(3), SSL_CTX_use_psk_identity_hint(3). TLS 1.3 uses the same callbacks, with
SHA-256 (RFC 8446 section 4.2.11: a key with no hash of its own).
"""

from __future__ import annotations

import _ssl
import ctypes
import os
import ssl
import sys
import weakref
from dataclasses import dataclass

from replay.edge.psk_ways import KeyOf, PskUnavailableError, answer

ADVICE = "use Python 3.13 or newer, or the python3 of a Linux distribution"
PROBE_TICKETS = (5, 3)
"Session tickets of the context that is tried: numbers that it does not have by itself."
_CTRL_GET_MIN_PROTO_VERSION = 130

_ClientCallback = ctypes.CFUNCTYPE(
    ctypes.c_uint, *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_uint)
)
"unsigned int (SSL *, const char *hint, char *identity, unsigned int, unsigned char *psk, unsigned int)"
_ServerCallback = ctypes.CFUNCTYPE(ctypes.c_uint, *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_uint))
"unsigned int (SSL *, const char *identity, unsigned char *psk, unsigned int)"

_FUNCTIONS = {
    "OpenSSL_version_num": (ctypes.c_ulong, ()),
    "OpenSSL_version": (ctypes.c_char_p, (ctypes.c_int,)),
    "SSL_CTX_ctrl": (ctypes.c_long, (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)),
    "SSL_CTX_get_num_tickets": (ctypes.c_size_t, (ctypes.c_void_p,)),
    "SSL_CTX_set_num_tickets": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_size_t)),
    "SSL_CTX_set_psk_client_callback": (None, (ctypes.c_void_p, _ClientCallback)),
    "SSL_CTX_set_psk_server_callback": (None, (ctypes.c_void_p, _ServerCallback)),
    "SSL_CTX_set_session_id_context": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint)),
    "SSL_CTX_use_psk_identity_hint": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p)),
    "SSL_get_SSL_CTX": (ctypes.c_void_p, (ctypes.c_void_p,)),
}
"What is called, with its result and arguments as `openssl/ssl.h` and `openssl/crypto.h` declare them."


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Client:
    identity: bytes
    psk: bytes


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Server:
    key_of: KeyOf


class LoadedOpenssl:
    """Arms contexts through the libssl of `_ssl`. Made once a process, since C keeps its callbacks."""

    name = "ctypes"

    def __init__(self) -> None:
        """Raises PskUnavailableError where the library or a context is not what is expected."""
        self._openssl = _loaded()
        _check_version(self._openssl)
        _check_layout(self._openssl)
        self._armed: weakref.WeakValueDictionary[int, _Client | _Server] = weakref.WeakValueDictionary()
        "By SSL_CTX; a context keeps its own, so that it is forgotten with it."
        self._client_callback = _ClientCallback(self._say_identity)
        self._server_callback = _ServerCallback(self._look_up)

    def arm_client(self, context: ssl.SSLContext, identity: str, psk: bytes) -> None:
        """See PskWay."""
        pointer = self._arm(context, _Client(identity.encode(), psk))
        # Below 3.13 `ssl` gives clients a session id context too; a PSK of TLS 1.3, which has none, is then refused.
        self._openssl.SSL_CTX_set_session_id_context(pointer, None, 0)
        self._openssl.SSL_CTX_set_psk_client_callback(pointer, self._client_callback)

    def arm_server(self, context: ssl.SSLContext, key_of: KeyOf, hint: str) -> None:
        """See PskWay."""
        pointer = self._arm(context, _Server(key_of))
        if hint and self._openssl.SSL_CTX_use_psk_identity_hint(pointer, hint.encode()) != 1:
            raise PskUnavailableError("OpenSSL does not take the PSK identity hint")
        self._openssl.SSL_CTX_set_psk_server_callback(pointer, self._server_callback)

    def _arm(self, context: ssl.SSLContext, keys: _Client | _Server) -> int:
        pointer = _pointer(context)
        context.__dict__["_psk_keys"] = keys
        self._armed[pointer] = keys
        return pointer

    def _say_identity(
        self, tls: int, hint: int | None, identity: int, identity_room: int, psk: int, psk_room: int
    ) -> int:
        try:
            client = self._armed.get(self._openssl.SSL_get_SSL_CTX(tls))
            if not isinstance(client, _Client) or len(client.identity) >= identity_room or len(client.psk) > psk_room:
                return 0
            ctypes.memmove(identity, client.identity + b"\0", len(client.identity) + 1)
            ctypes.memmove(psk, client.psk, len(client.psk))
            return len(client.psk)
        except BaseException:
            return 0

    def _look_up(self, tls: int, identity: bytes | None, psk: int, psk_room: int) -> int:
        try:
            server = self._armed.get(self._openssl.SSL_get_SSL_CTX(tls))
            if not isinstance(server, _Server) or identity is None:
                return 0
            # One that is no UTF-8 (RFC 4279 section 5.1) is nobody's, as it is for Python 3.13's `ssl`.
            found = answer(server.key_of, identity.decode())
            if len(found) > psk_room:
                return 0
            ctypes.memmove(psk, found, len(found))
            return len(found)
        except BaseException:
            return 0


def _loaded() -> ctypes.CDLL:
    """The library as `_ssl` sees it, with the types of what is called."""
    path = getattr(_ssl, "__file__", None)
    if sys.implementation.name != "cpython" or path is None or not hasattr(os, "RTLD_NOLOAD"):
        raise PskUnavailableError(f"TLS-PSK needs a CPython on Linux whose ssl module is a file of its own: {ADVICE}")
    try:
        openssl = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LOCAL)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(openssl, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise PskUnavailableError(f"TLS-PSK is not in this Python's OpenSSL ({error}): {ADVICE}") from error
    return openssl


def _check_version(openssl: ctypes.CDLL) -> None:
    """The library is the one that `ssl` speaks of."""
    number, text = openssl.OpenSSL_version_num(), openssl.OpenSSL_version(0).decode("ascii", "replace")
    if (number, text) != (ssl.OPENSSL_VERSION_NUMBER, ssl.OPENSSL_VERSION):
        raise PskUnavailableError(f"TLS-PSK found {text} where ssl has {ssl.OPENSSL_VERSION}: {ADVICE}")


def _check_layout(openssl: ctypes.CDLL) -> None:
    """The pointer of a context is where it is looked for: OpenSSL and `ssl` tell the same of it, whoever set it."""
    unknown = PskUnavailableError(f"TLS-PSK does not know how this Python keeps an SSL context: {ADVICE}")
    kind = _ssl._SSLContext
    if kind.__base__ is not object or kind.__basicsize__ < object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p):
        raise unknown
    context, other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = PROBE_TICKETS[0]
    pointer = _pointer(context)
    if not pointer or pointer % ctypes.alignment(ctypes.c_void_p) or pointer == _pointer(other):
        raise unknown
    told = openssl.SSL_CTX_get_num_tickets(pointer), openssl.SSL_CTX_ctrl(pointer, _CTRL_GET_MIN_PROTO_VERSION, 0, None)
    if told != (PROBE_TICKETS[0], ssl.TLSVersion.TLSv1_2):
        raise unknown
    openssl.SSL_CTX_set_num_tickets(pointer, PROBE_TICKETS[1])
    if context.num_tickets != PROBE_TICKETS[1]:
        raise unknown


def _pointer(context: ssl.SSLContext) -> int:
    """The `SSL_CTX *` of a context: the field after the object's head."""
    return ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value or 0
