"""Messages made for tests: SIP and H.248 with their place in a capture, built by our own encoders."""

from __future__ import annotations

from ipaddress import ip_address

from analyzer.conversations.connection import Connection, MsrpSession
from analyzer.model import Message
from analyzer.transport.flow import Flow
from dissectors.h248 import decode_h248
from dissectors.sdp import SessionDescription
from dissectors.sdp.media import MediaDescription
from dissectors.sdp.section import Connection as SdpConnection
from dissectors.sip import build_request, build_response

START = 1_767_268_800_000_000_000
MS = 1_000_000
S = 1_000_000_000
UE, UE_B, PROXY, MRFC, MRFP = "198.51.100.7", "198.51.100.8", "192.0.2.1", "192.0.2.10", "192.0.2.20"
MGC, MG = f"{MRFC}:2944", f"{MRFP}:2944"


def flow(source: str, target: str, transport: int = 17) -> Flow:
    """`flow("192.0.2.1:5060", "192.0.2.2:5060")`; port 5060 when left out."""
    (src, sport), (dst, dport) = ([*each.split(":"), "5060"][:2] for each in (source, target))
    one, two = int(ip_address(src)), int(ip_address(dst))
    return Flow(one << 32 | two, 4 << 40 | transport << 32 | int(sport) << 16 | int(dport))


def msrp_sdp(address: str, port: int, session_id: str = "", setup: str = "", media: str = "message") -> bytes:
    """A session description with one stream: MSRP over TCP, or RTP where `media` says so."""
    attributes = [("path", f"msrp://{address}:{port}/{session_id};tcp")] if session_id else []
    if setup:
        attributes.append(("setup", setup))
    proto = "TCP/MSRP" if media == "message" else "RTP/AVP"
    stream = MediaDescription.build(media, port, proto, attributes=attributes)
    where = SdpConnection("IN", "IP4", address)
    return str.encode("\r\n".join(_lines(SessionDescription.build(connection=where, media=[stream]))) + "\r\n")


def _lines(description: SessionDescription) -> list[str]:
    return description.lines + [line for media in description.media for line in media.lines]


