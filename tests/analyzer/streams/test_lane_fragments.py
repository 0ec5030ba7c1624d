"""A message in IP fragments knows the frames of all of them (RFC 791 section 3.2), TCP beside it as ever."""

from __future__ import annotations

from pathlib import Path

from capture_variants import write_pcap

from analyzer.capture.reader import open_captures
from analyzer.streams.lane import Lane


def test_a_datagram_in_fragments_among_others(tmp_path: Path) -> None:
    from scapy.layers.inet import IP, UDP, fragment
    from scapy.layers.l2 import Ether

    head = (
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
    )
    whole = head + b"Call-ID: whole\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    split = head + b"Call-ID: split\r\nCSeq: 1 OPTIONS\r\nX: " + b"x" * 900 + b"\r\nContent-Length: 0\r\n\r\n"
    ends = {"src": "192.0.2.1", "dst": "192.0.2.2"}
    packets = [IP(**ends, id=1) / UDP(sport=5060, dport=5060) / whole]
    packets += fragment(IP(**ends, id=2) / UDP(sport=5060, dport=5060) / split, fragsize=400)
    packets.append(IP(**ends, id=3) / UDP(sport=5060, dport=5060) / whole.replace(b"whole", b"after"))
    octets = [(10**9 * (n + 1), bytes(Ether(type=0x0800) / packet)) for n, packet in enumerate(packets)]
    path = write_pcap(tmp_path / "fragments.pcap", octets)
    lane = Lane()
    outputs = [lane.feed(block) for block in open_captures([str(path)]).blocks()]
    messages = [message for output in [*outputs, lane.finish()] for message in output.messages]
    assert [(message.decoded.call_id, message.frames) for message in messages] == [
        ("whole", (1,)),
        ("split", (2, 3, 4)),
        ("after", (5,)),
    ]
