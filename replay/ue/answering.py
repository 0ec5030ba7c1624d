"""Being invited as a UE: TS 23.333 clauses 6.2.10.3.1 and 6.2.19.2.2, the UE's side."""

from __future__ import annotations

from dissectors.errors import DecodeError
from dissectors.mikey import decode_base64, encode_key_mgmt, encode_mikey
from dissectors.sip import SipMessage
from replay.events import Note
from replay.keying import KeyingRefused, KmsAnswered, KmsOutcome, Responder
from replay.keying.kms_client import TICKET_RESOLVE
from replay.keying.party import spoil_mac, unagreed
from replay.negotiation import Refusal, answer_setup, read_offer, remote_end, write_answer
from replay.sip import Dialog, Hop, ServerKey, bare_uri
from replay.sip.dialog import Headers
from replay.ue.call import Call, CallState
from replay.ue.config import Behaviour
from replay.ue.ways import Ways

LEFT_TO_OTHERS = "msrp left to others"
"The note of a UE that is in a call whose connection another program is to open."


class Answering:
    """Calls that come to us."""

    def __init__(self, ways: Ways) -> None:
        self.ways = ways

    def invited(self, key: ServerKey, invite: SipMessage, hop: Hop, now: float) -> Call | None:
        """An INVITE; None when it was refused at once."""
        ways, behaviours = self.ways, self.ways.config.behaviours
        layer = ways.sip.layer
        layer.respond(key, 100, "Trying", now)
        tag = ways.tag()
        refusals = {Behaviour.BUSY: (486, "Busy Here"), Behaviour.DECLINES: (603, "Decline")}
        for behaviour, status in refusals.items():
            if behaviour in behaviours:
                layer.respond(key, *status, now, tag=tag)
                return None
        try:
            _, _, media = read_offer(invite.sdp())
            ways.remote_end(media, hop)
            if not ways.door.contact_fits(invite, hop):
                raise Refusal(399, "Contact or Record-Route names another address than this came from")
        except Refusal as refusal:
            warning = ("Warning", f'{refusal.warning} {ways.config.sip[0]} "{refusal.text}"')
            layer.respond(key, 488, "Not Acceptable Here", now, tag=tag, headers=[warning])
            return None
        path = ways.new_path(media.secured)
        conference = bare_uri(Dialog.as_callee(invite, tag).remote.partition("<")[2].partition(">")[0])
        call = Call(conference, media.secured, False, CallState.KEYING, path, tag, invite.call_id)
        call.invite, call.invite_key, call.hop, call.remote = invite, key, hop, media
        layer.respond(key, 180, "Ringing", now, tag=tag, headers=[ways.contact()])
        if media.secured:
            self._agree_on_keys(call, now)
        else:
            self._ring(call, now)
        return call

    # ------------------------------------------------------------------ the keys

    def _agree_on_keys(self, call: Call, now: float) -> None:
        """The ticket is resolved at the KMS, where we cannot open it (flow step 7)."""
        ways, config = self.ways, self.ways.config
        assert call.remote is not None
        if not call.remote.key_mgmt and "DOUT-5" in config.faults:
            self._keyed(call, now)
            return
        if not call.remote.key_mgmt:
            self._refuse_keys(call, "TCP/TLS/MSRP needs a=key-mgmt with a TRANSFER_INIT", now)
            return
        try:
            octets = decode_base64(call.remote.key_mgmt)
            responder = Responder(config.party, bare_uri(config.uri), octets, now=ways.unix(now), chance=ways.chance)
            if not ways.replays.is_new(octets, now):
                raise KeyingRefused("this TRANSFER_INIT was seen before")
            call.keying, call.transfer_init = responder, octets
            question = responder.request(ways.unix(now), spoilt="DOUT-7" in config.faults)
        except DecodeError:
            self._refuse_keys(call, "unreadable key management data", now)
            return
        except KeyingRefused as refusal:
            self._refuse_keys(call, str(refusal), now)
            return
        if question is None:
            self._keyed(call, now)
        elif ways.kms is None:
            self._refuse_keys(call, "no KMS to resolve the ticket", now)
        else:
            ways.kms.ask(TICKET_RESOLVE, question, call, now)

    def kms(self, call: Call, outcome: KmsOutcome, now: float) -> None:
        """The KMS resolved the ticket, or did not."""
        responder = call.keying
        if call.state is not CallState.KEYING or not isinstance(responder, Responder):
            return
        if not isinstance(outcome, KmsAnswered):
            self.ways.replays.forget(call.transfer_init)
            call.ended_by = f"KMS: {outcome.why}"
            headers = [("Reason", f'SIP;cause=503;text="{call.ended_by}"'), ("Retry-After", "30")]
            self.refuse(call, 503, "Service Unavailable", now, headers)
            return
        try:
            responder.take_resolution(outcome.octets)
        except KeyingRefused as refusal:
            if "DOUT-7" not in self.ways.config.faults or not responder.open_ticket():
                self._refuse_keys(call, str(refusal), now)
                return
        self._keyed(call, now)

    def _keyed(self, call: Call, now: float) -> None:
        self._ring(call, now)

    # ------------------------------------------------------------------ the answer

    def _ring(self, call: Call, now: float) -> None:
        call.state = CallState.RINGING
        config = self.ways.config
        if Behaviour.RINGS_FOREVER in config.behaviours:
            return
        if config.answer_after > 0:
            self.ways.agenda.put("answer", now + config.answer_after)
        else:
            self.answer(call, now)

    def answer(self, call: Call, now: float) -> None:
        """200 with our answer, and TRANSFER_RESP where it is secured (flow step 8)."""
        ways, faults = self.ways, self.ways.config.faults
        remote, invite = call.remote, call.invite
        assert remote is not None
        assert invite is not None
        setup = answer_setup(remote.setup, "passive" if "GEN-2" in faults else ways.config.setup)
        key_mgmt = ""
        opens = setup == "active"
        tls_client = opens
        if call.secured and "DOUT-12" in faults:
            opens, tls_client = False, True
        elif call.secured and "DOUT-13" in faults:
            tls_client = False
        elif "CONN-1" in faults:
            opens = False
        call.connection = ways.new_connection(call, opens=opens, tls_client=tls_client)
        if ways.early is not None:
            call.connection.accepted(ways.early, now)
        if call.secured:
            try:
                key_mgmt = self._transfer_resp(call, now)
            except KeyingRefused as refusal:
                self._refuse_keys(call, str(refusal), now)
                return
        media = ways.media(call, setup if remote.setup and "CONN-6" not in faults else "", key_mgmt)
        offer, number, _ = read_offer(invite.sdp())
        call.answer = write_answer(ways.origin(now), "-", media, offer, number)
        call.dialog = Dialog.as_callee(invite, call.tag)
        call.state = CallState.ANSWERED
        headers = [
            ways.contact(),
            ("P-Asserted-Identity", ways.named()),
            ("Allow", ways.allow),
            ("Server", ways.config.name),
            ("Content-Type", "application/sdp"),
        ]
        key = call.invite_key
        if key is not None and len(key) == 3:
            ways.sip.layer.respond(key, 200, "OK", now, tag=call.tag, headers=headers, body=call.answer)

    def _transfer_resp(self, call: Call, now: float) -> str:
        """TRANSFER_RESP for the answer; the key is known then."""
        ways, faults = self.ways, self.ways.config.faults
        responder = call.keying
        if not isinstance(responder, Responder):
            ways.give_key(call, unagreed(ways.config.uri), "unagreed")  # the row DOUT-5
            return ""
        response = responder.finish(ways.unix(now))
        if "DOUT-8" in faults:
            ways.give_key(call, unagreed(ways.config.uri), "unagreed")
            return ""
        ways.give_key(call, responder.tek, responder.psk_identity)
        response = spoil_mac(response) if "DOUT-9a" in faults else response
        return encode_key_mgmt(encode_mikey(response)).split(" ", 1)[1]

    def acknowledged(self, call: Call, now: float) -> None:
        """The ACK: the MRFP is being configured; open the connection if that is ours to do (flow step 12)."""
        call.state = CallState.TALKING
        connection, remote = call.connection, call.remote
        assert connection is not None
        assert remote is not None
        if Behaviour.LEAVES_MSRP in self.ways.config.behaviours:
            self.ways.wishes.append(Note(LEFT_TO_OTHERS))
        elif connection.binds or (call.secured and "DOUT-13" in self.ways.config.faults):
            ways = self.ways
            connection.open(ways.next_connection(), (ways.own_address, 0), remote_end(remote))

    def _refuse_keys(self, call: Call, why: str, now: float) -> None:
        """RFC 4567 section 3.1: a key management that fails refuses the session."""
        if call.transfer_init:
            self.ways.replays.forget(call.transfer_init)
        call.ended_by = why
        warning = ("Warning", f'399 {self.ways.config.sip[0]} "{why}"')
        self.refuse(call, 488, "Not Acceptable Here", now, [warning])

    def refuse(self, call: Call, status: int, phrase: str, now: float, headers: Headers = ()) -> None:
        """A final response other than 2xx."""
        key = call.invite_key
        if key is not None and len(key) == 3:
            self.ways.sip.layer.respond(key, status, phrase, now, tag=call.tag, headers=headers)
        call.state = CallState.OVER
