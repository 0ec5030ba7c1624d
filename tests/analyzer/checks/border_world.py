"""A UE dials in through a border: UE - P-CSCF with its IMS-ALG and IMS-AGW (Iq) - MRFC with its MRFP (Mp), one Call-ID.

The IMS-ALG forwards the INVITE with the same Call-ID and puts its gateway's addresses into `c=` and `m=` (TS 23.334
clause 5); with CEMA it leaves `a=path` alone (RFC 6714 section 5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from analyzer.checks import CHECKS
from analyzer.conversations.connection import Connection
from analyzer.correlate.correlator import Correlator
from analyzer.correlate.session import Session
from analyzer.flows import FLOWS
from analyzer.judge import Judge
from analyzer.model import Coverage, Message
from analyzer.transport.flow import Flow
from tests.analyzer.conversations.made import MRFC, MRFP, START, UE, Dialog, Gateway, S, flow, tcp

ALG, AGW, ACCESS, CORE, MEDIA = "192.0.2.50", "192.0.2.60", "203.0.113.60", "192.0.2.61", "203.0.113.5"
FOCUS = (("Contact", "<sip:chat-17@conf.example.net>;isfocus"),)
UE_PATH, MRFP_PATH = f"msrp://{UE}:7394/ue1;tcp", f"msrp://{MEDIA}:28563/mrf1;tcp"
JUDGE = Judge(FLOWS, CHECKS)
Headers = tuple[tuple[str, str], ...]
MS = 1_000_000


def sdp(address: str, port: int, path: str = "", setup: str = "", proto: str = "TCP/MSRP", cema: bool = True) -> bytes:
    """A description of one MSRP stream, as SIP and H.248 both carry it."""
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", f"c=IN IP4 {address}", "t=0 0", f"m=message {port} {proto} *"]
    lines += [f"a=setup:{setup}"] if setup else []
    if path:
        lines += ["a=accept-types:message/cpim", "a=accept-wrapped-types:*", f"a=path:{path}"]
        lines += ["a=msrp-cema"] if cema else []
    return "\r\n".join([*lines, ""]).encode()


def local(address: str, port: object, path: str = "", setup: str = "", proto: str = "TCP/MSRP") -> str:
    """A Local or Remote descriptor."""
    lines = ["v=0", f"c=IN IP4 {address}", f"m=message {port} {proto} *"]
    lines += [f"a=setup:{setup}"] if setup else []
    lines += [f"a=path:{path}"] if path else []
    return "{" + "\r\n".join(["", *lines, ""]) + "}"


@dataclass
class Border:
    """One dial-in through a border, and what of it is captured; faults are given as other values."""

    hops: tuple[str, ...] = ("access", "core")
    iq: bool = True
    mp: bool = True
    tags: bool = False
    "The IMS-ALG gives each leg tags of its own."
    paths: bool = True
    "The AGW is told MSRP paths."
    aware: bool = False
    "The AGW is an MSRP back-to-back agent: it has a path of its own on each side, and no CEMA (RFC 6714 section 5)."
    at_once: bool = True
    "One transaction adds both sides of the gateway."
    answer: bytes = sdp(MEDIA, 28563, MRFP_PATH, "active")
    "What the MRFC answers."
    remote: str = field(default_factory=lambda: local(CORE, 40002, UE_PATH, "passive"))
    "What the MRFC gives the MRFP as the UE's end."
    alg: str = ALG
    mrfc: str = MRFC
    core: str = CORE
    core_port: int = 40002
    mgc: str = MRFC
    "Where the MRFC's H.248 comes from."

    def __post_init__(self) -> None:
        self.core_path = f"msrp://{CORE}:40002/agwC;tcp" if self.aware else UE_PATH
        self.access_path = f"msrp://{ACCESS}:40001/agwA;tcp" if self.aware else MRFP_PATH
        if self.aware and self.remote == local(CORE, 40002, UE_PATH, "passive"):
            self.remote = local(CORE, 40002, self.core_path, "passive")
        self.time = START
        self.things: list[Message | Connection] = []
        self.dialog = Dialog("one-call", UE, self.mrfc)
        self.iq_way = Gateway(f"{self.alg}:2944", f"{AGW}:2944")
        self.mp_way = Gateway(f"{self.mgc}:2944", f"{MRFP}:2944")
        self._call()

    # ------------------------------------------------------------------ what passes

    def _call(self) -> None:
        self._sip("INVITE", "access", sdp(UE, 7394, UE_PATH, "actpass", cema=not self.aware))
        self._reserve_border()
        self._sip("INVITE", "core", sdp(self.core, self.core_port, self.core_path, "actpass", cema=not self.aware))
        self._reserve_mrfp()
        self._sip(200, "core", self.answer)
        remote = self._plain(local(MEDIA, 28563, MRFP_PATH))
        self._iq(f"C=5{{MF=ip/2/2{{M{{ST=1{{R{remote}}}}}}}}}", "C=5{MF=ip/2/2}")
        at_access = self.answer.replace(MEDIA.encode(), ACCESS.encode()).replace(b"message 28563", b"message 40001")
        at_access = at_access.replace(f"//{ACCESS}:28563".encode(), f"//{MEDIA}:28563".encode())
        if self.aware:
            at_access = at_access.replace(MRFP_PATH.encode(), self.access_path.encode())
        self._sip(200, "access", at_access)
        for hop in ("access", "core"):
            self._sip("ACK", hop)
        self._media()
        for hop in ("access", "core"):
            self._sip("BYE", hop)
        for hop in ("core", "access"):
            self._sip(-200, hop)
        if self.mp:
            self._say(self.mp_way, "C=17{S=ip/1/33}", "C=17{S=ip/1/33}")
        self._iq("C=5{S=ip/1/1,S=ip/2/2}", "C=5{S=ip/1/1,S=ip/2/2}")

    def _plain(self, descriptor: str) -> str:
        if self.paths:
            return descriptor
        return "\r\n".join(line for line in descriptor.replace("TCP/MSRP", "TCP").split("\r\n") if "a=path" not in line)

    def _reserve_border(self) -> None:
        one = f"A=ip/1/${{M{{ST=1{{L{self._plain(local('$', '$'))},R{self._plain(local(UE, 7394, UE_PATH))}}}}}}}"
        two = f"A=ip/2/${{M{{ST=1{{L{self._plain(local('$', '$', self.core_path))}}}}}}}"
        got = f"A=ip/1/1{{M{{ST=1{{L{self._plain(local(ACCESS, 40001, self.access_path if self.aware else ''))}}}}}}}"
        other = f"A=ip/2/2{{M{{ST=1{{L{self._plain(local(CORE, 40002, self.core_path))}}}}}}}"
        if self.at_once:
            self._iq(f"C=${{{one},{two}}}", f"C=5{{{got},{other}}}")
        else:
            self._iq(f"C=${{{one}}}", f"C=5{{{got}}}")
            self._iq(f"C=5{{{two}}}", f"C=5{{{other}}}")

    def _reserve_mrfp(self) -> None:
        events = "E=9001{tcpbcc/BNCChange{ST=1,Type=failed}},SG{tcpbcc/EstBNC{ST=1}}"
        asked = local("$", "$", "$", "active")
        given = local(MEDIA, 28563, MRFP_PATH, "active")
        add = f"C=${{A=ip/1/${{M{{ST=1{{L{asked},R{self.remote}}}}},{events}}}}}"
        if self.mp:
            self._say(self.mp_way, add, f"C=17{{A=ip/1/33{{M{{ST=1{{L{given}}}}}}}}}")

    def _media(self) -> None:
        core = tcp(
            f"{MEDIA}:28563",
            f"{self.core}:{self.core_port}",
            ("mrf1", "agwC" if self.aware else "ue1"),
            at=self._later(),
            frame=2001,
        )
        access = tcp(
            f"{ACCESS}:40001", f"{UE}:7394", ("agwA" if self.aware else "mrf1", "ue1"), at=self._later(), frame=2101
        )
        self.things += [core, access]
        self.time += 12 * S

    # ------------------------------------------------------------------ how it is said

    def _later(self) -> int:
        self.time += 2 * MS
        return self.time

    def _iq(self, request: str, reply: str) -> None:
        if self.iq:
            self._say(self.iq_way, request, reply)

    def _say(self, way: Gateway, request: str, reply: str) -> None:
        number = way.frame
        way.time = self._later()
        way.frame += 1
        self.things.append(way.down(f"T={number}{{{request}}}"))
        way.time = self._later()
        self.things.append(way.up(f"P={number}{{{reply}}}"))

    def _sip(self, what: str | int, hop: str, body: bytes = b"") -> None:
        self._later()
        if hop not in self.hops:
            return
        d = self.dialog
        d.time = self.time
        if self.tags:
            d.from_tag, d.to_tag = f"f-{hop}", f"t-{hop}"
        there = self._way(hop)
        back = flow(there.dst_ip, there.src_ip)
        if isinstance(what, str):
            to_tag = "" if what == "INVITE" else d.to_tag
            number = 2 if what == "BYE" else 1
            extra = self.on_request if what == "INVITE" else ()
            branch = f"z9hG4bK{hop}{what}"
            message = d.request(what, number, body, way=there, branch=branch, to_tag=to_tag, headers=extra)
        elif what < 0:
            message = d.response(200, "BYE", 2, way=back, branch=f"z9hG4bK{hop}BYE")
        else:
            message = d.response(200, sdp=body, way=back, branch=f"z9hG4bK{hop}INVITE", headers=self.on_response)
        self.things.append(message)

    on_request: ClassVar[Headers] = ()
    on_response: ClassVar[Headers] = FOCUS

    def _way(self, hop: str) -> Flow:
        """From caller to callee on one hop."""
        return flow(UE, self.alg) if hop == "access" else flow(self.alg, self.mrfc)

    # ------------------------------------------------------------------ judged

    def judged(self, roles: dict[str, str] | None = None) -> tuple[list[Session], Correlator]:
        """All sessions, judged, in order of their begin."""
        correlator = Correlator(Coverage(), roles)
        for thing in self.things:
            if isinstance(thing, Message):
                correlator.add_message(thing)
            else:
                correlator.connection_opened(thing.client)
                correlator.add_connection(thing)
        correlator.scope.hear_until(self.time)
        sessions = sorted(correlator.finish(), key=lambda each: (each.first, each.id))
        for session in sessions:
            JUDGE.judge(session, correlator.nodes, correlator.scope)
        return sessions, correlator


@dataclass
class DialOut(Border):
    """The MRFC invites the UE through the same border."""

    on_request: ClassVar[Headers] = FOCUS
    on_response: ClassVar[Headers] = ()
    answer: bytes = sdp(UE, 7394, UE_PATH, "active")
    "What the UE answers."

    def _way(self, hop: str) -> Flow:
        return flow(self.alg, UE) if hop == "access" else flow(self.mrfc, self.alg)

    def _call(self) -> None:
        given = local(MEDIA, 28563, MRFP_PATH, "actpass")
        asked = local("$", "$", "$", "actpass")
        if self.mp:
            add = f"C=${{A=ip/1/${{M{{ST=1{{L{asked}}}}}}}}}"
            self._say(self.mp_way, add, f"C=17{{A=ip/1/33{{M{{ST=1{{L{given}}}}}}}}}")
        self._sip("INVITE", "core", sdp(MEDIA, 28563, MRFP_PATH, "actpass"))
        one = f"A=ip/2/${{M{{ST=1{{L{local('$', '$')},R{local(MEDIA, 28563, MRFP_PATH)}}}}}}}"
        two = f"A=ip/1/${{M{{ST=1{{L{local('$', '$', MRFP_PATH)}}}}}}}"
        got = f"A=ip/2/2{{M{{ST=1{{L{local(CORE, 40002)}}}}}}}"
        other = f"A=ip/1/1{{M{{ST=1{{L{local(ACCESS, 40001, MRFP_PATH)}}}}}}}"
        self._iq(f"C=${{{one},{two}}}", f"C=5{{{got},{other}}}")
        self._sip("INVITE", "access", sdp(ACCESS, 40001, MRFP_PATH, "actpass"))
        self._sip(200, "access", self.answer)
        self._iq(f"C=5{{MF=ip/1/1{{M{{ST=1{{R{local(UE, 7394, UE_PATH)}}}}}}}}}", "C=5{MF=ip/1/1}")
        at_core = self.answer.replace(f"c=IN IP4 {UE}".encode(), f"c=IN IP4 {CORE}".encode())
        self._sip(200, "core", at_core.replace(b"message 7394", b"message 40002"))
        for hop in ("core", "access"):
            self._sip("ACK", hop)
        if self.mp:
            events = "E=9001{tcpbcc/BNCChange{ST=1,Type=failed}}"
            modify = f"C=17{{MF=ip/1/33{{M{{ST=1{{L{given},R{self.remote}}}}},{events}}}}}"
            self._say(self.mp_way, modify, "C=17{MF=ip/1/33}")
        access = tcp(f"{UE}:7394", f"{ACCESS}:40001", ("ue1", "mrf1"), at=self._later(), frame=2101)
        core = tcp(f"{CORE}:40002", f"{MEDIA}:28563", ("ue1", "mrf1"), at=self._later(), frame=2001)
        self.things += [core, access]
        self.time += 12 * S
        for hop in ("core", "access"):
            self._sip("BYE", hop)
        for hop in ("access", "core"):
            self._sip(-200, hop)
        if self.mp:
            self._say(self.mp_way, "C=17{S=ip/1/33}", "C=17{S=ip/1/33}")
        self._iq("C=5{S=ip/1/1,S=ip/2/2}", "C=5{S=ip/1/1,S=ip/2/2}")
