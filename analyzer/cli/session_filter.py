"""`--session FILTER`: which sessions a report shows (docs/analyze.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

from analyzer.correlate.conferences import conference_key
from analyzer.correlate.session import Session
from analyzer.report import Tally

Test = Callable[[int, Session], bool]


class SessionFilter:
    """Terms separated by commas; a session that fits any of them is shown.

    A term is a session id or its beginning, the number in the list of the text report, a Call-ID, an MSRP session-id, a
    conference URI, an address, an address with port, or `context=17`.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        # A Call-ID with a comma is wrong (RFC 3261 section 25.1) and happens: the whole text counts as a term too.
        terms = [term for each in text.split(",") if (term := each.strip())]
        self._terms = list(dict.fromkeys([*terms, text.strip()])) if len(terms) > 1 else terms
        self.by_number = any(term.isdecimal() for term in self._terms)
        "Needs the order of all sessions."
        self._tests = [_test(term) for term in self._terms]

    def __bool__(self) -> bool:
        return bool(self._terms)

    def fits(self, number: int, session: Session) -> bool:
        return any(test(number, session) for test in self._tests)

    def choose(self, sessions: Iterable[Session], tally: Tally) -> Iterator[tuple[int, Session]]:
        """The sessions that fit, with their place among all; an empty filter takes every one."""
        for number, session in enumerate(sessions, 1):
            tally.seen = number
            if not self._terms or self.fits(number, session):
                yield number, session


def _test(term: str) -> Test:
    if term.isdecimal():
        wanted = int(term)
        return lambda number, session: number == wanted or _named(session, term)
    if term.lower().startswith("context="):
        name = term[8:].strip()
        return lambda _, session: any(str(life.context_id) == name for life in session.terminations)
    address, port = _address(term)
    if address:
        return lambda _, session: _touches(session, address, port)
    if (":" in term and "@" in term) or term.lower().startswith(("sip:", "sips:", "tel:")):
        key = conference_key(term)
        return lambda _, session: _named(session, term) or conference_key(_focus(session)) == key
    return lambda _, session: _named(session, term) or (len(term) > 2 and session.id.startswith(term))


def _named(session: Session, term: str) -> bool:
    """Is this its Call-ID or one of its MSRP session-ids?"""
    if session.sip is not None and session.sip.call_id == term:
        return True
    if any(end.session_id == term for end in (*session.offered, *session.answered)):
        return True
    return any(
        term in (each.client_session_id, each.server_session_id) for part in session.connections for each in part.msrp()
    )


def _focus(session: Session) -> str:
    return session.sip.focus_uri if session.sip is not None else ""


def _address(term: str) -> tuple[str, int | None]:
    """Address and port of `192.0.2.1`, `192.0.2.1:5060`, `2001:db8::1`, `[2001:db8::1]:5060`; else ("", None)."""
    host, port = term, None
    if term.startswith("["):
        host, _, rest = term[1:].partition("]")
        if rest and not (rest[0] == ":" and rest[1:].isdecimal()):
            return "", None
        port = int(rest[1:]) if rest else None
    elif term.count(":") == 1:
        host, _, digits = term.partition(":")
        if not digits.isdecimal():
            return "", None
        port = int(digits)
    try:
        return str(ip_address(host)), port
    except ValueError:
        return "", None


def _touches(session: Session, address: str, port: int | None) -> bool:
    for end in (*session.offered, *session.answered):
        if end.address == address and port in (None, end.port):
            return True
    for life in session.terminations:
        for _, end in life.ends():
            if end.address == address and port in (None, end.port):
                return True
    for flow in {id(entry.flow): entry.flow for entry in session.entries()}.values():
        if (flow.src_ip == address and port in (None, flow.sport)) or (
            flow.dst_ip == address and port in (None, flow.dport)
        ):
            return True
    return False
