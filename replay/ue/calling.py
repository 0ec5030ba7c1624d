"""Dialling in as a UE: TS 23.333 clauses 6.2.20.1 and 6.2.19.2.1, the UE's side."""

from __future__ import annotations

from dissectors.errors import DecodeError
from dissectors.mikey import ProtType, decode_base64, encode_key_mgmt, encode_mikey
from dissectors.sip import SipMessage, build_request
from replay.events import Note
from replay.keying import Initiator, KeyingRefused, KmsAnswered, KmsOutcome
from replay.keying.kms_client import TICKET_REQUEST
from replay.keying.party import not_by_chance, spoil_mac, unagreed
from replay.negotiation import Refusal, opens_connection, read_answer, write_offer
from replay.negotiation.media import PLAIN, SECURED
from replay.sip import Dialog, Hop, bare_uri
from replay.sip.digest import answer_challenge
from replay.ue.call import Call, CallState
from replay.ue.config import Behaviour
from replay.ue.ways import Ways

OWN_TICKET = 4
"The mode of a ticket that the initiator makes, and the responder opens (RFC 6043 section 4.1.1)."
AGE_OF_EXPIRED = 2 * 86400
"s since an expired ticket was made; it was good for a day."
MOST_TRIES = 4
"INVITEs of a call, where one challenge follows another."


