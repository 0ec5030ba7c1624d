"""Somebody dials in: TS 23.333 clauses 6.2.20.1 and 6.2.19.2.1, RFC 4579 section 5.2.

INVITE with an offer; where it is secured, the ticket is resolved; the MRFP is asked for a termination (Reserve And
Configure); 200 with the answer; ACK.
"""

from __future__ import annotations

from dataclasses import replace

from dissectors.errors import DecodeError
from dissectors.mikey import ProtType, decode_base64, encode_key_mgmt, encode_mikey
from dissectors.sip import SipMessage, parse_name_addr
from replay.keying import KeyingRefused, Responder
from replay.keying.kms_client import TICKET_RESOLVE
from replay.keying.party import not_by_chance, spoil_mac, unagreed
from replay.mrfc.conference import Conference
from replay.mrfc.config import MrfcConfig
from replay.mrfc.focus import ALLOW, Focus
from replay.mrfc.leg import Cause, Leg, State
from replay.mrfc.resources import Wanted
from replay.mrfc.termination import Termination, other_port
from replay.negotiation import MsrpMedia, Refusal, answer_setup, read_offer, remote_end, write_answer
from replay.negotiation.media import CPIM
from replay.sip import Dialog, Hop, ServerKey
from replay.sip.agent import SYNS
from replay.sip.dialog import is_plain_uri

NOT_ACCEPTABLE = "Not Acceptable Here"


