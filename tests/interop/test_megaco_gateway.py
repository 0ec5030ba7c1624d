"""Erlang's megaco as the gateway under our MRFC: it registers, a call comes in and leaves, another goes out and fails.

Text over UDP and TCP. In binary it registers; of an Add its BER decoder reads only packages of OTP's own table (a fatal
syntax error for tcpbcc), so that nothing more can be had from it there.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from oracles import need_megaco

from replay.edge.runtime import Runtime
from replay.events import Endpoint, Note, Wish
from replay.mrfc import Mrfc, MrfcConfig
from replay.sip import Directory
from replay.ue import Action, Behaviour, DialIn, Leave, Ue, UeConfig

HERE = Path(__file__).resolve().parent
NET = f"127.{96 + (os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
"Apart from other runs on this machine."
MRFC, GATEWAY, UE = (f"{NET}.{number}" for number in (1, 2, 3))
ROOM, ALICE = "sip:chat-17@conf.example.net", "sip:alice@ims.example.net"
PATIENCE = 60.0
"s for one step; Erlang is slow to start on a loaded machine."

HEAD = "!/2 [192.0.2.20]:2944\n"
"Of what the script prints, whatever the message had."
ROOM_ITEMS = f'mf/script="keep;",msi/room="{ROOM}",msi/participant="{ALICE}"'
WATCHED = "tcpbcc/bncchange{ST=1,type=failed},hangterm/thb{timerx=3600}"

pytestmark = pytest.mark.interop


def description(address: str, port: str, setup: str, path: str) -> str:
    """A session description as our MRFC writes it."""
    return f"\nv=0\r\nc=IN IP4 {address}\r\nm=message {port} TCP/MSRP *\r\na=setup:{setup}\r\na=path:{path}\r\n"


@dataclass
class Erlang:
    """The gateway: what it printed, in order of each kind."""

    process: Process
    said: dict[str, list[str]] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)

    async def read(self) -> None:
        """Read until it ends; a quoted text may go over several lines."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            kind, _, rest = line.decode().rstrip("\n").partition(": ")
            if rest.startswith('"'):
                self.said.setdefault(kind, []).append(_unquoted(rest))
            else:
                self.other.append(f"{kind} {rest}".strip())

    async def get(self, kind: str) -> str:
        """The next text of this kind."""
        await until(lambda: self.said.get(kind), self.other)
        return self.said[kind].pop(0)

    def notify(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"notify {text}\n".encode())


def _unquoted(text: str) -> str:
    """An Erlang string without its quotes and escapes."""
    return text[1:-1].replace('\\"', '"').replace("\\n", "\n").replace("\\r", "\r")


