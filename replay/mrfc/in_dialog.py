"""Requests of a participant who is in: BYE, and new offers by re-INVITE or UPDATE (RFC 3261 section 14, RFC 3311)."""

from __future__ import annotations

from dissectors.sip import SipMessage
from replay.mrfc.focus import ALLOW, MISPLACED, RELEASED, Focus
from replay.mrfc.leg import Cause, Leg, State
from replay.negotiation import Refusal, read_offer
from replay.sip import Hop, ServerKey
from replay.sip.dialog import target_of


class InDialog:
    """What a participant asks for during a session."""

    def __init__(self, focus: Focus) -> None:
        self.focus = focus

    def left(self, key: ServerKey, leg: Leg, now: float) -> None:
        """BYE: the participant leaves."""
        focus = self.focus
        focus.sip.layer.respond(key, 200, "OK", now)
        if leg.state is State.LEAVING:
            return  # both left at once; the response to our BYE ends the leg
        was_in = leg.joined
        leg.ending = leg.ending or RELEASED
        focus.release(leg, now)
        focus.forget(leg, now)
        if was_in:
            focus.changed(leg.conference, now)

    def offered(self, key: ServerKey, leg: Leg, message: SipMessage, hop: Hop, now: float) -> None:
        """A new offer. The stream stays as it is: an offer that would change it is refused, the session goes on."""
        focus = self.focus
        headers = [focus.contact(leg.conference), ("Allow", ALLOW)]
        if leg.state is not State.JOINED:
            focus.respond(key, Cause(491, "Request Pending"), now)
            return
        if not focus.door.contact_fits(message, hop):
            focus.respond(key, MISPLACED, now)
            return
        if target_of(message) and leg.dialog is not None:
            leg.dialog.remote_target = target_of(message)
        if message.sdp() is None:
            if message.method == "UPDATE":
                focus.sip.layer.respond(key, 200, "OK", now, headers=headers)  # refreshes the target
                return
        else:
            try:
                _, _, media = read_offer(message.sdp())
            except Refusal as refusal:
                focus.respond(key, Cause(488, "Not Acceptable Here", refusal.text, refusal.warning), now)
                return
            known = leg.remote
            if known is None or (media.path, media.proto) != (known.path, known.proto):
                focus.respond(key, Cause(488, "Not Acceptable Here", "the stream cannot be changed", 399), now)
                return
        headers.append(("Content-Type", "application/sdp"))
        focus.sip.layer.respond(key, 200, "OK", now, headers=headers, body=leg.answer)
