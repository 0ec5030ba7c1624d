"""H.248 over SCTP: what is given to the kernel, what is recorded, and a call over it.

The kernel's SCTP itself is proven where there is one; elsewhere UDP sockets stand in for its sockets: they take the
same calls and overlook the ancillary data, of which only the encoding is proven then.
"""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from oracles import tshark_fields

from replay.edge import runtime, sctp
from replay.edge.recorder import Recorder
from replay.edge.runtime import Runtime
from replay.edge.sctp import PROTOCOL, SNDINFO, SctpEnd, crc32c, open_socket, send_information
from replay.events import Endpoint
from replay.mrfc import Mrfc, MrfcConfig
from replay.mrfp import Mrfp, MrfpConfig
from tests.analyzer.cli.processes import COMMAND, mrfscope, needs_command, refused

NET = f"127.{224 + (os.getpid() >> 8) % 16}.{os.getpid() & 0xFF}"


class StandIn:
    """A UDP socket that answers as one of SCTP would: a datagram is a whole message."""

    def __init__(self, local: Endpoint) -> None:
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(local)
        self.ancillary: list[Any] = []

    def sendmsg(self, parts: list[bytes], ancillary: list[Any], flags: int, peer: Endpoint) -> int:
        self.ancillary += ancillary
        return self._udp.sendmsg(parts, ancillary, flags, peer)

    def recvmsg(self, size: int, ancillary: int) -> tuple[bytes, list[Any], int, Endpoint]:
        data, _, _, source = self._udp.recvmsg(size)
        return data, [], socket.MSG_EOR, source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._udp, name)


class Played:
    """A socket that gives what the kernel would, piece by piece."""

    def __init__(self, *pieces: tuple[bytes, int, Endpoint]) -> None:
        self.pieces = list(pieces)

    def setblocking(self, on: bool) -> None: ...

    def recvmsg(self, size: int, ancillary: int) -> tuple[bytes, list[Any], int, Endpoint]:
        if not self.pieces:
            raise BlockingIOError
        data, flags, source = self.pieces.pop(0)
        return data, [], flags, source


def kernel_has_sctp() -> bool:
    try:
        open_socket((f"{NET}.9", 0)).close()
    except OSError:
        return False
    return True


def test_ancillary_data() -> None:
    """RFC 6458 section 5.3.4: stream, flags (16 bits), payload protocol (network order), context, association."""
    level, kind, octets = send_information()
    assert (level, kind) == (132, 2) == (PROTOCOL, SNDINFO)
    assert octets[:4] == bytes(4)
    assert octets[4:8] == b"\x00\x00\x00\x07"
    assert octets[8:] == bytes(8)


def test_pieces_of_messages() -> None:
    """MSG_EOR ends a message; those of two peers do not mix; notifications, and what is too long, are no messages."""
    one, other, end = ("127.0.0.1", 1), ("127.0.0.2", 1), socket.MSG_EOR
    came: list[tuple[Endpoint, bytes]] = []
    pieces = [(b"a", 0, one), (b"x", 0, other), (b"what", sctp.NOTIFICATION | end, one), (b"b", end, one)]
    pieces += [(b"y", end, other), (b"", 0, other), (b"z" * 65_536, 0, one), (b"z", end, one), (b"c", end, one)]
    played: Any = Played(*pieces)
    SctpEnd(played, lambda peer, data: came.append((peer, data))).receive()
    assert came == [(one, b"ab"), (other, b"xy"), (one, b"c")]


def test_crc32c() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 7143 appendix A.4


