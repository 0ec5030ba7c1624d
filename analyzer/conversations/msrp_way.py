"""What one side of one MSRP session said so far: counted, and remembered as far as later messages refer to it."""

from __future__ import annotations

from analyzer.conversations.connection import Row
from analyzer.conversations.msrp_facts import LISTED, Seen, WayFacts

ASKED = 1024
"Messages of a way that asked for a report and are remembered at most."
REPORTS = 1024
"Reports of a way that wait for their SEND at most."

SeenReport = tuple[Row, str, int, int | None]
"Its row, Message-ID, status (0: none), and where its Byte-Range ends."


class Way:
    """One direction of one session."""

    __slots__ = (
        "asked",
        "chunks",
        "content_types",
        "direction",
        "errors",
        "first_request",
        "first_send",
        "forgot",
        "from_paths",
        "index",
        "inner_types",
        "joined",
        "joined_sizes",
        "largest",
        "largest_frame",
        "octets",
        "others",
        "reports",
        "request_paths",
        "response_paths",
        "responses",
        "seen_reports",
        "settled",
        "unlisted",
        "whole",
    )

    def __init__(self, index: int, direction: int) -> None:
        self.index = index
        "The session: its index in `Connection.sessions`."
        self.direction = direction
        self.whole = 0
        "SEND requests that were a whole message each."
        self.chunks = 0
        "SEND requests that were a part of one."
        self.joined = 0
        "Whole messages that came in parts."
        self.others = 0
        "Other requests."
        self.reports = 0
        "Those of them that were reports."
        self.responses = 0
        self.errors = 0
        "Responses and reports with a status other than 200."
        self.octets = 0
        "Body octets of SEND requests."
        self.largest = self.largest_frame = -1
        self.first_request: Row | None = None
        self.first_send: Row | None = None
        self.request_paths: dict[str, int] = {}
        self.response_paths: dict[str, int] = {}
        self.from_paths: dict[str, int] = {}
        self.content_types: dict[str, int] = {}
        self.inner_types: dict[bytes, int] = {}
        self.unlisted = 0
        self.joined_sizes: dict[str, int] = {}
        "Message-ID to octets of the whole message, of those that asked for a report and came in parts."
        self.asked: dict[str, Row] = {}
        "Message-ID to the SEND that asked for a success report."
        self.settled: set[str] = set()
        "Those of them about which nothing more can be said: reported, refused, or perhaps lost in a gap."
        self.forgot = False
        "Some of `asked` were dropped: what is not there may have been."
        self.seen_reports: list[SeenReport] = []
        "Reports about messages that are not among those `asked` by the other side, at most `REPORTS`."

    def begin(self, send: Row) -> None:
        """Its first SEND."""
        self.first_send = send
        if self.first_request is None:
            self.first_request = send

    def note(self, texts: dict[str, int], text: str, frame: int) -> None:
        """Remember where a text came first."""
        if text not in texts:
            if len(texts) < LISTED:
                texts[text] = frame
            else:
                self.unlisted += 1

    def note_inner(self, content_type: bytes, frame: int) -> None:
        """Remember where a Content-Type inside message/cpim came first."""
        if content_type not in self.inner_types:
            if len(self.inner_types) < LISTED:
                self.inner_types[content_type] = frame
            else:
                self.unlisted += 1

    def whole_message(self, size: int, frame: int) -> None:
        """A message was all there."""
        if size > self.largest:
            self.largest, self.largest_frame = size, frame

    def ask(self, message_id: str, row: Row) -> None:
        """A SEND asked for a success report."""
        self.asked[message_id] = row
        if len(self.asked) > ASKED:
            self.forgot = True
            for old in list(self.asked)[: ASKED // 2]:
                del self.asked[old]
                self.settled.discard(old)
                self.joined_sizes.pop(old, None)

    def facts(self) -> WayFacts:
        """For checks."""
        return WayFacts(
            _seen(self.request_paths),
            _seen(self.response_paths),
            _seen(self.content_types),
            tuple((text.decode("utf-8", "replace"), frame) for text, frame in self.inner_types.items()),
            self.whole + self.chunks,
            (self.first_send[0], self.first_send[1][0]) if self.first_send is not None else None,
            (self.largest, self.largest_frame) if self.largest >= 0 else None,
            self.unlisted,
            _seen(self.from_paths),
        )


def _seen(texts: dict[str, int]) -> tuple[Seen, ...]:
    return tuple(texts.items())
