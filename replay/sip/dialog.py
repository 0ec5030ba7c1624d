"""A SIP dialog as one of its two ends keeps it (RFC 3261 section 12), and the messages inside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from dissectors.sip import SipMessage, build_request, build_response

_PLAIN_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,31}:[!#-;=?-~]{1,1024}")
Headers = Iterable[tuple[str, str]]


@dataclass(slots=True)
class Dialog:
    """What is needed to speak inside a dialog."""

    call_id: str
    local: str
    "From (or To) of ours with its tag, as it stands in messages."
    remote: str
    "The other side's, likewise."
    remote_target: str
    "Contact URI of the other side."
    routes: list[str] = field(default_factory=list)
    local_cseq: int = 0
    remote_cseq: int = 0
    ended: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Call-ID and our own tag: how a request of the other side finds it."""
        return self.call_id, tag_of(self.local)

    @classmethod
    def as_caller(cls, invite: SipMessage, response: SipMessage) -> Dialog:
        """The dialog that a response to our INVITE makes (section 12.1.2)."""
        return cls(
            invite.call_id,
            invite.header("From") or "",
            response.header("To") or "",
            target_of(response) or invite.request_uri,
            response.header_list("Record-Route")[::-1],
            invite.cseq,
        )

    @classmethod
    def as_callee(cls, invite: SipMessage, tag: str) -> Dialog:
        """The dialog that our response with this To tag makes (section 12.1.1)."""
        return cls(
            invite.call_id,
            f"{invite.header('To') or ''};tag={tag}",
            invite.header("From") or "",
            target_of(invite),
            invite.header_list("Record-Route"),
            0,
            invite.cseq,
        )

    def request(
        self, method: str, via: str, headers: Headers = (), body: bytes = b"", *, cseq: int | None = None
    ) -> SipMessage:
        """A request inside the dialog, with the next number unless one is given: an ACK has that of its INVITE."""
        cseq = self.next_cseq() if cseq is None else cseq
        made = [("Via", via), ("Max-Forwards", "70")]
        made += [("Route", route) for route in self.routes]
        made += [
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            *headers,
        ]
        return build_request(method, self.remote_target, made, body)

    def next_cseq(self) -> int:
        """Take the number of the next request, for one that may have to be built twice."""
        self.local_cseq += 1
        return self.local_cseq

    def fits(self, request: SipMessage) -> bool:
        """Is this a request of this dialog, not older than what came before (section 12.2.2)?"""
        if (request.call_id, request.to_tag) != self.key or request.from_tag != tag_of(self.remote):
            return False
        if request.method == "ACK":
            return True
        if request.cseq <= self.remote_cseq and request.method != "CANCEL":
            return False
        self.remote_cseq = max(self.remote_cseq, request.cseq)
        return True


def response_to(
    request: SipMessage,
    status: int,
    reason: str,
    *,
    via: str = "",
    tag: str = "",
    headers: Headers = (),
    body: bytes = b"",
) -> SipMessage:
    """A response with the header fields that a request dictates (section 8.2.6).

    `tag` goes to a To without one, `via` stands for the topmost Via: the one with `received` and `rport`.
    """
    to = request.header("To") or ""
    if tag and not request.to_tag:
        to = f"{to};tag={tag}"
    vias = request.header_list("Via")
    made = [("Via", value) for value in ([via, *vias[1:]] if via else vias)]
    if 100 < status < 300:
        made += [("Record-Route", value) for value in request.header_all("Record-Route")]
    made += [
        ("From", request.header("From") or ""),
        ("To", to),
        ("Call-ID", request.call_id),
        ("CSeq", request.header("CSeq") or ""),
        *headers,
    ]
    return build_response(status, reason, made, body)


def target_of(message: SipMessage) -> str:
    """The URI of a Contact, if a request can have it as its Request-URI; empty otherwise."""
    uri = message.contact_uri() or ""
    return uri if is_plain_uri(uri) else ""


def is_plain_uri(text: str) -> bool:
    """Is this a URI that can stand in a start line and between angle brackets?"""
    return _PLAIN_URI.fullmatch(text) is not None


def make_cancel(invite: SipMessage) -> SipMessage:
    """The CANCEL of an INVITE that was sent (section 9.1)."""
    headers = [("Via", invite.header_list("Via")[0]), ("Max-Forwards", "70")]
    headers += [("Route", value) for value in invite.header_all("Route")]
    headers += [
        ("From", invite.header("From") or ""),
        ("To", invite.header("To") or ""),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq} CANCEL"),
    ]
    return build_request("CANCEL", invite.request_uri, headers)


def tag_of(value: str) -> str:
    """The tag of a From or To value; empty when there is none."""
    _, _, parameters = value.rpartition(">") if ">" in value else ("", "", value.partition(";")[2])
    for parameter in parameters.split(";"):
        name, _, text = parameter.strip().partition("=")
        if name.lower() == "tag":
            return text.strip()
    return ""
