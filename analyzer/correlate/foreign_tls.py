"""TLS of other services: that of the web is in every capture, and is no session of ours.

A connection that nobody announced may still be MSRP whose signalling was not captured. That speaks for it: a
Pre-Shared Key (RFC 4279, TS 33.328), the MSRP that was found inside, an end that signalling or the user told of, the
port of SIP over TLS.
"""

from __future__ import annotations

from analyzer.conversations.connection import Connection
from analyzer.conversations.tls_facts import TlsFacts
from analyzer.correlate.nodes import NodeTable, Role
from analyzer.correlate.session import Session

SIPS = 5061
"RFC 3261 section 19.1.2."
HTTPS = 443
"RFC 9110 section 4.2.2."
NOTE = "tls of other services, not listed: nothing announces it, no Pre-Shared Key is seen (--node ADDR=ROLE lists)"


def is_foreign(session: Session, nodes: NodeTable) -> bool:
    """Is this nothing but TLS that has no sign of MSRP or SIP?"""
    if session.kind != "tcp" or session.is_bare or not session.connections:
        return False
    return all(_is_foreign(part.connection, nodes) for part in session.connections)


def _is_foreign(connection: Connection, nodes: NodeTable) -> bool:
    tls, flow = connection.tls, connection.client
    if connection.protocol != "tls" or tls is None or tls.internal is not None:
        return False
    if tls.key_log:
        return False  # opened, to be handed over
    if _has_psk(tls) or SIPS in (flow.sport, flow.dport):
        return False
    return not any(_may_be_media(address, connection, nodes) for address in (flow.src_ip, flow.dst_ip))


def _has_psk(tls: TlsFacts) -> bool:
    """A Pre-Shared Key was offered, or chosen; resumption of TLS 1.3 is none."""
    return bool(tls.is_psk if tls.offers_psk is None else tls.offers_psk)


def _may_be_media(address: str, connection: Connection, nodes: NodeTable) -> bool:
    """A node of the conference; a UE and a KMS speak HTTPS too."""
    role = nodes.role(address)
    if nodes.gives(address):
        return True
    if role in (Role.UE, Role.KMS):
        return HTTPS not in (connection.client.sport, connection.client.dport)
    return bool(role)
