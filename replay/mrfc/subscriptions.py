"""SUBSCRIBE and NOTIFY: who watches a conference (RFC 6665, RFC 4575), and how a REFER goes on (RFC 3515)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from dissectors.errors import DecodeError
from dissectors.sip import SipMessage, parse_name_addr
from replay.mrfc.conference import Conference
from replay.mrfc.dial_out import DialOut
from replay.mrfc.event_package import CONTENT_TYPE, PACKAGE, conference_info
from replay.mrfc.focus import Focus
from replay.mrfc.leg import Cause, Leg
from replay.sip import ClientKey, Dialog, Hop, ServerKey
from replay.sip.dialog import is_plain_uri

DEFAULT_EXPIRES = 3600
MAX_EXPIRES = 86400
MAX_SUBSCRIPTIONS = 5000
NOTIFY_HEAD = 700
"Octets of a NOTIFY without its body, and a few more."


FOREIGN = Cause(403, "Forbidden", "Refer-To names an address that is neither listed nor the one this came from")


@dataclass(slots=True, eq=False)
class Subscription:
    """A dialog in which we notify."""

    number: int
    dialog: Dialog
    hop: Hop
    event: str
    "Value of Event: `conference`, `refer`."
    expires: float
    "When it is over, by our clock."
    conference: Conference
    is_proven: bool = False
    "The other side showed that it gets what we send."
    unanswered: int = 0
    "NOTIFYs that are not answered."
    is_stale: bool = False
    "Something changed since the last one; told once it is answered, so that who is silent gets no more."


class Subscriptions:
    """The subscriptions of all conferences."""

    def __init__(self, focus: Focus, dial_out: DialOut) -> None:
        self.focus = focus
        self._dial_out = dial_out
        self._all: dict[tuple[str, str], Subscription] = {}
        self._sent: dict[ClientKey, Subscription] = {}
        self._numbers = count(1)
        focus.changed = self.changed
        focus.is_watched = self._all.__contains__

    def __len__(self) -> int:
        return len(self._all)

    # ------------------------------------------------------------------ conference state

    def subscribe(self, key: ServerKey, request: SipMessage, hop: Hop, conference: Conference, now: float) -> None:
        """SUBSCRIBE outside a dialog, for a conference."""
        focus = self.focus
        package = (request.header("Event") or "").partition(";")[0].strip().lower()
        if package != PACKAGE:
            headers = [("Allow-Events", PACKAGE)]
            focus.respond(key, Cause(489, "Bad Event"), now, headers=headers)
            return
        if len(self._all) >= MAX_SUBSCRIPTIONS:
            focus.respond(key, Cause(503, "Service Unavailable", "too many subscriptions", retry_after=60), now)
            return
        expires = _expires(request)
        tag = focus.tag()
        subscription = self._new(Dialog.as_callee(request, tag), hop, request.header("Event") or PACKAGE, conference)
        subscription.is_proven = focus.sip.layer.is_proven(key)
        focus.remember(conference)
        self._accept(key, subscription, expires, now, tag)

    def refresh(self, key: ServerKey, request: SipMessage, now: float) -> bool:
        """SUBSCRIBE inside a dialog of ours; False when there is none."""
        subscription = self._all.get((request.call_id, request.to_tag))
        if subscription is None or not subscription.dialog.fits(request):
            return False
        subscription.is_proven = True
        self._accept(key, subscription, _expires(request), now)
        return True

    def _new(self, dialog: Dialog, hop: Hop, event: str, conference: Conference) -> Subscription:
        subscription = Subscription(next(self._numbers), dialog, hop, event, 0.0, conference)
        self._all[dialog.key] = subscription
        conference.watchers += 1
        return subscription

    def _accept(self, key: ServerKey, subscription: Subscription, expires: int, now: float, tag: str = "") -> None:
        focus = self.focus
        subscription.expires = now + expires
        headers = [focus.contact(subscription.conference), ("Expires", str(expires))]
        focus.sip.layer.respond(key, 200, "OK", now, tag=tag, headers=headers)
        if expires:
            focus.agenda.put(("subscription", subscription.dialog.key), subscription.expires)
        self._notify_state(subscription, now, final="" if expires else "timeout")

    def changed(self, conference: Conference, now: float) -> None:
        """Somebody came or went: tell those who watch."""
        conference.version += 1
        for subscription in list(self._all.values()):
            if subscription.conference is conference and subscription.event.startswith(PACKAGE):
                if subscription.unanswered:
                    subscription.is_stale = True
                else:
                    self._notify_state(subscription, now)

    def expired(self, dialog_key: tuple[str, str], now: float) -> None:
        """A subscription ran out (RFC 6665 section 4.4.1)."""
        subscription = self._all.get(dialog_key)
        if subscription is not None:
            self._notify_state(subscription, now, final="timeout")

    def _notify_state(self, subscription: Subscription, now: float, final: str = "") -> None:
        body = conference_info(subscription.conference)
        # The state may be left out at first (RFC 6665 section 4.2.1.2), and follows once the other side answers.
        subscription.is_stale = not final and not self._has_room(subscription, len(body), now)
        self._notify(subscription, CONTENT_TYPE, b"" if subscription.is_stale else body, now, final)

    def _has_room(self, subscription: Subscription, octets: int, now: float) -> bool:
        """May a NOTIFY with a body of so many octets go there?"""
        hop, sip = subscription.hop, self.focus.sip
        if subscription.is_proven or hop[0] == "tcp":
            return True
        return sip.layer.ledger.credit(sip.address_of(hop), now) >= NOTIFY_HEAD + octets

    def _notify(self, subscription: Subscription, content_type: str, body: bytes, now: float, final: str = "") -> None:
        focus, dialog = self.focus, subscription.dialog
        found = focus.door.next_hop(dialog, subscription.hop)
        left = max(0, round(subscription.expires - now))
        state = f"terminated;reason={final}" if final else f"active;expires={left}"
        if final:
            self._forget(subscription)
        if found is None:
            return
        headers = [
            focus.contact(subscription.conference),
            ("Event", subscription.event),
            ("Subscription-State", state),
        ]
        if body:
            headers.append(("Content-Type", content_type))
        number = dialog.next_cseq()
        key = focus.sip.request(
            lambda via: dialog.request("NOTIFY", via, headers, body, cseq=number),
            found[0],
            now,
            transport=found[1],
            hop=subscription.hop,
            on_credit=not subscription.is_proven,
        )
        self._sent[key] = subscription
        subscription.unanswered += 1

    def responded(self, key: ClientKey, status: int, now: float) -> bool:
        """A response to a NOTIFY, 408 when none came; False when it is about something else."""
        subscription = self._sent.get(key)
        if subscription is None:
            return False
        if status != 408:
            subscription.is_proven = True
        if status >= 200:
            del self._sent[key]
            subscription.unanswered -= 1
        if status in (408, 481) or status >= 500:  # the other side is gone (RFC 6665 section 4.2.2)
            self._forget(subscription)
        elif subscription.is_stale and not subscription.unanswered and subscription.dialog.key in self._all:
            self._notify_state(subscription, now)
        return True

    def _forget(self, subscription: Subscription) -> None:
        key = subscription.dialog.key
        if self._all.pop(key, None) is not None:
            subscription.conference.watchers -= 1
            self.focus.agenda.drop(("subscription", key))
            self.focus.drop_empty(subscription.conference)

    # ------------------------------------------------------------------ REFER

    def refer(
        self, key: ServerKey, request: SipMessage, hop: Hop, conference: Conference, leg: Leg | None, now: float
    ) -> None:
        """REFER to the focus: invite somebody, or send somebody away (RFC 4579 sections 5.5 and 5.10)."""
        focus = self.focus
        referred = _refer_to(request)
        if referred is None:
            focus.respond(key, Cause(400, "Bad Request", "no readable Refer-To"), now)
            return
        uri, method = referred
        if method not in ("INVITE", "BYE"):
            focus.respond(key, Cause(501, "Not Implemented", "only INVITE and BYE can be referred to"), now)
            return
        target = focus.directory.find(uri)
        if target is not None and method == "INVITE":
            if not focus.door.fits(hop, target[0][0]):
                focus.respond(key, FOREIGN, now)
                return
            if target[0][0] != focus.sip.address_of(hop):
                focus.sip.layer.ledger.heard(target[0][0], len(request.data), now)  # whoever asks pays
        tag = "" if leg is not None else focus.tag()
        known = leg.dialog if leg is not None else None
        dialog = known if known is not None else Dialog.as_callee(request, tag)
        event = "refer" if leg is None else f"refer;id={request.cseq}"
        subscription = Subscription(next(self._numbers), dialog, hop, event, now + 60, conference)
        subscription.is_proven = leg is not None or focus.sip.layer.is_proven(key)
        focus.sip.layer.respond(key, 202, "Accepted", now, tag=tag, headers=[focus.contact(conference)])
        tell = self._teller(subscription)
        if method == "BYE":
            self._send_away(conference, uri, tell, now)
            return
        tell(100, "Trying", now)
        secured = leg.secured if leg is not None else conference.name in focus.config.secured_only
        try:
            self._dial_out.invite(conference, uri, now, secured=secured, progress=tell)
        except ValueError:
            tell(404, "Not Found", now)

    def _send_away(self, conference: Conference, uri: str, tell: Callable[[int, str, float], None], now: float) -> None:
        gone = [leg for leg in conference.legs if leg.uri == uri and not leg.over]
        for each in gone:
            self.focus.end(each, Cause(200, "OK", "sent away by another participant"), now)
        tell(200 if gone else 404, "OK" if gone else "Not Found", now)

    def _teller(self, subscription: Subscription) -> Callable[[int, str, float], None]:
        """Tells the referrer each status of the INVITE (RFC 3515 section 2.4.5)."""

        def tell(status: int, phrase: str, now: float) -> None:
            body = f"SIP/2.0 {status} {phrase}\r\n".encode("utf-8", "surrogateescape")
            final = "noresource" if status >= 200 else ""
            if not subscription.dialog.ended:
                self._notify(subscription, "message/sipfrag;version=2.0", body, now, final)

        return tell


def _expires(request: SipMessage) -> int:
    text = (request.header("Expires") or "").strip()
    return min(int(text), MAX_EXPIRES) if text.isascii() and text.isdigit() and len(text) < 10 else DEFAULT_EXPIRES


def _refer_to(request: SipMessage) -> tuple[str, str] | None:
    """URI and method of Refer-To (RFC 3515 section 2.1)."""
    try:
        uri = parse_name_addr(request.header("Refer-To") or "").uri
    except DecodeError:
        return None
    head, _, rest = uri.partition(";method=")
    method, _, others = rest.partition(";")
    uri = head + (f";{others}" if others else "")
    uri = uri.partition("?")[0]
    return (uri, method.upper() or "INVITE") if is_plain_uri(uri) else None
