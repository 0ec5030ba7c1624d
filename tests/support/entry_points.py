"""Every place where octets from outside enter a decoder, with good octets for it; for tests that damage them.

An entry point takes octets and returns; it raises DecodeError where they are none of its own, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

from capture_variants import SHARED, read_packets
from mikey_vectors import PSK_INIT, PSK_VER, TRANSFER_INIT, TRANSFER_RESP
from mutations import payload_offset
from tls_made import CANDIDATE, MADE_SUITES, made

from analyzer.transport.m3ua import decode_protocol_data
from dissectors.framing import StreamDecoder
from dissectors.h248 import TextStream, TpktStream, decode_h248, decode_h248_text
from dissectors.h248.binary import decode_h248_binary
from dissectors.http import HttpStream, decode_head
from dissectors.mikey import (
    Ticket,
    Tp,
    decode_base64,
    decode_base_ticket,
    decode_initiator_data,
    decode_key_chain,
    decode_key_mgmt,
    decode_mikey,
    decode_policy,
    review,
)
from dissectors.msrp import MsrpStream, decode_cpim, decode_msrp, parse_msrp_uri
from dissectors.sdp import decode_sdp, decode_sdp_list
from dissectors.sip import SipStream, decode_sip, parse_name_addr, parse_uri, parse_via
from dissectors.sip.body import flatten_body
from dissectors.tls import TlsObserver, decode_handshake, read_key_log
from dissectors.tls.records import RecordStream
from dissectors.tls.secrets import TlsSecrets, always
from replay.h248.salvage import answer_unreadable

ROOT = Path(__file__).resolve().parents[2]
Enter = Callable[[bytes], object]


def _stream(make: Callable[[], StreamDecoder[Any]], data: bytes) -> None:
    """In two pieces with a hole between what came and the end."""
    decoder = make()
    half = len(data) // 2
    decoder.receive_data(data[:half])
    decoder.receive_data(data[half:])
    decoder.receive_gap(7)
    decoder.receive_data(data)
    decoder.receive_eof()


def _text(enter: Callable[[str], object], data: bytes) -> object:
    return enter(data.decode("utf-8", "surrogateescape"))


def _sip_body(data: bytes) -> object:
    content_type, _, body = data.partition(b"\n")
    return flatten_body(content_type.decode("utf-8", "surrogateescape"), "", body)


def _sip_all(data: bytes) -> None:
    message = decode_sip(data)
    for name in ("Contact", "Route", "Via", "Require", "Content-Type", "P-Charging-Vector", "Session-ID"):
        message.header(name)
    message.icid(), message.session_id(), message.contact_uri(), message.is_focus()


def _mikey(data: bytes) -> None:
    message = decode_mikey(data)
    review(message)
    for payload in message.payloads:
        if isinstance(payload, Tp | Ticket):
            decode_policy(payload)


def _tls(data: bytes) -> None:
    """One octet says who speaks first and how much each time, as records come in any pieces."""
    observer = TlsObserver(TlsSecrets(psks=always(CANDIDATE)))
    direction = 0
    while data:
        size = 40 + 7 * data[0]
        observer.receive_data(direction, data[:size])
        data, direction = data[size:], 1 - direction
    observer.receive_gap(0, 3)
    observer.receive_eof(0)
    observer.receive_eof(1)


def _salvage(data: bytes) -> object:
    return answer_unreadable(data, "why", "[192.0.2.20]:2944", 3)


def _handshake(data: bytes) -> None:
    for version, exchange in ((0, ""), (0x0303, "PSK"), (0x0303, "ECDHE_PSK"), (0x0304, "")):
        decode_handshake(data, version, exchange)


ENTRY_POINTS: dict[str, tuple[Enter, str]] = {
    "decode_sip": (_sip_all, "sip"),
    "SipStream": (partial(_stream, SipStream), "sip"),
    "sip body": (_sip_body, "body"),
    "parse_uri": (partial(_text, parse_uri), "uri"),
    "parse_name_addr": (partial(_text, parse_name_addr), "address"),
    "parse_via": (partial(_text, parse_via), "via"),
    "decode_sdp": (decode_sdp, "sdp"),
    "decode_sdp_list": (decode_sdp_list, "sdp"),
    "decode_msrp": (decode_msrp, "msrp"),
    "MsrpStream": (partial(_stream, MsrpStream), "msrp"),
    "decode_cpim": (decode_cpim, "cpim"),
    "parse_msrp_uri": (partial(_text, parse_msrp_uri), "msrp uri"),
    "decode_h248": (decode_h248, "h248"),
    "decode_h248_text": (decode_h248_text, "h248"),
    "decode_h248_binary": (decode_h248_binary, "ber"),
    "TpktStream": (partial(_stream, TpktStream), "tpkt"),
    "TextStream": (partial(_stream, TextStream), "h248"),
    "decode_mikey": (_mikey, "mikey"),
    "decode_key_mgmt": (partial(_text, decode_key_mgmt), "key-mgmt"),
    "decode_key_chain": (decode_key_chain, "mikey"),
    "decode_base_ticket": (decode_base_ticket, "mikey"),
    "decode_initiator_data": (decode_initiator_data, "mikey"),
    "HttpStream": (partial(_stream, HttpStream), "http"),
    "http head": (decode_head, "http"),
    "TlsObserver": (_tls, "tls"),
    "RecordStream": (partial(_stream, RecordStream), "tls"),
    "decode_handshake": (_handshake, "handshake"),
    "read_key_log": (read_key_log, "key log"),
    "m3ua": (decode_protocol_data, "m3ua"),
    "salvage": (_salvage, "h248"),
}
"""Name -> how it is entered, and the kind of octets that it reads."""


@cache
def corpus() -> dict[str, list[bytes]]:
    """Good octets of every kind: the project's samples, vectors, and captures beside the checkout."""
    found: dict[str, list[bytes]] = {
        "uri": [b"sip:alice@example.net:5060;transport=tcp;lr?Subject=x&a=b", b"tel:+1-201-555-0123;phone-context=x"],
        "address": [b'"A. \\"B\\" C" <sip:a%40b@[2001:db8::1]:5060;gr=1>;tag=88;expires=60', b"sip:a@b;tag=1"],
        "via": [b"SIP / 2.0 / UDP [2001:db8::9]:5060 ;branch=z9hG4bK87asdks7;rport=9;received=192.0.2.1"],
        "body": [b'multipart/mixed;boundary="b1"\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b1--\r\n'],
        "cpim": [b"From: <sip:a@b>\r\nTo: <sip:c@d>\r\nNS: n <urn:x>\r\n\r\nContent-Type: text/plain\r\n\r\nhello"],
        "msrp uri": [b"msrps://alice@[2001:db8::1]:7777/iau39soe2843z;tcp;ext=1"],
        "http": [
            b"POST /k HTTP/1.1\r\nHost: kms\r\nContent-Type: application/mikey\r\nContent-Length: 5\r\n\r\nAQ4Fg",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\n",
        ],
        "key log": [b"# c\nCLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\nCLIENT_TRAFFIC_SECRET_0 00 11\n"],
        "m3ua": [b"\1\0\1\1\0\0\0\x20\2\x10\0\x18\0\0\0\1\0\0\0\2\x0e\2\0\0MEGACO!!"],
        "key-mgmt": [f"mikey {each}".encode() for each in (TRANSFER_INIT, TRANSFER_RESP, PSK_INIT, PSK_VER)],
        "mikey": [decode_base64(each) for each in (TRANSFER_INIT, TRANSFER_RESP, PSK_INIT, PSK_VER)],
    }
    for name in (*MADE_SUITES, "1.3"):
        records = made(name).records
        found.setdefault("tls", []).append(b"".join(record for _, record in records))
        found.setdefault("handshake", []).extend(record[5:] for _, record in records if record[:1] == b"\x16")
    for payload in _payloads():
        kind = _kind(payload)
        if kind and len(payload) < 8192:
            found.setdefault(kind, []).append(payload)
            if kind == "sip" and b"\r\n\r\nv=0" in payload:
                found.setdefault("sdp", []).append(payload.partition(b"\r\n\r\n")[2])
    found["h248"] += [path.read_bytes() for path in sorted(SHARED.glob("h248-messages/*.txt"))]
    found["ber"] = [path.read_bytes() for path in sorted(SHARED.glob("h248-messages/*.ber"))] or [b"\x30\x80\0\0"]
    found["tpkt"] = [b"\3\0" + (len(each) + 4).to_bytes(2, "big") + each for each in found["h248"] + found["ber"]]
    return found


def _payloads() -> Iterable[bytes]:
    names = ("tcp-dial-in", "tcp-dial-out", "e2e-dial-in", "e2e-dial-out", "conference-3")
    paths = [ROOT / "samples" / name / "capture.pcapng" for name in names]
    paths += [SHARED / "sip-calls.pcap", SHARED / "sip-h248-fax-gateway.pcap", SHARED / "msrp-node-lib.pcapng"]
    paths += sorted((SHARED / "attacks").glob("*.pcap"))
    for path in paths:
        for _, data in read_packets(path) if path.exists() else ():
            head = payload_offset(data)
            if head is not None and head < len(data):
                yield data[head:]


def _kind(payload: bytes) -> str:
    if b"SIP/2.0" in payload[:200]:
        return "sip"
    if payload[:5] == b"MSRP ":
        return "msrp"
    if payload[:6] == b"MEGACO" or payload[:2] == b"!/":
        return "h248"
    return "tls" if payload[:2] == b"\x16\x03" else ""
