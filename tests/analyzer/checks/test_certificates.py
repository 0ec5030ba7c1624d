"""TLS with certificates and no MIKEY is no broken MIKEY flow; a Pre-Shared Key without MIKEY still breaks DIN-1a.

RFC 4975 section 14.4: certificates may, but need not, be bound by `a=fingerprint`. TS 23.333 clause 6.2.19.2.1 step 1.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import SAMPLES, without
from scenario_twins import Built, twin

from analyzer.model import Verdict

BASE = "e2e-dial-in"
NO_MIKEY = """
    [[change]]
    drop = ["kms-*", "ticket*", "resolve*"]
    [[change]]
    step = "invite"
    replace = "a=key-mgmt:mikey <<mikey.alice.transfer_init>>\\n"
    with = ""
    [[change]]
    step = "answer"
    replace = "a=key-mgmt:mikey <<mikey.alice.transfer_resp>>\\n"
    with = ""
    """
NO_PSK = """
    [[change]]
    step = "add"
    replace = ",tlsbsc/psk=<<psk>>"
    with = ""
    """
CERTIFICATES = """
    [[change]]
    step = "handshake"
    set = { suite = "TLS_RSA_WITH_AES_128_GCM_SHA256", certificate = "server-certificate.pem" }
    """
UNBOUND = "MSRP over TLS, but no MIKEY-TICKET (nothing in the SDP binds the certificate of TLS, RFC 4975 section 14.4)"


def changed(*changes: str) -> Built:
    return twin(SAMPLES, BASE, "".join(changes))


def test_certificates_alone_are_no_mikey_flow(tmp_path: Path) -> None:
    session = changed(NO_MIKEY, NO_PSK, CERTIFICATES).judged(tmp_path).only
    assert (session.flow, session.verdict, session.findings) == (None, Verdict.INCOMPLETE, [])
    assert session.flow_reason == UNBOUND
    assert session.state.endswith(", not judged: MSRP over TLS, but no MIKEY-TICKET")


def test_without_tls_in_the_capture_nothing_speaks_for_mikey(tmp_path: Path) -> None:
    built = changed(NO_MIKEY, NO_PSK)
    packets = without(without(list(built.packets), "tcp"), "h248")
    session = Built(tuple(packets), built.steps).judged(tmp_path).only
    assert (session.flow, session.findings) == (None, [])
    assert session.flow_reason == "MSRP over TLS, but no MIKEY-TICKET"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param((NO_MIKEY, NO_PSK), id="a PSK suite was chosen"),
        pytest.param(
            (
                NO_MIKEY,
                NO_PSK,
                '[[change]]\nstep = "handshake"\nset = { fails = "client_hello", alert = "internal_error" }\n',
            ),
            id="a PSK suite was offered",
        ),
    ],
)
def test_a_pre_shared_key_without_mikey_breaks_din_1a(changes: tuple[str, ...], tmp_path: Path) -> None:
    session = changed(*changes).judged(tmp_path).only
    assert session.flow == BASE
    assert session.results["DIN-1a"].is_broken or "DIN-1a" in {
        code for each in session.findings for code in each.causes
    }


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        pytest.param((CERTIFICATES,), "the key agreed by MIKEY-TICKET", id="MIKEY in the SDP"),
        pytest.param((NO_MIKEY, CERTIFICATES), "the key that the MRFC gave the MRFP", id="a key in H.248"),
    ],
)
def test_a_key_that_nothing_uses_breaks_din_8(changes: tuple[str, ...], key: str, tmp_path: Path) -> None:
    """The neighbour: there is a key, and TLS does without it."""
    session = changed(*changes).judged(tmp_path).only
    (finding,) = [each for each in session.findings if each.code == "DIN-8"]
    assert finding.message == f"TLS was not set up with a pre-shared key: {key} protects nothing."
