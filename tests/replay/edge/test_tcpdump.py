"""Recording with tcpdump in a network namespace, the parts that need neither: command lines, counts, the stream."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import pytest

from analyzer.export.pcapng import PcapngWriter
from replay.edge import namespace, tcpdump
from replay.edge.namespace import UnavailableError, missing, set_up
from replay.edge.pcap_stream import PcapStream
from replay.edge.tcpdump import Tcpdump, command, dropped

MARK = bytes(range(32))


def pcap(order: str, *packets: tuple[int, int, bytes]) -> bytes:
    """A file with nanoseconds; packets with the s and ns of their times."""
    head = struct.pack(f"{order}IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1)
    return head + b"".join(struct.pack(f"{order}IIII", s, ns, len(each), 1500) + each for s, ns, each in packets)


PACKETS = ((1_767_268_800, 1, b"one"), (1_767_268_801, 999_999_999, b"second"))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_stream_is_whole_up_to_the_mark_in_pieces_of_any_size(order: str, size: int) -> None:
    """Both orders of octets; the mark is not kept, nor what comes behind it, such as the kernel's answer to it."""
    stream = PcapStream(PcapngWriter("x"), MARK)
    data = pcap(order, *PACKETS, (1_767_268_802, 0, b"head" + MARK), (1_767_268_803, 0, b"answer" + MARK[:8]))
    made = b"".join(stream.feed(data[at : at + size]) for at in range(0, len(data), size))
    writer = PcapngWriter("x")
    wanted = writer.begin()
    wanted += b"".join(writer.packet(1, s * 10**9 + ns, each, 1500) for s, ns, each in PACKETS)
    assert made == wanted
    assert stream.ended


def test_a_stream_without_the_mark_has_not_ended() -> None:
    stream = PcapStream(PcapngWriter("x"), MARK)
    stream.feed(pcap("<", *PACKETS))
    assert not stream.ended
    with pytest.raises(ValueError, match="no pcap with nanoseconds, but d4c3b2a1"):
        PcapStream(PcapngWriter("x"), MARK).feed(bytes.fromhex("d4c3b2a1") + bytes(20))


def test_what_tcpdump_says_it_missed() -> None:
    said = "tcpdump: listening on lo, link-type EN10MB (Ethernet)\n68 packets captured\n70 packets received by filter\n"
    assert dropped(f"{said}0 packets dropped by kernel\n") == 0
    assert dropped(f"{said}1 packet dropped by kernel\n") == 1
    assert dropped(f"{said}12 packets dropped by kernel\n3 packets dropped by interface\n") == 15
    assert dropped(said) == -1


def test_command_lines() -> None:
    assert command("lo")[:4] == ["tcpdump", "-i", "lo", "--immediate-mode"]
    assert command("lo")[-3:] == ["-w", "-", "ip[12:4] != ip[16:4]"]
    assert set_up(["192.0.2.10", "2001:db8::1"]) == (
        "link set dev lo mtu 1500 gso_max_segs 1 up\n"
        "address add 192.0.2.10/32 dev lo\n"
        "address add 2001:db8::1/128 dev lo\n"
    )


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ip").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(namespace.os, "geteuid", lambda: 0)
    assert missing(["ip"]) == ""
    assert missing(["ip", "tcpdump"]) == "tcpdump"
    monkeypatch.setattr(namespace.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(namespace.sys, "platform", "darwin")
    assert missing(["ip", "tcpdump"]) == "Linux, root, tcpdump"


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("echo 'tcpdump: lo: no permission' >&2; exit 1", UnavailableError, "tcpdump record: lo: no permission"),
        (
            "echo 'listening on lo' >&2; echo 'out of luck' >&2",
            OSError,
            "the recording was complete: out of luck",
        ),
        ("echo 'listening on lo' >&2; echo this is no pcap at all, by no means", OSError, "no pcap with nanoseconds"),
    ],
)
def test_a_tcpdump_that_fails_is_told(
    script: str, error: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcpdump, "command", lambda interface: ["sh", "-c", script])
    with pytest.raises(error, match=words), Tcpdump(BytesIO(), "lo"):
        pass
