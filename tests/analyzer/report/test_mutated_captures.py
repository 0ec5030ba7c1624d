"""Whatever a capture holds, every report is written, fits its schema, and says nothing raw to a terminal."""

from __future__ import annotations

import json
import random
from io import BytesIO
from pathlib import Path

import jsonschema
import pytest

from analyzer.capture.errors import CaptureError
from analyzer.pipeline import Analysis, Options
from analyzer.report import FORMATS, Report

ROOT = Path(__file__).resolve().parents[3]
SHARED = ROOT.parent / "shared" / "captures"
CAPTURES = [
    ROOT / "samples" / "tcp-dial-in" / "capture.pcapng",
    *(SHARED / name for name in ("sip-h248-fax-gateway.pcap", "msrp-node-lib.pcapng", "sip-calls.pcap")),
]
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "report.schema.json").read_text()))
COPIES = 25
LIKELY = b"\x1b\xff\r\"\\\x0c\x9b'="


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.parent.name + "-" + path.stem)
def test_mutated_captures(path: Path, tmp_path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path} is not here")
    whole = path.read_bytes()
    chance = random.Random(path.name)
    target = tmp_path / "mutated"
    for _ in range(COPIES):
        octets = bytearray(whole)
        for _ in range(chance.randint(1, 60)):
            octets[chance.randrange(30, len(octets))] = chance.choice([chance.randrange(256), chance.choice(LIKELY)])
        target.write_bytes(octets)
        name = chance.choice(list(FORMATS))
        try:
            analysis = Analysis([str(target)], Options(jobs=1))
        except CaptureError:
            continue
        sessions = enumerate(analysis.sessions(early=FORMATS[name].early), 1)
        out = BytesIO()
        FORMATS[name].load()(Report(analysis, sessions, identities=chance.random() < 0.5, verbosity=1), out)
        text = out.getvalue().decode()
        assert all(each.isprintable() or each in "\r\n" for each in text)
        if name == "json":
            SCHEMA.validate(json.loads(text))