def test_a_recording_as_others_read_it(tmp_path: Path) -> None:
    """tshark finds H.248 in it, whole again from its DATA chunks, with good checksums; so do we."""
    path = tmp_path / "x.pcapng"
    text = "!/2 [192.0.2.20]:2944 T=1{C=1{MF=ip/1/mb/1{SG{" + ",".join(f"a/b{n}" for n in range(500)) + "}}}}"
    one, other = ("192.0.2.20", 2944), ("192.0.2.10", 2944)
    with path.open("wb") as out:
        recorder = Recorder(out, lambda: 1_768_471_200_000_000_000)
        recorder.sctp_message(one, other, text.encode())
        recorder.sctp_message(other, one, b"!/2 [192.0.2.10]:2944 P=1{C=1{MF=ip/1/mb/1}}")
        recorder.sctp_message(one, other, b"!/2 [192.0.2.20]:2944 T=2{C=1{S=ip/1/mb/1}}")
    check = ("-o", "sctp.checksum:CRC 32c")
    fields = ["sctp.checksum.status", "sctp.data_payload_proto_id", "sctp.data_ssn"]
    rows = tshark_fields(path, "sctp", fields, *check)
    assert {tuple(row[:2]) for row in rows} == {("1", "7")}
    assert [row[2] for row in rows] == ["0"] * (len(rows) - 2) + ["0", "1"]
    assert [row[0] for row in tshark_fields(path, "megaco", ["megaco.transid"])] == ["1", "1", "2"]


def test_what_a_kernel_without_sctp_says() -> None:
    if kernel_has_sctp():
        pytest.skip("this kernel has SCTP")
    with pytest.raises(OSError, match="this kernel has no SCTP"):
        open_socket((f"{NET}.9", 2944))


async def _registers() -> None:
    port = 20_000 + secrets.randbelow(20_000)
    sip, h248, gateway = (f"{NET}.1", port), (f"{NET}.1", port + 1), (f"{NET}.2", port + 1)
    mrfc = Mrfc(MrfcConfig(sip=sip, h248=h248, audit_interval=0.05))
    mrfp = Mrfp(MrfpConfig(gateway, (h248,), gateway[0], transport="sctp"))
    recorder = Recorder(io.BytesIO(), lambda: 0)
    runtimes = [Runtime(mrfc, udp=[sip], sctp=[h248]), Runtime(mrfp, sctp=[gateway], recorder=recorder)]
    try:
        for each in runtimes:
            await each.start()
        async with asyncio.timeout(30):
            while not (mrfp.is_registered and mrfc.focus.gateway.in_service):
                await asyncio.sleep(0.01)
    finally:
        for each in reversed(runtimes):
            await each.stop()


def test_the_gateway_registers_over_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: dict[Endpoint, Any] = {}

    def opened(local: Endpoint) -> Any:
        ends[local] = StandIn(local)
        return ends[local]

    monkeypatch.setattr(runtime, "open_socket", opened)
    asyncio.run(_registers())
    assert len(ends) == 2
    assert all(set(each.ancillary) == {send_information()} for each in ends.values())


def test_the_gateway_registers_over_the_kernels_sctp() -> None:
    if not kernel_has_sctp():
        pytest.skip("this kernel has no SCTP")
    asyncio.run(_registers())


@needs_command
def test_the_lab_over_sctp(tmp_path: Path) -> None:
    """Where the kernel has it a call goes through; elsewhere the lab says why it does not start."""
    places = {"mrfc_sip": "10:5060", "mrfc_h248": "10:2944", "mrfp_h248": "20:2944", "mrfp_media": "30"}
    places |= {"kms": "40:8080", "ue_sip": "50:5060"}
    config = tmp_path / "lab.toml"
    lines = [f'{key} = "{NET}.{place}"\n' for key, place in places.items()]
    config.write_text("".join([*lines, 'h248_transport = "sctp"\n']))
    if not kernel_has_sctp():
        said = refused("lab", "up", "--config", config, code=2)
        assert said.startswith("mrfscope: lab: this kernel has no SCTP\n")
        return
    with subprocess.Popen([COMMAND, "lab", "up", "-q", "--config", config], stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        assert lab.stdout.readline().startswith("The lab is up")
        ue = mrfscope("lab", "ue", "--config", config, "--dial", "chat-17", "--say", "hello", "-q")
        lab.terminate()
        assert lab.wait(30) == 0
    assert ue.stdout == "ue: heard 0 messages, 1 of 1 requests of its own went well; left\n"