class DialIn:
    """Legs that begin with an INVITE to us."""

    def __init__(self, focus: Focus) -> None:
        self.focus = focus

    # ------------------------------------------------------------------ the offer

    def invited(self, key: ServerKey, invite: SipMessage, hop: Hop, conference: Conference, now: float) -> None:
        """An INVITE outside a dialog, to a conference of ours."""
        focus, config = self.focus, self.focus.config
        focus.sip.layer.respond(key, 100, "Trying", now)
        if len(conference.legs) >= config.max_participants:
            focus.respond(key, Cause(486, "Busy Here", "the conference is full"), now)
            return
        if not focus.gateway.in_service or len(focus.legs) >= config.max_legs:
            focus.respond(key, Cause(503, "Service Unavailable", "no MRFP in service", retry_after=30), now)
            return
        try:
            offer, number, media = read_offer(invite.sdp())
            check_offer(media, config, conference)
            self._check_place(media, hop)
        except Refusal as refusal:
            focus.respond(key, Cause(488, NOT_ACCEPTABLE, refusal.text, refusal.warning), now)
            return
        who = caller_of(invite)
        leg = focus.new_leg(conference, who[1], dialled_out=False, secured=media.secured)
        leg.display_name = who[0]
        leg.tag = focus.tag()
        leg.invite_key, leg.invite, leg.hop = key, invite, hop
        leg.is_proven = focus.sip.layer.is_proven(key)
        leg.offer, leg.offer_number, leg.remote = offer, number, media
        leg.origin = focus.origin(now)
        if media.secured and not media.key_mgmt:
            leg.psk = unagreed(leg.uri)  # the row DIN-1a
            self._reserve(leg, now)
        elif media.secured:
            self._agree_on_keys(leg, media, now)
        else:
            self._reserve(leg, now)

    def _check_place(self, media: MsrpMedia, hop: Hop) -> None:
        """Raises Refusal when we would connect to somebody who did not ask for it."""
        if answer_setup(media.setup) == "active" and not self.focus.door.fits(hop, remote_end(media)[0]):
            raise Refusal(399, "the address for MSRP is another one than this came from")

    # ------------------------------------------------------------------ the keys

    def _agree_on_keys(self, leg: Leg, media: MsrpMedia, now: float) -> None:
        """TRANSFER_INIT is read and checked, and its ticket resolved where we cannot open it (flow step 3)."""
        focus, config = self.focus, self.focus.config
        unix = focus.unix(now)
        try:
            octets = decode_base64(media.key_mgmt)
            party = replace(config.party, prot_type=ProtType.SRTP) if "DIN-1c" in config.faults else config.party
            chance = not_by_chance if "MRFP-TLS-2" in config.faults else focus.chance
            responder = Responder(party, leg.conference.uri, octets, now=unix, chance=chance)
            if not focus.replays.is_new(octets, now):
                raise KeyingRefused("this TRANSFER_INIT was seen before")
            leg.keying, leg.transfer_init = responder, octets
            question = responder.request(unix, spoilt="DIN-3b" in config.faults)
        except DecodeError:
            self._refuse_keys(leg, "unreadable key management data", now)
        except KeyingRefused as refusal:
            self._refuse_keys(leg, str(refusal), now)
        else:
            if question is None:
                self._keyed(leg, now)
            elif focus.kms is None:
                self._refuse_keys(leg, "no KMS to resolve the ticket", now)
            else:
                focus.kms.ask(TICKET_RESOLVE, question, leg, now)

    def resolved(self, leg: Leg, octets: bytes, now: float) -> None:
        """The KMS answered."""
        responder = leg.keying
        if leg.state is not State.KEYING or not isinstance(responder, Responder):
            return
        try:
            responder.take_resolution(octets)
        except KeyingRefused as refusal:
            if "DIN-3b" not in self.focus.config.faults or not responder.open_ticket():
                self._refuse_keys(leg, str(refusal), now)
                return
        self._keyed(leg, now)

    def unresolved(self, leg: Leg, why: str, now: float) -> None:
        """The KMS did not answer: whether the ticket is good is not known."""
        if leg.state is State.KEYING:
            self.focus.replays.forget(leg.transfer_init)
            self.focus.end(leg, Cause(503, "Service Unavailable", f"KMS: {why}", retry_after=30), now)

    def _keyed(self, leg: Leg, now: float) -> None:
        """The keys are there: make TRANSFER_RESP, which completes the TEK."""
        responder, faults = leg.keying, self.focus.config.faults
        assert isinstance(responder, Responder)
        try:
            response = responder.finish(self.focus.unix(now), unchecked="DIN-3a" in faults)
        except KeyingRefused as refusal:
            self._refuse_keys(leg, str(refusal), now)
            return
        if "DIN-10b" in faults:
            response = spoil_mac(response)
        leg.psk = unagreed(leg.uri) if faults & {"DIN-9", "DIN-10a"} else responder.tek
        leg.transfer_resp = encode_key_mgmt(encode_mikey(response)).split(" ", 1)[1]
        self._reserve(leg, now)

    def _refuse_keys(self, leg: Leg, text: str, now: float) -> None:
        """RFC 4567 section 3.1: a key management that fails refuses the session."""
        if leg.transfer_init:
            self.focus.replays.forget(leg.transfer_init)
        self.focus.end(leg, Cause(488, NOT_ACCEPTABLE, text, 399), now)

    # ------------------------------------------------------------------ the termination

    def _reserve(self, leg: Leg, now: float) -> None:
        """Reserve And Configure IMS resources (flow steps 2 to 4, and 4 to 6)."""
        assert leg.remote is not None
        if not self._may_be_connected_to(leg, now):
            self.focus.end(leg, Cause(503, "Service Unavailable", "this address does not answer", retry_after=30), now)
            return
        wanted = Wanted(
            dialled_out=False,
            secured=leg.secured,
            setup=answer_setup(leg.remote.setup),
            remote=leg.remote,
            psk=leg.psk,
            psk_identity=leg.keying.psk_identity if leg.keying is not None else "",
            room=leg.conference.uri,
            participant=leg.uri,
            request_id=9000 + leg.number,
        )
        self.focus.reserve(leg, wanted, now)

    def _may_be_connected_to(self, leg: Leg, now: float) -> bool:
        """The SYNs of the MRFP count as well, where nobody showed that the participant is there."""
        assert leg.remote is not None
        assert leg.hop is not None
        if leg.is_proven or answer_setup(leg.remote.setup) != "active":
            return True
        return self.focus.sip.layer.ledger.spend(self.focus.sip.address_of(leg.hop), SYNS, now)

    def reserved(self, leg: Leg, made: Termination, now: float) -> None:
        """The MRFP gave address, port and path: answer with them (flow steps 6 and 7, 9 and 10)."""
        focus, faults = self.focus, self.focus.config.faults
        remote, invite, offer = leg.remote, leg.invite, leg.offer
        assert remote is not None
        assert invite is not None
        assert offer is not None
        assert leg.origin is not None
        local = MsrpMedia(
            address=made.address,
            port=made.port,
            proto=remote.proto,
            setup=answer_setup(remote.setup),
            path=made.path,
            cema=remote.cema and "OFFER-6" not in faults,
            accept_types=(CPIM,),
            accept_wrapped_types=focus.config.wrapped_types,
            chatroom=("nickname", "private-messages"),
            key_mgmt="" if "DIN-9" in faults else leg.transfer_resp,
        )
        if not remote.setup:
            local = replace(local, setup="")  # the RFC 4975 model: the offerer connects
        if "OFFER-5" in faults:
            local = replace(local, path=other_port(made.path))
        if "TCP-6" in faults and not leg.secured:
            local = replace(local, port=made.port + 1)
        if "TRANS-1" in faults:
            local = replace(local, proto="SCTP/TLS/MSRP")
        leg.local = local
        leg.answer = write_answer(leg.origin, leg.conference.name, local, offer, leg.offer_number)
        self._answer(leg, now)

    def _answer(self, leg: Leg, now: float) -> None:
        focus, faults = self.focus, self.focus.config.faults
        invite = leg.invite
        assert invite is not None
        assert leg.invite_key is not None
        assert len(leg.invite_key) == 3
        leg.dialog = Dialog.as_callee(invite, leg.tag)
        focus.by_dialog[leg.dialog.key] = leg
        leg.go(State.ANSWERED)
        headers = [focus.contact(leg.conference), ("Allow", ALLOW), ("Server", focus.config.name)]
        headers.append(("P-Asserted-Identity", f"<{leg.conference.uri}>"))
        body = leg.answer
        if ("DIN-10a" if leg.secured else "TCP-7") in faults:
            body = b""
        if body:
            headers.append(("Content-Type", "application/sdp"))
        focus.sip.layer.respond(leg.invite_key, 200, "OK", now, tag=leg.tag, headers=headers, body=body)
        focus.changed(leg.conference, now)

    # ------------------------------------------------------------------ afterwards

    def acknowledged(self, leg: Leg, now: float) -> None:
        """The ACK to our 200."""
        if leg.state is State.ANSWERED:
            self._answered(leg, now)

    def not_acknowledged(self, leg: Leg, now: float) -> None:
        """No ACK in time: the session ends (RFC 3261 section 13.3.1.4)."""
        if leg.state is not State.ANSWERED:
            return
        if leg.ending is None:
            self.focus.end(leg, Cause(408, "Request Timeout", "no ACK came"), now)
        self._answered(leg, now)

    def _answered(self, leg: Leg, now: float) -> None:
        if leg.ending is None:
            leg.go(State.JOINED)
            if "GEN-4" in self.focus.config.faults:
                self.focus.set_filter(leg, "keep;", now)
        else:
            self.focus.bye(leg, leg.ending, now)

    def cancelled(self, leg: Leg, now: float) -> None:
        """CANCEL came before our final response (RFC 3261 section 9.2)."""
        if leg.state in (State.KEYING, State.RESERVING):
            self.focus.end(leg, Cause(487, "Request Terminated"), now)


def check_offer(media: MsrpMedia, config: MrfcConfig, conference: Conference) -> None:
    """Raises Refusal when the stream of an offer cannot be had here."""
    if not media.takes_cpim:
        raise Refusal(305, "a conference needs message/cpim")
    if conference.name in config.secured_only and not media.secured:
        raise Refusal(399, "this conference needs TCP/TLS/MSRP with end-to-end security")
    if media.secured and not media.key_mgmt and "DIN-1a" not in config.faults:
        raise Refusal(306, "TCP/TLS/MSRP needs a=key-mgmt with a TRANSFER_INIT")
    remote_end(media)


def caller_of(invite: SipMessage) -> tuple[str, str]:
    """Display name and URI of who calls: asserted by the network (RFC 3325), else by From."""
    for value in (*invite.header_list("P-Asserted-Identity"), invite.header("From") or ""):
        try:
            named = parse_name_addr(value)
        except DecodeError:
            continue
        if is_plain_uri(named.uri):
            return named.display_name, named.uri
    return "", "sip:anonymous@anonymous.invalid"
