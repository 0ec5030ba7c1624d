"""Captures made to hurt, SIP and H.248: each grows one thing that well-behaved equipment keeps small."""

from __future__ import annotations

from capture_variants import Packets
from hostile_captures import MRFP, MS, START, UE, invite, sdp, segments, sip, stream, udp

FOCUS = "Contact: <sip:conf@focus.example>;isfocus\r\n"


def to_mrfp(number: int, load: str) -> tuple[int, bytes]:
    return START + number * MS, udp(UE, MRFP, 2944, f"MEGACO/3 [198.51.100.7]:2944\n{load}".encode(), number)


def to_mrfc(number: int, load: str) -> tuple[int, bytes]:
    return START + number * MS + 1000, udp(MRFP, UE, 2944, f"MEGACO/3 [203.0.113.5]:2944\n{load}".encode(), number)


def in_datagrams(n: int, each: int, part: str, joint: str = ",") -> list[str]:
    """`part` with numbers from 0, so many of them in each text."""
    return [joint.join(part.format(i) for i in range(at, min(at + each, n))) for at in range(0, n, each)]


# ---------------------------------------------------------------------- H.248


def crowded_adds(n: int) -> Packets:
    """Adds to one context, 3,000 in a datagram."""
    texts = in_datagrams(n, 3000, "A=t/{}")
    return [
        each
        for i, text in enumerate(texts)
        for each in (to_mrfp(i, f"T={i + 1}{{C=5{{{text}}}}}"), to_mrfc(i, f"P={i + 1}{{C=5{{{text}}}}}"))
    ]


def crowded_contexts(n: int) -> Packets:
    """Contexts of one termination each, 3,000 in a datagram."""
    texts = in_datagrams(n, 3000, "C={0}{{A=t/{0}}}")
    return [to_mrfp(i, f"T={i + 1}{{{text.replace('C=0{', 'C=999999{')}}}") for i, text in enumerate(texts)]


def crowded_lists(n: int) -> Packets:
    """One command that names 5,000 terminations at once, said again and again."""
    texts = in_datagrams(n, 5000, "t/{}")
    return [to_mrfp(i, f"T={i + 1}{{C=5{{A=[{text}]}}}}") for i, text in enumerate(texts)]


def wildcards(n: int) -> Packets:
    """A context of 500 terminations, and what is said of all of them."""
    packets = crowded_adds(500)
    return packets + [to_mrfp(10 + i, f"T={10 + i}{{C=5{{MF=*}}}}") for i in range(n)]


def unanswered(n: int) -> Packets:
    """Transactions without a reply, 50 in a datagram."""
    texts = in_datagrams(n, 50, "T={0}{{C=5{{MF=t/{0}}}}}", "\n")
    return [to_mrfp(i, text.replace("T=0{", "T=999999{")) for i, text in enumerate(texts)]


def acknowledged(n: int) -> Packets:
    """Acknowledgements of ranges, of all transactions there can be."""
    return [to_mrfp(i, "K{" + ",".join(["1-4294967295"] * 50) + "}") for i in range(n)]


def media_streams(n: int) -> Packets:
    """One termination with ever so many streams, 200 in a command."""
    local = sdp("203.0.113.5", 1024, "").decode()
    packets: Packets = []
    for at in range(1, n + 1, 200):
        texts = ",".join(f"ST={i}{{L{{\n{local}}}}}" for i in range(at, min(at + 200, n + 1)))
        packets.append(to_mrfp(at, f"T={at}{{C=5{{MF=mb/1{{M{{{texts}}}}}}}}}"))
    return packets


