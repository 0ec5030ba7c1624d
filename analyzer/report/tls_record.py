"""TLS of a session in the JSON contract and in words; keys are never in it, PSK identities as subscriber identities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from analyzer.conversations.tls_facts import TlsFacts, TlsMoment
from analyzer.identities import psk_identity_text
from analyzer.report.times import iso_time

if TYPE_CHECKING:
    from analyzer.conversations.connection import Connection
    from analyzer.correlate.session import Session


def tls_connections(session: Session) -> list[tuple[Connection, TlsFacts]]:
    """The session's TLS connections, the one that was opened first."""
    found = [(part.connection, part.connection.tls) for part in session.connections if part.connection.tls is not None]
    return sorted(found, key=lambda each: not each[1].decrypted)


def tls_record(session: Session, *, identities: bool = False) -> dict[str, Any] | None:
    """The `tls` of a session: of the connection that was opened, else of the first."""
    found = tls_connections(session)
    if not found:
        return None
    connection, tls = found[0]
    client, server = connection.client, connection.server
    ends = (client.src, server.src)
    return {
        "version": tls.version or None,
        "cipher_suite": tls.cipher_suite or None,
        "psk_identity": None
        if tls.psk_identity is None
        else psk_identity_text(tls.psk_identity, identities=identities),
        "psk_hint": None if tls.psk_hint is None else psk_identity_text(tls.psk_hint, identities=identities),
        "client": None if tls.client is None else ends[tls.client],
        "server": None if tls.client is None else ends[1 - tls.client],
        "server_name": tls.server_name or None,
        "resumed": tls.resumed,
        "established": None if tls.established is None else iso_time(tls.established.time),
        "decrypted": tls.decrypted,
        "outcome": tls.outcome,
        "explanation": tls.explanation,
        "key": tls.key or None,
        "client_random": tls.client_random.hex() or None,
        "alerts": [_alert(each, ends) for each in tls.alerts],
        "close_notify": [ends[way] for way in (0, 1) if tls.close_notify[way]],
        "records": {"opened": tls.opened, "unopened": tls.unopened},
        "connections": len(found),
    }


def _alert(moment: TlsMoment, ends: tuple[str, str]) -> dict[str, Any]:
    return {
        "time": iso_time(moment.time),
        "frames": moment.frames,
        "from": ends[moment.direction],
        "alert": moment.what.removeprefix("alert: "),
    }


def tls_texts(session: Session, *, identities: bool = False) -> Iterator[tuple[str, str]]:
    """Heading and text of every TLS connection."""
    for connection, tls in tls_connections(session):
        words = [tls.version or "TLS", tls.cipher_suite or "no ServerHello"]
        if tls.client is not None:
            words.append(f"ClientHello from {(connection.client.src, connection.server.src)[tls.client]}")
        if tls.psk_identity is not None:
            words.append(f"PSK identity {psk_identity_text(tls.psk_identity, identities=identities) or '(empty)'}")
        if tls.resumed:
            words.append("resumed")
        yield "TLS", ", ".join(words)
        if tls.decrypted:
            yield "", f"decrypted{f' with {tls.key}' if tls.key else ''}; {tls.explanation}"
        else:
            yield "", f"not decrypted, {tls.outcome.replace('_', ' ')}: {tls.explanation}"
