"""What is wrong with a file that the project file names is told with both files."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.cli.main import run

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "drawn"
CAPTURE = str(SAMPLES / "tcp-dial-in" / "capture.pcapng")


@pytest.mark.parametrize(
    ("line", "files", "says"),
    [
        (
            'profile = "site.toml"',
            {},
            "DIR/site.toml: cannot be read: No such file or directory (named in DIR/mrfscope.toml)",
        ),
        (
            'profile = "site.toml"',
            {"site.toml": "tcp_event = []\n"},
            "DIR/site.toml:1: tcp_event: no such key; did you mean tcp_events? (named in DIR/mrfscope.toml)",
        ),
        ('profile = "site.toml"', {"site.toml": "= 1\n"}, "DIR/site.toml: not TOML: "),
        ('plugins = ["acme.py"]', {}, "DIR/acme.py: no such plugin file (named in DIR/mrfscope.toml)"),
        (
            'plugins = ["acme.py"]',
            {"acme.py": "CHECKS = [1]\n"},
            "DIR/acme.py: CHECKS[0] is of type int, not Rule (named in DIR/mrfscope.toml)",
        ),
    ],
)
def test_the_project_file_is_told_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, files: dict[str, str], says: str
) -> None:
    project = tmp_path / "mrfscope.toml"
    project.write_text(f"[analyze]\n{line}\n")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert run(["analyze", CAPTURE, "--config", str(project)]) == 2
    told = capsys.readouterr().err.splitlines()[0]
    assert told.startswith(f"mrfscope: {says.replace('DIR', str(tmp_path))}")
    assert told.endswith(f"(named in {project})")


@pytest.mark.parametrize("option", ["--profile", "--plugin"])
def test_what_the_command_line_names_is_told_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str
) -> None:
    (tmp_path / "mrfscope.toml").write_text("[analyze]\nignore = ['SEND-4']\n")
    config = ["--config", str(tmp_path / "mrfscope.toml")]
    assert run(["analyze", CAPTURE, option, str(tmp_path / "none"), *config]) == 2
    assert "named in" not in capsys.readouterr().err
