"""What is judged on single MSRP messages while they pass: transactions, reports, session-ids (RFC 4975 section 7).

Kinds and details of observations are those of `msrp_facts`. Messages may come in the wrong order between the two
directions by a few milliseconds, as captures do; so a response without request, and every report, is only judged when
the connection is over, or when too many wait.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.conversations.connection import Connection, Row
from analyzer.conversations.msrp_facts import OBSERVED, RESPONSE_TIME, Detail, Observation
from analyzer.conversations.msrp_way import REPORTS, Way
from dissectors.msrp import MsrpMessage

WAITING = 4096
"Requests of one direction that wait for their response at most."
UNANSWERED = 1024
"Requests without response by rule (REPORT; Failure-Report other than yes) that are remembered at most."
EARLY = 64
"Responses that wait for their request at most."

_match_ident = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}").fullmatch
"ident of RFC 4975 section 9."


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection went out, seen from between its ends. Times in ns."""

    last: int
    "Its last packet."
    closing: int | None = None
    "The first FIN or RST: from then on no response needs to come."
    heard: tuple[int, int] = (0, 0)
    "The last packet of each direction."
    finished: tuple[bool, bool] = (False, False)
    "Which direction sent FIN, all octets before it being there."

    @property
    def until(self) -> int:
        """How long it was up and seen."""
        return self.last if self.closing is None else min(self.closing, self.last)


