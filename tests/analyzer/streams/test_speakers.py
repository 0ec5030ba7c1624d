"""What speaks in TPKT (RFC 1006): H.248.1 section D.2 uses it, and so do H.245 and Q.931."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.streams.speakers import stream_speaker
from dissectors.h248 import TextStream, TpktStream

BER = Path(__file__).parents[4] / "shared" / "captures" / "h248-messages" / "msg01a.ber"


def framed(octets: bytes) -> bytes:
    return b"\x03\x00" + (len(octets) + 4).to_bytes(2, "big") + octets


@pytest.mark.parametrize(
    "octets",
    [b"!/1 [192.0.2.1] T=1{C=-{AV=ROOT}}", b"MEGACO/3 a", b" ; c\r\n megaco/1 a", b"AU=0x00000001:0x1:0x2 !/1 a"],
)
def test_h248_text_in_tpkt(octets: bytes) -> None:
    speaker = stream_speaker(framed(octets))
    assert speaker is not None
    assert (speaker.name, speaker.decoder, speaker.remark) == ("h248", TpktStream, "")


@pytest.mark.parametrize(
    "octets",
    [
        b"\x02\x70\x01\x06\x00\x08\x81\x75",  # H.245 TerminalCapabilitySet
        b"\x21\x80\x01",  # an H.245 response: `!`, and no version behind it
        b"\x20\x80",
        b"\x30\x05\xa1\x03\x80\x01\x01",  # a SEQUENCE that is no MegacoMessage
        b"\x08\x02\x00\x01\x05",  # Q.931 SETUP
        b"AUTOMATIC=1",
    ],
)
def test_other_protocols_in_tpkt_are_none_of_ours(octets: bytes) -> None:
    assert stream_speaker(framed(octets)) is None


@pytest.mark.skipif(not BER.exists(), reason="../shared/captures/h248-messages is not here")
def test_ber_in_tpkt_is_told_by_being_a_message() -> None:
    octets = BER.read_bytes()
    for data in (framed(octets), framed(octets)[:40]):
        speaker = stream_speaker(data)
        assert speaker is not None
        assert (speaker.name, speaker.decoder) == ("h248", TpktStream)
    assert stream_speaker(framed(octets[:-1] + b"")) is None


def test_h248_text_without_tpkt_is_read_with_a_remark() -> None:
    speaker = stream_speaker(b"MEGACO/2 [192.0.2.10]:2944\r\nTransaction = 1 {")
    assert speaker is not None
    assert (speaker.name, speaker.decoder) == ("h248", TextStream)
    assert speaker.remark == "h248 text over tcp without tpkt (H.248.1 section D.2)"
