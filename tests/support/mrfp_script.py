"""A conversation with an MRFP without sockets: event in, wishes out, written as scripts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from dissectors.h248 import H248Message, TransactionReply, TransactionRequest, decode_h248, encode_h248
from dissectors.msrp import MsrpMessage, MsrpStream
from replay.admission import Admission
from replay.events import (
    Accepted,
    Datagram,
    Event,
    Expired,
    Note,
    Received,
    Send,
    SendDatagram,
    SetTimer,
    Wish,
)
from replay.mrfp import Mrfp, MrfpConfig

MG = ("192.0.2.20", 2944)
MGC = ("192.0.2.10", 2944)
MEDIA = "203.0.113.5"
UE = ("198.51.100.7", 7394)
EVENTS = ",E=9001{tcpbcc/BNCChange{ST=1,Type=failed},tlsbsc/BNCChange{ST=1,Type=failed}}"
START_TCP = ",SG{tcpbcc/EstBNC{ST=1}}"
START_BOTH = ",SG{tcpbcc/EstBNC{ST=1},tlsbsc/EstBNC{ST=1}}"
KEY = bytes.fromhex("bf04b1b296f94d6a83f3693e76622403")
SECURE = {
    "proto": "TCP/TLS/MSRP",
    "control": f"MO=SR,tlsbsc/psk={KEY.hex()}",
    "path": "msrps://198.51.100.7:7394/ue1;tcp",
}
HEAD = b"!/2 [192.0.2.10]:2944\n"


def chance(seed: str = "mrfp") -> Callable[[int], bytes]:
    """Octets that look like chance and are the same in every run."""
    count = 0

    def draw(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_128(f"{seed}{count}".encode()).digest(size)

    return draw


def config(**changes: Any) -> MrfpConfig:
    allowed = Admission(allowed=(ip_network("192.0.2.11/32"),))
    base = MrfpConfig(h248=MG, controllers=(MGC,), media_address=MEDIA, random=chance(), admission=allowed)
    return replace(base, **changes)


class Script:
    """One MRFP and everything it was told and wished."""

    def __init__(self, faults: Sequence[str] = (), *, registered: bool = True, **changes: Any) -> None:
        self.mrfp = Mrfp(config(**changes), faults)
        self.now = 0.0
        self.transaction = 100
        self.last: list[Wish] = []
        self.octets: dict[int, bytes] = {}
        self.timers: dict[str, float] = {}
        self._streams: dict[int, MsrpStream] = {}
        self._accepted = 0
        self.took(self.mrfp.start(self.now))
        if registered:
            self.register()

    # -------------------------------------------------------------- events and wishes

    def tell(self, event: Event, after: float = 0.0) -> list[Wish]:
        """Give the MRFP an event; returns what it wishes."""
        self.now += after
        return self.took(self.mrfp.receive(event, self.now))

    def took(self, wishes: list[Wish]) -> list[Wish]:
        self.last = wishes
        for wish in wishes:
            if isinstance(wish, SetTimer):
                self.timers[wish.timer] = wish.at
            elif isinstance(wish, Send):
                self.octets[wish.connection] = self.octets.get(wish.connection, b"") + wish.data
        return wishes

    def wait(self, seconds: float) -> list[Wish]:
        """Let time pass, with every timer going off when it should; returns all that was wished."""
        until = self.now + seconds
        wished: list[Wish] = []
        while self.timers:
            timer, at = min(self.timers.items(), key=lambda each: each[1])
            if at > until:
                break
            del self.timers[timer]
            self.now = max(self.now, at)
            wished += self.tell(Expired(timer))
        self.now = until
        self.last = wished
        return wished

    def of(self, kind: type[Any]) -> list[Any]:
        """The last wishes of a kind."""
        return [wish for wish in self.last if isinstance(wish, kind)]

    def notes(self) -> list[str]:
        return [wish.what for wish in self.of(Note)]

    # -------------------------------------------------------------- H.248

    def register(self) -> None:
        (message,) = self.h248()
        (request,) = message.transactions
        assert isinstance(request, TransactionRequest)
        reply = f"P={request.transaction_id}{{C=-{{SC=ROOT{{SV{{V=2}}}}}}}}"
        self.tell(Datagram(MG, MGC, HEAD + reply.encode()))
        assert self.mrfp.is_registered

    def h248(self) -> list[H248Message]:
        """The H.248 messages among the last wishes."""
        return [decode_h248(wish.data) for wish in self.of(SendDatagram)]

    def order(self, actions: str, number: int | None = None) -> str:
        """A transaction of the controller; returns the text of the reply, without its head."""
        self.transaction += 1
        number = number or self.transaction
        self.tell(Datagram(MG, MGC, HEAD + f"T={number}{{{actions}}}".encode()))
        (data,) = [wish.data for wish in self.of(SendDatagram) if f"\nP={number}".encode() in wish.data]
        message = decode_h248(data)
        (reply,) = message.transactions
        assert isinstance(reply, TransactionReply)
        assert message.faults == []
        return data.decode().split("\n", 1)[1].removeprefix(f"P={number}")

    def order_binary(self, message: H248Message) -> H248Message:
        self.tell(Datagram(MG, MGC, encode_h248(message)))
        (data, *_) = [wish.data for wish in self.of(SendDatagram)]
        assert data[0] == 0x30
        return decode_h248(data)

    def notices(self) -> list[str]:
        """The texts of Notify requests among the last wishes."""
        return [wish.data.decode().split("\n", 1)[1] for wish in self.of(SendDatagram) if b"{N=" in wish.data]

    # -------------------------------------------------------------- participants

    def add(
        self,
        context: str = "$",
        *,
        path: str = "msrp://198.51.100.7:7394/ue1;tcp",
        end: tuple[str, int] = UE,
        setup: str = "passive",
        proto: str = "TCP/MSRP",
        control: str = "MO=SR",
        events: str = "",
        signals: str = "",
        sdp: str = "",
    ) -> Added:
        """Add a termination with Local to be chosen, and Remote as given; `setup` is ours."""
        theirs = {"active": "passive", "passive": "active", "actpass": "actpass"}[setup]
        text = (
            f"C={context}{{A=ip/1/mb/${{M{{ST=1{{O{{{control}}},L{{\nv=0\nc=IN IP4 $\nm=message $ {proto} *\n"
            f"a=setup:{setup}\na=path:$\n}},R{{\nv=0\nc=IN IP4 {end[0]}\nm=message {end[1]} {proto} *\n"
            f"a=setup:{theirs}\na=path:{path}\n{sdp}}}}}}}{events}{signals}}}}}"
        )
        return Added(self.order(text))

    def join(self, context: str = "$", name: str = "ue1", **options: Any) -> Participant:
        """Add a participant who opens the connection, and binds it with a first request."""
        path = f"msrp://198.51.100.7:7394/{name};tcp"
        added = self.add(context, path=path, **options)
        participant = Participant(self, name, path, added)
        participant.open()
        return participant

    def messages(self, connection: int) -> list[MsrpMessage]:
        """The MSRP messages sent on a connection since the last time."""
        data = self.octets.pop(connection, b"")
        stream = self._streams.setdefault(connection, MsrpStream())
        framed = stream.receive_data(data)
        assert all(each.error is None for each in framed)
        return [each.message for each in framed if each.message is not None]

    def accept(self, port: int, peer: tuple[str, int] = UE) -> int:
        self._accepted -= 1
        self.tell(Accepted(self._accepted, (MEDIA, port), peer))
        return self._accepted


class Added:
    """What the reply to an Add says."""

    def __init__(self, reply: str) -> None:
        self.reply = reply
        found = re.search(r"C=(\d+)\{A=([^{}]+)\{", reply)
        assert found, reply
        self.context, self.termination = found[1], found[2]
        self.port = int(re.search(r"m=message (\d+) ", reply)[1])  # type: ignore[index]
        path = re.search(r"a=path:(\S+)", reply)
        self.path = path[1] if path else ""


class Participant:
    """A participant on a connection that it opened."""

    def __init__(self, script: Script, name: str, path: str, added: Added) -> None:
        self.script = script
        self.name = name
        self.path = path
        self.added = added
        self.uri = f"sip:{name}@ims.example.net"
        self.connection = 0
        self._count = 0

    def open(self) -> None:
        self.connection = self.script.accept(self.added.port)
        self.request("SEND", "Message-ID: hello\r\n")
        (answer,) = self.take()
        assert (answer.status, answer.transaction_id) == (200, self.tid)

    @property
    def tid(self) -> str:
        return f"{self.name}tid{self._count:04}"

    def give(self, octets: bytes) -> list[Wish]:
        return self.script.tell(Received(self.connection, octets))

    def request(self, method: str, headers: str, body: str | None = None, flag: str = "$", to_path: str = "") -> None:
        self._count += 1
        paths = f"To-Path: {to_path or self.added.path}\r\nFrom-Path: {self.path}\r\n"
        text = f"MSRP {self.tid} {method}\r\n{paths}{headers}"
        if body is not None:
            text += f"\r\n{body}\r\n"
        self.give(f"{text}-------{self.tid}{flag}\r\n".encode("utf-8", "surrogateescape"))

    def say(
        self, text: str, *, to: str = "sip:chat@conf.example.net", headers: str = "", message_id: str = "m1"
    ) -> None:
        """A whole message in a CPIM wrapper."""
        body = self.wrapped(text, to)
        size = len(body.encode())
        self.request(
            "SEND",
            f"Message-ID: {message_id}\r\n{headers}Byte-Range: 1-{size}/{size}\r\nContent-Type: message/cpim\r\n",
            body,
        )

    def wrapped(self, text: str, to: str = "sip:chat@conf.example.net") -> str:
        return f"From: <{self.uri}>\r\nTo: <{to}>\r\n\r\nContent-Type: text/plain\r\n\r\n{text}"

    def chunk(self, message_id: str, start: int, total: int, body: str, flag: str) -> None:
        end = start + len(body) - 1
        headers = f"Message-ID: {message_id}\r\nByte-Range: {start}-{end}/{total}\r\nContent-Type: message/cpim\r\n"
        self.request("SEND", headers, body, flag)

    def take(self) -> list[MsrpMessage]:
        """What was sent to the participant since the last time."""
        return self.script.messages(self.connection)

    def status(self) -> int:
        """The status of the one response since the last time."""
        (answer,) = self.take()
        assert answer.transaction_id == self.tid
        return answer.status

    def answer(self, request: MsrpMessage, status: int = 200) -> None:
        self.give(
            f"MSRP {request.transaction_id} {status} x\r\nTo-Path: {request.from_path}\r\n"
            f"From-Path: {request.to_path}\r\n-------{request.transaction_id}$\r\n".encode()
        )
