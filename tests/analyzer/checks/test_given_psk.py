"""DIN-4b and DOUT-9b: the key that the MRFC gave the MRFP is compared with the TEK, also where TLS-PSK worked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from judged import SAMPLES, Judged, judge_packets, sample_keys
from scenario_twins import twin

from analyzer.checks import CHECKS
from analyzer.findings import Severity, Status
from analyzer.flows import FLOWS
from analyzer.judge import Judge
from analyzer.model import Confidence
from analyzer.profile import DEFAULT_PROFILE

ROWS = [("e2e-dial-in", "add", "DIN-4b"), ("e2e-dial-out", "modify", "DOUT-9b")]
ACME = Judge(FLOWS, CHECKS, profile=replace(DEFAULT_PROFILE, psk_properties=frozenset({"acme/key"})))
USUAL = Judge(FLOWS, CHECKS)
GIVEN = "tlsbsc/psk=<<psk>>"


def judged(folder: Path, base: str, step: str, carrier: str, judge: Judge, *, keys: bool = True) -> Judged:
    """A session whose TLS works, with another word where the key stands."""
    change = f'[[change]]\nstep = "{step}"\nreplace = "{GIVEN}"\nwith = "{carrier}"\n'
    built = twin(SAMPLES, base, change)
    return judge_packets(list(built.packets), folder, judge, keys=sample_keys(base) if keys else None)


@pytest.mark.parametrize(("base", "step", "code"), ROWS)
@pytest.mark.parametrize(
    ("carrier", "judge"),
    [
        pytest.param(f"tlsbsc/psk={'ab' * 16}", USUAL, id="tlsbsc/psk"),
        pytest.param(f"acme/key={'ab' * 16}", ACME, id="a profile"),
    ],
)
def test_another_key_is_a_finding_although_tls_worked(
    base: str, step: str, code: str, carrier: str, judge: Judge, tmp_path: Path
) -> None:
    session = judged(tmp_path, base, step, carrier, judge).only
    (finding,) = session.findings
    assert (finding.code, finding.severity, finding.confidence) == (code, Severity.ERROR, Confidence.LIKELY)
    assert finding.actual == "another key (16 octets), and TLS-PSK was set up all the same"
    assert "abab" not in str(finding)


@pytest.mark.parametrize(("base", "step", "code"), ROWS)
@pytest.mark.parametrize(
    ("carrier", "judge"),
    [pytest.param(GIVEN, USUAL, id="tlsbsc/psk"), pytest.param("acme/key=<<psk>>", ACME, id="a profile")],
)
def test_the_tek_is_right(base: str, step: str, code: str, carrier: str, judge: Judge, tmp_path: Path) -> None:
    session = judged(tmp_path, base, step, carrier, judge).only
    assert (session.findings, session.results[code].status) == ([], Status.OK)


@pytest.mark.parametrize(("base", "step", "code"), ROWS)
@pytest.mark.parametrize(
    ("carrier", "judge", "why"),
    [
        pytest.param(
            "acme/key=<<psk>>", USUAL,
            "TLS-PSK was set up, so the MRFP has the key: from what the profile does not name", id="an unknown carrier",
        ),
        pytest.param(
            'tlsbsc/psk=\\"wrapped!\\"', USUAL, "the value of the Pre-Shared Key's property is not hexadecimal",
            id="not to be read",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_compared(
    base: str, step: str, code: str, carrier: str, judge: Judge, why: str, tmp_path: Path
) -> None:
    session = judged(tmp_path, base, step, carrier, judge).only
    assert session.findings == []
    result = session.results[code]
    assert (result.status, result.reason) == (Status.NOT_OBSERVABLE, why)


@pytest.mark.parametrize(("base", "step", "code"), ROWS)
def test_a_carrier_that_the_profile_names_is_not_there(base: str, step: str, code: str, tmp_path: Path) -> None:
    session = judged(tmp_path, base, step, GIVEN, ACME).only
    assert [(each.code, each.confidence) for each in session.findings] == [(code, Confidence.LIKELY)]


@pytest.mark.parametrize(("base", "step", "code"), ROWS)
def test_without_keys_there_is_nothing_to_compare_with(base: str, step: str, code: str, tmp_path: Path) -> None:
    session = judged(tmp_path, base, step, f"tlsbsc/psk={'ab' * 16}", USUAL, keys=False).only
    assert (session.findings, session.results[code].status) == ([], Status.OK)
