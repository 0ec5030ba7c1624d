"""msrp-node-lib, an MSRP library of others (Node.js), in our conference: chunked messages both ways, and reports.

The library comes from the npm registry, or from a folder that `MRFSCOPE_MSRP_NODE_LIB` names (its `package.json`, with
dependencies installed). Without either the test is skipped and says why. What the library does not do as RFC 4975 says:

- it cuts a message every 2048 octets whatever stands there, and turns each piece into text by itself: a character of
  several octets on the border arrives as two replacement characters (`test_a_character_on_the_border`);
- it reports on every SEND that says `Failure-Report: yes`, whatever Success-Report says, and on none that leaves it to
  the default, which is `yes` as well (section 7.1.2): so nobody gets a success report from it for a message of ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from oracles import need

from dissectors.msrp import build_cpim, decode_cpim
from dissectors.sip import SipMessage, build_request, decode_sip
from replay.edge.runtime import Runtime
from replay.mrfc import Mrfc, MrfcConfig
from replay.mrfp import Mrfp, MrfpConfig
from replay.sip import Directory
from replay.ue import DialIn, Leave, Say, Spoken, Ue, UeConfig

PACKAGE = "msrp-node-lib@0.2.0"
HERE = Path(__file__).resolve().parent
NET = f"127.{128 + (os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
"Apart from other runs on this machine."
FOCUS, GATEWAY, ALICE_AT, NODE_AT = (f"{NET}.{number}" for number in (1, 2, 3, 4))
ROOM, ALICE, NODE = "sip:chat-17@conf.example.net", "sip:alice@ims.example.net", "sip:node@ims.example.net"
PATIENCE = 60.0
"s for one thing to happen on a loaded machine."

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the library."""
    need("node")
    named = os.environ.get("MRFSCOPE_MSRP_NODE_LIB")
    if named:
        return Path(named)
    npm, folder = need("npm"), tmp_path_factory.mktemp("npm")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("the npm registry does not answer")
    if done.returncode:
        why = next((line for line in done.stderr.splitlines() if re.match("npm (error|ERR!) code", line)), "npm failed")
        pytest.skip(f"{PACKAGE} cannot be had from the npm registry ({why.strip()})")
    return folder / "node_modules" / "msrp-node-lib"