class Dialog:
    """The messages of one Call-ID; each call adds one and gives it the next frame number and millisecond."""

    def __init__(self, call_id: str = "c1", caller: str = UE, callee: str = MRFC, *, at: int = START, frame: int = 1):
        self.call_id, self.caller, self.callee = call_id, caller, callee
        self.from_tag, self.to_tag = "f", "t"
        self.icid = self.session_id = ""
        self.time, self.frame = at, frame
        self.messages: list[Message] = []

    def wait(self, ns: int) -> None:
        self.time += ns

    def request(
        self,
        method: str,
        cseq: int = 1,
        sdp: bytes = b"",
        *,
        to_tag: str | None = None,
        back: bool = False,
        way: Flow | None = None,
        branch: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Message:
        """A request of the caller, or with `back` of the callee."""
        tag = ("" if method == "INVITE" and not self._has_answer() else self.to_tag) if to_tag is None else to_tag
        mine, theirs = (self.to_tag, self.from_tag) if back else (self.from_tag, tag)
        fields = self._fields(mine, theirs, method, cseq, branch, back) + list(headers)
        if sdp:
            fields.append(("Content-Type", "application/sdp"))
        source, target = (self.callee, self.caller) if back else (self.caller, self.callee)
        decoded = build_request(method, f"sip:{'caller' if back else 'callee'}@example.net", fields, sdp)
        return self._add(decoded, way or flow(source, target))

    def response(
        self,
        status: int,
        method: str = "INVITE",
        cseq: int = 1,
        sdp: bytes = b"",
        *,
        to_tag: str | None = None,
        back: bool = False,
        way: Flow | None = None,
        branch: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Message:
        """A response to the caller, or with `back` to a request of the callee."""
        tag = self.to_tag if to_tag is None else to_tag
        mine, theirs = (self.to_tag, self.from_tag) if back else (self.from_tag, tag)
        fields = self._fields(mine, theirs, method, cseq, branch, back) + list(headers)
        if sdp:
            fields.append(("Content-Type", "application/sdp"))
        source, target = (self.caller, self.callee) if back else (self.callee, self.caller)
        return self._add(build_response(status, "Reason", fields, sdp), way or flow(source, target))

    def again(self, message: Message, way: Flow | None = None) -> Message:
        """The same message once more, or on another hop."""
        return self._add(message.decoded, way or message.flow)

    def _has_answer(self) -> bool:
        return any(each.decoded.status >= 200 for each in self.messages if each.decoded.to_tag)

    def _fields(
        self, from_tag: str, to_tag: str, method: str, cseq: int, branch: str, back: bool
    ) -> list[tuple[str, str]]:
        names = ("callee", "caller") if back else ("caller", "callee")
        made = branch or f"z9hG4bK{self.call_id}{method}{cseq}{from_tag}"
        fields = [
            ("Via", f"SIP/2.0/UDP {self.caller};branch={made}"),
            ("From", f"<sip:{names[0]}@example.net>;tag={from_tag}"),
            ("To", f"<sip:{names[1]}@example.net>" + (f";tag={to_tag}" if to_tag else "")),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        if self.icid:
            fields.append(("P-Charging-Vector", f"icid-value={self.icid}"))
        if self.session_id:
            fields.append(("Session-ID", f"{self.session_id};remote={'0' * 32}"))
        return fields

    def _add(self, decoded: object, way: Flow) -> Message:
        message = Message("sip", way, self.time, (self.frame,), decoded)
        self.time += MS
        self.frame += 1
        self.messages.append(message)
        return message


class Gateway:
    """H.248 between one controller and one gateway; each call makes one message."""

    def __init__(self, mgc: str = MGC, mg: str = MG, *, at: int = START, frame: int = 1001) -> None:
        self.mgc, self.mg = mgc, mg
        self.time, self.frame = at, frame

    def wait(self, ns: int) -> None:
        self.time += ns

    def down(self, body: str) -> Message:
        """From the controller to the gateway."""
        return self._message(body, self.mgc, self.mg)

    def up(self, body: str) -> Message:
        """From the gateway to the controller."""
        return self._message(body, self.mg, self.mgc)

    def _message(self, body: str, source: str, target: str) -> Message:
        host, _, port = source.partition(":")
        decoded = decode_h248(f"!/3 [{host}]:{port} {body}".encode())
        message = Message("h248", flow(source, target), self.time, (self.frame,), decoded)
        self.time += MS
        self.frame += 1
        return message


def media(local: bytes = b"", remote: bytes = b"") -> str:
    """A media descriptor with these descriptions: `M{ST=1{L{...},R{...}}}`."""
    parts = [f"{name}{{{octets.decode()}}}" for name, octets in (("L", local), ("R", remote)) if octets]
    return f"M{{ST=1{{{','.join(parts)}}}}}"


def tcp(
    client: str,
    server: str,
    *session_ids: tuple[str, str],
    at: int = START,
    last: int | None = None,
    outcome: str = "closed",
    protocol: str = "msrp",
    frame: int = 2001,
) -> Connection:
    """The digest of a TCP connection: handshake, one SEND for each MSRP session, and the end."""
    there = flow(client, server, 6)
    end = at + 10 * S if last is None else last
    sessions = [MsrpSession(one, other, requests=1, chunks=1, messages=1, octets=5) for one, other in session_ids]
    made = Connection(there, flow(server, client, 6), at, end, protocol=protocol, outcome=outcome, packets=5)
    if outcome != "open":
        made.ended = end
    made.sessions = sessions
    made.rows.append((at, (frame,), 0, "tcp", "SYN", -1))
    for index in range(len(sessions)):
        made.rows.append((at + MS, (frame + 1 + index,), 0, "msrp", f"SEND m{index} text/plain 5 octets", index))
    made.rows.append((end, (frame + 1 + len(sessions),), 0, "tcp", "FIN", -1))
    return made
