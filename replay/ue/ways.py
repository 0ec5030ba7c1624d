"""What all parts of a UE share: its configuration, its means to speak, and its names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.sdp import Origin
from dissectors.sip import SipMessage, build_request
from replay.agenda import Agenda
from replay.events import Endpoint, Wish
from replay.keying import Chance, KmsClient, Replays
from replay.negotiation import MsrpMedia, Refusal, remote_end
from replay.negotiation.media import CPIM, PLAIN, SECURED
from replay.sip import ClientKey, Doorkeeper, Hop, SipAgent
from replay.ue.call import Call, CallState
from replay.ue.config import Behaviour, UeConfig
from replay.ue.connection import MsrpConnection
from replay.ue.msrp_session import MsrpSession


@dataclass(slots=True)
class Ways:
    """Means and names of one UE."""

    config: UeConfig
    chance: Chance
    sip: SipAgent
    door: Doorkeeper
    kms: KmsClient | None
    agenda: Agenda[str]
    next_connection: Callable[[], int]
    replays: Replays
    "Of TRANSFER_INIT messages that we answered."
    wishes: list[Wish] = field(default_factory=list)
    early: int | None = None
    "A connection that came before there was a call (row GEN-2)."
    allow: str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, NOTIFY"

    def tag(self) -> str:
        """A new tag."""
        return self.chance(6).hex()

    def call_id(self) -> str:
        return f"{self.chance(16).hex()}@{self.config.sip[0]}"

    def unix(self, now: float) -> float:
        """Seconds since 1970."""
        return now + self.config.clock

    def contact(self) -> tuple[str, str]:
        user = self.config.uri.partition(":")[2].partition("@")[0]
        host, port = self.config.sip
        host = f"[{host}]" if ":" in host else host
        transport = ";transport=tcp" if self.config.sip_tcp else ""
        return "Contact", f"<sip:{user}@{host}:{port}{transport}>"

    def named(self, name: str = "") -> str:
        """Our name-addr, by this name or our own."""
        name = (name or self.config.display_name).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{name}" <{self.config.uri}>' if name else f"<{self.config.uri}>"

    # ------------------------------------------------------------------ MSRP

    def msrp_ends(self) -> list[Endpoint]:
        """Where we take MSRP connections."""
        address, port = self.config.msrp
        if self.config.faults & {"OFFER-3", "OFFER-3b", "CONN-2"}:
            return [(address, port), (address, port + 1)]
        return [(address, port)]

    @property
    def own_address(self) -> str:
        """Where connections that we open come from."""
        return self.config.nat if "NAT-1" in self.config.faults else self.config.msrp[0]

    def new_path(self, secured: bool) -> str:
        """An MSRP URI of ours with a new session-id of 80 random bits and more (RFC 4975 section 14.1)."""
        host, port = self.msrp_ends()[-1] if "CONN-2" in self.config.faults else self.config.msrp
        host = f"[{host}]" if ":" in host else host
        return f"{'msrps' if secured else 'msrp'}://{host}:{port}/{self.chance(12).hex()};tcp"

    def media(self, call: Call, setup: str, key_mgmt: str) -> MsrpMedia:
        """What we say about our stream."""
        address, port = self.config.msrp
        cema = self.config.cema and ("OFFER-3" if call.we_called else "ANS-2") not in self.config.faults
        return MsrpMedia(
            address=address,
            port=port,
            proto=SECURED if call.secured else PLAIN,
            setup=setup,
            path=(call.own_path,),
            cema=cema,
            accept_types=(CPIM,),
            accept_wrapped_types=self.config.wrapped_types,
            chatroom=self.config.chatroom,
            key_mgmt=key_mgmt,
        )

    def origin(self, now: float) -> Origin:
        """A new `o=` line."""
        address = self.config.msrp[0]
        user = self.config.uri.partition(":")[2].partition("@")[0] or "-"
        number = str(int(self.unix(now)) + 2_208_988_800)
        return Origin(user, number, number, "IN", "IP6" if ":" in address else "IP4", address)

    def new_connection(self, call: Call, *, opens: bool, tls_client: bool) -> MsrpConnection:
        """The MSRP connection of a call, not there yet."""
        config = self.config

        def session() -> MsrpSession:
            peer = " ".join(call.remote.path) if call.remote is not None else ""
            return MsrpSession(
                call.own_path,
                peer,
                draw=lambda: self.chance(8).hex(),
                chunk_size=config.chunk_size,
                kept=config.kept,
            )

        binds = opens and Behaviour.SAYS_NOTHING not in config.behaviours
        faults = config.faults
        made = MsrpConnection(call.secured, binds, tls_client, session, silent="TLS-5" in faults)
        made.waits = tls_client and "TLS-4" in faults
        return made

    def remote_end(self, media: MsrpMedia, hop: Hop | None) -> Endpoint:
        """Where MSRP is to connect to. Raises Refusal where that is somebody who did not ask for it."""
        end = remote_end(media)
        if hop is not None and not self.door.fits(hop, end[0]):
            raise Refusal(399, "the address for MSRP is neither listed nor the one this came from")
        return end

    def give_key(self, call: Call, psk: bytes, identity: str) -> None:
        """The key of a call is known."""
        if Behaviour.WRONG_KEY in self.config.behaviours:
            psk = psk[::-1]
        if call.connection is not None:
            call.connection.take_key(psk, identity)

    # ------------------------------------------------------------------ SIP

    def in_dialog(self, call: Call, method: str, headers: list[tuple[str, str]], now: float) -> ClientKey | None:
        """A request inside the dialog of a call; None when nobody knows where to."""
        dialog = call.dialog
        if dialog is None:
            return None
        found = self.door.next_hop(dialog, call.hop)
        if found is None:
            return None
        number = dialog.next_cseq()
        return self.sip.request(
            lambda via: dialog.request(method, via, headers, cseq=number),
            found[0],
            now,
            transport=found[1],
            hop=call.hop,
            on_credit=call.state is CallState.ANSWERED,
        )

    def subscribe(self, conference: str, now: float) -> None:
        """SUBSCRIBE to who is in a conference (RFC 4575), in a dialog of its own."""
        found = self.config.directory.find(conference)
        if found is None:
            return
        headers = [
            ("From", f"<{self.config.uri}>;tag={self.tag()}"),
            ("To", f"<{conference}>"),
            ("Call-ID", self.call_id()),
            ("CSeq", "1 SUBSCRIBE"),
            self.contact(),
            ("Event", "conference"),
            ("Expires", "3600"),
        ]

        def build(via: str) -> SipMessage:
            return build_request("SUBSCRIBE", conference, [("Via", via), ("Max-Forwards", "70"), *headers])

        self.sip.request(build, found[0], now, transport=found[1])

    def hang_up(self, call: Call, now: float, reason: str = "") -> None:
        """BYE; the MSRP connection is the MRFP's to close once the MRFC has it release the termination."""
        call.bye_key = self.in_dialog(call, "BYE", [("Reason", reason)] if reason else [], now)
