"""The MRFC invites somebody: TS 23.333 clauses 6.2.10.3.1 and 6.2.19.2.2, RFC 4579 section 5.5.

The ticket, where the stream is to be secured; a termination without Remote (Reserve); INVITE with an offer; once the
answer is there and fits, Configure; ACK at once, since the answer is for us to judge, not for the other side to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dissectors.errors import DecodeError
from dissectors.mikey import decode_base64, encode_key_mgmt, encode_mikey
from dissectors.sip import SipMessage, build_request
from replay.keying import Initiator, KeyingRefused
from replay.keying.kms_client import TICKET_REQUEST
from replay.keying.party import unagreed
from replay.mrfc.conference import Conference
from replay.mrfc.focus import ALLOW, Focus
from replay.mrfc.leg import Cause, Leg, State
from replay.mrfc.resources import Wanted, modify_command
from replay.mrfc.termination import Termination, other_port
from replay.negotiation import MsrpMedia, Refusal, opens_connection, read_answer, remote_end, write_offer
from replay.negotiation.media import CPIM, PLAIN, SECURED
from replay.sip import Dialog, Hop, bare_uri
from replay.sip.dialog import tag_of

Progress = Callable[[int, str, float], None]
"Told status and phrase of what comes to our INVITE, and the time; for whoever asked by REFER."
STALE_PORT = 7394
"Where the lab's UEs take MSRP."
TOO_EARLY = 0.2
"s that a connection is there before the INVITE that it should follow (row GEN-2)."


class DialOut:
    """Legs that begin with our INVITE."""

    def __init__(self, focus: Focus) -> None:
        self.focus = focus
        self._progress: dict[int, Progress] = {}

    def invite(
        self, conference: Conference, uri: str, now: float, *, secured: bool = False, progress: Progress | None = None
    ) -> Leg:
        """Invite a user. ValueError when nobody knows where that user is."""
        focus, config = self.focus, self.focus.config
        if focus.directory.find(uri) is None:
            raise ValueError("no address is known for this user")
        leg = focus.new_leg(conference, uri, dialled_out=True, secured=secured)
        leg.tag = focus.tag()
        leg.origin = focus.origin(now)
        if progress is not None:
            self._progress[leg.number] = progress
        if not focus.gateway.in_service or len(focus.legs) > config.max_legs:
            self._fail(leg, Cause(503, "Service Unavailable", "no MRFP in service"), now)
        elif secured:
            self._agree_on_keys(leg, now)
        else:
            self._reserve(leg, now)
        return leg

    # ------------------------------------------------------------------ the keys

    def _agree_on_keys(self, leg: Leg, now: float) -> None:
        """A ticket from the KMS, or one of our own (flow step 1)."""
        focus, config = self.focus, self.focus.config
        mode = 4 if "DOUT-1a" in config.faults else config.dial_out_mode
        # The KMS user identities derived from To and From of the INVITE (flow step 1).
        own, responder = bare_uri(leg.conference.uri), bare_uri(leg.uri)
        try:
            leg.keying = Initiator(config.party, own, responder, mode=mode, chance=focus.chance)
            question = leg.keying.request(focus.unix(now))
        except KeyingRefused as refusal:
            self._fail(leg, Cause(500, "Server Internal Error", str(refusal)), now)
            return
        if question is None:
            self._reserve(leg, now)
        elif focus.kms is None:
            self._fail(leg, Cause(500, "Server Internal Error", "no KMS to give a ticket"), now)
        else:
            focus.kms.ask(TICKET_REQUEST, question, leg, now)

    def ticket_given(self, leg: Leg, octets: bytes, now: float) -> None:
        """The KMS answered."""
        if leg.state is not State.KEYING or not isinstance(leg.keying, Initiator):
            return
        try:
            leg.keying.take_ticket(octets)
        except KeyingRefused as refusal:
            self._fail(leg, Cause(500, "Server Internal Error", str(refusal)), now)
        else:
            self._reserve(leg, now)

    def no_ticket(self, leg: Leg, why: str, now: float) -> None:
        """The KMS did not answer."""
        if leg.state is State.KEYING:
            self._fail(leg, Cause(503, "Service Unavailable", f"KMS: {why}"), now)

    # ------------------------------------------------------------------ the offer

    def _reserve(self, leg: Leg, now: float) -> None:
        """Reserve IMS resources: our own end only (flow steps 2 to 4)."""
        wanted = Wanted(
            dialled_out=True,
            secured=leg.secured,
            setup="actpass",
            room=leg.conference.uri,
            participant=leg.uri,
        )
        self.focus.reserve(leg, wanted, now)

    def reserved(self, leg: Leg, made: Termination, now: float) -> None:
        """The MRFP gave address, port and path: offer them (flow steps 5 and 6)."""
        focus, faults = self.focus, self.focus.config.faults
        local = MsrpMedia(
            address=made.address,
            port=made.port,
            proto=SECURED if leg.secured else PLAIN,
            setup="actpass",
            path=other_port(made.path) if "SEND-3" in faults else made.path,
            cema="SEND-4" not in faults,
            accept_types=(CPIM,),
            accept_wrapped_types=focus.config.wrapped_types,
            chatroom=("nickname", "private-messages"),
            key_mgmt=self._transfer_init(leg, now) if leg.secured and "DOUT-5" not in faults else "",
        )
        assert leg.origin is not None
        leg.answer = write_offer(leg.origin, leg.conference.name, local)
        leg.local = replace(local, path=made.path)
        if "GEN-2" in faults:
            self._connect_too_early(leg, now)
        else:
            self._send_invite(leg, now)

    # ------------------------------------------------------------------ the row GEN-2

    def _connect_too_early(self, leg: Leg, now: float) -> None:
        """Configure the MRFP as if the answer were there, for the place where the user was in another call."""
        focus = self.focus
        found = focus.directory.find(leg.uri)
        assert found is not None
        assert leg.local is not None
        stale = MsrpMedia(address=found[0][0], port=STALE_PORT, proto=leg.local.proto, setup="", path=(), cema=True)
        wanted = Wanted(dialled_out=True, secured=leg.secured, setup="active", remote=stale)
        command = modify_command(focus.config, wanted, leg.termination, leg.local)
        focus.gateway.request(leg.context_id, command, ("too early", leg), now)

    def connecting(self, leg: Leg, now: float) -> None:
        """The MRFP took it: let the connection come up before the INVITE."""
        self.focus.agenda.put(("invite", leg.number), now + TOO_EARLY)

    def invite_late(self, leg: Leg, now: float) -> None:
        """Now invite."""
        if leg.state is State.RESERVING:
            self._send_invite(leg, now)

    def _transfer_init(self, leg: Leg, now: float) -> str:
        faults = self.focus.config.faults
        assert isinstance(leg.keying, Initiator)
        message = leg.keying.transfer_init(
            self.focus.unix(now),
            named=f"sip:other@{self.focus.config.domain}" if "DOUT-1b" in faults else "",
            crypto_sessions=2 if "DOUT-1c" in faults else 1,
        )
        return encode_key_mgmt(encode_mikey(message)).split(" ", 1)[1]

    def _send_invite(self, leg: Leg, now: float) -> None:
        focus = self.focus
        leg.go(State.INVITING)
        found = focus.directory.find(leg.uri)
        assert found is not None
        call_id = focus.call_id()

        def build(via: str) -> SipMessage:
            headers = [
                ("Via", via),
                ("Max-Forwards", "70"),
                ("From", f"<{leg.conference.uri}>;tag={leg.tag}"),
                ("To", f"<{leg.uri}>"),
                ("Call-ID", call_id),
                ("CSeq", "1 INVITE"),
                focus.contact(leg.conference),
                ("P-Asserted-Identity", f"<{leg.conference.uri}>"),
                ("Allow", ALLOW),
                ("User-Agent", focus.config.name),
                ("Content-Type", "application/sdp"),
            ]
            leg.invite = build_request("INVITE", leg.uri, headers, leg.answer)
            return leg.invite

        on_credit = leg.number in self._progress  # of others: invited for whoever asked by REFER
        leg.invite_key = focus.sip.request(build, found[0], now, transport=found[1], on_credit=on_credit)
        focus.by_invite[leg.invite_key] = leg
        focus.agenda.put(("ring", leg.number), now + focus.config.ring_timeout)

    # ------------------------------------------------------------------ the answer

    def responded(self, leg: Leg, response: SipMessage, hop: Hop, now: float) -> None:
        """A response to our INVITE."""
        focus = self.focus
        if response.status < 200:
            leg.hop = hop
            first, leg.ringing = not leg.ringing, True
            if first and leg.ending is not None and leg.state is State.INVITING:
                focus.cancel(leg, now)
            self._tell(leg, response, now)
            return
        focus.agenda.drop(("ring", leg.number))
        if response.status >= 300:
            self._tell(leg, response, now)
            cause = Cause(response.status, response.reason_phrase or "Refused", "the user was not reached")
            self.failed(leg, cause, now)
            return
        self._accepted(leg, response, hop, now)

    def _accepted(self, leg: Leg, response: SipMessage, hop: Hop, now: float) -> None:
        """A 2xx: acknowledge it, also when it comes again; the first one is the answer."""
        focus = self.focus
        if leg.dialog is not None and response.to_tag != tag_of(leg.dialog.remote):
            return  # another branch of a forked INVITE; without proxies there is none
        first = leg.dialog is None
        if leg.dialog is None:
            if leg.invite is None:
                return
            leg.dialog = Dialog.as_caller(leg.invite, response)
            leg.hop = hop
            leg.is_proven = True
            focus.by_dialog[leg.dialog.key] = leg
        self._acknowledge(leg)
        if not first:
            return
        self._tell(leg, response, now)
        if leg.ending is not None:
            # CANCEL crossed the answer (RFC 3261 section 9.1).
            focus.bye(leg, leg.ending, now)
            return
        try:
            self._configure(leg, response, now)
        except Refusal as refusal:
            self._leave(leg, Cause(488, "Not Acceptable Here", refusal.text), now)
        except KeyingRefused as refusal:
            self._leave(leg, Cause(488, "Not Acceptable Here", str(refusal)), now)
        except DecodeError:
            self._leave(leg, Cause(488, "Not Acceptable Here", "unreadable key management data"), now)

    def _acknowledge(self, leg: Leg) -> None:
        dialog = leg.dialog
        if dialog is None:
            return
        found = self.focus.door.next_hop(dialog, leg.hop)
        if found is not None:
            self.focus.sip.send(lambda via: dialog.request("ACK", via, cseq=1), found[0], hop=leg.hop)

    def _leave(self, leg: Leg, cause: Cause, now: float) -> None:
        leg.go(State.CONFIGURING)
        self.focus.end(leg, cause, now)

    def _configure(self, leg: Leg, response: SipMessage, now: float) -> None:
        """The answer is checked, TRANSFER_RESP before all else, then given to the MRFP (flow steps 9 to 11)."""
        focus, config = self.focus, self.focus.config
        local = leg.local
        assert local is not None
        media = read_answer(response.sdp(), local.proto)
        if leg.secured:
            leg.psk = self._tek(leg, media)
        leg.remote = media
        active = opens_connection("actpass", media.setup, True) or "TCPC-1" in config.faults
        assert leg.hop is not None
        if active and not focus.door.fits(leg.hop, remote_end(media)[0]):
            raise Refusal(399, "the address for MSRP is another one than the answer came from")
        wanted = Wanted(
            dialled_out=True,
            secured=leg.secured,
            setup="active" if active else "passive",
            remote=media,
            psk=leg.psk,
            psk_identity=leg.keying.psk_identity if leg.keying is not None else "",
            request_id=9000 + leg.number,
        )
        command = modify_command(config, wanted, leg.termination, local)
        leg.go(State.CONFIGURING)
        if not focus.gateway.request(leg.context_id, command, ("modify", leg), now):
            focus.end(leg, Cause(503, "Service Unavailable", "no MRFP in service"), now)
            return
        focus.changed(leg.conference, now)

    def _tek(self, leg: Leg, media: MsrpMedia) -> bytes:
        keying, faults = leg.keying, self.focus.config.faults
        if not isinstance(keying, Initiator):
            raise KeyingRefused("no keys were offered")
        if faults & {"DOUT-5", "DOUT-8"}:
            return unagreed(leg.uri)
        if not media.key_mgmt:
            raise KeyingRefused("the answer has no TRANSFER_RESP")
        return keying.finish(decode_base64(media.key_mgmt), unchecked="DOUT-9a" in faults)

    def configured(self, leg: Leg, now: float) -> None:
        """The MRFP took the Modify."""
        if leg.state is State.CONFIGURING:
            leg.go(State.JOINED)

    # ------------------------------------------------------------------ failures

    def ring_timeout(self, leg: Leg, now: float) -> None:
        """Nobody answers."""
        if leg.state is State.INVITING:
            self.focus.end(leg, Cause(408, "Request Timeout", "nobody answered"), now)

    def cancel_timeout(self, leg: Leg, now: float) -> None:
        """Not even CANCEL brought a final response (RFC 3261 section 9.1)."""
        if leg.state is State.INVITING:
            key = leg.invite_key
            if key is not None and len(key) == 2:
                self.focus.sip.layer.abandon(key)
                self.focus.by_invite.pop(key, None)
            self.failed(leg, Cause(408, "Request Timeout", "no final response came"), now)

    def failed(self, leg: Leg, cause: Cause, now: float) -> None:
        """The INVITE came to nothing: a final response, or none at all."""
        leg.ringing = False  # there is nothing left to cancel
        self.focus.agenda.drop(("ring", leg.number))
        self._fail(leg, cause, now)

    def _fail(self, leg: Leg, cause: Cause, now: float) -> None:
        if leg.ending is None:
            self.focus.end(leg, cause, now)
        if leg.state is not State.ENDED:
            self.focus.forget(leg, now)
        progress = self._progress.pop(leg.number, None)
        if progress is not None:
            progress(cause.status, cause.phrase, now)

    def _tell(self, leg: Leg, response: SipMessage, now: float) -> None:
        progress = self._progress.get(leg.number)
        if progress is not None:
            progress(response.status, response.reason_phrase, now)
            if response.status >= 200:
                del self._progress[leg.number]
