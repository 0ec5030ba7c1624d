"""HTTP digest authentication for SIP: RFC 3261 section 22, RFC 7616 with algorithm MD5, which all user agents have.

The server keeps nothing of a challenge: its nonce tells when and for which address it was made, under a key of the
server's own. Who sends a nonce back was reached at that address, so it also shows that the source is not forged.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dissectors.sip import SipMessage

LIFETIME = 60.0
"s that a nonce is good for, from when it is given."
MAX_NONCES = 10_000
"Nonces whose count is kept; of more than these the oldest is forgotten, and not good any more."
_MAC = 32
"Hexadecimal digits of a nonce's MAC: 128 bits."
_PARAMETER = re.compile(r'\s*([A-Za-z0-9\-_.!%*+`\'~]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+))\s*(?:,|$)', re.DOTALL)
_NONCE = re.compile(r"([0-9a-f]{12})([0-9a-f]{16})([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an Authorization header field says (RFC 7616 section 3.4)."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str = field(repr=False)
    algorithm: str = "MD5"
    qop: str = ""
    nc: str = ""
    cnonce: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of looking at a request."""

    user: str = ""
    "Who it is; empty where that is not shown."
    is_stale: bool = False
    "The password is right, the nonce is not good any more (RFC 7616 section 3.3)."


class DigestServer:
    """Challenges, and looks at what comes back."""

    def __init__(self, realm: str, users: Mapping[str, str], secret: bytes) -> None:
        """`users` are passwords by name; `secret` is what nonces are made with, at least 16 octets of chance."""
        self._realm = realm
        self._users = users
        self._secret = secret
        self._serial = 0
        self._counts: dict[str, int] = {}
        "The highest `nc` of each nonce that was used, the oldest nonce first."

    def challenge(self, address: str, now: float, *, is_stale: bool = False) -> str:
        """The value of WWW-Authenticate for somebody at this address."""
        self._serial += 1
        nonce = self._nonce(f"{int(max(now, 0.0) * 1000):012x}{self._serial:016x}", address)
        stale = ", stale=true" if is_stale else ""
        return f'Digest realm="{self._realm}", nonce="{nonce}", algorithm=MD5, qop="auth"{stale}'

    def check(self, request: SipMessage, address: str, now: float, places: tuple[str, ...] = ()) -> Checked:
        """Who sent a request from this address. `places` are URIs that `uri` may have instead of the Request-URI.

        A nonce is good for its time, from its address, and each `nc` once, in rising order; without qop, once.
        """
        for value in request.header_all("Authorization"):
            found = parse_credentials(value)
            if found is None or found.realm != self._realm or found.algorithm.upper() != "MD5":
                continue
            password = self._users.get(found.username)
            if found.uri not in (request.request_uri, *places) or found.qop not in ("", "auth"):
                continue
            made = digest_response(found, password if password is not None else "", request.method)
            is_right = hmac.compare_digest(made.encode(), found.response.lower().encode("utf-8", "replace"))
            if password is None or not is_right:
                continue
            return Checked(found.username) if self._is_fresh(found, address, now) else Checked(is_stale=True)
        return Checked()

    def _nonce(self, head: str, address: str) -> str:
        made = hmac.new(self._secret, f"{head} {address}".encode(), hashlib.sha256)
        return head + made.hexdigest()[:_MAC]

    def _is_fresh(self, found: Credentials, address: str, now: float) -> bool:
        match = _NONCE.fullmatch(found.nonce)
        if match is None or not hmac.compare_digest(self._nonce(match[1] + match[2], address), found.nonce):
            return False
        if not 0 <= now - int(match[1], 16) / 1000 + 0.001 <= LIFETIME:
            return False
        return self._counts_up(found, int(match[2], 16))

    def _counts_up(self, found: Credentials, serial: int) -> bool:
        """Whether this use of the nonce is a new one; a nonce older than all that are kept may have been used."""
        before = self._counts.get(found.nonce, 0)
        number = int(found.nc, 16) if found.qop else 1
        if number <= before or (not before and serial <= self._serial - MAX_NONCES):
            return False
        self._counts[found.nonce] = number if found.qop else 0xFFFFFFFF
        if len(self._counts) > MAX_NONCES:
            del self._counts[next(iter(self._counts))]
        return True


def parse_credentials(value: str) -> Credentials | None:
    """The value of Authorization; None for another scheme, and for what is not whole or not readable."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    found = _parameters(rest)
    needed = ("username", "realm", "nonce", "uri", "response")
    if found is None or not all(name in found for name in needed):
        return None
    qop, nc = found.get("qop", "").lower(), found.get("nc", "")
    if qop and (not re.fullmatch(r"[0-9a-fA-F]{8}", nc) or "cnonce" not in found):
        return None
    values = {name: found[name] for name in needed}
    more = {"algorithm": found.get("algorithm", "MD5"), "qop": qop, "nc": nc, "cnonce": found.get("cnonce", "")}
    return Credentials(**values, **more)


def digest_response(found: Credentials, password: str, method: str) -> str:
    """The `response` that a password gives (RFC 7616 section 3.4.1; without qop RFC 2617 section 3.2.2.1)."""
    one = _md5(f"{found.username}:{found.realm}:{password}")
    two = _md5(f"{method}:{found.uri}")
    between = f"{found.nc}:{found.cnonce}:{found.qop}:" if found.qop else ""
    return _md5(f"{one}:{found.nonce}:{between}{two}")


def answer_challenge(challenge: str, username: str, password: str, method: str, uri: str, cnonce: str) -> str | None:
    """The value of Authorization that answers a WWW-Authenticate; None where it asks for what we do not have."""
    scheme, _, rest = challenge.strip().partition(" ")
    found = _parameters(rest) if scheme.lower() == "digest" else None
    if found is None or "realm" not in found or "nonce" not in found:
        return None
    if found.get("algorithm", "MD5").upper() != "MD5" or '"' in username:
        return None
    qops = [each.strip() for each in found["qop"].lower().split(",")] if "qop" in found else []
    if qops and "auth" not in qops:
        return None
    made = Credentials(username, found["realm"], found["nonce"], uri, "")
    if qops:
        made = Credentials(username, found["realm"], found["nonce"], uri, "", "MD5", "auth", "00000001", cnonce)
    more = f', qop=auth, nc={made.nc}, cnonce="{cnonce}"' if qops else ""
    response = digest_response(made, password, method)
    return (
        f'Digest username="{username}", realm="{made.realm}", nonce="{made.nonce}", uri="{uri}", '
        f'response="{response}", algorithm=MD5{more}'
    )


def _parameters(text: str) -> dict[str, str] | None:
    """Names in lower case with their values; None for what is not readable, and where one comes twice."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None or match[1].lower() in found:
            return None
        found[match[1].lower()] = match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL)
        at = match.end()
    return found


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