async def until(true: Callable[[], object], unexpected: list[str] | None = None) -> None:
    """Wait for something to be so."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not true():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(unexpected or "nothing came") from None


class World:
    """MRFC and UE on real sockets."""

    def __init__(self, encoding: str) -> None:
        port = 20_000 + 10 * secrets.randbelow(4_000)
        self.h248, self.gateway = (MRFC, port + 1), (GATEWAY, port + 1)
        sip, ue_sip, self.msrp = (MRFC, port), (UE, port), (UE, port + 2)
        directory = Directory({"conf.example.net": sip, ALICE: ue_sip})
        self.mrfc = Mrfc(MrfcConfig(sip=sip, h248=self.h248, encoding=encoding, directory=directory))
        # No MSRP here: the gateway has no media.
        behaviours = frozenset({Behaviour.REFUSES_TCP, Behaviour.LEAVES_MSRP})
        self.ue = Ue(UeConfig(uri=ALICE, sip=ue_sip, msrp=self.msrp, directory=directory, behaviours=behaviours))
        self.notes: list[Note] = []
        self.mrfc_runtime = self._runtime(self.mrfc, sip, self.h248)
        self.ue_runtime = self._runtime(self.ue, ue_sip)

    def _runtime(self, core: Mrfc | Ue, *udp: Endpoint) -> Runtime:
        return Runtime(core, udp=udp, noted=lambda name, note: self.notes.append(note))

    def do(self, action: Action) -> None:
        self.ue_runtime.do(self.ue.do(action, asyncio.get_running_loop().time()))

    def invite(self) -> None:
        wishes: list[Wish] = list(self.mrfc.invite(ROOM, ALICE, asyncio.get_running_loop().time()))
        self.mrfc_runtime.do(wishes)

    @asynccontextmanager
    async def erlang(self, transport: str, form: str) -> AsyncIterator[Erlang]:
        places = [str(each) for end in (self.gateway, self.h248) for each in end]
        command = ["escript", str(HERE / "megaco_gateway.escript"), *places, transport, form]
        await self.mrfc_runtime.start()
        await self.ue_runtime.start()
        # What it and Erlang's logger say is on standard error; on the other OTP 27 traces its TCP transport.
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=DEVNULL, stderr=PIPE)
        found = Erlang(process)
        reading = asyncio.create_task(found.read())
        try:
            yield found
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading
            await self.ue_runtime.stop()
            await self.mrfc_runtime.stop()


async def _calls(transport: str, form: str) -> None:
    world = World("text")
    ue, (_, msrp_port) = world.ue, world.msrp
    async with world.erlang(transport, form) as erlang:
        assert (await erlang.get("registered")).startswith(f"{HEAD}P=1{{C=-{{SC=root{{SV{{V=2,PF=mp/1,")

        # A call in (row TCP-2): one Add, then 200 with what the gateway gave.
        world.do(DialIn(ROOM))
        added = await erlang.get("request")
        await until(lambda: ue.call is not None and ue.call.remote is not None)
        assert ue.call is not None
        local = description("$", "$", "active", "$")
        remote = description(UE, str(msrp_port), "passive", ue.call.own_path)
        assert added == (
            f"{HEAD}T=1{{C=${{A=ip/1/mb/${{M{{ST=1{{O{{MO=SR,{ROOM_ITEMS}}},L{{{local}}},R{{{remote}}}}}}},"
            f"E=9001{{{WATCHED}}},SG{{tcpbcc/estbnc{{ST=1}}}}}}}}}}"
        )
        answer = ue.call.remote
        assert answer is not None
        assert (answer.address, answer.port) == (GATEWAY, 20_001)
        assert answer.path == (f"msrp://{GATEWAY}:20001/erl1;tcp",)
        world.do(Leave())
        assert await erlang.get("request") == f"{HEAD}T=1{{C=7{{S=ip/1/mb/1{{AT{{SA}}}}}}}}"
        await until(lambda: world.mrfc.in_use == {"calls": 0, "conferences": 0})
        assert Note("leg released", {"leg": 1, "msrpstat/mr": 3}) in world.notes

        # A call out (rows SEND-1 and ANS-1): Add without Remote, Modify with what the UE answered.
        world.invite()
        assert await erlang.get("request") == (
            f"{HEAD}T=1{{C=${{A=ip/1/mb/${{M{{ST=1{{O{{MO=SR,{ROOM_ITEMS}}},"
            f"L{{{description('$', '$', 'actpass', '$')}}}}}}}}}}}}}"
        )
        modified = await erlang.get("request")
        offered = ue.call.remote
        assert offered is not None
        assert offered.path == (f"msrp://{GATEWAY}:20002/erl2;tcp",)
        local = description(GATEWAY, "20002", "passive", offered.path[0])
        remote = description(UE, str(msrp_port), "active", ue.call.own_path)
        number = modified.partition("E=")[2].partition("{")[0]
        assert modified == (
            f"{HEAD}T=1{{C=7{{MF=ip/1/mb/2{{M{{ST=1{{L{{{local}}},R{{{remote}}}}}}},E={number}{{{WATCHED}}}}}}}}}"
        )

        # The gateway says that TCP failed (row TCP-F): BYE with a Reason, and the termination goes back.
        erlang.notify(f"7 ip/1/mb/2 {number} tcpbcc/bncchange{{ST=1,type=failed}}")
        assert await erlang.get("notified") == f"{HEAD}P=1{{C=7{{N=ip/1/mb/2}}}}"
        assert await erlang.get("request") == f"{HEAD}T=1{{C=7{{S=ip/1/mb/2{{AT{{SA}}}}}}}}"
        await until(lambda: world.mrfc.in_use == {"calls": 0, "conferences": 0})
        assert ue.call.ended_by == "TCP connection was not set up"
    assert erlang.other == []
    assert erlang.said == {"registered": [], "request": [], "notified": []}


@pytest.mark.parametrize(("transport", "form"), [("udp", "compact"), ("tcp", "pretty")])
def test_calls_through_an_erlang_gateway(transport: str, form: str) -> None:
    need_megaco()
    asyncio.run(_calls(transport, form))


async def _registration() -> None:
    world = World("binary")
    async with world.erlang("tcp", "ber") as erlang:
        assert (await erlang.get("registered")).startswith(f"{HEAD}P=1{{C=-{{SC=root{{SV{{V=2,PF=mp/1,")
        assert Note("mrfp in service", {"method": "Restart", "version": 2}) in world.notes


def test_registration_in_binary() -> None:
    need_megaco()
    asyncio.run(_registration())
