"""The MRFC: a conference focus over SIP, which controls an MRFP over H.248 (TS 23.333, RFC 4579)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from dissectors.h248.model import ObservedEvent
from dissectors.sip import SipMessage
from replay.agenda import Named
from replay.events import Accepted, Close, Connected, Event, Expired, Note, Wish
from replay.keying import Chance, KmsAnswered, KmsOutcome
from replay.mrfc.conference import Conference
from replay.mrfc.config import MrfcConfig
from replay.mrfc.dial_in import DialIn
from replay.mrfc.dial_out import DialOut
from replay.mrfc.focus import ALLOW, MISPLACED, Focus
from replay.mrfc.gateway import GatewayNews, Gone, Notified, Reply, TerminationGone
from replay.mrfc.in_dialog import InDialog
from replay.mrfc.leg import Cause, Leg, State
from replay.mrfc.subscriptions import Subscriptions
from replay.mrfc.termination import read_termination
from replay.sip import RequestIn, ResponseIn, ServerKey, SipEvent, TransactionFailed

SUPPORTED: frozenset[str] = frozenset()
"Option tags (RFC 3261 section 19.2) that a request may require."


class Mrfc:
    """One MRFC; see `replay.events.Core`."""

    def __init__(self, config: MrfcConfig, chance: Chance = secrets.token_bytes) -> None:
        """`chance` draws random octets; give another one for runs that are to be the same."""
        self.name = config.name
        self.config = config
        self.focus = Focus(config, chance)
        self.dial_in = DialIn(self.focus)
        self.dial_out = DialOut(self.focus)
        self.in_dialog = InDialog(self.focus)
        self.subscriptions = Subscriptions(self.focus, self.dial_out)

    @property
    def in_use(self) -> Mapping[str, int]:
        """What is held for participants."""
        return {"calls": len(self.focus.legs), "conferences": len(self.focus.conferences)}

    # ------------------------------------------------------------------ the core

    def start(self, now: float) -> Sequence[Wish]:
        """Listen for SIP and H.248 over TCP; datagrams are taken at the same places."""
        return [*self.focus.sip.start(), *self.focus.gateway.start(now)]

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        """What to do about an event."""
        focus = self.focus
        if isinstance(event, Expired) and event.timer == focus.agenda.timer:
            for name in focus.agenda.take_due(now):
                self._due(name, now)
        elif focus.sip.owns(event):
            for each in focus.sip.receive(event, now):
                self._sip(each, now)
        elif focus.kms is not None and focus.kms.owns(event):
            for outcome in focus.kms.receive(event, now):
                self._kms(outcome, now)
        elif isinstance(event, Connected) or (isinstance(event, Accepted) and event.local != self.config.h248):
            focus.wishes.append(Close(event.connection))
        else:
            for news in focus.gateway.receive(event, now):
                self._gateway(news, now)
        return self._wishes()

    def stop(self, now: float) -> Sequence[Wish]:
        """BYE to everybody, and give the terminations back."""
        for leg in list(self.focus.legs.values()):
            self.focus.end(leg, Cause(503, "Service Unavailable", "the conference server stops"), now)
        return self._wishes()

    def _wishes(self) -> list[Wish]:
        focus = self.focus
        wishes = focus.sip.take_wishes() + focus.gateway.take_wishes()
        if focus.kms is not None:
            wishes += focus.kms.take_wishes()
        wishes += focus.wishes
        focus.wishes = []
        return wishes + focus.agenda.wishes()

    # ------------------------------------------------------------------ commands of an operator

    def invite(self, conference_uri: str, uri: str, now: float, *, secured: bool = False) -> Sequence[Wish]:
        """Invite a user into a conference. ValueError for a URI that is no conference, or a user nobody can reach."""
        conference = self.focus.conference_of(conference_uri)
        if conference is None:
            raise ValueError("not a conference of this MRFC")
        self.dial_out.invite(conference, uri, now, secured=secured)
        return self._wishes()

    def set_filter(self, conference_uri: str, script: str, now: float) -> Sequence[Wish]:
        """Have the MRFP filter the messages of all who are in a conference (GEN-4)."""
        conference = self.focus.conference_of(conference_uri)
        for leg in conference.legs if conference is not None else ():
            self.focus.set_filter(leg, script, now)
        return self._wishes()

    # ------------------------------------------------------------------ SIP

    def _sip(self, event: SipEvent, now: float) -> None:
        if isinstance(event, RequestIn):
            self._request(event, now)
        elif isinstance(event, ResponseIn):
            self._response(event, now)
        else:
            self._transaction_failed(event, now)

    def _request(self, event: RequestIn, now: float) -> None:
        message, key = event.message, event.key
        if key is None:
            leg = self._leg_of(message)
            if leg is not None:
                leg.is_proven = True
                self.dial_in.acknowledged(leg, now)
            return
        if message.method == "CANCEL":
            self._cancel(key, now)
            return
        unsupported = [tag for tag in message.header_list("Require") if tag.lower() not in SUPPORTED]
        if unsupported:
            headers = [("Unsupported", ", ".join(unsupported))]
            self.focus.respond(key, Cause(420, "Bad Extension"), now, headers=headers)
            return
        if message.to_tag:
            self._inside(key, event, now)
            return
        self._outside(key, event, now)

    def _outside(self, key: ServerKey, event: RequestIn, now: float) -> None:
        """A request that begins something."""
        message, focus = event.message, self.focus
        conference = focus.conference_of(message.request_uri)
        if message.method == "OPTIONS":
            self._options(key, message, conference, now)
        elif message.method not in ("INVITE", "SUBSCRIBE", "REFER"):
            known = message.method in ("BYE", "UPDATE", "PRACK", "NOTIFY", "INFO", "MESSAGE", "PUBLISH", "REGISTER")
            if message.method in ("BYE", "UPDATE", "NOTIFY"):
                focus.respond(key, Cause(481, "Call/Transaction Does Not Exist"), now)
            else:
                status = (405, "Method Not Allowed") if known else (501, "Not Implemented")
                focus.respond(key, Cause(*status), now, headers=[("Allow", ALLOW)])
        elif conference is None:
            focus.respond(key, Cause(404, "Not Found", "no such conference"), now)
        elif not focus.door.contact_fits(message, event.hop):
            focus.respond(key, MISPLACED, now)
        elif message.method == "INVITE":
            self.dial_in.invited(key, message, event.hop, conference, now)
        elif message.method == "SUBSCRIBE":
            self.subscriptions.subscribe(key, message, event.hop, conference, now)
        else:
            self.subscriptions.refer(key, message, event.hop, conference, None, now)

    def _options(self, key: ServerKey, message: SipMessage, conference: Conference | None, now: float) -> None:
        """What we can (RFC 3261 section 11); the state of our INVITE side does not matter."""
        headers = [("Allow", ALLOW), ("Accept", "application/sdp"), ("Allow-Events", "conference")]
        if conference is not None:
            headers.append(self.focus.contact(conference))
        elif "@" in message.request_uri:
            self.focus.respond(key, Cause(404, "Not Found"), now)
            return
        self.focus.sip.layer.respond(key, 200, "OK", now, tag=self.focus.tag(), headers=headers)

    def _inside(self, key: ServerKey, event: RequestIn, now: float) -> None:
        """A request inside a dialog."""
        message, focus = event.message, self.focus
        leg = self._leg_of(message)
        if leg is None or leg.dialog is None:
            if message.method != "SUBSCRIBE" or not self.subscriptions.refresh(key, message, now):
                focus.respond(key, Cause(481, "Call/Transaction Does Not Exist"), now)
            return
        leg.is_proven = True
        if not leg.dialog.fits(message):
            focus.respond(key, Cause(500, "Server Internal Error", "CSeq out of order"), now)
        elif message.method == "BYE":
            self.in_dialog.left(key, leg, now)
        elif message.method in ("INVITE", "UPDATE"):
            self.in_dialog.offered(key, leg, message, event.hop, now)
        elif message.method == "REFER":
            self.subscriptions.refer(key, message, event.hop, leg.conference, leg, now)
        elif message.method == "OPTIONS":
            self._options(key, message, leg.conference, now)
        else:
            focus.respond(key, Cause(405, "Method Not Allowed"), now, headers=[("Allow", ALLOW)])

    def _leg_of(self, message: SipMessage) -> Leg | None:
        return self.focus.by_dialog.get((message.call_id, message.to_tag))

    def _cancel(self, key: ServerKey, now: float) -> None:
        """CANCEL has the branch of the INVITE that it is for (RFC 3261 section 9.2)."""
        focus = self.focus
        invite = (key[0], key[1], "INVITE")
        leg = next((leg for leg in focus.legs.values() if leg.invite_key == invite and not leg.dialled_out), None)
        if leg is None:
            focus.respond(key, Cause(481, "Call/Transaction Does Not Exist"), now)
            return
        focus.sip.layer.respond(key, 200, "OK", now, tag=leg.tag)
        self.dial_in.cancelled(leg, now)

    def _response(self, event: ResponseIn, now: float) -> None:
        status = event.message.status
        if self.subscriptions.responded(event.key, status, now):
            return
        leg = self.focus.by_invite.get(event.key)
        if leg is None:
            return
        if event.key[1] == "INVITE":
            self.dial_out.responded(leg, event.message, event.hop, now)
            if status >= 300:
                self.focus.by_invite.pop(event.key, None)
        elif status >= 200:
            del self.focus.by_invite[event.key]
            self.focus.forget(leg, now)

    def _transaction_failed(self, event: TransactionFailed, now: float) -> None:
        key = event.key
        if len(key) == 3:
            request = event.message
            if request is not None and key[2] == "INVITE":
                leg = next((leg for leg in self.focus.legs.values() if leg.invite_key == key), None)
                if leg is not None:
                    self.dial_in.not_acknowledged(leg, now)
            return
        if self.subscriptions.responded(key, 408, now):
            return
        leg = self.focus.by_invite.pop(key, None)
        if leg is None:
            return
        if key[1] == "INVITE":
            if leg.state is State.INVITING:
                self.dial_out.failed(leg, Cause(408, "Request Timeout", "no response came"), now)
        else:
            self.focus.forget(leg, now)

    # ------------------------------------------------------------------ KMS, MRFP, timers

    def _kms(self, outcome: KmsOutcome, now: float) -> None:
        leg: Leg = outcome.topic
        if isinstance(outcome, KmsAnswered):
            (self.dial_out.ticket_given if leg.dialled_out else self.dial_in.resolved)(leg, outcome.octets, now)
        else:
            (self.dial_out.no_ticket if leg.dialled_out else self.dial_in.unresolved)(leg, outcome.why, now)

    def _gateway(self, news: GatewayNews, now: float) -> None:
        if isinstance(news, Reply):
            kind, leg = news.topic
            if kind == "add":
                self._added(leg, news, now)
            elif kind == "subtract":
                self._subtracted(leg, news, now)
            elif news.error is not None and kind == "modify":
                self.focus.end(leg, _cause_of(news), now)
            elif kind == "modify":
                self.dial_out.configured(leg, now)
            elif kind == "too early":
                self.dial_out.connecting(leg, now)
        elif isinstance(news, Notified):
            self._notified(news.termination, news.event, now)
        elif isinstance(news, TerminationGone):
            self._end_termination(news.termination, Cause(503, "Service Unavailable", "MRFP withdrew its end"), now)
        elif isinstance(news, Gone):
            self._mrfp_gone(news.why, now)

    def _added(self, leg: Leg, news: Reply, now: float) -> None:
        focus, context = self.focus, leg.conference.context
        leg.asked = False
        focus.agenda.drop(("add", leg.number))
        made = read_termination(news.command)
        if news.command is not None and news.error is None and news.command.termination_ids:
            leg.context_id, leg.termination = news.context_id, news.command.termination_ids[0]
            context.added(news.context_id, leg.termination)
        else:
            context.refused()
        if leg.state is State.ENDED:
            focus.release(leg, now)
            focus.drop_empty(leg.conference)
        elif news.error is not None:
            focus.end(leg, _cause_of(news), now)
        elif made is None:
            focus.end(leg, Cause(500, "Server Internal Error", "MRFP gave no address and path"), now)
        else:
            (self.dial_out.reserved if leg.dialled_out else self.dial_in.reserved)(leg, made, now)

    def _subtracted(self, leg: Leg, news: Reply, now: float) -> None:
        context = leg.conference.context
        for each in (news.command.statistics or []) if news.command is not None else []:
            if each.values and each.values[0].isascii() and each.values[0].isdigit() and len(each.values[0]) <= 20:
                leg.statistics[each.name.lower()] = int(each.values[0])
        self.focus.wishes.append(Note("leg released", {"leg": leg.number, **leg.statistics}))
        context.subtracted()
        self.focus.drop_empty(leg.conference)

    def _notified(self, termination: str, event: ObservedEvent, now: float) -> None:
        names = self.config.names
        what = {names.tcp_event.lower(): "TCP connection", names.tls_event.lower(): "TLS session"}
        found = what.get(event.name.lower())
        values = [value.lower() for each in event.parameters if each.name.lower() == "type" for value in each.values]
        if found is not None and names.failed in values:
            self._end_termination(termination, Cause(500, "Server Internal Error", f"{found} was not set up"), now)
        elif event.name.lower() == "g/cause":
            self._end_termination(termination, Cause(500, "Server Internal Error", "bearer released"), now)

    def _end_termination(self, termination: str, cause: Cause, now: float) -> None:
        named = termination.lower()
        for leg in [leg for leg in self.focus.legs.values() if leg.termination.lower() == named]:
            self.focus.end(leg, cause, now)

    def _mrfp_gone(self, why: str, now: float) -> None:
        """All terminations are lost: the legs end with a reason, and none stays half open."""
        for conference in list(self.focus.conferences.values()):
            conference.context.lost()
            for leg in list(conference.legs):
                leg.termination = ""
                self.focus.end(leg, Cause(503, "Service Unavailable", f"MRFP lost: {why}", retry_after=10), now)
            self.focus.drop_empty(conference)

    def _due(self, name: Named, now: float) -> None:
        kind, which = name
        if kind == "subscription":
            self.subscriptions.expired(which, now)
            return
        leg = self.focus.legs.get(which)
        if leg is None:
            return
        if kind == "invite":
            self.dial_out.invite_late(leg, now)
        elif kind == "ring":
            self.dial_out.ring_timeout(leg, now)
        elif kind == "cancel":
            self.dial_out.cancel_timeout(leg, now)
        elif kind == "add" and leg.state is State.RESERVING:
            self.focus.end(leg, Cause(503, "Service Unavailable", "MRFP does not answer", retry_after=10), now)


def _cause_of(reply: Reply) -> Cause:
    """The SIP status for an H.248 error (H.248.8): lacking resources may pass, other errors are ours."""
    code = reply.error.code if reply.error is not None else 0
    if code in (412, 430, 431, 432, 433, 434, 510, 512, 0):
        return Cause(503, "Service Unavailable", f"MRFP error {code}" if code else "MRFP lost", retry_after=30)
    return Cause(500, "Server Internal Error", f"MRFP error {code}")
