"""A conference on real sockets: OpenSSL ends the secured legs in either TLS role, a plain TCP client the third one."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Callable
from typing import cast

import pytest

from replay.edge.runtime import Runtime
from replay.mrfp import Mrfp, MrfpConfig

MGC, MG, UE = "127.0.84.1", "127.0.84.2", "127.0.84.3"
KEY = "bf04b1b296f94d6a83f3693e76622403"
CIPHER = ("-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256", "-quiet")

pytestmark = pytest.mark.interop


class Controller(asyncio.DatagramProtocol):
    """A controller of a few lines."""

    def __init__(self) -> None:
        self.transport: asyncio.DatagramTransport | None = None
        self.gateway: tuple[str, int] | None = None
        self.replies: asyncio.Queue[str] = asyncio.Queue()
        self.notices: list[str] = []
        self.registered = asyncio.Event()
        self._count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        asked = re.search(r"\nT=(\d+)\{", text)
        if asked is None:
            self.replies.put_nowait(text)
        elif "SC=ROOT" in text:
            self.gateway = addr
            self.say(f"P={asked[1]}{{C=-{{SC=ROOT{{SV{{V=2}}}}}}}}")
            self.registered.set()
        else:
            self.notices.append(text)
            context, name = re.search(r"C=(\d+)\{N=([^{]+)", text).groups()  # type: ignore[union-attr]
            self.say(f"P={asked[1]}{{C={context}{{N={name}}}}}")

    def say(self, text: str) -> None:
        assert self.transport is not None
        self.transport.sendto(b"!/2 [192.0.2.10]:2944\n" + text.encode(), self.gateway)

    async def order(self, text: str) -> str:
        self._count += 1
        self.say(f"T={self._count}{{{text}}}")
        return await asyncio.wait_for(self.replies.get(), 5)

    async def add(self, context: str, name: str, port: int, *, secure: bool, active: bool) -> tuple[str, str, int]:
        """Returns context, path and port; the UE is at the given port."""
        proto, scheme = ("TCP/TLS/MSRP", "msrps") if secure else ("TCP/MSRP", "msrp")
        key = f",tlsbsc/psk={KEY}" if secure else ""
        start = ",SG{tcpbcc/EstBNC{ST=1},tlsbsc/EstBNC{ST=1}}" if active else ""
        setup = "active" if active else "passive"
        reply = await self.order(
            f"C={context}{{A=ip/1/mb/${{M{{ST=1{{O{{MO=SR{key}}},"
            f"L{{\nv=0\nc=IN IP4 $\nm=message $ {proto} *\na=setup:{setup}\na=path:$\n}},"
            f"R{{\nv=0\nc=IN IP4 {UE}\nm=message {port} {proto} *\na=path:{scheme}://{UE}:{port}/{name};tcp\n}}}}}},"
            f"E=1{{tcpbcc/BNCChange{{ST=1,Type=failed}},tlsbsc/BNCChange{{ST=1,Type=failed}}}}{start}}}}}"
        )
        found = re.search(r"C=(\d+)\{.*m=message (\d+) .*a=path:(\S+)", reply, re.DOTALL)
        assert found is not None, reply
        return found[1], found[3], int(found[2])


class Ue:
    """A participant behind a pair of streams."""

    def __init__(self, name: str, own: str, peer: str, read: asyncio.StreamReader, write: asyncio.StreamWriter) -> None:
        self.name, self.own, self.peer = name, own, peer
        self.read, self.write = read, write
        self.got = b""

    def send(self, tid: str, text: str = "") -> None:
        head = f"MSRP {tid} SEND\r\nTo-Path: {self.peer}\r\nFrom-Path: {self.own}\r\nMessage-ID: {tid}\r\n"
        if text:
            body = f"From: <sip:{self.name}@x>\r\nTo: <sip:chat@x>\r\n\r\nContent-Type: text/plain\r\n\r\n{text}"
            head += f"Content-Type: message/cpim\r\n\r\n{body}\r\n"
        self.write.write(f"{head}-------{tid}$\r\n".encode())

    async def until(self, wanted: bytes) -> None:
        """Read until these octets came."""
        while wanted not in self.got:
            data = await asyncio.wait_for(self.read.read(65536), 5)
            assert data, self.got
            self.got += data


async def _openssl(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        "openssl", *arguments, *CIPHER, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )


async def _run(work: Callable[[Controller, int, list[asyncio.subprocess.Process]], object]) -> Controller:
    base = 20_000 + time.time_ns() // 1_000_000 % 4_000 * 10
    loop = asyncio.get_running_loop()
    _, controller = await loop.create_datagram_endpoint(Controller, local_addr=(MGC, base))
    config = MrfpConfig((MG, base), ((MGC, base),), MG, media_ports=range(base + 1, base + 5))
    runtime = Runtime(Mrfp(config), udp=[(MG, base)])
    processes: list[asyncio.subprocess.Process] = []
    try:
        await runtime.start()
        await asyncio.wait_for(controller.registered.wait(), 5)
        await work(controller, base, processes)  # type: ignore[misc]
    finally:
        await runtime.stop()
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
        assert controller.transport is not None
        controller.transport.close()
        await asyncio.sleep(0.01)
    return controller


async def _conference(controller: Controller, base: int, processes: list[asyncio.subprocess.Process]) -> None:
    # The MRFP opens TCP and TLS to the first (row DIN-8), the second opens both (rows DOUT-12 and DOUT-13).
    server = await _openssl("s_server", "-accept", f"{UE}:{base + 6}", "-psk", KEY, "-nocert")
    processes.append(server)
    await asyncio.sleep(0.5)
    context, peer, _ = await controller.add("$", "ann", base + 6, secure=True, active=True)
    assert server.stdin is not None
    assert server.stdout is not None
    ann = Ue("ann", f"msrps://{UE}:{base + 6}/ann;tcp", peer, server.stdout, server.stdin)
    await ann.until(b"$\r\n")  # the first request, without content
    tid = ann.got.split(b" ")[1].decode()
    server.stdin.write(f"MSRP {tid} 200 OK\r\nTo-Path: {peer}\r\nFrom-Path: {ann.own}\r\n-------{tid}$\r\n".encode())
    _, peer, port = await controller.add(context, "bob", 9, secure=True, active=False)
    client = await _openssl("s_client", "-connect", f"{MG}:{port}", "-psk", KEY)
    processes.append(client)
    assert client.stdin is not None
    assert client.stdout is not None
    bob = Ue("bob", f"msrps://{UE}:9/bob;tcp", peer, client.stdout, client.stdin)
    _, peer, port = await controller.add(context, "cid", 9, secure=False, active=False)
    cid = Ue("cid", f"msrp://{UE}:9/cid;tcp", peer, *await asyncio.open_connection(MG, port))
    for each in (bob, cid):
        each.send(f"{each.name}0000")
        await each.until(f"MSRP {each.name}0000 200 OK".encode())
    for each in (ann, bob, cid):
        each.send(f"{each.name}0001", f"hello from {each.name}")
        for other in (ann, bob, cid):
            wanted = f"MSRP {each.name}0001 200 OK" if other is each else f"hello from {each.name}"
            await other.until(wanted.encode())
    cid.write.close()


async def _wrong_key(controller: Controller, base: int, processes: list[asyncio.subprocess.Process]) -> None:
    _, _, port = await controller.add("$", "bob", 9, secure=True, active=False)
    client = await _openssl("s_client", "-connect", f"{MG}:{port}", "-psk", "00" * 16)
    processes.append(client)
    for _ in range(100):
        if controller.notices:
            break
        await asyncio.sleep(0.05)


def test_openssl_in_both_roles_and_a_plain_leg() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    assert asyncio.run(_run(_conference)).notices == []


def test_a_wrong_key_is_notified() -> None:  # row DIN-F
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (notice,) = asyncio.run(_run(_wrong_key)).notices
    assert "tlsbsc/BNCChange{ST=1,Type=failed}" in notice
