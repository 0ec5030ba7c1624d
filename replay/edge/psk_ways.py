"""How a context of `ssl` comes to its pre-shared key (RFC 4279, RFC 8446 section 4.2.11): one interface, two ways.

From Python 3.13 on `ssl` can do it itself (`StandardSsl`). Below that, the same functions of the OpenSSL that `ssl`
has loaded are called through `ctypes` (`replay.edge.psk_loaded_openssl`). Neither needs a compiler. `psk_way` picks;
the tests run the same cases on both.
"""

from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

KeyOf = Callable[[str], bytes | None]
"The key of a client's PSK identity; None for an identity that is not known."

MAX_PSK = 256
"Octets of a key: what every OpenSSL takes (PSK_MAX_PSK_LEN is 256 in 1.1.1, 512 since 3.0)."
MAX_IDENTITY = 255 if ssl.OPENSSL_VERSION_INFO >= (3,) else 127
"Octets of an identity or a hint, which C ends with a zero (PSK_MAX_IDENTITY_LEN is 128 in 1.1.1, 256 since 3.0)."

log = logging.getLogger("mrfscope.lab")


class PskError(Exception):
    """TLS-PSK cannot be done with this key or identity."""


class PskUnavailableError(PskError):
    """TLS-PSK cannot be done with this Python; the text says what to do."""


class PskWay(Protocol):
    """Gives a context its key. Contexts are armed before their first connection; keys and identities are checked."""

    name: str

    def arm_client(self, context: ssl.SSLContext, identity: str, psk: bytes) -> None:
        """Connections of this context offer the identity, with this key."""

    def arm_server(self, context: ssl.SSLContext, key_of: KeyOf, hint: str) -> None:
        """Connections of this context ask `key_of`; the hint, if any, is said by TLS 1.2 (RFC 4279 section 5.2)."""


@cache
def psk_way() -> PskWay:
    """The way of this Python. Raises PskUnavailableError."""
    if getattr(ssl, "HAS_PSK", False):
        return StandardSsl()
    if sys.version_info >= (3, 13):
        raise PskUnavailableError("this Python's OpenSSL was built without TLS-PSK: use the Python of a distribution")
    from replay.edge.psk_loaded_openssl import LoadedOpenssl  # ctypes, only where it is needed

    return LoadedOpenssl()


def check_identity(identity: str) -> None:
    """Raises PskError when it cannot be said in a handshake."""
    octets = len(identity.encode("utf-8", "surrogatepass"))
    if octets > MAX_IDENTITY or "\0" in identity or not _is_utf8(identity):
        raise PskError(f"a PSK identity is at most {MAX_IDENTITY} octets of UTF-8 without NUL; this one has {octets}")


def check_psk(psk: bytes) -> None:
    """Raises PskError when the length is none that OpenSSL takes."""
    if not isinstance(psk, bytes):
        raise PskError("a Pre-Shared Key is octets")
    if not 0 < len(psk) <= MAX_PSK:
        raise PskError(f"a Pre-Shared Key has 1 to {MAX_PSK} octets, not {len(psk)}")


def answer(key_of: KeyOf, identity: str) -> bytes:
    """The key for a client, or nothing: it is refused with the alert unknown_psk_identity. Raises nothing."""
    try:
        psk = key_of(identity)
        if psk is None:
            return b""
        check_psk(psk)
    except Exception as error:
        log.warning("no key for a TLS client: %s", error or type(error).__name__)
        return b""
    return psk


class StandardSsl:
    """Python 3.13's `SSLContext.set_psk_client_callback` and `set_psk_server_callback`."""

    name = "ssl"

    def arm_client(self, context: ssl.SSLContext, identity: str, psk: bytes) -> None:
        """See PskWay."""
        _ClientAnswer.hear_refusals()
        standard: Any = context  # mypy looks at it as Python 3.11
        standard.set_psk_client_callback(_ClientAnswer(identity, psk))

    def arm_server(self, context: ssl.SSLContext, key_of: KeyOf, hint: str) -> None:
        """See PskWay."""
        _ServerAnswer.hear_refusals()
        standard: Any = context
        standard.set_psk_server_callback(_ServerAnswer(key_of), hint or None)


class _Answer:
    """A callback for `ssl`, which never raises.

    `ssl` decodes an identity or hint before it calls, and refuses one that is no UTF-8 (against RFC 4279 section 5.1)
    with a traceback on stderr. A stranger must not be able to write there, so it becomes a line of the log.
    """

    @staticmethod
    def hear_refusals() -> None:
        """Look at what `ssl` reports of these callbacks before Python's own hook does."""
        if getattr(sys.unraisablehook, "is_of_psk", False):
            return
        former = sys.unraisablehook

        def hook(unraisable: UnraisableHookArgs) -> None:
            if isinstance(unraisable.object, _Answer):
                log.warning("a TLS-PSK identity or hint was refused: %s", unraisable.exc_value)
            else:
                former(unraisable)

        hook.is_of_psk = True  # type: ignore[attr-defined]
        sys.unraisablehook = hook


class _ClientAnswer(_Answer):
    def __init__(self, identity: str, psk: bytes) -> None:
        self._said = (identity, psk)

    def __call__(self, hint: str | None) -> tuple[str, bytes]:
        return self._said


class _ServerAnswer(_Answer):
    def __init__(self, key_of: KeyOf) -> None:
        self._key_of = key_of

    def __call__(self, identity: str | None) -> bytes:
        return answer(self._key_of, identity or "")


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)
