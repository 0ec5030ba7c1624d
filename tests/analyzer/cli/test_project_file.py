"""mrfscope.toml and profiles: found, read, overruled by the command line, and refused with file, line and key."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from analyzer.cli.found_project import project_files
from analyzer.cli.project_file import Project, load_project
from analyzer.errors import UserError
from analyzer.profile import DEFAULT_PROFILE
from analyzer.profile_file import load_profile
from tests.analyzer.cli.processes import SAMPLE, mrfscope, needs_command, needs_sample, refused


def project(folder: Path, text: str) -> Path:
    path = folder / "mrfscope.toml"
    path.write_text(text, encoding="utf-8")
    return path


EVERYTHING = """\
[analyze]
node = ["198.51.100.7=mrfp", "2001:DB8::1=UE"]
udp_port = [2946]
select = ["OFFER", "TCP-1,TCP-2"]
ignore = ["SEND-4"]
severity = "warning"
fail_on = "never"
profile = "acme.toml"
plugins = ["checks/acme.py"]
"""


def test_every_key(tmp_path: Path) -> None:
    path = project(tmp_path, EVERYTHING)
    assert load_project(str(path)) == Project(
        path=path,
        node={"198.51.100.7": "MRFP", "2001:db8::1": "UE"},
        udp_port=[2946],
        select=["OFFER", "TCP-1", "TCP-2"],
        ignore=["SEND-4"],
        severity="warning",
        fail_on="never",
        profile=str(tmp_path / "acme.toml"),
        plugins=[str(tmp_path / "checks/acme.py")],
    )


def test_it_is_found_upwards_and_the_nearest_counts(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert list(project_files(below)) in ([], [Path("/mrfscope.toml")])
    above = project(tmp_path, "")
    nearer = project(tmp_path / "a", "")
    assert list(project_files(below))[:2] == [nearer, above]


def test_the_search_ends_at_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    below = home / "a"
    below.mkdir(parents=True)
    project(tmp_path, "")
    monkeypatch.setenv("HOME", str(home))
    assert list(project_files(below)) == []
    mine = project(home, "")
    assert list(project_files(below)) == [mine]
    assert next(project_files(tmp_path)) == tmp_path / "mrfscope.toml"  # which is not in it


def test_the_search_ends_at_the_file_system() -> None:
    if not os.path.ismount("/dev/shm"):
        pytest.skip("/dev/shm is no file system of its own here")
    with TemporaryDirectory(dir="/dev/shm") as folder:
        assert list(project_files(Path(folder))) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[analyze]\nseverty = 'error'\n", ":2: analyze.severty: no such key; did you mean severity?"),
        ("[analyse]\n", ":1: analyse: no such key; did you mean analyze?"),
        ("analyze = 3\n", ":1: analyze: must be a table: [analyze]"),
        ("[analyze]\n\nseverity = 'bad'\n", ":3: analyze.severity: must be one of error, warning, info, is 'bad'"),
        (
            "[analyze]\nfail_on = 'errors'\n",
            ":2: analyze.fail_on: must be one of error, warning, info, never, is 'errors'",
        ),
        ("[analyze]\nfail_on = 'errors'\n", "did you mean error?"),
        ("[analyze]\nudp_port = [0]\n", ":2: analyze.udp_port: must be a list of ports from 1 to 65535, is [0]"),
        ("[analyze]\nudp_port = [true]\n", ":2: analyze.udp_port: must be a list of ports"),
        ("[analyze]\nnode = ['MRFP']\n", ":2: analyze.node: 'MRFP' is not ADDR=ROLE"),
        ("[analyze]\nselect = 'OFFER'\n", ":2: analyze.select: must be a list of strings, is 'OFFER'"),
        ("[analyze]\nprofile = ''\n", ":2: analyze.profile: must be a string, is ''"),
        ("[analyze]\nseverity = error\n", ": not TOML: Invalid value (at line 2, column 12)"),
        ("[analyze]\nx = 1\nx = 2\n", ": not TOML: Cannot overwrite a value (at line 3, column 6)"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = project(tmp_path, text)
    with pytest.raises(UserError) as error:
        load_project(str(path))
    assert error.value.what.startswith(f"{path}{said}" if said[0] == ":" else str(path))
    assert said in error.value.what


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "mrfscope.toml").write_bytes(b"\xff")
    with pytest.raises(UserError, match="not TOML: not UTF-8 text"):
        load_project(str(tmp_path / "mrfscope.toml"))
    with pytest.raises(UserError, match="cannot be read: No such file"):
        load_project(str(tmp_path / "none.toml"))
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        load_project(str(tmp_path))
    (tmp_path / "big.toml").write_bytes(b"#" * (1 << 20 | 1))
    with pytest.raises(UserError, match="larger than 1048576 octets"):
        load_project(str(tmp_path / "big.toml"))
    (tmp_path / "deep.toml").write_text("x = " + "[" * 100_000)
    with pytest.raises(UserError, match="not TOML"):
        load_project(str(tmp_path / "deep.toml"))


# ------------------------------------------------------------------ profiles


def test_a_profile_lies_over_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_text('tcp_events = ["ACME/TcpFail"]\nmikey_tls_prot_types = [2, 7]\n')
    profile = load_profile(path)
    assert profile.tcp_events == frozenset({"acme/tcpfail"})
    assert profile.mikey_tls_prot_types == frozenset({2, 7})
    assert profile.start_tcp == DEFAULT_PROFILE.start_tcp


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# x\ntcp_event = []\n", ":2: tcp_event: no such key; did you mean tcp_events?"),
        ("tcp_events = 'x'\n", ":1: tcp_events: must be a list of strings, is a string"),
        ("tcp_events = [1]\n", ":1: tcp_events: must be a list of strings, has 1"),
        ("tcp_events = [' ']\n", ":1: tcp_events: has an empty name"),
        ("mikey_tls_prot_types = ['2']\n", ":1: mikey_tls_prot_types: must be a list of numbers, has '2'"),
        ("mikey_tls_prot_types = [true]\n", ":1: mikey_tls_prot_types: must be a list of numbers, has True"),
        ("[start_tcp]\n", ":1: start_tcp: must be a list of strings, is a table"),
    ],
)
def test_what_a_profile_must_not_say(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load_profile(path)
    assert error.value.what == f"{path}{said}"


# ------------------------------------------------------------------ the installed command


@needs_command
@needs_sample
class TestCommand:
    def test_the_project_file_counts_and_the_command_line_wins(self, tmp_path: Path) -> None:
        project(tmp_path, '[analyze]\nselect = ["OFFER"]\nnode = ["198.51.100.7=AS", "192.0.2.10=MRFC"]\n')
        below = tmp_path / "below"
        below.mkdir()

        def checks(*arguments: str) -> tuple[set[str], dict[str, str]]:
            done = mrfscope("analyze", SAMPLE, "-f", "json", *arguments, cwd=below)
            assert (done.returncode, done.stderr) == (0, "")
            (session,) = json.loads(done.stdout)["sessions"]
            return set(session["checks"]), {node["address"]: node["role"] for node in session["nodes"]}

        codes, roles = checks()
        assert codes == {"OFFER-1", "OFFER-2", "OFFER-3", "OFFER-3b", "OFFER-4", "OFFER-5", "OFFER-6"}
        assert roles["198.51.100.7"] == "AS"
        codes, roles = checks("--select", "GEN-2", "--node", "198.51.100.7=UE")
        assert codes == {"GEN-2"}
        assert (roles["198.51.100.7"], roles["192.0.2.10"]) == ("UE", "MRFC")

    def test_a_report_says_what_was_left_out(self, tmp_path: Path) -> None:
        path = project(tmp_path, '[analyze]\nignore = ["SEND-4"]\nseverity = "warning"\n')
        done = mrfscope("analyze", SAMPLE, "--select", "OFFER,TCP-1", cwd=tmp_path)
        assert done.stdout.splitlines()[-2:] == [
            "1 session: 1 ok; no findings.",
            f"With only OFFER, TCP-1; without SEND-4; findings from warning up; project file {path}.",
        ]
        xml = mrfscope("analyze", SAMPLE, "-f", "junit", cwd=tmp_path).stdout
        assert f'name="limits" value="without SEND-4; findings from warning up; project file {path}"/>' in xml

    def test_a_profile_changes_what_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "acme.toml").write_text('statistics_packages = ["acme"]\n')
        project(tmp_path, '[analyze]\nprofile = "acme.toml"\nselect = ["GEN-3"]\nfail_on = "info"\n')
        done = mrfscope("analyze", SAMPLE, "-f", "json", cwd=tmp_path)
        (finding,) = json.loads(done.stdout)["sessions"][0]["findings"]
        assert (done.returncode, finding["code"]) == (1, "GEN-3")
        assert finding["expected"] == "statistics of acme in the reply"
        other = tmp_path / "other.toml"
        other.write_text("")
        assert mrfscope("analyze", SAMPLE, "--profile", other, cwd=tmp_path).returncode == 0

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[analyze]\nseverty = 1\n", "mrfscope.toml:2: analyze.severty: no such key; did you mean severity?"),
            ("[analyze]\nselect = ['OFER-6']\n", "analyze.select: no code is, or begins with, 'OFER-6'"),
            ("[analyze]\nplugins = ['none.py']\n", "none.py: no such plugin file"),
            ("[analyze]\nprofile = 'none.toml'\n", "none.toml: cannot be read: No such file"),
        ],
    )
    def test_a_wrong_project_file_is_wrong_usage(self, tmp_path: Path, text: str, said: str) -> None:
        path = project(tmp_path, text)
        told = refused("analyze", SAMPLE, "--config", path, code=2)
        assert said in told
        assert len(told.splitlines()) <= 4

    def test_a_wrong_profile_is_wrong_usage(self, tmp_path: Path) -> None:
        path = tmp_path / "p.toml"
        path.write_text("tcp_event = []\n")
        told = refused("analyze", SAMPLE, "--profile", path, code=2).splitlines()
        assert told == [
            f"mrfscope: {path}:1: tcp_event: no such key; did you mean tcp_events?",
            "  see docs/analyze.md, Profiles: each key is a list of names, and replaces the default",
        ]

    def test_every_command_reads_the_plugins_of_the_project(self, tmp_path: Path) -> None:
        (tmp_path / "broken.py").write_text("CHECKS = [1]\n")
        project(tmp_path, '[analyze]\nplugins = ["broken.py"]\n')
        trusting = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
        assert mrfscope("trust", cwd=tmp_path, env=trusting).returncode == 0
        for words in (["checks", "list"], ["flows", "list"], ["explain", "TCP-1"], ["analyze", str(SAMPLE)]):
            done = mrfscope(*words, cwd=tmp_path, env=trusting)
            assert done.returncode == 2
            assert "broken.py: CHECKS[0] is of type int, not Rule" in done.stderr
