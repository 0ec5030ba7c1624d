"""SIP of real captures against tshark's fields, message by message."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from dissectors.errors import DecodeError
from dissectors.sdp import decode_sdp, encode_sdp
from dissectors.sip import SipMessage, SipStream, decode_sip

FOLDER = Path(__file__).parents[2].parent / "shared" / "captures"
FIELDS = (
    "udp.payload", "sip.Method", "sip.r-uri", "sip.Status-Code", "sip.Call-ID", "sip.from.tag", "sip.to.tag",
    "sip.CSeq.seq", "sip.CSeq.method", "sip.Via.branch", "sdp.media.port", "sdp.media.media",
)  # fmt: skip
NAMES = ["sip-h248-fax-gateway.pcap", "sip-calls.pcap"]
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not FOLDER.exists(), reason="the shared captures are not beside the repository"),
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]

Row = dict[str, str]
Rows = list[tuple[Row, SipMessage]]
_read: dict[str, Rows] = {}


def read(name: str) -> Rows:
    if name not in _read:
        command = [
            "tshark",
            "-r",
            str(FOLDER / name),
            "-Y",
            "sip",
            "-T",
            "fields",
            "-E",
            "separator=\x1f",
            "-E",
            "occurrence=a",
        ]
        for field in FIELDS:
            command += ["-e", field]
        done = subprocess.run([*command, "-E", "aggregator=\x1e"], capture_output=True, check=True)
        rows = [dict(zip(FIELDS, line.split("\x1f"), strict=True)) for line in done.stdout.decode().splitlines()]
        _read[name] = [(row, decode_sip(bytes.fromhex(row["udp.payload"]))) for row in rows]
    return _read[name]


def test_counts_of_the_gateway() -> None:
    messages = [message for _, message in read("sip-h248-fax-gateway.pcap")]
    assert len(messages) == 92
    assert Counter(message.method for message in messages if message.is_request) == {
        "INVITE": 16, "ACK": 16, "OPTIONS": 8, "BYE": 4,
    }  # fmt: skip
    assert Counter(message.status for message in messages if not message.is_request) == {
        100: 16,
        180: 4,
        200: 24,
        488: 4,
    }
    assert len({message.call_id for message in messages}) == 2
    assert sum(message.sdp() is not None for message in messages) == 28  # 14 more are in its H.248


def test_counts_of_the_calls() -> None:
    messages = [message for _, message in read("sip-calls.pcap")]
    assert len(messages) == 81
    assert len({message.call_id for message in messages}) == 6


@pytest.mark.parametrize("name", NAMES)
def test_fields_agree(name: str) -> None:
    for row, message in read(name):
        first = {field: value.split("\x1e")[0] for field, value in row.items()}
        ours = (
            message.method if message.is_request else "",
            message.request_uri,
            str(message.status or ""),
            message.call_id,
            message.from_tag,
            message.to_tag,
            str(message.cseq),
            message.cseq_method,
            message.branch,
        )
        assert ours == tuple(first[field] for field in FIELDS[1:10])


@pytest.mark.parametrize("name", NAMES)
def test_sdp_agrees(name: str) -> None:
    for row, message in read(name):
        body = message.sdp()
        if body is None:
            assert row["sdp.media.media"] == ""
            continue
        sdp = decode_sdp(body)
        assert encode_sdp(sdp) == body
        assert sdp.faults == []
        assert [media.media for media in sdp.media] == row["sdp.media.media"].split("\x1e")
        assert [media.port_text for media in sdp.media] == row["sdp.media.port"].split("\x1e")


@pytest.mark.parametrize("name", NAMES)
def test_all_on_one_stream(name: str) -> None:
    """Every message of these captures has a right Content-Length, so their octets end to end frame the same."""
    messages = [message for _, message in read(name)]
    items = SipStream().receive_data(b"".join(message.data for message in messages))
    assert [item.message for item in items if item.message] == messages


@pytest.mark.parametrize("name", NAMES)
def test_cut_datagrams_are_errors(name: str) -> None:
    for _, message in read(name)[::10]:
        with pytest.raises(DecodeError):
            decode_sip(message.data[:-1])
