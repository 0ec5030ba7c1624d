"""What all parts of the MRFC share: its configuration, its means to speak, its conferences, and how a leg ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count

from dissectors.h248 import CHOOSE_CONTEXT
from dissectors.sdp import Origin
from dissectors.sip import SipMessage
from replay.agenda import Agenda, Named
from replay.events import Note, Wish
from replay.keying import Chance, KmsClient, Replays
from replay.mrfc.conference import Conference
from replay.mrfc.config import MrfcConfig
from replay.mrfc.gateway import Gateway
from replay.mrfc.leg import Cause, Leg, State
from replay.mrfc.resources import Wanted, add_command, filter_command, subtract_command
from replay.sip import ClientKey, Directory, Doorkeeper, ServerKey, SipAgent, SipLayer, bare_uri
from replay.sip.dialog import Headers, make_cancel

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, SUBSCRIBE, REFER"
_ROOM = re.compile(r"[a-z0-9\-_.!~*'()%+=&$,]{1,64}")
"User part of a conference URI."
NTP_EPOCH = 2_208_988_800
"s from 1900 to 1970."

RELEASED = Cause(200, "OK")
MISPLACED = Cause(403, "Forbidden", "Contact or Record-Route names another address than this came from")


class Focus:
    """The state of one MRFC, and the steps that dialling in and out have in common."""

    def __init__(self, config: MrfcConfig, chance: Chance) -> None:
        self.config = config
        self.chance = chance
        numbers = count(1)
        layer = SipLayer(config.sip, t1=config.t1, timer=f"{config.name} sip", branch=lambda: chance(8).hex())
        self.sip = SipAgent(layer, lambda: next(numbers))
        self.door = Doorkeeper(
            config.admission, config.directory, config.sip, chance, self.sip.address_of, self._is_inside
        )
        layer.gate = self.door
        self.gateway = Gateway(config, chance)
        self.kms: KmsClient | None = None
        if config.kms is not None:
            address = config.sip[0]
            self.kms = KmsClient(
                config.kms,
                address,
                lambda: next(numbers),
                name=config.name,
                host=config.party.kms,
                timeout=config.kms_timeout,
            )
        self.replays = Replays(2 * config.party.clock_skew)
        self.agenda: Agenda[Named] = Agenda(f"{config.name} legs")
        self.conferences: dict[str, Conference] = {}
        "By URI without parameters, in lower case."
        self.legs: dict[int, Leg] = {}
        self.by_dialog: dict[tuple[str, str], Leg] = {}
        "By Call-ID and our tag."
        self.by_invite: dict[ClientKey, Leg] = {}
        "By the transaction of a request of ours that a leg waits for."
        self.wishes: list[Wish] = []
        self.changed: Callable[[Conference, float], None] = lambda conference, now: None
        "Told when somebody came or went."
        self.is_watched: Callable[[tuple[str, str]], bool] = lambda dialog: False
        "Is this a dialog in which we notify?"
        self._numbers = count(1)

    # ------------------------------------------------------------------ names

    @property
    def directory(self) -> Directory:
        return self.config.directory

    def tag(self) -> str:
        """A new tag for From or To."""
        return self.chance(6).hex()

    def call_id(self) -> str:
        return f"{self.chance(16).hex()}@{self.config.sip[0]}"

    def unix(self, now: float) -> float:
        """Seconds since 1970."""
        return now + self.config.clock

    def _is_inside(self, message: SipMessage) -> bool:
        """Is this of a dialog of ours? Who knows our tag gets what we send."""
        dialog = (message.call_id, message.to_tag)
        return bool(message.to_tag) and (dialog in self.by_dialog or self.is_watched(dialog))

    def conference_of(self, uri: str) -> Conference | None:
        """The conference of a URI, made if there is to be one; None for a URI that is none of ours."""
        key = bare_uri(uri)
        known = self.conferences.get(key)
        if known is not None:
            return known
        _, _, rest = key.partition(":")
        user, _, host = rest.rpartition("@")
        rooms = self.config.rooms
        known_room = _ROOM.fullmatch(user) is not None if rooms is None else user in rooms
        if host != self.config.domain.lower() or not known_room:
            return None
        return Conference(f"sip:{user}@{self.config.domain}", user)

    def remember(self, conference: Conference) -> None:
        """Somebody is in it, or about to be."""
        self.conferences[bare_uri(conference.uri)] = conference

    def contact(self, conference: Conference) -> tuple[str, str]:
        """Our Contact as a focus (RFC 4579 section 5.1)."""
        return "Contact", f"<{conference.uri}>;isfocus"

    def origin(self, now: float) -> Origin:
        """A new `o=` line (RFC 8866 section 5.2)."""
        address = self.config.sip[0]
        number = str(int(self.unix(now)) + NTP_EPOCH + next(self._numbers))
        return Origin("mrfc", number, number, "IN", "IP6" if ":" in address else "IP4", address)

    # ------------------------------------------------------------------ legs

    def new_leg(self, conference: Conference, uri: str, *, dialled_out: bool, secured: bool) -> Leg:
        """A leg in its first state."""
        leg = Leg(next(self._numbers), conference, uri, dialled_out, secured)
        self.legs[leg.number] = leg
        conference.legs.append(leg)
        self.remember(conference)
        return leg

    def reserve(self, leg: Leg, wanted: Wanted, now: float) -> None:
        """Ask the MRFP for a termination in the context of the leg's conference."""
        leg.go(State.RESERVING)
        leg.asked = True
        self.agenda.put(("add", leg.number), now + 64 * self.config.t1)
        context = leg.conference.context

        def add() -> None:
            if leg.state is State.ENDED:
                leg.asked = False
                context.refused()
                return
            command = add_command(self.config, wanted)
            number = CHOOSE_CONTEXT if context.number is None else context.number
            if not self.gateway.request(number, command, ("add", leg), now):
                leg.asked = False
                context.refused()
                self.end(leg, Cause(503, "Service Unavailable", "no MRFP in service", retry_after=30), now)

        context.ask(add)

    def set_filter(self, leg: Leg, script: str, now: float) -> None:
        """Have the MRFP filter the messages of a participant in another way (GEN-4)."""
        if leg.termination:
            command = filter_command(self.config, leg.termination, script)
            self.gateway.request(leg.context_id, command, ("filter", leg), now)

    def release(self, leg: Leg, now: float) -> None:
        """Give the termination back; one that is only asked for goes when it comes."""
        self.agenda.drop(("add", leg.number))
        if leg.termination:
            context = leg.conference.context
            context.subtracting(leg.termination)
            command = subtract_command(leg.termination)
            leg.termination = ""
            if not self.gateway.request(leg.context_id, command, ("subtract", leg), now):
                context.subtracted()

    def end(self, leg: Leg, cause: Cause, now: float) -> None:
        """End a leg in whatever state it is: with a response, a CANCEL, or a BYE that says why."""
        if leg.over or leg.ending is not None:
            return
        leg.ending = cause
        was_in = leg.joined
        if self.kms is not None and leg.state is State.KEYING:
            self.kms.forget(leg)
        if leg.state in (State.KEYING, State.RESERVING):
            if leg.invite_key is not None and not leg.dialled_out:
                self.refuse(leg, cause, now)
            self.forget(leg, now)
        elif leg.state is State.INVITING:
            # CANCEL only once something came (RFC 3261 section 9.1); a 2xx that comes first is ended by BYE.
            if leg.ringing:
                self.cancel(leg, now)
        elif leg.state in (State.JOINED, State.CONFIGURING):
            self.bye(leg, cause, now)
        # ANSWERED: no BYE before the ACK (section 15); `leg.ending` says so when it comes.
        self.release(leg, now)
        self.wishes.append(Note("leg ends", {"leg": leg.number, "status": cause.status, "why": cause.text}))
        if was_in:
            self.changed(leg.conference, now)

    def refuse(self, leg: Leg, cause: Cause, now: float) -> None:
        """A final response to the INVITE of somebody who dials in."""
        key = leg.invite_key
        if key is not None and len(key) == 3:
            self.respond(key, cause, now, tag=leg.tag)

    def respond(self, key: ServerKey, cause: Cause, now: float, *, tag: str = "", headers: Headers = ()) -> None:
        """A response that refuses a request."""
        made = list(headers)
        if cause.warning:
            made.append(("Warning", f'{cause.warning} {self.config.sip[0]}:{self.config.sip[1]} "{cause.text}"'))
        elif cause.text:
            made.append(("Reason", cause.reason))
        if cause.retry_after:
            made.append(("Retry-After", str(cause.retry_after)))
        self.sip.layer.respond(key, cause.status, cause.phrase, now, tag=tag or self.tag(), headers=made)

    def cancel(self, leg: Leg, now: float) -> None:
        """CANCEL our INVITE (RFC 3261 section 9.1); its final response ends the leg."""
        if leg.invite is None or leg.hop is None:
            return  # nothing was sent
        self.sip.layer.request(make_cancel(leg.invite), leg.hop, now)
        self.agenda.put(("cancel", leg.number), now + 64 * self.config.t1)

    def bye(self, leg: Leg, cause: Cause, now: float) -> None:
        """BYE with a Reason header (RFC 3326)."""
        dialog = leg.dialog
        leg.go(State.LEAVING)
        target = None if dialog is None else self.door.next_hop(dialog, leg.hop)
        if dialog is None or target is None:
            self.forget(leg, now)
            return
        headers = [("Reason", cause.reason)] if cause is not RELEASED else []
        number = dialog.next_cseq()
        key = self.sip.request(
            lambda via: dialog.request("BYE", via, headers, cseq=number),
            target[0],
            now,
            transport=target[1],
            hop=leg.hop,
            on_credit=not leg.is_proven,
        )
        self.by_invite[key] = leg

    def forget(self, leg: Leg, now: float) -> None:
        """Nothing more is to come of a leg; the last one takes its conference with it."""
        if leg.state is not State.ENDED:
            leg.go(State.ENDED)
        self.agenda.drop(("add", leg.number))
        self.agenda.drop(("invite", leg.number))
        self.agenda.drop(("ring", leg.number))
        self.agenda.drop(("cancel", leg.number))
        self.legs.pop(leg.number, None)
        if leg.dialled_out and leg.invite_key is not None and len(leg.invite_key) == 2:
            self.by_invite.pop(leg.invite_key, None)
        if leg.dialog is not None:
            self.by_dialog.pop(leg.dialog.key, None)
        conference = leg.conference
        if leg in conference.legs:
            conference.legs.remove(leg)
        self.drop_empty(conference)

    def drop_empty(self, conference: Conference) -> None:
        """A conference with nobody in it goes, once its context is gone too."""
        context = conference.context
        busy = conference.legs or conference.watchers
        if not busy and not context.closing and not context.choosing and not context.waiting:
            key = bare_uri(conference.uri)
            if self.conferences.get(key) is conference:
                del self.conferences[key]
