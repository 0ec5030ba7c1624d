"""TLS-5: how TLS is released, coupled or not with TCP (TR 29.828 clauses 4.3.4 and 4.4.3, RFC 5246 section 7.2.1)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.conversations.connection import Connection, Row
from analyzer.conversations.tls_facts import TlsFacts
from analyzer.evidence import Evidence
from analyzer.evidence.tls_legs import tls_connection
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """close_notify before the FIN of the side that closes; the reason of an `ok` says how TLS and TCP were released."""
    found = tls_connection(evidence)
    if found is None:
        if not evidence.is_secured:
            return not_applicable("the session has no TLS")
        return not_observable("no TLS of this session in the capture")
    connection, tls = found
    if tls.established is None:
        return not_applicable("TLS was not set up")
    if tls.fatal is not None:
        return not_applicable("TLS was ended by a fatal alert")
    notified = _close_notify(tls)
    last = next((row for row in connection.rows if row[3] == "tcp" and row[4] in ("FIN", "RST")), None)
    if last is None:
        if notified is None:
            return not_observable("the end of the connection is not in the capture")
        return Result(Status.OK, "not coupled: TLS was released, TCP was not", notified[1], notified[0], notified[0])
    if notified is not None and notified[0] <= last[0]:
        after = (last[0] - notified[0]) / 1e6
        frames = (*notified[1], *last[1])
        return Result(Status.OK, f"coupled: close_notify, TCP {last[4]} {after:.1f} ms later", frames, notified[0])
    return _without(connection, tls, last)


def _close_notify(tls: TlsFacts) -> tuple[int, tuple[int, ...]] | None:
    """The first close_notify; an alert that cannot be read is one where nothing is known to be wrong."""
    for alert in tls.alerts:
        if "close_notify" in alert.what or "encrypted alert" in alert.what:
            return alert.time, alert.frames
    return None


def _without(connection: Connection, tls: TlsFacts, last: Row) -> Result:
    if tls.version == "TLS 1.3" and not tls.decrypted:
        return not_observable("TLS 1.3 hides alerts, and no key opens it")
    if tls.unopened and tls.decrypted:
        return not_observable("some records could not be opened: close_notify may be among them")
    if connection.gaps:
        return not_observable("octets of the connection are not in the capture")
    return RULE.broken(
        f"TCP was closed ({last[4]}) without close_notify: a cut stream and a finished one look alike.",
        last[1],
        expected="close_notify, then FIN",
        actual=f"{last[4]} alone",
    )


RULE = Rule(
    code="TLS-5",
    title="TLS is released by close_notify before TCP is closed.",
    clause="TR 29.828 clauses 4.3.4 and 4.4.3, RFC 5246 section 7.2.1",
    severity=Severity.INFO,
    judge=judge,
    interfaces=("tcp",),
    yields_to=("TCP-RESET",),
    why="Without it nobody can tell whether the last messages were cut off on the way.",
    causes=("The termination is subtracted, and the TCP connection goes with it.", "The process ended."),
    confirm="Look for an alert right before the first FIN or RST.",
    fix="Send close_notify before closing TCP.",
    example="wrong:  FIN   right:  Alert (close_notify), FIN",
)
