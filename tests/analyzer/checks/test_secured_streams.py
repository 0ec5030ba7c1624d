"""Two secured MSRP streams of one session, each keyed by a MIKEY-TICKET exchange of its own (TS 33.328, RFC 4567).

The captures are twins of the sample `e2e-dial-in` with a second m= line, `file`.
"""

from __future__ import annotations

from pathlib import Path

from inline_twins import Built, added, replaced, twin
from judged import judge_packets, sample_keys

from analyzer.correlate.session import Session
from analyzer.findings import Status
from analyzer.model import Verdict

NODES = """
[nodes.ue_file]
role = "UE"
sip = "198.51.100.7:5060"
msrp = "198.51.100.7:7396"
[nodes.mrfp_file]
role = "MRFP"
h248 = "192.0.2.20:2944"
msrp = "203.0.113.5:28565"
[mikey.file]
mode = 1
initiator = "<<alice>>"
responder = "<<conference>>"
kms = "kms.example.net"
csb_id = 0x51515151
tpk = "6174 6b20 6f66 206b 6d73 2061 6c6f 6e65"
kms_psk_initiator = "616c 6963 6527 7320 6b65 7920 666f 7220 6b6d 73"
kms_psk_responder = "6d72 6663 2773 206b 6579 2066 6f72 206b 6d73"
mpk = "6d706b2e a1a1a2a3 a4a5a6a7 a8a9aaab"
tgk = "74676b2e b1b1b2b3 b4b5b6b7 b8b9babb"
ticket_rand = "c1c1c2c3c4c5c6c7c8c9cacbcccdcecf"
request_rand = "d1d1d2d3d4d5d6d7d8d9dadbdcdddedf"
rand_i = "e1e1e2e3e4e5e6e7e8e9eaebecedeeef"
resolve_rand = "f1f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
rand_kms = "11113213141516171819 1a1b1c1d1e1f"
rand_r = "21212223242526272829 2a2b2c2d2e2f"
at = { ticket = 0.012, request_init = 0.009, request_resp = 0.012, transfer_init = 0.029, resolve_init = 0.035, resolve_resp = 0.039, transfer_resp = 0.059 }
"""  # noqa: E501
# The MRFC has the KMS resolve the second ticket too.
RESOLVED = """
[[step]]
name = "resolve-2"
at = 0.040
http = "mrfc -> kms"
text = '''
POST /keymanagement?requesttype=ticketresolve HTTP/1.1
Host: kms.example.net
Content-Type: application/mikey
Content-Length: <<size>>
'''
content = "<<mikey.file.resolve_init.octets>>"
[[step]]
name = "resolved-2"
at = 0.042
http = "kms -> mrfc"
text = '''
HTTP/1.1 200 OK
Content-Type: application/mikey
Content-Length: <<size>>
'''
content = "<<mikey.file.resolve_resp.octets>>"
"""
UE_PATH, MRFP_PATH = "msrps://198.51.100.7:7396/fileUE;tcp", "msrps://203.0.113.5:28565/fileMRFP;tcp"


def section(port: int, setup: str, path: str, message: str) -> str:
    return (
        f"m=message {port} TCP/TLS/MSRP *\na=setup:{setup}\na=accept-types:application/octet-stream\n"
        f"a=path:{path}\na=msrp-cema\na=key-mgmt:mikey <<mikey.file.{message}>>\n"
    )


def added_section(step: str, message: str, port: int, setup: str, path: str, *, keyed: bool = True) -> str:
    own = f"a=key-mgmt:mikey <<mikey.alice.{message}>>\n"
    added = section(port, setup, path, message)
    return replaced(step, own, own + (added if keyed else added.partition("a=key-mgmt")[0]))


def secured(*, answered: bool = True) -> Built:
    """The sample with a second stream; its TRANSFER_INIT may stay without TRANSFER_RESP."""
    asked = (
        "ST=2{O{tlsbsc/psk=<<mikey.file.tek>>},L{\n"
        "v=0\nc=IN IP4 $\nm=message $ TCP/TLS/MSRP *\na=setup:active\na=path:$\n},"
        f"R{{\nv=0\nc=IN IP4 198.51.100.7\nm=message 7396 TCP/TLS/MSRP *\na=setup:passive\na=path:{UE_PATH}\n}}}},"
    )
    local = f"L{{\nv=0\nc=IN IP4 203.0.113.5\nm=message 28565 TCP/TLS/MSRP *\na=setup:active\na=path:{MRFP_PATH}\n}}"
    return twin(
        "e2e-dial-in",
        NODES
        + RESOLVED
        + added_section("invite", "transfer_init", 7396, "actpass", UE_PATH)
        + added_section("answer", "transfer_resp", 28565, "active", MRFP_PATH, keyed=answered)
        + replaced("add", "M{ST=1", f"M{{{asked}ST=1")
        + replaced(
            "add", "BNCChange{ST=1,Type=failed},tlsbsc/BNCChange{ST=1,", "BNCChange{Type=failed},tlsbsc/BNCChange{"
        )
        + replaced("add", "EstBNC{ST=1},tlsbsc/EstBNC{ST=1}", "EstBNC,tlsbsc/EstBNC")
        + replaced("add-reply", "M{ST=1", f"M{{ST=2{{{local}}},ST=1")
        + "[[step]]\nname = 'connect-2'\nat = 0.0526\ntcp = 'mrfp_file -> ue_file'\ndo = 'connect'\n"
        + "[[step]]\nname = 'handshake-2'\nat = 0.08\ntls = 'mrfp_file -> ue_file'\ndo = 'handshake'\n"
        "psk = '<<mikey.file.tek>>'\npsk_identity = '51515151'\n"
        + added("file-bind", 0.2, "mrfp_file -> ue_file", text=_send("filebind", UE_PATH, MRFP_PATH))
        + added("file-bind-ok", 0.3, "ue_file -> mrfp_file", text=_ok("filebind", MRFP_PATH, UE_PATH)),
    )


def _send(tid: str, to_path: str, from_path: str) -> str:
    return f"MSRP {tid} SEND\nTo-Path: {to_path}\nFrom-Path: {from_path}\nMessage-ID: {tid}\n"


def _ok(tid: str, to_path: str, from_path: str) -> str:
    return f"MSRP {tid} 200 OK\nTo-Path: {to_path}\nFrom-Path: {from_path}\n"


def judged(tmp_path: Path, built: Built) -> Session:
    return judge_packets(built.all(), tmp_path, keys=sample_keys("e2e-dial-in")).only


def told(session: Session) -> list[tuple[str, str]]:
    return [(each.code, each.message.partition(": ")[0]) for each in session.findings]


def test_each_stream_is_opened_and_judged_with_its_own_keys(tmp_path: Path) -> None:
    """Without the second exchange its TLS could not be opened, and its PSK would not be that of the first."""
    session = judged(tmp_path, secured())
    assert [part.connection.tls is not None and part.connection.tls.decrypted for part in session.connections] == [
        True,
        True,
    ]
    assert (session.flow, session.verdict, told(session)) == ("e2e-dial-in", Verdict.OK, [])
    for code in ("DIN-1a", "DIN-3a", "DIN-4b", "DIN-8", "DIN-9", "MRFP-3", "TLS-4"):
        assert session.results[code].status is Status.OK, code


def test_an_answer_without_transfer_resp_for_the_second_stream(tmp_path: Path) -> None:
    """The first has one, which is no answer to the TRANSFER_INIT of the second."""
    session = judged(tmp_path, secured(answered=False))
    assert told(session) == [("DIN-9", "m= line 2")]