class ExchangeWatch:
    """Watches the requests, responses and reports of one connection. `ways` grow with the exchange."""

    __slots__ = ("_accepted", "_connection", "_forgot", "_observed", "_ways", "early", "lost", "unanswered", "waiting")

    def __init__(self, connection: Connection, ways: Sequence[tuple[Way, Way]]) -> None:
        self._connection = connection
        self._ways = ways
        self.waiting: tuple[dict[str, Row], dict[str, Row]] = ({}, {})
        "For each direction its requests that wait for a response, by transaction id."
        self.unanswered: tuple[dict[str, Row], dict[str, Row]] = ({}, {})
        "For each direction its requests that need none."
        self.early: tuple[dict[str, tuple[Row, int]], dict[str, tuple[Row, int]]] = ({}, {})
        "For each direction its responses (with status) whose request was not seen yet."
        self.lost = [False, False]
        "Octets of this direction are missing in the capture: its beginning, or behind a gap."
        self._forgot = [False, False]
        self._accepted: dict[int, Row] = {}
        "Session of a request to its 200, where the two have different paths."
        self._observed: dict[tuple[int, str], int] = {}

    def observe(self, kind: str, about: Row, detail: dict[str, Detail], more: Row | None = None) -> None:
        """Write something down about a message, that of the row `about`; `more` is another that shows it."""
        index = about[5]
        count = self._observed[index, kind] = self._observed.get((index, kind), 0) + 1
        session = self._connection.sessions[index]
        if count > OBSERVED:
            session.unlisted[kind] = session.unlisted.get(kind, 0) + 1
            return
        frames = about[1]
        if more is not None:
            frames += tuple(frame for frame in more[1] if frame not in frames)
        session.observations.append(Observation(kind, about[2], about[0], frames, detail))

    # ------------------------------------------------------------------ as they pass

    def request(self, message: MsrpMessage, row: Row) -> None:
        """A request passed, other than the usual SEND."""
        direction = row[2]
        if (message.method in ("SEND", "REPORT") or message.message_id) and not _match_ident(message.message_id):
            detail: dict[str, Detail] = {"method": message.method, "message_id": message.message_id}
            self.observe("bad-message-id", row, detail)
        transaction_id = message.transaction_id
        found = self.early[1 - direction].pop(transaction_id, None)
        if message.method == "REPORT" or message.failure_report.lower() in ("no", "partial"):
            self.unanswered[direction][transaction_id] = row
            if len(self.unanswered[direction]) > UNANSWERED:
                self._forget(self.unanswered[direction], direction)
        else:
            self.waiting[direction][transaction_id] = row
            if len(self.waiting[direction]) > WAITING:
                self.forget_waiting(direction)
        if found is not None:
            self._answer(transaction_id, *found)

    def method_of(self, transaction_id: str, direction: int) -> str:
        """The method of a request that this direction sent and that may still be answered; empty when there is none."""
        row = self.waiting[direction].get(transaction_id) or self.unanswered[direction].get(transaction_id)
        return row[4].partition(" ")[0] if row is not None else ""

    def forget_waiting(self, direction: int) -> None:
        """Drop the older half of too many."""
        self._forget(self.waiting[direction], direction)

    def _forget(self, requests: dict[str, Row], direction: int) -> None:
        self._forgot[direction] = True
        for transaction_id in list(requests)[: len(requests) // 2]:
            del requests[transaction_id]

    def response(self, message: MsrpMessage, row: Row) -> None:
        """A response passed, other than a 200 in time."""
        if not self._answer(message.transaction_id, row, message.status, message.comment):
            early = self.early[row[2]]
            early[message.transaction_id] = row, message.status
            if len(early) > EARLY:
                oldest = next(iter(early))
                self._unknown_response(oldest, *early.pop(oldest))

    def _answer(self, transaction_id: str, row: Row, status: int, comment: str = "") -> bool:
        """Hold a response against its request; False when there is none."""
        sender = 1 - row[2]
        request = self.waiting[sender].pop(transaction_id, None)
        if request is None:
            request = self.unanswered[sender].pop(transaction_id, None)
        elif row[0] - request[0] > RESPONSE_TIME:
            self._no_response(transaction_id, request, row[0] - request[0], row)
        method, message_id = (None, None) if request is None else _named(request)
        if status != 200:
            detail: dict[str, Detail] = {"status": status, "comment": comment}
            self.observe("error-response", row, {**detail, "method": method, "message_id": message_id}, request)
            if request is not None and message_id:
                self._ways[request[5]][sender].settled.add(message_id)
        if request is None:
            return False
        if method == "REPORT":
            self.observe("report-answered", row, {"status": status, "message_id": message_id}, request)
        if status == 200 and request[5] != row[5]:
            self.accepted_elsewhere(request, row)
        return True

    def accepted_elsewhere(self, request: Row, response: Row) -> None:
        """A 200 has other paths than its request."""
        self._accepted.setdefault(request[5], response)

    def report(self, message: MsrpMessage, way: Way, row: Row) -> int:
        """A REPORT passed; returns its status, 0 for none."""
        message_id = message.message_id
        status = message.report_status
        code = 0 if status is None else status.code
        end = None if message.byte_range is None else message.byte_range.end
        if code != 200:
            comment = "" if status is None else status.comment
            self.observe("failure-report", row, {"message_id": message_id, "status": code, "comment": comment})
        about = self._ways[way.index][1 - way.direction]
        asked = about.asked.get(message_id)
        if asked is not None:
            size = _size_asked(about, message_id)
            waited = row[0] - asked[0]
            if message_id not in about.settled and waited > RESPONSE_TIME and not self.lost[way.direction]:
                self._no_report(asked, message_id, size, waited, row)
            about.settled.add(message_id)
            self._hold_range(row, message_id, end, size)
        elif len(way.seen_reports) < REPORTS:
            way.seen_reports.append((row, message_id, code, end))
        else:
            unlisted = self._connection.sessions[way.index].unlisted
            unlisted["report-unknown"] = unlisted.get("report-unknown", 0) + 1
        return code

    def _no_report(self, asked: Row, message_id: str, size: int | None, waited: int, late: Row | None = None) -> None:
        detail: dict[str, Detail] = {"message_id": message_id, "octets": size, "waited": waited}
        self.observe("no-success-report", asked, {**detail, "after": None if late is None else waited}, late)

    def _hold_range(self, row: Row, message_id: str, end: int | None, size: int | None) -> None:
        if size is not None and end is not None and end > size:
            self.observe("report-range", row, {"message_id": message_id, "end": end, "octets": size})

    def lose(self, direction: int) -> None:
        """Octets of a direction are missing here: what they may have answered, or begun, is not judged."""
        self.lost[direction] = True
        self.waiting[1 - direction].clear()
        self._forgot[1 - direction] = True
        for ways in self._ways:
            asking = ways[1 - direction]
            asking.settled.update(asking.asked)

    # ------------------------------------------------------------------ when it is over

    def finish(self, ending: Ending) -> None:
        """Judge what was waited for."""
        for direction in (0, 1):
            for transaction_id, request in self.waiting[direction].items():
                waited = ending.until - request[0]
                if waited >= RESPONSE_TIME and ending.heard[1 - direction] > request[0]:
                    self._no_response(transaction_id, request, waited)
            for transaction_id, (row, status) in self.early[direction].items():
                self._unknown_response(transaction_id, row, status)
            self._judge_session_ids(direction)
        for ways in self._ways:
            for way in ways:
                self._judge_reports(way)
            for way in ways:
                self._judge_asked(way, ending)

    def _no_response(self, transaction_id: str, request: Row, waited: int, late: Row | None = None) -> None:
        method, message_id = _named(request)
        detail: dict[str, Detail] = {"method": method, "transaction_id": transaction_id, "message_id": message_id}
        after = None if late is None else waited
        self.observe("no-response", request, {**detail, "waited": waited, "after": after}, late)

    def _unknown_response(self, transaction_id: str, row: Row, status: int) -> None:
        sender = 1 - row[2]
        if not self.lost[sender] and not self._forgot[sender]:
            self.observe("unknown-response", row, {"status": status, "transaction_id": transaction_id})

    def _judge_reports(self, way: Way) -> None:
        """Hold reports that nobody had asked for when they came against all that the other side sent."""
        if not way.seen_reports:
            return
        about = self._ways[way.index][1 - way.direction]
        sizes = dict[str, int | None]()
        for row in self._connection.rows:
            if row[5] == about.index and row[2] == about.direction and row[4].startswith("SEND "):
                sizes[_named(row)[1] or ""] = _size_sent(row)
        for row, message_id, status, end in way.seen_reports:
            if message_id in about.asked:
                about.settled.add(message_id)
            elif message_id not in sizes:
                if not self.lost[about.direction]:
                    self.observe("report-unknown", row, {"message_id": message_id, "status": status})
                continue
            elif status == 200 and not about.forgot:
                self.observe("report-unasked", row, {"message_id": message_id, "status": status})
            self._hold_range(row, message_id, end, sizes.get(message_id))

    def _judge_asked(self, way: Way, ending: Ending) -> None:
        for message_id, row in way.asked.items():
            waited = ending.until - row[0]
            size = _size_asked(way, message_id)
            if message_id in way.settled or size is None or waited < RESPONSE_TIME:
                continue
            if ending.heard[1 - way.direction] > row[0]:
                self._no_report(row, message_id, size, waited)

    def _judge_session_ids(self, direction: int) -> None:
        """Hold what this direction's requests call the other side against what that calls itself in its requests."""
        if len(self._ways) < 2 or self.lost[1 - direction]:
            return
        own: dict[str, list[str]] = {}
        given: set[str] = set()  # in whichever pair: sessions share a connection (RFC 4975 section 5.4)
        pairs = [
            (each.client_session_id, each.server_session_id)[:: -1 if direction else 1]
            for each in self._connection.sessions
        ]  # sender, receiver
        for (sender, receiver), ways in zip(pairs, self._ways, strict=True):
            if ways[1 - direction].request_paths:
                own.setdefault(sender, []).append(receiver)
                given.add(receiver)
        for index, ((sender, receiver), ways) in enumerate(zip(pairs, self._ways, strict=True)):
            way, expected = ways[direction], own.get(sender)
            if not expected or receiver in given or way.first_request is None:
                continue
            request = way.first_request
            method, _ = _named(request)
            if method == "AUTH":  # to a relay, which has no session-id yet (RFC 4976 section 5.1)
                continue
            detail: dict[str, Detail] = {"method": method, "sent_to": receiver, "expected": tuple(expected)}
            self.observe("wrong-session-id", request, detail)
            accepted = self._accepted.get(index) or self._first_ok(index, 1 - direction)
            if accepted is not None:
                self.observe("wrong-session-200", request, detail, accepted)

    def _first_ok(self, index: int, direction: int) -> Row | None:
        for row in self._connection.rows:
            if row[5] == index and row[2] == direction and row[4].startswith("200"):
                return row
        return None


def _size_sent(send: Row) -> int | None:
    """Octets of the message that a SEND was, by its row; None for a part of one."""
    *_, size, last = send[4].split(" ")
    if last == "octets" and size.isdigit():
        return int(size)
    return 0 if last == "body" else None


def _size_asked(way: Way, message_id: str) -> int | None:
    size = _size_sent(way.asked[message_id])
    return way.joined_sizes.get(message_id) if size is None else size


def _named(request: Row) -> tuple[str, str | None]:
    """Method and Message-ID of a request, from its row."""
    method, _, rest = request[4].partition(" ")
    return method, rest.partition(" ")[0] if method in ("SEND", "REPORT") else None
