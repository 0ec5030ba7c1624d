"""The installed command analyses the sample: formats agree, the schema holds, filters and roles work."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.analyzer.cli.processes import ROOT, SAMPLE, mrfscope, needs_command, needs_sample, refused

SIP_CALLS = ROOT.parent / "shared" / "captures" / "sip-calls.pcap"

pytestmark = needs_command


@needs_sample
def test_the_sample_as_text() -> None:
    done = mrfscope("analyze", SAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(len(line) for line in done.stdout.splitlines() if "Wireshark" not in line) <= 120
    for word in ("MRFC", "MRFP", "UE", "SDP offer", "Coverage", "sip.Call-ID =="):
        assert word in done.stdout
    assert "\x1b" not in done.stdout


@needs_sample
def test_formats_agree(tmp_path: Path) -> None:
    document = json.loads(mrfscope("analyze", SAMPLE, "-f", "json").stdout)
    lines = [json.loads(line) for line in mrfscope("analyze", "-r", SAMPLE, "-f", "ndjson").stdout.splitlines()]
    rows = list(csv.DictReader(mrfscope("analyze", SAMPLE, "-f", "csv").stdout.splitlines()))
    sessions = document["sessions"]
    assert {each["id"] for each in sessions} == {each["id"] for each in lines if each["record"] == "session"}
    assert len(rows) == sum(len(each["timeline"]) for each in sessions)
    assert rows[0]["summary"] == sessions[0]["timeline"][0]["summary"]


@needs_sample
def test_schema_holds_for_real_output() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text())
    for path in (SAMPLE, *sorted((ROOT.parent / "shared" / "captures").glob("*.*cap*"))):
        done = mrfscope("analyze", path, "-f", "json")
        assert done.returncode in (0, 1, 3)
        jsonschema.Draft202012Validator(schema).validate(json.loads(done.stdout))
    line_validator = jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/line"})
    for line in mrfscope("analyze", SAMPLE, "-f", "ndjson").stdout.splitlines():
        line_validator.validate(json.loads(line))


@needs_sample
def test_standard_input_is_the_same() -> None:
    with SAMPLE.open("rb") as file:
        done = mrfscope("analyze", "-", "-f", "json", stdin=file)
    document = json.loads(done.stdout)
    assert document["captures"][0]["path"] == "-"
    assert document["sessions"] == json.loads(mrfscope("analyze", SAMPLE, "-f", "json").stdout)["sessions"]


@needs_sample
@pytest.mark.parametrize("jobs", ["0", "1", "2"])
def test_a_named_pipe_is_read_once(tmp_path: Path, jobs: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["dd", "status=none", f"if={SAMPLE}", f"of={pipe}"]):
        done = mrfscope("analyze", "--jobs", jobs, "-q", pipe)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 5


@needs_sample
def test_session_filter() -> None:
    document = json.loads(mrfscope("analyze", SAMPLE, "-f", "json").stdout)
    first = document["sessions"][0]
    for format_, term in (("json", first["id"]), ("json", "1"), ("ndjson", "1")):
        done = mrfscope("analyze", SAMPLE, "-f", format_, "--session", term)
        records = [json.loads(line) for line in done.stdout.splitlines()] if format_ == "ndjson" else None
        found = json.loads(done.stdout)["sessions"] if records is None else records
        assert [each["id"] for each in found if each.get("record", "session") == "session"] == [first["id"]]
    said = refused("analyze", SAMPLE, "--session", "nobody@nowhere", "-f", "ndjson", code=2)
    assert "no session fits" in said
    assert f"hold{'s one session' if len(document['sessions']) == 1 else ''}" in said


@needs_sample
def test_node_gives_the_role() -> None:
    address = json.loads(mrfscope("analyze", SAMPLE, "-f", "json").stdout)["sessions"][0]["nodes"][0]["address"]
    done = mrfscope("analyze", SAMPLE, "-f", "json", "--node", f"{address}=ibcf")
    assert json.loads(done.stdout)["sessions"][0]["nodes"][0] == {"address": address, "role": "IBCF"}


@needs_sample
def test_damage_is_said_first(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcapng"
    path.write_bytes(SAMPLE.read_bytes()[:-11])
    done = mrfscope("analyze", path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].startswith("  DAMAGED: ")
    assert mrfscope("analyze", path, "-f", "json").stderr.startswith(f"mrfscope: {path}: damaged: ")
    assert mrfscope("analyze", path, "-f", "json", "-q").stderr == ""


@pytest.mark.skipif(not SIP_CALLS.exists(), reason="the shared captures are not here")
def test_several_captures() -> None:
    done = mrfscope("analyze", SIP_CALLS, SAMPLE)
    assert done.returncode == 0, "four of its calls are refused, and none has a message session"
    assert f"  mergecap -w merged.pcapng {SIP_CALLS} {SAMPLE}\n" in done.stdout


FILTERED = [SAMPLE, SIP_CALLS.with_name("sip-h248-fax-gateway.pcap"), SIP_CALLS.with_name("h248-over-sctp.cap")]


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("path", FILTERED, ids=lambda path: path.parent.name + "-" + path.stem)
def test_wireshark_shows_every_message_of_a_session(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    for session in json.loads(mrfscope("analyze", path, "-f", "json").stdout)["sessions"]:
        command = ["tshark", "-r", str(path), "-Y", session["wireshark_filter"], "-T", "fields", "-e", "frame.number"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        shown = set(map(int, done.stdout.split()))
        assert [each for each in session["timeline"] if each["frames"][-1] not in shown] == []
