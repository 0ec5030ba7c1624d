"""A SIP layer as a script: what it is told, what it sends, when (times in s)."""

from __future__ import annotations

from itertools import count

from dissectors.sip import SipMessage, build_request, decode_sip
from replay.events import Note, Send, SendDatagram, SetTimer
from replay.sip import SipEvent, SipLayer
from replay.sip.dialog import response_to

LOCAL, PEER = ("192.0.2.10", 5060), ("198.51.100.7", 5062)
INVITE_TIMES_T1 = 64


def invite(method: str = "INVITE", branch: str = "z9hG4bK1", cseq: int = 1, **more: str) -> SipMessage:
    """A request of the other side."""
    headers = [
        ("Via", f"SIP/2.0/UDP 198.51.100.7:5062;branch={branch};rport"),
        ("From", "<sip:alice@ims.example.net>;tag=a1"),
        ("To", "<sip:chat@conf.example.net>" + more.get("to_tag", "")),
        ("Call-ID", "c1@198.51.100.7"),
        ("CSeq", f"{cseq} {method}"),
        ("Contact", "<sip:alice@198.51.100.7:5062>"),
    ]
    return build_request(method, "sip:chat@conf.example.net", headers)


class Script:
    """One layer and its clock."""

    def __init__(self, transport: str = "udp") -> None:
        self.transport = transport
        branches = count(1)
        self.layer = SipLayer(LOCAL, branch=lambda: f"b{next(branches)}")
        self.layer.gate = lambda request, hop, now: True  # the other side is known to be there
        self.now = 0.0
        self.timer: float | None = None
        self.sent: list[tuple[float, str]] = []
        self.messages: list[SipMessage] = []
        self.events: list[SipEvent] = []
        self.notes: list[Note] = []

    def hop(self):
        return ("udp", PEER) if self.transport == "udp" else ("tcp", 7)

    def hear(self, message: SipMessage) -> list[SipEvent]:
        """The other side sends this now."""
        if self.transport == "udp":
            events = self.layer.receive_datagram(PEER, message.data, self.now)
        else:
            events = self.layer.receive_data(7, message.data, self.now)
        self.events += events
        self._do()
        return events

    def request(self, message: SipMessage):
        key = self.layer.request(message, self.hop(), self.now)
        self._do()
        return key

    def respond(self, key, status: int, phrase: str) -> None:
        self.layer.respond(key, status, phrase, self.now, tag="m1")
        self._do()

    def hear_response(self, status: int, phrase: str, to: SipMessage | None = None) -> list[SipEvent]:
        """The other side answers what we sent last, or that request."""
        request = to or next(each for each in reversed(self.messages) if each.is_request and each.method != "ACK")
        return self.hear(response_to(request, status, phrase, tag="p1" if status > 100 else ""))

    def wait(self, seconds: float) -> None:
        """Let time pass, with every timer that runs out."""
        end = self.now + seconds
        while self.timer is not None and self.timer <= end:
            self.now, self.timer = self.timer, None
            self.events += self.layer.tick(self.now)
            self._do()
        self.now = end

    def _do(self) -> None:
        for wish in self.layer.take_wishes():
            if isinstance(wish, SetTimer):
                self.timer = wish.at
            elif isinstance(wish, Note):
                self.notes.append(wish)
            else:
                assert isinstance(wish, Send | SendDatagram)
                message = decode_sip(wish.data)
                self.messages.append(message)
                what = message.method if message.is_request else str(message.status)
                self.sent.append((round(self.now, 3), what))

    def times_of(self, what: str) -> list[float]:
        return [at for at, name in self.sent if name == what]


def our(method: str, layer: SipLayer, transport: str = "udp") -> SipMessage:
    """A request of ours."""
    headers = [
        ("Via", layer.via(transport)),
        ("From", "<sip:chat@conf.example.net>;tag=m1"),
        ("To", "<sip:bob@ims.example.net>"),
        ("Call-ID", "c2@192.0.2.10"),
        ("CSeq", f"1 {method}"),
        ("Contact", "<sip:chat@conf.example.net>;isfocus"),
    ]
    return build_request(method, "sip:bob@ims.example.net", headers)
