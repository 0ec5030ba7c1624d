"""Where TLS-PSK cannot work a line says what to do, never a crash; and it is loaded where the lab runs alone."""

from __future__ import annotations

import _ssl
import ctypes
import os
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from replay.edge import psk_loaded_openssl
from replay.edge.psk_loaded_openssl import LoadedOpenssl
from replay.edge.psk_ways import PskUnavailableError

ROOT = Path(__file__).resolve().parents[3]


def test_another_openssl_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "OPENSSL_VERSION", "OpenSSL 9.9.9 another")
    with pytest.raises(PskUnavailableError, match=r"where ssl has OpenSSL 9\.9\.9 another: use Python 3\.13 or newer"):
        LoadedOpenssl()


@pytest.mark.parametrize("missing", ["SSL_CTX_set_psk_server_callback", "SSL_get_SSL_CTX"])
def test_openssl_without_psk(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    functions = psk_loaded_openssl._FUNCTIONS
    changed = {f"no_{name}" if name == missing else name: types for name, types in functions.items()}
    monkeypatch.setattr(psk_loaded_openssl, "_FUNCTIONS", changed)
    with pytest.raises(PskUnavailableError, match=f"undefined symbol: no_{missing}.*: use Python 3.13"):
        LoadedOpenssl()


@pytest.mark.parametrize("place", [None, "/nowhere/_ssl.so", ctypes.__file__])
def test_an_ssl_module_that_is_no_loaded_file(monkeypatch: pytest.MonkeyPatch, place: str | None) -> None:
    monkeypatch.setattr(_ssl, "__file__", place)
    with pytest.raises(PskUnavailableError, match=r"use Python 3\.13"):
        LoadedOpenssl()


def test_a_pointer_of_another_context_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the field after the head were something else that is an SSL_CTX."""
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    elsewhere = psk_loaded_openssl._pointer(other)
    for told in (lambda context: elsewhere, lambda context: 0, lambda context: 1 + id(context)):
        monkeypatch.setattr(psk_loaded_openssl, "_pointer", told)
        with pytest.raises(PskUnavailableError, match="does not know how this Python keeps an SSL context"):
            LoadedOpenssl()


SCRIPT = """
import ssl, sys
ssl.OPENSSL_VERSION, ssl.HAS_PSK = "OpenSSL 9.9.9 another", False
from analyzer.cli.main import main
sys.exit(main())
"""
MAIN = "import sys; from analyzer.cli.main import main; sys.exit(main())"


def in_python(script: str, *arguments: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, *options, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["lab", "run", "e2e-dial-in"],
        ["lab", "up", "--openssl", "--show-keys", "--keys-out", os.devnull],
        ["lab", "ue", "--secured", "--keys", os.devnull],
    ],
    ids=lambda arguments: arguments[1],
)
def test_the_lab_says_what_to_do(arguments: list[str]) -> None:
    """Exit code 2 and a line, before anything is started."""
    done = in_python(SCRIPT, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    advice = "use the Python of a distribution" if sys.version_info >= (3, 13) else "use Python 3.13 or newer"
    assert advice in done.stderr
    assert "scenarios and UEs that are not secured work" in done.stderr


def test_what_is_not_secured_needs_no_psk() -> None:
    done = in_python(SCRIPT, "lab", "run", "tcp-dial-in")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["lab", "--help"],
        ["lab", "scenarios"],
        ["explain", "DIN-8"],
        ["analyze", str(ROOT / "samples" / "e2e-dial-in" / "capture.pcapng"), "-q"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]).partition("/")[0],
)
def test_loaded_only_where_the_lab_runs(arguments: list[str]) -> None:
    done = in_python(MAIN, *arguments, options=["-X", "importtime"])
    assert "analyzer.cli.main\n" in done.stderr
    assert "replay.edge.psk" not in done.stderr


def test_what_is_not_secured_loads_no_foreign_functions() -> None:
    """The test of the test above; and where `ssl` cannot do it, only what is secured loads the layer."""
    for scenario, is_loaded in (("tcp-dial-in", False), ("e2e-dial-in", sys.version_info < (3, 13))):
        done = in_python(MAIN, "lab", "run", scenario, options=["-X", "importtime"])
        assert done.returncode == 0
        assert "replay.edge.psk_tls\n" in done.stderr
        assert ("replay.edge.psk_loaded_openssl\n" in done.stderr) == is_loaded
