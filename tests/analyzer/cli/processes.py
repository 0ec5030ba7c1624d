"""The installed command as a real process, for the tests of this folder."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "samples" / "tcp-dial-in" / "capture.pcapng"
BESIDE_PYTHON = Path(sys.executable).parent / "mrfscope"
COMMAND = str(BESIDE_PYTHON) if BESIDE_PYTHON.exists() else shutil.which("mrfscope")

needs_command = pytest.mark.skipif(COMMAND is None, reason="mrfscope is not installed here: pip install --editable .")
needs_sample = pytest.mark.skipif(not SAMPLE.exists(), reason="the sample is not built: make samples")


def mrfscope(*arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    environment |= {"PYTHONUTF8": "1", **more.pop("env", {})}
    return subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
        **{"stdin": subprocess.DEVNULL, **more},
    )


def refused(*arguments: str | Path, code: int) -> str:
    """What the command says when it ends with this code; never a traceback."""
    done = mrfscope(*arguments)
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (code, "")
    return done.stderr


def pcap(*packets: bytes, linktype: int = 1) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, linktype)
    return head + b"".join(struct.pack("<IIII", 1_767_268_800, 0, len(each), len(each)) + each for each in packets)


ARP = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\x06" + bytes(46)
