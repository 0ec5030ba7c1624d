"""A caller for tests of the MRFC, by hand: sends any request, keeps what comes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from dissectors.sip import SipMessage, build_request, decode_sip
from replay.events import Datagram, Event, SendDatagram, Wish
from replay.sip.dialog import response_to

OFFER = (
    "v=0\r\no=alice 1 1 IN IP4 198.51.100.66\r\ns=-\r\nc=IN IP4 198.51.100.66\r\nt=0 0\r\n"
    "m=message 7394 TCP/MSRP *\r\na=setup:actpass\r\na=accept-types:message/cpim\r\n"
    "a=path:msrp://198.51.100.66:7394/abcd;tcp\r\na=msrp-cema\r\n"
)
ROOM = "sip:chat-17@conf.example.net"


class Caller:
    """At 198.51.100.66, over UDP; answers nothing by itself but what it is told to."""

    LOCAL, MRFC = ("198.51.100.66", 5060), ("192.0.2.10", 5060)

    def __init__(self, world, name: str = "caller") -> None:
        self.name = name
        self.world = world
        self.heard: list[SipMessage] = []
        self.branches = count(1)
        self.answers: dict[str, int] = {"BYE": 200, "NOTIFY": 200}
        world.add(self, self.LOCAL)

    def start(self, now: float) -> Sequence[Wish]:
        return []

    def stop(self, now: float) -> Sequence[Wish]:
        return []

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        assert isinstance(event, Datagram)
        message = decode_sip(event.data)
        self.heard.append(message)
        if message.is_request and message.method in self.answers:
            status = self.answers[message.method]
            return [SendDatagram(self.LOCAL, self.MRFC, response_to(message, status, "OK").data)]
        return []

    def send(self, message: SipMessage) -> SipMessage:
        self.world.carry_out(self.name, [SendDatagram(self.LOCAL, self.MRFC, message.data)])
        return message

    def request(
        self, method: str, uri: str = ROOM, *, sdp: str = "", headers: Sequence[tuple[str, str]] = (), **more: str
    ) -> SipMessage:
        """Build and send a request; `to_tag`, `call_id`, `cseq`, `branch` may be given."""
        branch = more.get("branch") or f"z9hG4bKc{next(self.branches)}"
        made = [
            ("Via", f"SIP/2.0/UDP 198.51.100.66:5060;branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", "<sip:alice@ims.example.net>;tag=a1"),
            ("To", f"<{ROOM}>" + (f";tag={more['to_tag']}" if more.get("to_tag") else "")),
            ("Call-ID", more.get("call_id", "call-1")),
            ("CSeq", f"{more.get('cseq', '1')} {method}"),
            ("Contact", "<sip:alice@198.51.100.66:5060>"),
            *headers,
        ]
        if sdp:
            made.append(("Content-Type", "application/sdp"))
        return self.send(build_request(method, uri, made, sdp.encode()))

    def invite(self, sdp: str = OFFER, **more: str) -> SipMessage:
        """INVITE, and the time for all that follows."""
        sent = self.request("INVITE", sdp=sdp, **more)
        self.world.run(0.2)
        return sent

    def ack(self) -> None:
        """The ACK to the last 2xx."""
        answer = self.final("INVITE")
        self.request("ACK", to_tag=answer.to_tag, call_id=answer.call_id, cseq=str(answer.cseq))
        self.world.run(0.05)

    def final(self, method: str) -> SipMessage:
        """The last final response to a method."""
        return [each for each in self.heard if not each.is_request and each.method == method and each.status >= 200][-1]

    def requests(self, method: str) -> list[SipMessage]:
        """What the MRFC asked of us."""
        return [each for each in self.heard if each.is_request and each.method == method]
