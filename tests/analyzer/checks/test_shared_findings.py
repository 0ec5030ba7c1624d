"""Real captures that nobody here made: every finding on them, and why the octets justify it."""

from __future__ import annotations

from pathlib import Path

import pytest
from capture_variants import SHARED
from judged import judge_files
from oracles import shared_capture

from analyzer.findings import Severity
from analyzer.model import Verdict

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

FINDINGS = {
    # The proxy answers 401 to the last REGISTER of that Call-ID, which carries credentials for an old nonce; the next
    # REGISTER, of another Call-ID, comes 287 s later. Four INVITEs of audio calls are
    # refused: 408, 403 twice, 480; no message session is touched by it.
    "sip-calls.pcap": [
        ("SIP-4XX", WARNING, (454,)),
        ("SIP-4XX", WARNING, (252,)),
        ("SIP-4XX", WARNING, (348,)),
        ("SIP-4XX", WARNING, (581,)),
        ("SIP-4XX", WARNING, (621,)),
    ],
    # Two calls that were set up and ended; H.248 without errors.
    "sip-h248-fax-gateway.pcap": [],
    # Messages, chunks and reports as RFC 4975 has them; connections open at the end.
    "msrp-node-lib.pcapng": [],
    "h248-over-sctp.cap": [],
    "tls12-psk-aes128ccm.pcap": [],
}


@pytest.mark.parametrize("name", FINDINGS)
def test_every_finding_is_justified(name: str) -> None:
    path: Path = shared_capture(SHARED / name)
    sessions = judge_files([path]).sessions
    found = [(each.code, each.severity, each.frames) for session in sessions for each in session.findings]
    assert sorted(found) == sorted(FINDINGS[name])
    for session in sessions:
        has_error = any(each.severity is ERROR for each in session.findings)
        assert (session.verdict is Verdict.FAILED) == has_error


def test_nothing_of_a_subscriber_is_shown() -> None:
    """The 408 has a Warning with the called number: 97239287044."""
    sessions = judge_files([shared_capture(SHARED / "sip-calls.pcap")]).sessions
    told = [each for session in sessions for each in session.findings]
    assert any("Warning: 392" in each.actual for each in told)
    assert "97239287044" not in str(told)
