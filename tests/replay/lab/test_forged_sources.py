"""`mrfscope lab up` beyond loopback, in a network namespace: forged sources, and requests that name others.

Octets are counted on the wire. Answers go only where they may, and a call goes through after each.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from forged import Counted, forge, hosts, wait
from lab_process import Watched, watched
from oracles import shared_capture

from dissectors.sip import SipMessage, decode_sip
from tests.analyzer.cli.processes import COMMAND, needs_command

pytestmark = [needs_command, pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")]

SIP, MRFC_H248, MRFP_H248 = ("192.0.2.10", 5060), ("192.0.2.10", 2944), ("192.0.2.20", 2944)
MEDIA, KMS, ALICE, LISTED = "203.0.113.5", "192.0.2.40", "198.51.100.7", "198.51.100.8"
ATTACKS = Path(__file__).parents[4] / "shared" / "captures" / "attacks"
STRANGER, VICTIM = "203.0.113.66", "203.0.113.99"
LAB = ("192.0.2.10", "192.0.2.20", MEDIA, KMS)
T1 = 0.05
REPEATED = 140 * T1
"s after which nothing is repeated any more: a 200 for 64 T1, then BYE for as long."
SAVED = 5000
"Octets that came before from who is listed, in other tests, and were not answered in full."
ROOM = "sip:chat-17@conf.example.net"
FILE = f"""
mrfc_sip = "{SIP[0]}:5060"
mrfc_h248 = "{SIP[0]}:2944"
mrfp_h248 = "{MRFP_H248[0]}:2944"
mrfp_media = "{MEDIA}"
kms = "{KMS}:8080"
ue_sip = "{ALICE}:5060"
beyond_loopback = true
allowed = ["{LISTED}"]
sip_t1 = {T1}

[sip_users]
alice = "a secret of alice"
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("forged")
    (folder / "lab.toml").write_text(FILE)
    with (
        hosts(*LAB, ALICE, LISTED, STRANGER, VICTIM),
        watched(folder, "The lab is up", "up", "--config", folder / "lab.toml") as process,
    ):
        yield process


@pytest.fixture
def counted(lab: Watched) -> Iterator[Counted]:
    """What the lab sends; then a user who authenticates calls, says something that is answered, and leaves."""
    with Counted(*LAB) as counted:
        yield counted
    config = lab.log.parent / "lab.toml"
    command = [str(COMMAND), "lab", "ue", "-q", "--config", str(config), "--dial", "chat-17", "--say", "hello"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout == "ue: heard 0 messages, 1 of 1 requests of its own went well; left\n"


def offer(address: str, port: int = 7394) -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=message {port} TCP/MSRP *\r\n"
        f"a=setup:actpass\r\na=accept-types:message/cpim\r\na=path:msrp://{address}:{port}/abcd;tcp\r\na=msrp-cema\r\n"
    )


_numbers = iter(range(1, 1_000_000))