class Calling:
    """Calls that we begin."""

    def __init__(self, ways: Ways) -> None:
        self.ways = ways

    def begin(self, conference: str, secured: bool, now: float) -> Call:
        """Ask the KMS for a ticket, or make one, where it is to be secured; then INVITE."""
        ways = self.ways
        if ways.config.directory.find(conference) is None:
            raise ValueError("no address is known for this conference")
        call = Call(conference, secured, True, CallState.KEYING, ways.new_path(secured), ways.tag(), ways.call_id())
        if not secured or "DIN-1a" in ways.config.faults:
            self._invite(call, "", now)
            return call
        if Behaviour.REPLAYS in ways.config.behaviours:
            self._invite(call, ways.config.overheard, now)
            return call
        try:
            call.keying = self._initiator(conference)
            expired = Behaviour.EXPIRED_TICKET in ways.config.behaviours
            question = call.keying.request(ways.unix(now) - (AGE_OF_EXPIRED if expired else 0))
        except KeyingRefused as refusal:
            self._refused(call, str(refusal))
            return call
        if question is None:
            self._invite(call, self._transfer_init(call, now), now)
        elif ways.kms is None:
            self._refused(call, "no KMS to ask for a ticket")
        else:
            ways.kms.ask(TICKET_REQUEST, question, call, now)
        return call

    def _initiator(self, conference: str) -> Initiator:
        config, behaviours = self.ways.config, self.ways.config.behaviours
        responder = bare_uri(conference)
        if Behaviour.FOREIGN_TICKET in behaviours:
            responder = responder.replace("sip:", "sip:not-", 1)
        mode = OWN_TICKET if Behaviour.EXPIRED_TICKET in behaviours else config.mode
        chance = not_by_chance if "MRFP-TLS-2" in config.faults else self.ways.chance
        return Initiator(config.party, bare_uri(config.uri), responder, mode=mode, chance=chance)

    def kms(self, call: Call, outcome: KmsOutcome, now: float) -> None:
        """The KMS gave a ticket, or did not."""
        if not isinstance(call.keying, Initiator):
            return
        if not isinstance(outcome, KmsAnswered):
            self._refused(call, f"KMS: {outcome.why}")
            return
        try:
            call.keying.take_ticket(outcome.octets)
        except KeyingRefused as refusal:
            self._refused(call, str(refusal))
        else:
            self._invite(call, self._transfer_init(call, now), now)

    def _refused(self, call: Call, why: str) -> None:
        call.state = CallState.OVER
        call.ended_by = why
        self.ways.wishes.append(Note("no keys", {"why": why}))

    def _transfer_init(self, call: Call, now: float) -> str:
        faults = self.ways.config.faults
        assert isinstance(call.keying, Initiator)
        if Behaviour.SPOILS_TICKET in self.ways.config.behaviours:
            call.keying.spoil_ticket()
        message = call.keying.transfer_init(
            self.ways.unix(now),
            crypto_sessions=2 if "DIN-1b" in faults else 1,
            prot_type=ProtType.SRTP if "DIN-1c" in faults else None,
        )
        if "DIN-3a" in faults:
            message = spoil_mac(message)
            call.keying.sent(message)
        return encode_key_mgmt(encode_mikey(message)).split(" ", 1)[1]

    def _invite(self, call: Call, key_mgmt: str, now: float) -> None:
        """The offer with our own port and a=setup:actpass (flow step 1)."""
        ways, faults = self.ways, self.ways.config.faults
        call.state = CallState.CALLING
        setup = "passive" if ("DIN-1d" if call.secured else "TCP-1") in faults else "actpass"
        media = ways.media(call, setup, key_mgmt)
        call.answer = write_offer(ways.origin(now), "-", media)
        call.connection = ways.new_connection(call, opens=False, tls_client=False)
        self._send_invite(call, now)

    def _send_invite(self, call: Call, now: float, authorization: str = "") -> None:
        """For the first time, or once more with what a challenge asked for (RFC 3261 section 22.2)."""
        ways = self.ways
        cseq = call.invite.cseq + 1 if call.invite is not None else 1
        found = ways.config.directory.find(call.conference)
        assert found is not None

        def build(via: str) -> SipMessage:
            headers = [
                ("Via", via),
                ("Max-Forwards", "70"),
                ("From", f"{ways.named()};tag={call.tag}"),
                ("To", f"<{call.conference}>"),
                ("Call-ID", call.call_id),
                ("CSeq", f"{cseq} INVITE"),
                ways.contact(),
                ("P-Asserted-Identity", ways.named()),
                ("Allow", ways.allow),
                ("User-Agent", ways.config.name),
                ("Content-Type", "application/sdp"),
            ]
            if authorization:
                headers.insert(6, ("Authorization", authorization))
            call.invite = build_request("INVITE", call.conference, headers, call.answer)
            return call.invite

        call.invite_key = ways.sip.request(build, found[0], now, transport=found[1])

    # ------------------------------------------------------------------ the answer

    def responded(self, call: Call, response: SipMessage, hop: Hop, now: float) -> None:
        """A response to our INVITE."""
        call.hop = hop
        if response.status < 200:
            return
        if response.status == 401 and self._authenticates(call, response, now):
            return
        if response.status >= 300:
            if call.state is CallState.CALLING:
                call.state = CallState.OVER
            return
        first = call.dialog is None
        if call.dialog is None:
            if call.invite is None:
                return
            call.dialog = Dialog.as_caller(call.invite, response)
        if Behaviour.NEVER_ACKNOWLEDGES not in self.ways.config.behaviours:
            self._acknowledge(call)
        if first:
            self._joined(call, response, now)

    def _authenticates(self, call: Call, response: SipMessage, now: float) -> bool:
        """Answer a challenge, once; another one after that says that the password is wrong, unless it is stale."""
        config = self.ways.config
        challenge = response.header("WWW-Authenticate") or ""
        if call.invite is None:
            return False
        again = call.invite.header("Authorization") is not None and "stale=true" not in challenge.lower()
        if not config.username or again or call.state is not CallState.CALLING or call.invite.cseq > MOST_TRIES:
            return False
        cnonce = self.ways.chance(8).hex()
        value = answer_challenge(challenge, config.username, config.password, "INVITE", call.conference, cnonce)
        if value is None:
            return False
        self._send_invite(call, now, value)
        return True

    def _acknowledge(self, call: Call) -> None:
        dialog, ways = call.dialog, self.ways
        if dialog is None:
            return
        cseq = call.invite.cseq if call.invite is not None else 1
        found = ways.door.next_hop(dialog, call.hop)
        if found is not None:
            ways.sip.send(lambda via: dialog.request("ACK", via, cseq=cseq), found[0], hop=call.hop)

    def _joined(self, call: Call, response: SipMessage, now: float) -> None:
        """The answer says who opens the connection; TRANSFER_RESP completes the key (flow step 10)."""
        if call.ended_by:  # our CANCEL crossed the answer (RFC 3261 section 9.1)
            call.state = CallState.LEAVING
            self.ways.hang_up(call, now)
            return
        call.state = CallState.TALKING
        ways, faults = self.ways, self.ways.config.faults
        if response.sdp() is None and ("DIN-10a" if call.secured else "TCP-7") in faults:
            if call.secured:
                ways.give_key(call, unagreed(ways.config.uri), "unagreed")
            return
        try:
            sdp = response.sdp()
            if sdp is not None and "TRANS-1" in faults:
                sdp = sdp.replace(b"SCTP/TLS/MSRP", SECURED.encode())
            media = read_answer(sdp, SECURED if call.secured else PLAIN)
            call.remote = media
            self._connect(call, now)
            if call.secured:
                self._take_key(call, media.key_mgmt)
        except (Refusal, KeyingRefused, DecodeError) as trouble:
            text = "unreadable key management data" if isinstance(trouble, DecodeError) else str(trouble)
            call.ended_by = text
            call.state = CallState.LEAVING
            ways.hang_up(call, now, reason=f'SIP;cause=488;text="{text}"')

    def _take_key(self, call: Call, key_mgmt: str) -> None:
        keying, faults = call.keying, self.ways.config.faults
        if faults & {"DIN-1a", "DIN-9"}:
            self.ways.give_key(call, unagreed(self.ways.config.uri), "unagreed")
            return
        if not isinstance(keying, Initiator):
            raise KeyingRefused("the key of what was overheard is not known")
        if not key_mgmt:
            raise KeyingRefused("the answer has no TRANSFER_RESP")
        tek = keying.finish(decode_base64(key_mgmt), unchecked="DIN-10b" in faults or "DIN-3a" in faults)
        self.ways.give_key(call, tek, keying.psk_identity)

    def _connect(self, call: Call, now: float) -> None:
        ways, faults = self.ways, self.ways.config.faults
        connection, media = call.connection, call.remote
        assert connection is not None
        assert media is not None
        opens = opens_connection("actpass", media.setup, True)
        connection.tls_client = opens or (call.secured and "DIN-8" in faults)
        if connection.msrp is not None and not connection.msrp.peer_path:
            connection.msrp.peer_path = " ".join(media.path)
        if opens or ("DIN-7" if call.secured else "TCP-5") in faults:
            connection.binds = Behaviour.SAYS_NOTHING not in ways.config.behaviours
            connection.open(ways.next_connection(), (ways.own_address, 0), ways.remote_end(media, call.hop))
