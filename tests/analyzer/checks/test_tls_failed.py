"""TLS-FAILED: each way in which TLS is not set up or is ended, told once, by the alert's name and who sent it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from judged import SAMPLES, Judged, judge_packets, sample_keys

from analyzer.findings import Severity, Status
from analyzer.model import Confidence
from samples import build

BASE = "e2e-dial-in"
CHAT = '[[change]]\ndrop = ["bind*", "nickname*", "chat-*", "close*"]\n'
END = '[[step]]\nname = "end"\nat = 0.09\ntcp = "ue_a -> mrfp"\ndo = "close"\n'


def variant(folder: Path, text: str, *, keys: bool = True, without: tuple[str, ...] = ()) -> Judged:
    """A capture of the scenario, changed; steps named in `without` are cut out of it."""
    shutil.copytree(SAMPLES / BASE, folder / BASE)
    (folder / "twin").mkdir()
    path = folder / "twin" / "scenario.toml"
    path.write_text(f'base = "{BASE}"\n{text}')
    _, built = build.packets(path)
    packets = [(packet.time, packet.data) for packet in built if packet.step not in without]
    return judge_packets(packets, folder, keys=sample_keys(BASE) if keys else None)


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