def deep_brackets(n: int) -> Packets:
    """Brackets within brackets, as deep as a datagram is long; several of them."""
    packets: Packets = []
    left = n
    while left > 0:
        depth = min(left, 30_000)
        packets.append(to_mrfp(len(packets), "T=1{C=5{MF=t/1{" + "a{" * (depth // 2) + "}" * (depth // 2) + "}}}"))
        left -= depth
    return packets


def many_parameters(n: int) -> Packets:
    """Properties, events and signals of one command."""
    texts = in_datagrams(n, 2000, "x/p{0}=1")
    return [to_mrfp(i, f"T={i + 1}{{C=5{{MF=mb/1{{M{{TS{{{text}}}}}}}}}}}") for i, text in enumerate(texts)]


def notified(n: int) -> Packets:
    """Observed events, 1,000 in a Notify."""
    texts = in_datagrams(n, 1000, "x/e{0}")
    return [to_mrfc(i, f"T={i + 1}{{C=5{{N=mb/1{{OE=1{{{text}}}}}}}}}") for i, text in enumerate(texts)]


def reply_segments(n: int) -> Packets:
    """A reply in ever so many segments."""
    return [to_mrfp(0, "T=1{C=5{MF=mb/1}}")] + [to_mrfc(i, f"P=1/{i % 65535 + 1}{{C=5{{MF=mb/1}}}}") for i in range(n)]


def repeated_crowd(n: int) -> Packets:
    """A transaction of 200 commands, and ever so many short copies of it."""
    adds = ",".join(f"A=t/{i}" for i in range(200))
    return [to_mrfp(0, f"T=1{{C=5{{{adds}}}}}")] + [to_mrfp(i, "T=1{C=5{A=t/0}}") for i in range(1, n)]


def reused_names(n: int) -> Packets:
    """One termination made and ended again and again."""
    packets: Packets = []
    for i in range(n):
        packets.append(to_mrfp(2 * i, f"T={2 * i + 1}{{C=5{{A=mb/1}}}}"))
        packets.append(to_mrfc(2 * i, f"P={2 * i + 1}{{C=5{{A=mb/1}}}}"))
        packets.append(to_mrfp(2 * i + 1, f"T={2 * i + 2}{{C=5{{S=mb/1}}}}"))
        packets.append(to_mrfc(2 * i + 1, f"P={2 * i + 2}{{C=5{{S=mb/1}}}}"))
    return packets


def failed_commands(n: int) -> Packets:
    """Commands about one termination, each refused: ever so many findings in one session."""
    packets: Packets = []
    for i in range(n):
        packets.append(to_mrfp(i, f"T={i + 1}{{C=5{{MF=mb/1}}}}"))
        packets.append(to_mrfc(i, f"P={i + 1}{{C=5{{MF=mb/1{{ER=500{{}}}}}}}}"))
    return packets


# ---------------------------------------------------------------------- SIP


def header_lines(name: str, value: str, n: int) -> Packets:
    """Header fields of one name, 1,000 in a request; a request every so often."""
    packets: Packets = []
    for at in range(0, n, 1000):
        extra = "".join(f"{name}: {value.format(i)}\r\n" for i in range(at, min(at + 1000, n)))
        packets.append((START + at * MS, udp(UE, MRFP, 5060, invite(f"c{at}", extra=extra))))
    return packets


def vias(n: int) -> Packets:
    return header_lines("Via", "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{}", n)


def record_routes(n: int) -> Packets:
    return header_lines("Record-Route", "<sip:{}.example;lr>", n)


def contacts(n: int) -> Packets:
    return header_lines("Contact", "<sip:a{}@example>;isfocus", n)


def long_header(n: int) -> Packets:
    """A header field of very many parameters and addresses, in one request over TCP."""
    extra = "Record-Route: " + ",".join(f"<sip:{i}.example;lr>" for i in range(n)) + "\r\n"
    return stream(segments(invite("one", extra=extra)), (5061, 5060))


def quoted_header(n: int) -> Packets:
    """Quotation marks and angle brackets that never close."""
    extra = "Contact: " + '"<\\' * n + "\r\nRecord-Route: " + "<" * n + "\r\n"
    return stream(segments(invite("one", extra=extra)), (5061, 5060))


def folded_header(n: int) -> Packets:
    """A header field folded over very many lines (RFC 3261 section 7.3.1)."""
    return stream(segments(invite("one", extra="Subject: a" + "\r\n b" * n + "\r\n")), (5061, 5060))


def retransmitted(n: int) -> Packets:
    data = invite("one", body=sdp("198.51.100.7", 7000, "a"))
    return [(START + i * 500 * MS, udp(UE, MRFP, 5060, data, i)) for i in range(n)]


def cseqs(n: int) -> Packets:
    """A dialog of ever so many requests, all answered."""
    packets: Packets = []
    for i in range(n):
        ask = sip("OPTIONS sip:b@b.example SIP/2.0", "one", i + 1, "OPTIONS", tag="x")
        packets.append((START + i * MS, udp(UE, MRFP, 5060, ask)))
        packets.append(
            (START + i * MS + 1, udp(MRFP, UE, 5060, sip("SIP/2.0 200 OK", "one", i + 1, "OPTIONS", tag="x")))
        )
    return packets


def redialled(n: int) -> Packets:
    """Calls between the same two ends, with the same media."""
    packets: Packets = []
    for i in range(n):
        at, call = START + i * 10 * MS, f"c{i}"
        packets.append((at, udp(UE, MRFP, 5060, invite(call, body=sdp("198.51.100.7", 7000, "a")))))
        answer = sip("SIP/2.0 200 OK", call, 1, "INVITE", sdp("203.0.113.5", 2855, "b"), tag="z")
        packets.append((at + 1, udp(MRFP, UE, 5060, answer)))
    return packets


def linked_pairs(n: int) -> Packets:
    """Legs in pairs, each by its ICID, all with the Session-ID of the next: a chain of links."""
    packets: Packets = []
    for i in range(n):
        extra = f"P-Charging-Vector: icid-value=i{i // 2}\r\nSession-ID: {i + 1:032x};remote={i + 2:032x}\r\n"
        at, call = START + i * 10 * MS, f"c{i}"
        packets.append(
            (at, udp(UE, MRFP, 5060, invite(call, body=sdp("198.51.100.7", 1024 + i % 60000, "a"), extra=extra)))
        )
        packets.append((at + 1, udp(MRFP, UE, 5060, sip("SIP/2.0 200 OK", call, 1, "INVITE", extra=extra, tag="z"))))
    return packets


def conference(n: int) -> Packets:
    """One focus and all its participants."""
    packets: Packets = []
    for i in range(n):
        at, call = START + i * 10 * MS, f"c{i}"
        source = UE + i // 50_000
        packets.append(
            (at, udp(source, MRFP, 5060, invite(call, body=sdp("198.51.100.7", 1024 + i % 60000, f"a{i:08x}"))))
        )
        answer = sip("SIP/2.0 200 OK", call, 1, "INVITE", sdp("203.0.113.5", 2855, f"b{i:08x}"), FOCUS, tag="z")
        packets.append((at + 1, udp(MRFP, source, 5060, answer)))
    return packets


def many_ends(n: int) -> Packets:
    """One call seen between ever so many addresses: a ladder of so many columns."""
    data = invite("one", body=sdp("198.51.100.7", 7000, "a"))
    return [(START + i * MS, udp(UE + i, MRFP + i, 5060, data, i)) for i in range(n)]


def sdp_attributes(n: int) -> Packets:
    body = sdp("198.51.100.7", 7000, "a") + b"a=path:msrp://x:1/b;tcp\r\na=accept-types:*\r\n" * n
    return stream(segments(invite("one", body=body)), (5061, 5060))


def key_mgmt_lines(n: int) -> Packets:
    body = sdp("198.51.100.7", 7000, "a") + b"a=key-mgmt:mikey AQ4A\r\n" * n
    return stream(segments(invite("one", body=body)), (5061, 5060))


def mikey_chain(n: int) -> Packets:
    """MIKEY with ever so many payloads: RAND upon RAND (RFC 3830 section 6.11)."""
    from base64 import b64encode

    head = bytes([1, 14, 11, 0x80]) + b"\0\0\0\1" + bytes([0, 0])
    chain = b"".join(bytes([11, 1, 7]) for _ in range(n))
    body = sdp("198.51.100.7", 7000, "a") + b"a=key-mgmt:mikey " + b64encode(head + chain) + b"\r\n"
    return stream(segments(invite("one", body=body)), (5061, 5060))


def offers_in_one_second(n: int) -> Packets:
    """Re-INVITEs, answered, whose MSRP moves every time: each exchange is judged."""
    packets: Packets = []
    for i in range(n):
        at = START + i * MS
        body = sdp("198.51.100.7", 1024 + i % 50_000, f"a{i:08x}")
        packets.append((at, udp(UE, MRFP, 5060, invite("one", i + 1, body, tag="x" if i else ""))))
        answer = sdp("203.0.113.5", 1024 + i % 50_000, f"b{i:08x}")
        packets.append((at + 1, udp(MRFP, UE, 5060, sip("SIP/2.0 200 OK", "one", i + 1, "INVITE", answer, tag="x"))))
    return packets
