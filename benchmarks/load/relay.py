"""The measure of the MRFP: a relay that does no more than must be done.

`python -m benchmarks.load.relay ADDR PORT [KEY]` frames MSRP by end-lines and writes the octets of each SEND to
everybody else of the room. No response, no path, no header is looked at, nothing is counted or limited. The first
message of a connection names its room by its session-id, and is answered. With a key (hexadecimal) it speaks TLS-PSK,
as asyncio does.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections import defaultdict
from typing import cast

from replay.edge.psk_tls import psk_context

ROOMS: defaultdict[bytes, list[End]] = defaultdict(list)


class End(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._rest = b""
        self._room: list[End] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast(asyncio.Transport, transport).write

    def connection_lost(self, exc: Exception | None) -> None:
        if self._room is not None:
            self._room.remove(self)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        while (space := data.find(b" ", at + 5)) > 0:
            found = data.find(b"\r\n-------" + data[at + 5 : space], space)
            end = found + 12 + space - at - 5
            if found < 0 or end > len(data):
                break
            if data.startswith(b"SEND", space + 1):
                self._relay(data[at:end])
            at = end
        self._rest = data[at:]

    def _relay(self, message: bytes) -> None:
        if self._room is None:
            self._room = ROOMS[message.split(b";tcp", 1)[0].rpartition(b"/")[2]]
            self._room.append(self)
            self.write(b"MSRP bound 200 OK\r\n-------bound$\r\n")
            return
        for other in self._room:
            if other is not self:
                other.write(message)


async def _serve(address: str, port: int, psk: bytes) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    context = psk_context(is_client=False, psk=psk, identity="") if psk else None
    async with await loop.create_server(End, address, port, ssl=context, backlog=1024):
        print("up", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    gc.disable()
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3] if len(sys.argv) > 3 else "")))
