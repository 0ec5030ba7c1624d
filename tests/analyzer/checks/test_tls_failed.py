"""TLS-FAILED: each way in which TLS is not set up or is ended, told once, by the alert's name and who sent it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from judged import SAMPLES, Judged, judge_packets, sample_keys

from analyzer.checks.tls_failed import ALERTS
from analyzer.findings import Severity, Status
from analyzer.model import Confidence
from samples import build

BASE = "e2e-dial-in"
CHAT = '[[change]]\ndrop = ["bind*", "nickname*", "chat-*", "close*"]\n'
END = '[[step]]\nname = "end"\nat = 0.09\ntcp = "ue_a -> mrfp"\ndo = "close"\n'


def variant(folder: Path, text: str, *, keys: bool = True, identities: bool = False) -> Judged:
    """A capture of the scenario, changed."""
    shutil.copytree(SAMPLES / BASE, folder / BASE)
    (folder / "twin").mkdir()
    path = folder / "twin" / "scenario.toml"
    path.write_text(f'base = "{BASE}"\n{text}')
    _, built = build.packets(path)
    packets = [(packet.time, packet.data) for packet in built]
    return judge_packets(packets, folder, keys=sample_keys(BASE) if keys else None, identities=identities)


def told(found: Judged) -> list[tuple[str, Severity, str]]:
    return [(each.code, each.severity, each.message) for each in found.only.findings]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            'fails = "client_hello", alert = "handshake_failure"',
            "TLS could not be set up: the UE sent the fatal alert handshake_failure "
            "(no cipher suite suits both, or the server has no PSK).",
        ),
        (
            'fails = "client_hello", alert = "protocol_version"',
            "TLS could not be set up: the UE sent the fatal alert protocol_version (no TLS version suits both).",
        ),
        (
            'fails = "client_finished", alert = "decrypt_error"',
            "TLS could not be set up: the UE sent the fatal alert decrypt_error (the two ends hold different keys).",
        ),
    ],
)
@pytest.mark.parametrize("keys", [True, False])
def test_the_alert_is_decoded(change: str, message: str, keys: bool, tmp_path: Path) -> None:
    text = f'{CHAT}[[change]]\nstep = "handshake"\nset = {{ {change} }}\n{END}'
    found = variant(tmp_path, text, keys=keys)
    own = [each for each in told(found) if each[0] == "TLS-FAILED"]
    assert own == [("TLS-FAILED", Severity.ERROR, message)]
    # The MRFP was asked to notify, and does not.
    assert {code for code, _, _ in told(found)} == {"TLS-FAILED", "DIN-F"}
    assert dict(found.coverage.tls_undecrypted) == {"handshake_failed": 1}


def test_an_alert_in_the_middle_ends_the_session(tmp_path: Path) -> None:
    text = """
        [[change]]
        drop = ["chat-4*", "close-notify"]
        [[step]]
        name = "alarm"
        at = 20.0
        tls = "ue_a -> mrfp"
        do = "alert"
        alert = "internal_error"
        """
    found = variant(tmp_path, text)
    (finding,) = found.only.findings
    assert finding.code == "TLS-FAILED"
    assert (
        finding.message == "TLS was ended: the UE sent the fatal alert internal_error (the node that sends it failed)."
    )
    assert finding.expected == "close_notify"


def test_without_keys_an_alert_in_the_middle_cannot_be_read(tmp_path: Path) -> None:
    """It is encrypted, as close_notify would be: nothing is claimed."""
    text = """
        [[change]]
        drop = ["chat-4*", "close-notify"]
        [[step]]
        name = "alarm"
        at = 20.0
        tls = "ue_a -> mrfp"
        do = "alert"
        alert = "internal_error"
        """
    found = variant(tmp_path, text, keys=False)
    assert found.only.results["TLS-FAILED"].status is Status.OK
    assert found.only.findings == []


@pytest.mark.parametrize("after", ["client_hello", "client_finished"])
@pytest.mark.parametrize("keys", [True, False])
def test_a_connection_closed_in_the_handshake(after: str, keys: bool, tmp_path: Path) -> None:
    """No alert, no Finished of the server: the frames are ClientHello and the end of TCP."""
    text = f'{CHAT}[[change]]\nstep = "handshake"\nset = {{ fails = "{after}", alert = "" }}\n{END}'
    found = variant(tmp_path, text, keys=keys)
    (finding,) = [each for each in found.only.findings if each.code == "TLS-FAILED"]
    said = "TLS could not be set up: the connection ended in the middle of the handshake, without an alert."
    assert (finding.message, finding.actual, finding.confidence) == (
        said,
        "no Finished of both sides, connection closed",
        Confidence.LIKELY,
    )
    assert finding.frames[0] == 34


def test_an_alert_that_the_capture_lacks_is_not_invented(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / BASE, tmp_path / BASE)
    (tmp_path / "twin").mkdir()
    path = tmp_path / "twin" / "scenario.toml"
    path.write_text(
        f'base = "{BASE}"\n{CHAT}[[change]]\nstep = "handshake"\nset = {{ fails = "client_finished" }}\n{END}'
    )
    _, built = build.packets(path)
    kept = [(each.time, each.data) for each in built if each.step != "handshake" or each.data[54:55] != b"\x15"]
    assert len(kept) == len(built) - 1
    found = judge_packets(kept, tmp_path, keys=sample_keys(BASE))
    assert found.only.results["TLS-FAILED"].status is Status.NOT_OBSERVABLE


def test_a_try_that_failed_before_one_that_worked_is_a_warning(tmp_path: Path) -> None:
    text = """
        [[change]]
        step = "connect"
        set = { at = 0.3 }
        [[change]]
        step = "handshake"
        set = { at = 0.31, finished_at = 0.32 }
        [[change]]
        step = "bind"
        set = { at = 0.40 }
        [[change]]
        step = "bind-ok"
        set = { at = 0.41 }
        [[change]]
        step = "nickname"
        set = { at = 0.5 }
        [[change]]
        step = "nickname-ok"
        set = { at = 0.51 }
        [[step]]
        name = "try"
        at = 0.0525
        tcp = "mrfp -> ue_a"
        do = "connect"
        [[step]]
        name = "try-tls"
        at = 0.0568
        tls = "mrfp -> ue_a"
        do = "handshake"
        psk = "<<psk>>"
        fails = "client_hello"
        alert = "internal_error"
        [[step]]
        name = "try-end"
        at = 0.07
        tcp = "ue_a -> mrfp"
        do = "abort"
        """
    found = variant(tmp_path, text)
    severities = {code: severity for code, severity, _ in told(found)}
    assert severities == {"TLS-FAILED": Severity.WARNING, "TCP-RESET": Severity.WARNING}
    assert found.only.results["DIN-F"].status is Status.NOT_APPLICABLE


UNKNOWN = f"""
{CHAT}
[[change]]
step = "handshake"
set = {{ fails = "client_finished", alert = "unknown_psk_identity"{{more}} }}
{END}"""


@pytest.mark.parametrize(
    ("identity", "identities", "shown"),
    [
        ("alice@ims.example.net", False, "the PSK identity ..."),
        ("sip:alice@ims.example.net", False, "the PSK identity sip:...@ims.example.net"),
        ("sip:alice@ims.example.net", True, "the PSK identity sip:alice@ims.example.net"),
        ("conference-key-7", False, "the PSK identity conference-key-7"),
        ("", False, "the empty PSK identity"),
        ("k" * 200, False, f"the PSK identity {'k' * 117}..."),
    ],
)
def test_an_unknown_identity_is_named_with_both_ends(
    identity: str, identities: bool, shown: str, tmp_path: Path
) -> None:
    """RFC 4279 section 2; who the identity is about is masked unless asked for."""
    text = UNKNOWN.replace("{more}", f', psk_identity = "{identity}"')
    found = variant(tmp_path, text, identities=identities)
    (finding,) = [each for each in found.only.findings if each.code == "TLS-FAILED"]
    assert finding.message == (
        "TLS could not be set up: the UE at 198.51.100.7:7394 sent the fatal alert unknown_psk_identity "
        f"(it knows no key for {shown} of the MRFP at 203.0.113.5:28563)."
    )
    assert finding.hint == (
        "Give the UE the key of this identity, or let the MRFP send the identity that the UE has a key for."
    )


def test_each_alert_has_its_advice(tmp_path: Path) -> None:
    text = (
        f'{CHAT}[[change]]\nstep = "handshake"\nset = {{ fails = "client_hello", alert = "protocol_version" }}\n{END}'
    )
    (finding,) = [each for each in variant(tmp_path, text).only.findings if each.code == "TLS-FAILED"]
    assert finding.hint == "Switch a version on that both have: compare ClientHello with the server's."
    assert [name for name, alert in ALERTS.items() if not alert.advice] == ["unknown_psk_identity"]
