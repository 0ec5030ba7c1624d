"""Situations from public bug reports (`../shared/captures/reports`): each gives the result that its README states.

"Clean" there means: verdict `ok`, no finding of severity error or warning, exit code 0, every message decoded, no gap.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from analyzer.cli.main import run

REPORTS = Path(__file__).parents[3] / "shared" / "captures" / "reports"
DIAL_IN = "tcp-dial-in"
Report = dict[str, Any]

pytestmark = pytest.mark.skipif(not REPORTS.is_dir(), reason="the captures of ../shared/captures/reports are not here")


@dataclass(frozen=True)
class Right:
    """The right result of one capture."""

    messages: dict[str, int]
    sessions: tuple[tuple[str | None, str], ...] = ((DIAL_IN, "ok"),)
    "Flow and verdict of each, in order."
    findings: tuple[tuple[str, str], ...] = ()
    "Code and severity of every finding that is an error or a warning, session by session."
    exit_code: int = 0
    gaps: int = 0
    undecoded: int = 0
    also: Callable[[Report], bool] = field(default=lambda report: True)
    "What else the README wants."


def chat(msrp: int, *, calls: int = 1, **others: int) -> dict[str, int]:
    """The messages of dial-in legs: INVITE, 100, 200, ACK, BYE, 200; Add and Subtract with their replies."""
    return {"sip": 6 * calls, "h248": 4 * calls, "sdp": 5 * calls, "msrp": msrp} | others


def clean(msrp: int, **others: int) -> Right:
    return Right(chat(msrp, **others))


def remarks(report: Report) -> str:
    """All that is said beside errors and warnings: findings, notes of sessions and of the coverage account."""
    said = [finding["message"] for session in report["sessions"] for finding in session["findings"]]
    return "\n".join([*said, *report["coverage"]["notes"], *(session["state"] for session in report["sessions"])])


def _states(report: Report) -> list[str]:
    return [session["state"] for session in report["sessions"]]


def _tcp(report: Report) -> list[str]:
    return [each["outcome"] for session in report["sessions"] for each in session["tcp"]]


TWO = ((DIAL_IN, "ok"), (DIAL_IN, "ok"))

RIGHT = {
    "chat-and-file-two-streams.pcap": Right(
        chat(10, sdp=8), also=lambda report: _tcp(report) == ["closed", "closed"] and _states(report) == ["ended"]
    ),
    "two-sessions-one-connection.pcap": Right(
        chat(12, calls=2),
        TWO,
        also=lambda report: [each["msrp"]["requests"] for each in report["sessions"]] == [3, 3],
    ),
    "rst-outside-window.pcap": Right(chat(6), also=lambda report: _tcp(report) == ["closed"]),
    "fork-second-200-bye.pcap": clean(6, sip=10, sdp=6),
    "merged-clocks-200ms-apart.pcap": Right(chat(6), also=lambda report: "0.2" in remarks(report)),
    "clock-back-one-hour.pcap": Right(chat(6), also=lambda report: "clock" in remarks(report)),
    "h245-beside-good-chat.pcap": Right(chat(4), also=lambda report: report["coverage"]["undecoded_total"] == 0),
    "h248-text-tcp-without-tpkt.pcap": Right(
        chat(4), also=lambda report: "h248 text over tcp without tpkt" in remarks(report)
    ),
    "erspan3-vntag.pcap": Right(chat(6), also=lambda report: report["coverage"]["used"] == 28),
    "tzsp-mirror.pcap": clean(6),
    "vlans-same-addresses.pcap": Right(
        chat(12, calls=2), TWO, also=lambda report: [each["msrp"]["requests"] for each in report["sessions"]] == [3, 3]
    ),
    "subscribe-489-beside-good-chat.pcap": Right(
        chat(4, sip=8), ((None, "warnings"), (DIAL_IN, "ok")), (("SIP-4XX", "warning"),)
    ),
    "call-to-a-busy-user.pcap": Right({"sip": 5, "sdp": 1}, ((None, "warnings"),), (("SIP-4XX", "warning"),)),
    "syn-recorded-late.pcap": Right(
        chat(6),
        also=lambda report: (
            report["coverage"]["notes"] == {"tcp SYN recorded after what follows it": 1}
            and report["sessions"][0]["steps"][4]["frames"] == [28, 6, 8]
        ),
    ),
    "tls-secrets-inside.pcapng": Right(
        chat(6),
        (("e2e-dial-in", "failed"),),
        (("DIN-1a", "error"), ("DIN-4c", "error")),
        exit_code=1,
        also=lambda report: [each["opened"] for each in report["coverage"]["tls"]["keys"]] == [1],
    ),
    "tls-certificates-only.pcap": Right(
        {"sip": 6, "sdp": 2},
        ((None, "incomplete"),),
        also=lambda report: (
            _states(report) == ["ended, not judged: MSRP over TLS, but no MIKEY-TICKET"]
            and report["sessions"][0]["flow_reason"]
            == "MSRP over TLS, but no MIKEY-TICKET "
            "(nothing in the SDP binds the certificate of TLS, RFC 4975 section 14.4)"
        ),
    ),
    "sip-content-length-plus-2.pcap": Right(
        chat(4),
        ((DIAL_IN, "failed"),),
        (("SIP-CONTENT-LENGTH", "error"),),
        exit_code=1,
        also=lambda report: (
            report["sessions"][0]["findings"][0]["frames"] == [1, 6]
            and report["sessions"][0]["findings"][0]["message"]
            == "Content-Length of the INVITE is 226, and its body has 224 octets; of one other message likewise."
        ),
    ),
    "snaplen-400.pcap": Right(
        chat(5),
        ((None, "incomplete"), (None, "incomplete")),
        gaps=1,
        undecoded=1,
        also=lambda report: (
            _states(report)[0]
            == "ended, INVITE cut in the capture (223 octets), 200 (INVITE) cut in the capture (216 octets)"
            and report["sessions"][0]["sip"]["messages"] == 6
        ),
    ),
    "relay-auth-401.pcap": Right(
        {"sip": 6, "sdp": 2, "msrp": 8},
        also=lambda report: (
            {"address": "198.51.100.99", "role": "MRFP"} not in report["sessions"][0]["nodes"]
            and {step["id"]: step["status"] for step in report["sessions"][0]["steps"]}["TCP-5"] == "ok"
        ),
    ),
    "file-transfer-answer-sendrecv.pcap": Right(
        chat(2),
        ((DIAL_IN, "warnings"),),
        (("SDP-DIRECTION", "warning"),),
        also=lambda report: _tcp(report) == ["closed"],
    ),
    "keepalive-random-octet.pcap": clean(8),
    "keepalive-null-octet.pcap": clean(4),
    "port-reuse-no-end.pcap": Right(chat(10, calls=2), TWO, also=lambda report: len(_tcp(report)) == 2),
    "reconnect-same-ports.pcap": Right(
        chat(8),
        ((DIAL_IN, "warnings"),),
        (("TCP-RESET", "warning"),),
        also=lambda report: len(_tcp(report)) == 2,
    ),
    "tso-length-zero.pcap": Right(chat(6), also=lambda report: report["sessions"][0]["msrp"]["octets"] >= 4000),
    "zero-window-probe.pcap": clean(6),
    "partial-overlap.pcap": clean(6),
    "copy-routed.pcap": Right(chat(6), also=lambda report: report["coverage"]["ignored"] == {"duplicate": 28}),
    "copy-vlan.pcap": Right(chat(6), also=lambda report: report["coverage"]["ignored"] == {"duplicate": 28}),
    "rst-after-fin.pcap": clean(4),
    "h248-odd-white-space.pcap": clean(4),
    "h248-auth-header.pcap": clean(4),
    "h248-empty-statistics-bare.pcap": clean(4),
    "sip-tcp-cut-7.pcap": Right({"sip": 6, "h248": 4, "sdp": 5}),
    "ims-path-three-hops.pcap": clean(4, sip=15, sdp=9),
    "tsresol-mixed.pcapng": clean(6),
    "linktypes-mixed.pcapng": clean(6),
}
"""Filled by the README, not by what the analyzer says."""

PENDING: dict[str, str] = {}
"""Not right yet, by the kind of fault. Strict: what becomes right leaves this list."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xfail(reason=PENDING[name], strict=True) if name in PENDING else ())
        for name in RIGHT
    ],
)
def test_report(name: str, tmp_path: Path) -> None:
    right = RIGHT[name]
    out = tmp_path / "report.json"
    exit_code = run(["analyze", "-q", "-f", "json", "--jobs", "1", "-o", str(out), str(REPORTS / name)])
    report: Report = json.loads(out.read_bytes())
    findings = [
        (finding["code"], finding["severity"])
        for session in report["sessions"]
        for finding in session["findings"]
        if finding["severity"] in ("error", "warning")
    ]
    assert findings == list(right.findings)
    assert [(each["flow"], each["verdict"]) for each in report["sessions"]] == list(right.sessions)
    assert report["coverage"]["messages"] == right.messages
    assert report["coverage"]["undecoded_total"] == right.undecoded
    assert report["coverage"]["gaps_total"] == right.gaps
    assert exit_code == right.exit_code
    assert right.also(report)


NOT_YET_STATED: set[str] = set()
"""Their result needs a code or a remark that does not exist yet; each gets its row with it."""


def test_every_report_is_in_the_table() -> None:
    assert {path.name for path in REPORTS.glob("*.pcap*")} == RIGHT.keys() | NOT_YET_STATED
