"""`--node` of an address that the capture does not show is told; one that it shows anywhere is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from capture_variants import write_pcap
from judged import sample_packets, without

from tests.analyzer.cli.processes import mrfscope, needs_command

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "drawn"
CAPTURE = SAMPLES / "tcp-dial-in" / "capture.pcapng"
ABSENT = "--node 192.0.2.99=MRFP: no message, connection or announced media of the capture has this address"

pytestmark = needs_command


def test_it_is_told_on_standard_error_and_in_the_account() -> None:
    done = mrfscope("analyze", CAPTURE, "--node", "192.0.2.99=mrfp", "--node", "198.51.100.7=UE")
    assert (done.returncode, done.stderr) == (0, f"mrfscope: note: {ABSENT}\n")
    assert f"  notes      1  {ABSENT}\n" in done.stdout
    quiet = mrfscope("analyze", CAPTURE, "--node", "192.0.2.99=MRFP", "-q")
    assert (quiet.returncode, quiet.stderr) == (0, "")


@pytest.mark.parametrize(("format_", "jobs"), [("json", "1"), ("json", "2"), ("ndjson", "1")])
def test_programs_read_it_among_the_notes(format_: str, jobs: str) -> None:
    done = mrfscope("analyze", CAPTURE, "--node", "192.0.2.99=MRFP", "-f", format_, "--jobs", jobs)
    record = json.loads(done.stdout if format_ == "json" else done.stdout.splitlines()[-1])
    assert (record["coverage"] if format_ == "json" else record)["notes"] == {ABSENT: 1}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_addresses_of_messages_connections_and_announced_media_are_there(jobs: str) -> None:
    capture = mrfscope("analyze", CAPTURE, "-f", "json")
    (session,) = json.loads(capture.stdout)["sessions"]
    addresses = {node["address"] for node in session["nodes"]} | {each["address"] for each in session["media"]}
    assert len(addresses) >= 4
    words = [word for each in sorted(addresses) for word in ("--node", f"{each}=UE")]
    done = mrfscope("analyze", CAPTURE, *words, "--jobs", jobs, "-f", "json")
    assert (done.stderr, json.loads(done.stdout)["coverage"]["notes"]) == ("", {})


def test_what_only_sdp_and_h248_announce_is_there(tmp_path: Path) -> None:
    """The media gateway's traffic is not in this capture; its address is named in signalling alone."""
    path = write_pcap(tmp_path / "c.pcap", without(list(sample_packets("tcp-dial-in")), "tcp"))
    done = mrfscope("analyze", path, "--node", "203.0.113.5=MRFP", "-f", "json")
    assert (done.stderr, json.loads(done.stdout)["coverage"]["notes"]) == ("", {})


def test_the_project_file_may_name_nodes_of_other_captures(tmp_path: Path) -> None:
    """It serves many captures: what one of them lacks is nothing to tell."""
    (tmp_path / "p.toml").write_text('[analyze]\nnode = ["192.0.2.99=MRFP"]\n')
    done = mrfscope("analyze", CAPTURE, "--config", tmp_path / "p.toml", "-f", "json")
    assert ("--node" in done.stderr, json.loads(done.stdout)["coverage"]["notes"]) == (False, {})
