"""TLS of one session as rules read it, and the TLS of the other participants of its conference.

Sessions are judged one by one and let go, so what must be compared between the legs of a conference (TR 29.828 clause
4.1.3 c) is noted here: random values and digests of keys, never a key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from analyzer.conversations.connection import Connection
from analyzer.conversations.tls_facts import TlsFacts
from analyzer.correlate.conferences import conference_key
from analyzer.evidence.evidence import Evidence
from analyzer.evidence.mikey import psk_orders

MAX_CONFERENCES = 10_000
MAX_LEGS = 64
"Legs of one conference that are compared with those that come after them."


@dataclass(frozen=True, slots=True)
class TlsLeg:
    """One participant's connection."""

    session: str
    secured: bool
    randoms: bytes = field(default=b"", repr=False)
    "Client random and server random; empty where no handshake was captured."
    key: bytes = field(default=b"", repr=False)
    "Digest of the key of TLS, as derived or as given to the MRFP; empty where it is not known."
    hello_frames: tuple[int, ...] = ()
    key_frames: tuple[int, ...] = ()
    address: str = ""
    "The participant's end."
    stream: int = 0
    "Which `m=` line of a session with several."


def tls_connection(evidence: Evidence) -> tuple[Connection, TlsFacts] | None:
    """The media connection and its TLS, if a handshake was captured on it."""
    connection = evidence.connection
    if connection is None or connection.tls is None or connection.tls.hello is None:
        return None
    return connection, connection.tls


def tls_client(evidence: Evidence, connection: Connection, tls: TlsFacts) -> str:
    """Who sent ClientHello: `MRFP`, `UE`, or empty where the capture does not show it."""
    opener = evidence.opener(connection)
    if not opener or tls.hello is None:
        return ""
    return opener if tls.hello.direction == 0 else other(opener)


def other(who: str) -> str:
    """The other end of a session: `UE` for `MRFP`, and back."""
    return "UE" if who == "MRFP" else "MRFP"


def others_of_conference(evidence: Evidence) -> tuple[TlsLeg, list[TlsLeg]] | None:
    """This leg, and the legs of its conference that were judged before it; None where there is no conference."""
    connection = evidence.connection
    if connection is None:
        return None
    keys = []
    if evidence.facts is not None and evidence.facts.focus_uri:
        keys.append(conference_key(evidence.facts.focus_uri))
    if evidence.mrfp is not None:
        keys.append(f"{evidence.mrfp.gateway} {evidence.mrfp.context_life}")
    if not keys:
        return None
    table = evidence.scope.tls_legs
    known = {(leg.session, leg.stream): leg for key in keys for leg in table.get(key, ())}
    session = evidence.session
    mine = known.get((session.id, session.stream))
    if mine is None:
        mine = _leg(evidence, connection)
        for key in keys:
            legs = table.setdefault(key, [])
            if len(legs) < MAX_LEGS:
                legs.append(mine)
        while len(table) > MAX_CONFERENCES:
            del table[next(iter(table))]
    # Other streams of the same participant may have the same key.
    return mine, [leg for leg in known.values() if leg.session != session.id]


def _leg(evidence: Evidence, connection: Connection) -> TlsLeg:
    tls = connection.tls
    opener = evidence.opener(connection)
    address = connection.client.src if opener == "UE" else connection.client.dst
    if tls is None:
        secured = "TLS" in connection.protocol.upper()
        return TlsLeg(evidence.session.id, secured, address=address, stream=evidence.session.stream)
    randoms = tls.client_random + tls.server_random if tls.client_random and tls.server_random else b""
    given = psk_orders(evidence)
    unlocked = evidence.session.unlocked
    hello = tls.hello.frames if tls.hello is not None else ()
    if given:
        key, frames = given[-1].key, given[-1].order.frames
    elif unlocked is not None and unlocked.authentic:
        key, frames = unlocked.teks[0].key, hello
    else:
        key, frames = b"", ()
    digest = hashlib.sha256(key).digest() if key else b""
    return TlsLeg(evidence.session.id, True, randoms, digest, hello, frames, address, evidence.session.stream)
