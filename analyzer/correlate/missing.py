"""What of a session is not in the capture, told by what is: a response without its request, a gap in a stream."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.conversations.connection import ConnectionPart
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.sip_call import CallFacts


def missing_sip(facts: CallFacts) -> list[str]:
    """Messages of a call that others show to have been there."""
    requests: set[tuple[str, int]] = set()
    responses: dict[tuple[str, int], int] = {}
    for message in facts.messages:
        sip = message.decoded
        key = sip.method, sip.cseq
        if sip.is_request:
            requests.add(key)
        else:
            responses[key] = max(sip.status, responses.get(key, 0))
    found = [f"{method} not captured" for method, cseq in responses if (method, cseq) not in requests]
    for message in facts.messages:
        sip = message.decoded
        if sip.not_captured and sip.is_cut:
            what = sip.method if sip.is_request else f"{sip.status} ({sip.method})"
            found.append(f"{what} cut in the capture ({sip.not_captured} octets)")
    if facts.method != "INVITE":
        return list(dict.fromkeys(found))
    for method, cseq in requests:
        final = responses.get((method, cseq), 0)
        if method == "ACK":
            if not responses.get(("INVITE", cseq), 0) >= 200 and ("INVITE", cseq) in requests:
                found.append("answer to INVITE not captured")
        elif method == "BYE" and final < 200:
            found.append("answer to BYE not captured")
        elif (
            method == "INVITE"
            and 200 <= final < 300
            and facts.ended
            and ("ACK", cseq) not in requests
            and not facts.retransmissions  # else the 2xx may have been sent again because no ACK came
        ):
            found.append("ACK not captured")
    return list(dict.fromkeys(found))


def missing_h248(terminations: Iterable[Termination]) -> list[str]:
    """Halves of transactions."""
    found: list[str] = []
    for life in terminations:
        if any(pair.request is None and not pair.cut for pair in life.pairs):
            found.append("H.248 request not captured")
        if any(pair.cut for pair in life.pairs):
            found.append("H.248 cut in the capture")
        if life.asked_again:
            found.append("H.248 request not answered")
        elif life.unanswered:
            found.append("H.248 reply not captured")
    return found


def missing_tcp(connections: Iterable[ConnectionPart]) -> list[str]:
    """Octets of a stream, and the steps of a handshake."""
    found: list[str] = []
    for part in connections:
        connection = part.connection
        if connection.gaps:
            found.append("TCP octets not captured")
        elif connection.undecoded:
            found.append(f"{connection.protocol.upper()} not all readable")
        if connection.continues:
            found.append("TCP connection evicted and taken up again")
        elif connection.guessed:
            if len(connection.sessions) < 2:
                found.append("begin of the TCP connection not captured")
        elif connection.established is not None:
            steps = {row[4] for row in connection.rows[:4] if row[3] == "tcp"}
            found += [f"{step} not captured" for step in ("SYN", "SYN ACK") if step not in steps]
    return found