def request(method: str, source: str, *headers: str, contact: str = "", sdp: str = "") -> bytes:
    """A request from this address."""
    number = next(_numbers)
    lines = [
        f"{method} {ROOM} SIP/2.0",
        f"Via: SIP/2.0/UDP {source}:5060;branch=z9hG4bK{method}{number};rport",
        "Max-Forwards: 70",
        f"From: <sip:someone@ims.example.net>;tag=t{number}",
        f"To: <{ROOM}>",
        f"Call-ID: {number}@{source}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:someone@{contact or source}:5060>",
        *headers,
        *(["Content-Type: application/sdp"] if sdp else []),
        f"Content-Length: {len(sdp)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + sdp).encode()


def asked(source: str, data: bytes) -> SipMessage:
    """The first final response to a request from this host's own socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        place.bind((source, 5060))
        place.settimeout(60)
        place.sendto(data, SIP)
        while True:
            message = decode_sip(place.recv(65_536))
            if not message.is_request and message.status >= 200:
                return message


def attack(source: str) -> list[bytes]:
    """What is sent in the name of this address."""
    return [
        request("REFER", source, f"Refer-To: <sip:me@{source}:9999>"),
        request("REFER", source, f"Refer-To: <sip:me@{source}:9999;transport=tcp>"),
        request("SUBSCRIBE", source, "Event: conference", "Expires: 3600"),
        request("INVITE", source, sdp=offer(source, 22)),
        request("INVITE", source, sdp=offer(source).replace("actpass", "active")),
        request("OPTIONS", source),
        request("BYE", source),
        request("CANCEL", source),
    ]


def test_in_the_name_of_somebody_who_is_not_listed(counted: Counted) -> None:
    """One refusal for each request, and nothing else: no repetition, no connection (RFC 3261 section 8.2.7)."""
    requests = attack(VICTIM)
    octets = sum(forge((VICTIM, 5060), SIP, each) for each in requests)
    wait(REPEATED)
    assert counted.packets[VICTIM] == len(requests)
    assert 0 < counted.to(VICTIM) <= 3 * octets
    assert counted.to(STRANGER) == 0


def test_in_the_name_of_somebody_who_is_listed(counted: Counted) -> None:
    """Three octets for one at most, repetitions and SYNs included (RFC 9000 section 8.1); he never answers."""
    octets = sum(forge((LISTED, 5060), SIP, each) for each in attack(LISTED))
    wait(REPEATED)
    assert 0 < counted.to(LISTED) <= 3 * octets
    assert set(counted.octets) <= {LISTED, *LAB}


def test_all_of_it_many_times(counted: Counted) -> None:
    octets = sum(forge((LISTED, 5060), SIP, each) for _ in range(20) for each in attack(LISTED))
    strange = sum(forge((VICTIM, 5060), SIP, each) for _ in range(20) for each in attack(VICTIM))
    wait(REPEATED)
    assert 0 < counted.to(LISTED) <= 3 * (octets + SAVED)
    assert 0 < counted.to(VICTIM) <= 3 * strange
    assert set(counted.octets) <= {LISTED, VICTIM, *LAB}


def refer(uri: str) -> bytes:
    return request("REFER", LISTED, f"Refer-To: <{uri}>")


NAMING = {
    "Contact": [
        request("INVITE", LISTED, contact=VICTIM, sdp=offer(LISTED)),
        request("SUBSCRIBE", LISTED, "Event: conference", contact=VICTIM),
        request("REFER", LISTED, f"Refer-To: <sip:me@{LISTED}>", contact=VICTIM),
    ],
    "Record-Route": [request("INVITE", LISTED, f"Record-Route: <sip:{VICTIM};lr>", sdp=offer(LISTED))],
    "Refer-To": [
        refer(f"sip:you@{VICTIM}"),
        refer(f"sip:you@{VICTIM}:22;transport=tcp"),
        refer("sip:you@127.0.0.1:2944"),
    ],
    "c=": [request("INVITE", LISTED, sdp=offer(*end)) for end in ((VICTIM, 22), ("127.0.0.1", 22), MRFP_H248)],
}


@pytest.mark.parametrize("name", NAMING)
def test_requests_that_name_somebody_else(name: str, counted: Counted) -> None:
    """Refused, and not one octet goes there; the 200 to a Contact of others would be repeated to the sender."""
    statuses = [asked(LISTED, each).status for each in NAMING[name]]
    assert statuses == [488 if name == "c=" else 403] * len(NAMING[name])
    wait(1.0)
    assert (counted.to(VICTIM), counted.to("127.0.0.1")) == (0, 0)
    assert set(counted.octets) <= {LISTED, *LAB}


def test_a_stranger_with_an_address_of_his_own(counted: Counted) -> None:
    """401 for whatever he asks; with a wrong answer again; nothing is done for him (RFC 3261 section 22)."""
    for data in attack(STRANGER)[:-1]:
        refused = asked(STRANGER, data)
        assert refused.status == 401
        assert (refused.header("WWW-Authenticate") or "").startswith('Digest realm="conf.example.net", nonce="')
    nonce = (refused.header("WWW-Authenticate") or "").partition('nonce="')[2].partition('"')[0]
    wrong = f'Digest username="alice", realm="conf.example.net", nonce="{nonce}", uri="{ROOM}", response="{"0" * 32}"'
    data = request("INVITE", STRANGER, f"Authorization: {wrong}", sdp=offer(STRANGER))
    assert asked(STRANGER, data).status == 401
    assert asked(STRANGER, attack(STRANGER)[-1]).status == 481  # CANCEL may not be challenged
    wait(1.0)
    assert set(counted.octets) <= {STRANGER, *LAB}
    assert counted.packets[STRANGER] == 9


def test_over_tcp_it_is_the_same(counted: Counted) -> None:
    with socket.create_connection(SIP, 60, source_address=(STRANGER, 0)) as connection:
        connection.sendall(request("INVITE", STRANGER, sdp=offer(STRANGER)).replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP"))
        connection.settimeout(60)
        assert connection.recv(65_536).startswith(b"SIP/2.0 401 Unauthorized\r\n")


H248 = [
    b"!/2 [203.0.113.99]:2944\nT=1{C=-{SC=ROOT{SV{MT=RS,RE=901}}}}",
    b"!/2 [203.0.113.99]:2944\nT=2{C=${A=ip/1/mb/$,A=ip/1/mb/$}}",
    b"!/2 [203.0.113.99]:2944\nT=3{C=-{AV=ROOT{AT{}}}}",
]


def test_h248_in_the_name_of_somebody(counted: Counted) -> None:
    """Not taken, and answered with no more than it cost (errors 402 and 504 of H.248.8)."""
    octets = sum(forge((VICTIM, 2944), place, each) for place in (MRFC_H248, MRFP_H248) for each in H248 * 10)
    wait(2.0)
    assert counted.to(VICTIM) <= 3 * octets


@pytest.mark.parametrize("place", [MRFC_H248, MRFP_H248])
@pytest.mark.parametrize("source", [VICTIM, SIP[0], MRFP_H248[0]])
def test_one_datagram_that_hung_the_decoder(source: str, place: tuple[str, int], counted: Counted) -> None:
    """52 octets of BER with a type that holds itself: in the name of a stranger, and of MRFC and MRFP."""
    capture = shared_capture(ATTACKS / "h248-ber-hang-udp.pcap")
    octets = forge((source, 2944), place, capture.read_bytes()[-52:])
    wait(1.0)
    assert counted.to(VICTIM) <= 3 * octets