class Peer:
    """The Node process."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.news: list[dict[str, Any]] = []

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.news.append(json.loads(line))

    async def get(self, kind: str) -> Any:
        """The next news of this kind; those before are dropped."""
        await until(lambda: any(kind in each for each in self.news), self.news)
        while kind not in self.news[0]:
            self.news.pop(0)
        return self.news.pop(0)[kind]

    def order(self, **order: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write((json.dumps(order) + "\n").encode())


async def until(true: Callable[[], object], so_far: object = None) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not true():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(so_far) from None


class Phone(asyncio.DatagramProtocol):
    """The SIP that the library has not: one call, begun and ended."""

    def __init__(self, local: tuple[str, int], focus: tuple[str, int]) -> None:
        self.local, self.focus = local, focus
        self.responses: list[SipMessage] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.responses.append(decode_sip(data))

    def send(self, method: str, uri: str, cseq: int, to_tag: str = "", sdp: str = "") -> None:
        host, port = self.local
        headers = [
            ("Via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{method}{cseq}"),
            ("Max-Forwards", "70"),
            ("From", f"<{NODE}>;tag=n1"),
            ("To", f"<{ROOM}>{to_tag}"),
            ("Call-ID", "call-of-node"),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", f"<sip:node@{host}:{port}>"),
        ]
        headers += [("Content-Type", "application/sdp")] if sdp else []
        self.transport.sendto(build_request(method, uri, headers, sdp.encode()).data, self.focus)

    async def final(self, cseq: int) -> SipMessage:
        def found() -> list[SipMessage]:
            return [each for each in self.responses if each.cseq == cseq and each.status >= 200]

        await until(found, self.responses)
        return found()[0]


class World:
    """MRFC, MRFP and a UE of ours, Alice; and the peer, in one conference."""

    peer: Peer

    def __init__(self) -> None:
        port = 20_000 + 10 * secrets.randbelow(4_000)
        self.sip, h248, gateway = (FOCUS, port), (FOCUS, port + 1), (GATEWAY, port + 1)
        self.msrp, self.phone = (NODE_AT, port + 2), Phone((NODE_AT, port), self.sip)
        directory = Directory({"conf.example.net": self.sip})
        self.mrfc = Mrfc(MrfcConfig(sip=self.sip, h248=h248))
        self.mrfp = Mrfp(MrfpConfig(gateway, (h248,), GATEWAY, media_ports=range(port + 3, port + 9)))
        self.alice = Ue(UeConfig(uri=ALICE, sip=(ALICE_AT, port), msrp=(ALICE_AT, port + 2), directory=directory))
        self.spoken: list[Spoken] = []
        self.alice.talk.listener = lambda news: self.spoken.append(news) if isinstance(news, Spoken) else None
        self.runtimes = [
            Runtime(self.mrfc, udp=[self.sip, h248]),
            Runtime(self.mrfp, udp=[gateway]),
            Runtime(self.alice, udp=[self.alice.config.sip]),
        ]

    def do(self, action: DialIn | Say | Leave) -> None:
        self.runtimes[2].do(self.alice.do(action, asyncio.get_running_loop().time()))

    @asynccontextmanager
    async def joined(self, library: Path) -> AsyncIterator[None]:
        """Both are in; then both leave, and nothing is left of them."""
        loop = asyncio.get_running_loop()
        for each in self.runtimes:
            await each.start()
        await until(lambda: self.mrfp.is_registered)
        await loop.create_datagram_endpoint(lambda: self.phone, local_addr=self.phone.local)
        host, port = self.msrp
        command = ["node", str(HERE / "msrp_node_peer.js"), str(library.resolve()), host, str(port)]
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=1 << 20)
        self.peer = Peer(process)
        reading = asyncio.create_task(self.peer.read())
        try:
            self.phone.send("INVITE", ROOM, 1, sdp=await self.peer.get("offer"))
            answer = await self.phone.final(1)
            assert answer.status == 200
            tag = f";tag={answer.to_tag}"
            self.phone.send("ACK", ROOM, 1, tag)
            self.peer.order(answer=answer.body.decode())
            await self.peer.get("connected")
            self.do(DialIn(ROOM))
            await until(lambda: self.alice.call is not None and self.alice.call.was_in)
            yield
            self.phone.send("BYE", ROOM, 2, tag)
            assert (await self.phone.final(2)).status == 200
            self.do(Leave())
            await until(lambda: self.alice.is_out and self.mrfp.in_use == {"contexts": 0, "terminations": 0})
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading
            self.phone.transport.close()
            for runtime in reversed(self.runtimes):
                await runtime.stop()


def cpim(text: str) -> str:
    """A message of the peer to the room."""
    message = build_cpim([("From", f"<{NODE}>"), ("To", f"<{ROOM}>")], "text/plain", text.encode())
    return (message.head + message.body).decode()


def run(library: Path, talk: Callable[[World], Any]) -> None:
    async def work() -> None:
        world = World()
        async with world.joined(library):
            await talk(world)

    asyncio.run(work())


def test_chunks_from_the_library(library: Path) -> None:
    """Three chunks and more: we get what was said, it gets a success report for all of it (RFC 4975 section 7.1.2)."""
    text = "".join(f"line {number} of many\n" for number in range(400))
    assert shutil.which("node")

    async def talk(world: World) -> None:
        whole = cpim(text)
        world.peer.order(send=whole, type="message/cpim")
        assert await world.peer.get("sent") == -(-len(whole) // 2048)
        await until(lambda: world.spoken)
        assert world.spoken == [Spoken("", NODE, ROOM, "text/plain", text.encode())]
        report = await world.peer.get("report")
        assert report["status"] == 200
        assert report["range"] == {"start": 1, "end": len(whole), "total": len(whole)}

    run(library, talk)


def test_chunks_to_the_library(library: Path) -> None:
    """Chunks of ours of 2048 octets, put together again by others; characters of several octets among them."""
    text = "".join(f"Zeile {number}: äöü € 𝄞\n" for number in range(300))

    async def talk(world: World) -> None:
        world.do(Say(text))
        message = await world.peer.get("message")
        assert message["type"] == "message/cpim"
        assert decode_cpim(message["body"].encode()).body.decode() == text
        await until(lambda: list(world.alice.tally.settled.values()) == [200])

    run(library, talk)


def test_a_character_on_the_border(library: Path) -> None:
    """A defect of the library, not of ours: the octets that it sends have U+FFFD where it cut a character."""
    padding = 2048 - len(cpim("").encode()) - 1

    async def talk(world: World) -> None:
        world.peer.order(send=cpim("x" * padding + "é and more"), type="message/cpim")
        await world.peer.get("sent")
        await until(lambda: world.spoken)
        said = world.spoken[0].content.decode("utf-8", "replace")
        assert said.startswith("x" * padding)
        assert "é" not in said
        assert "�" in said

    run(library, talk)
