"""A UE: joins message conferences by its script, or as it is told (TS 23.333 figures, RFC 4975, RFC 7701)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import count

from dissectors.sip import SipMessage
from replay.agenda import Agenda
from replay.events import (
    Accepted,
    Close,
    Congested,
    Connected,
    ConnectFailed,
    Datagram,
    Ended,
    Event,
    Expired,
    Listen,
    Note,
    Received,
    Relieved,
    Secured,
    SecureFailed,
    Wish,
)
from replay.keying import Chance, KmsClient, KmsOutcome, Replays
from replay.sip import Doorkeeper, RequestIn, ResponseIn, SipAgent, SipEvent, SipLayer, TransactionFailed
from replay.ue.answering import Answering
from replay.ue.call import Call, CallState
from replay.ue.calling import Calling
from replay.ue.config import Behaviour, UeConfig
from replay.ue.connection import Link
from replay.ue.ending import Ending, refusal
from replay.ue.msrp_session import Heard, MsrpNews, MsrpSession, ReportHeard, Settled, Tally
from replay.ue.patience import TIMER as PATIENCE
from replay.ue.patience import Patience
from replay.ue.runner import Runner
from replay.ue.script import Action, Leave, Pause, Refer, Say, SendContent, SetNickname, Step, Subscribe
from replay.ue.script import DialIn as DialInAction
from replay.ue.talk import Talk
from replay.ue.ways import Ways

LATE = 1.1
"s from TCP to TLS in the row TLS-4."


class Ue:
    """One UE, in one call at a time; see `replay.events.Core`."""

    def __init__(self, config: UeConfig, chance: Chance = secrets.token_bytes) -> None:
        """`chance` draws random octets; give another one for runs that are to be the same."""
        self.name = config.name
        self.config = config
        self.tally = Tally()
        numbers = count(1)
        layer = SipLayer(config.sip, t1=config.t1, timer=f"{config.name} sip", branch=lambda: chance(8).hex())
        sip = SipAgent(layer, lambda: next(numbers), udp=not config.sip_tcp)
        kms = None
        if config.kms is not None:
            kms = KmsClient(
                config.kms,
                config.sip[0],
                lambda: next(numbers),
                name=config.name,
                host=config.party.kms,
                timeout=config.kms_timeout,
            )
        replays = Replays(2 * config.party.clock_skew)
        door = Doorkeeper(config.admission, config.directory, config.sip, chance, sip.address_of, self._is_inside)
        layer.gate = door
        self.ways = Ways(config, chance, sip, door, kms, Agenda(f"{config.name} ue"), lambda: next(numbers), replays)
        self.calling = Calling(self.ways)
        self.answering = Answering(self.ways)
        self.talk = Talk(self.ways, self.tally)
        self.call: Call | None = None
        self.participants = 0
        "In the conference, as the focus says to those who subscribed."
        self._runner = Runner(config.script, self.ways.agenda)
        self.ending = Ending(self.ways)
        self._patience = Patience(self.ways)

    @property
    def done(self) -> bool:
        """Is the script over, and no call left?"""
        return self._runner.over and (self.call is None or self.call.state is CallState.OVER)

    @property
    def is_out(self) -> bool:
        """Is its call over, whatever the script has left?"""
        return self.call is not None and self.call.state is CallState.OVER

    # ------------------------------------------------------------------ the core

    def start(self, now: float) -> Sequence[Wish]:
        """Listen for SIP and MSRP, and begin with the script."""
        wishes: list[Wish] = [*self.ways.sip.start()]
        if Behaviour.REFUSES_TCP not in self.config.behaviours:
            deaf = Behaviour.IGNORES_TCP in self.config.behaviours
            wishes += [Listen(end, deaf) for end in self.ways.msrp_ends()]
        self._go_on(now)
        return wishes + self._wishes(now)

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        """What to do about an event."""
        ways = self.ways
        if isinstance(event, Expired) and event.timer == ways.agenda.timer:
            self._due(now)
        elif ways.sip.owns(event):
            for each in ways.sip.receive(event, now):
                self._sip(each, now)
        elif ways.kms is not None and ways.kms.owns(event):
            for outcome in ways.kms.receive(event, now):
                self._kms(outcome, now)
        elif not isinstance(event, Datagram | Expired):
            self._connection(event, now)
        self._tell_joined()
        self._go_on(now)
        return self._wishes(now)

    def stop(self, now: float) -> Sequence[Wish]:
        """Leave."""
        self.leave(now)
        return self._wishes(now)

    def _wishes(self, now: float) -> list[Wish]:
        ways = self.ways
        self._patience.watch(self.call, now)
        wishes = ways.sip.take_wishes()
        if ways.kms is not None:
            wishes += ways.kms.take_wishes()
        wishes += ways.wishes
        ways.wishes = []
        connection = self.call.connection if self.call is not None else None
        if connection is not None:
            connection.flush()
            wishes += connection.wishes
            connection.wishes = []
            due = connection.msrp.due() if connection.msrp is not None else None
            if due is not None and "msrp" not in ways.agenda:
                ways.agenda.put("msrp", due)
        return wishes + ways.agenda.wishes()

    # ------------------------------------------------------------------ doing

    def do(self, action: Action, now: float) -> Sequence[Wish]:
        """Do something now, as the script would."""
        self._do(action, now)
        return self._wishes(now)

    def do_next(self, step: Step, now: float) -> Sequence[Wish]:
        """Do something once its time comes, after all that the script has."""
        self._runner.add(step)
        self._go_on(now)
        return self._wishes(now)

    def _do(self, action: Action, now: float) -> None:
        call = self.call
        if isinstance(action, DialInAction):
            if call is not None and call.state is not CallState.OVER:
                raise ValueError("in a call already")
            self.call = self.calling.begin(action.conference, action.secured, now)
        elif isinstance(action, Leave):
            self.leave(now)
        elif isinstance(action, Refer) and call is not None:
            self._in_dialog(call, "REFER", [("Refer-To", f"<{action.uri}>")], now)
        elif isinstance(action, Subscribe) and call is not None:
            self.ways.subscribe(call.conference, now)
        elif isinstance(action, Say | SendContent | SetNickname) and call is not None:
            self.talk.do(call, action, now)

    def leave(self, now: float) -> None:
        """End the call, in whatever state it is."""
        if self.call is not None:
            self.ending.leave(self.call, now)

    def _in_dialog(self, call: Call, method: str, headers: list[tuple[str, str]], now: float) -> None:
        self.ways.in_dialog(call, method, [*headers, self.ways.contact()], now)

    # ------------------------------------------------------------------ the script

    def _go_on(self, now: float) -> None:
        """Do all steps whose time has come."""
        while (step := self._runner.take(now, self._may_begin)) is not None:
            if not isinstance(step.do, Pause):
                self._do(step.do, now)

    def _may_begin(self, step: Step) -> bool:
        """Is there what a step needs?"""
        needs_call = not isinstance(step.do, DialInAction) if step.joined is None else step.joined
        session, call = self._session(), self.call
        if needs_call:
            # A script goes on to its end where the call is over, so that nobody waits for ever.
            if call is not None and call.state is CallState.OVER:
                return True
            # MSRP may work before the 200 is there; leaving then would be to cancel.
            if call is None or call.state is not CallState.TALKING or session is None or not session.bound:
                return False
        if step.settled and session is not None and not session.settled:
            return False
        return self.tally.heard >= step.heard and self.participants >= step.participants

    def _session(self) -> MsrpSession | None:
        call = self.call
        connection = call.connection if call is not None else None
        return connection.msrp if connection is not None and connection.link is Link.UP else None

    def _tell_joined(self) -> None:
        """The call is answered, and its MSRP session works: whichever came last."""
        call, session = self.call, self._session()
        if call is None or call.was_in or call.state is not CallState.TALKING or session is None or not session.bound:
            return
        call.was_in = True
        self.ways.wishes.append(Note("joined", {"secured": int(call.secured)}))

    def _due(self, now: float) -> None:
        for name in self.ways.agenda.take_due(now):
            call = self.call
            if call is None:
                continue
            if name == "answer" and call.state is CallState.RINGING:
                self.answering.answer(call, now)
            elif name == "tls" and call.connection is not None:
                call.connection.secure_now()
            elif name == "msrp":
                session = self._session()
                if session is not None:
                    self._msrp(call, session.expire(now))
            elif name == PATIENCE and self._patience.over is not None:
                self.ending.in_vain(call, self._patience.over, now)

    # ------------------------------------------------------------------ SIP

    def _sip(self, event: SipEvent, now: float) -> None:
        if isinstance(event, RequestIn):
            self._request(event, now)
        elif isinstance(event, ResponseIn):
            self._response(event, now)
        else:
            self._failed(event, now)

    def _is_inside(self, message: SipMessage) -> bool:
        """Is this of our call? Who knows our tag gets what we send."""
        dialog = self.call.dialog if self.call is not None else None
        return dialog is not None and (message.call_id, message.to_tag) == dialog.key

    def _request(self, event: RequestIn, now: float) -> None:
        message, key, layer = event.message, event.key, self.ways.sip.layer
        call = self.call
        ours = call is not None and call.dialog is not None and call.dialog.fits(message)
        if key is None:
            if call is not None and call.state is CallState.ANSWERED and ours:
                self.answering.acknowledged(call, now)
            return
        if message.method == "INVITE" and not message.to_tag:
            if call is not None and call.state is not CallState.OVER:
                layer.respond(key, 486, "Busy Here", now, tag=self.ways.tag())
            else:
                self.call = self.answering.invited(key, message, event.hop, now)
                if self.call is not None and self.call.state is CallState.OVER:
                    self.ending.over(self.call, "refused")
        elif message.method == "CANCEL":
            self._cancel(key[:2], key, now)
        elif message.method == "OPTIONS":
            headers = [("Allow", self.ways.allow), ("Accept", "application/sdp")]
            layer.respond(key, 200, "OK", now, tag=self.ways.tag(), headers=headers)
        elif message.method == "NOTIFY":
            self._notify(message)
            layer.respond(key, 200, "OK", now)
        elif not ours or call is None:
            layer.respond(key, 481, "Call/Transaction Does Not Exist", now, tag=self.ways.tag())
        elif message.method == "BYE":
            layer.respond(key, 200, "OK", now)
            reasons = message.reasons()
            self.ending.over(call, (reasons[0].text if reasons else "") or "the other side left")
        elif message.method in ("INVITE", "UPDATE"):
            headers = [self.ways.contact(), ("Content-Type", "application/sdp")]
            layer.respond(key, 200, "OK", now, headers=headers, body=call.answer)
        else:
            layer.respond(key, 405, "Method Not Allowed", now, headers=[("Allow", self.ways.allow)])

    def _cancel(self, branch: tuple[str, ...], key: tuple[str, str, str], now: float) -> None:
        call, layer = self.call, self.ways.sip.layer
        known = call is not None and not call.we_called and call.invite_key == (*branch, "INVITE")
        if not known or call is None:
            layer.respond(key, 481, "Call/Transaction Does Not Exist", now, tag=self.ways.tag())
            return
        layer.respond(key, 200, "OK", now, tag=call.tag)
        if call.state in (CallState.RINGING, CallState.KEYING):
            self.answering.refuse(call, 487, "Request Terminated", now)
            self.ending.over(call, "cancelled")

    def _notify(self, message: SipMessage) -> None:
        if (message.header("Event") or "").lower().startswith("conference"):
            _, _, rest = message.body.partition(b"<user-count>")
            number = rest.partition(b"<")[0]
            if number.isdigit() and len(number) < 7:
                self.participants = int(number)

    def _response(self, event: ResponseIn, now: float) -> None:
        call, status = self.call, event.message.status
        if call is None:
            return
        if event.key == call.invite_key:
            self.calling.responded(call, event.message, event.hop, now)
            if call.state is CallState.OVER:
                self.ending.over(call, refusal(event.message))
        elif event.key == call.bye_key and status >= 200:
            self.ending.over(call, "left")

    def _failed(self, event: TransactionFailed, now: float) -> None:
        call = self.call
        if call is None:
            return
        if event.key in (call.invite_key, call.bye_key):
            self.ending.over(call, "no response")

    # ------------------------------------------------------------------ KMS and MSRP

    def _kms(self, outcome: KmsOutcome, now: float) -> None:
        call: Call = outcome.topic
        if call.ended_by:
            return
        (self.calling if call.we_called else self.answering).kms(call, outcome, now)
        if call.state is CallState.OVER:
            self.ending.over(call, "keys refused")

    def _connection(self, event: Event, now: float) -> None:
        number = getattr(event, "connection", 0)
        call = self.call
        connection = call.connection if call is not None else None
        if isinstance(event, Accepted):
            if call is None and "GEN-2" in self.config.faults:
                self.ways.early = number
            elif connection is None or connection.link is not Link.NONE or call is None or call.state is CallState.OVER:
                self.ways.wishes.append(Close(number))
            else:
                connection.accepted(number, now)
            return
        if connection is None or connection.number != number or call is None:
            if isinstance(event, Connected):
                self.ways.wishes.append(Close(number))
            return
        if isinstance(event, Connected):
            connection.tcp_up(now)
            if connection.waits:
                self.ways.agenda.put("tls", now + LATE)
        elif isinstance(event, Secured):
            connection.tls_up(now)
        elif isinstance(event, Received) and connection.msrp is not None:
            self._msrp(call, connection.msrp.receive(event.data, now))
        elif isinstance(event, Congested | Relieved) and connection.msrp is not None:
            connection.msrp.paused = isinstance(event, Congested)
            connection.msrp.pump(now)
        elif isinstance(event, ConnectFailed | SecureFailed | Ended):
            self.ending.connection_gone(call, event, now)

    def _msrp(self, call: Call, news: list[MsrpNews]) -> None:
        tally = self.tally
        for each in news:
            if isinstance(each, Heard):
                tally.heard += 1
                tally.octets_heard += each.message.size
                self.talk.keep(each)
            elif isinstance(each, Settled):
                tally.settled[each.message_id] = each.status
                self.talk.answered(each)
            elif isinstance(each, ReportHeard):
                tally.reports[each.message_id] = each.status
