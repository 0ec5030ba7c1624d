"""What the MSRP of one session showed, for checks: facts per direction, and observations of the rare things.

A connection keeps no MSRP messages (decision 3), so what must be judged on single messages is judged while they pass
(`msrp_watch`), and written down here in plain tuples that cross between processes. An observation is a fact with its
frames, not a verdict: the rules in `analyzer.checks` decide what it means. Every list is bounded; what is beyond a
limit is counted.

Directions are those of the connection: 0 from its client, 1 from its server. An observation's direction is that of the
message that it is about, which is the first of its frames where there are several. Lengths of time are in ns.

| kind               | what was seen (clause of RFC 4975)                              | detail                        |
|--------------------|-----------------------------------------------------------------|-------------------------------|
| framing            | a message whose end-line is wrong or missing (7.1)              | what, why                     |
| no-content-type    | SEND with a body and no Content-Type (7.1)                      | message_id, octets            |
| bad-message-id     | Message-ID is missing or no ident (7.1, 9)                      | method, message_id            |
| range-end          | a chunk's Byte-Range ends elsewhere than its body (7.1.1)       | message_id, start, announced, |
|                    |                                                                 | octets, characters (*)        |
| range-total        | the total of a message that came whole is not its size (7.1.1)  | message_id, announced,        |
|                    |                                                                 | octets, characters (*)        |
| range-beyond-total | a chunk's range begins or ends beyond its own total             | message_id, start, end, total |
| chunk-lost         | the last chunk came, with octets before it missing              | message_id, octets, missing   |
| chunk-overlap      | octets of a message came twice                                  | message_id, twice             |
| unfinished         | chunks, and then neither `$` nor `#`, with nothing missing      | message_id, octets, waited    |
| aborted            | a chunk flagged `#`: the sender gave up (7.1.1)                 | message_id, octets            |
| no-response        | no response within 30 s (7.1.1); `after`: how late one came     | method, transaction_id,       |
|                    |                                                                 | message_id, waited, after     |
| unknown-response   | a response to no request of the other side                      | status, transaction_id        |
| report-answered    | a response to a REPORT, which has none (7.1.2)                  | status, message_id            |
| error-response     | a response of 4xx or 5xx (10)                                   | status, comment, method,      |
|                    |                                                                 | message_id                    |
| no-success-report  | asked for, and none came in 30 s (7.1.2); a weak sign, since    | message_id, octets, waited,   |
|                    | nothing says when it must come; `after`: how late one came      | after                         |
| report-unasked     | a success REPORT that the SEND did not ask for                  | message_id, status            |
| report-unknown     | a REPORT about a Message-ID that was not sent                   | message_id, status            |
| report-range       | a REPORT about octets beyond the end of the message             | message_id, end, octets       |
| failure-report     | a REPORT with a status other than 200                           | message_id, status, comment   |
| wrong-session-id   | a request to a session-id that the receiver never gave as its   | method, sent_to, expected     |
|                    | own, while it gave another                                      |                               |
| wrong-session-200  | such a request, answered by 200                                 | method, sent_to, expected     |

(*) characters: present where counting the characters of the UTF-8 body, not its octets, gives what was announced: a
known defect in the field.

Nothing is observed from what may only be missing in the capture: not across a gap of either direction, not about a
message begun before the capture or cut in it, and a wait counts only where the capture goes on that long on a
connection that stays up.
"""

from __future__ import annotations

from typing import NamedTuple

Detail = int | str | tuple[str, ...] | None
Seen = tuple[str, int]
"A text, and the frame in which it came first."

LISTED = 16
"Different texts kept of each list of `WayFacts`."
OBSERVED = 32
"Observations kept of one session and kind; the first ones stay."
RESPONSE_TIME = 30_000_000_000
"ns in which a request is to be answered (RFC 4975 section 7.1.1: the timer of the sender)."


class WayFacts(NamedTuple):
    """What one side of a session sent."""

    request_paths: tuple[Seen, ...] = ()
    "To-Path values of its requests, as sent: all URIs, separated by a space."
    response_paths: tuple[Seen, ...] = ()
    "To-Path values of its responses."
    content_types: tuple[Seen, ...] = ()
    "Content-Type values of its SEND requests."
    wrapped_types: tuple[Seen, ...] = ()
    "Content-Type values inside message/cpim, as far as the beginning of a message shows them."
    sends: int = 0
    "SEND requests: chunks count one by one."
    first_send: tuple[int, int] | None = None
    "Time and frame of its first SEND."
    largest: tuple[int, int] | None = None
    "Octets of its largest whole message, and the frame that completed it."
    unlisted: int = 0
    "Texts beyond `LISTED`, over the lists."
    from_paths: tuple[Seen, ...] = ()
    "From-Path values of its requests, likewise."


class Observation(NamedTuple):
    """One rare thing; the kinds stand in the table above."""

    kind: str
    direction: int
    time: int
    "Capture time of the message that it is about, ns."
    frames: tuple[int, ...]
    "The frames that show it, the message that it is about first."
    detail: dict[str, Detail]


NOTHING = WayFacts()
