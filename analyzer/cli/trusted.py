"""What the user said may be used as it is: project files with their plugins, by content (`mrfscope trust`).

One JSON file in the user's configuration folder, for the user alone: each project file with the SHA-256 of itself, of
its profile, and of every file of its plugins. Another content is another file, and must be trusted anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analyzer.cli.main import OutputError
from analyzer.cli.ownership import distrust
from analyzer.errors import UserError
from analyzer.regular_file import read_regular

MOST_OCTETS = 16 << 20
HINT = "to begin anew remove it, and trust again what you trust: mrfscope trust FILE"


@dataclass(frozen=True, slots=True)
class Trusted:
    """One project file, with the content that was trusted."""

    when: str
    "UTC, to the second."
    files: Mapping[str, str] = field(default_factory=dict)
    "Path -> SHA-256, hexadecimal."

    def changed(self, files: Mapping[str, str]) -> list[str]:
        """The files that are other than they were, new ones and missing ones included."""
        return [path for path in {**files, **self.files} if self.files.get(path) != files.get(path)]


def store_path() -> Path:
    """`$XDG_CONFIG_HOME/mrfscope/trust.json`, else below `~/.config` (XDG Base Directory). Raises UserError."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    try:
        base = Path(given) if os.path.isabs(given) else Path.home() / ".config"
    except RuntimeError:
        raise UserError("no home folder to keep in it what you trust", "set HOME") from None
    return base / "mrfscope" / "trust.json"


def load_trusted() -> dict[str, Trusted]:
    """Everything that was trusted, by the path of the project file. Raises UserError where it cannot be relied on."""
    path = store_path()
    if not path.exists():
        return {}
    data, status = read_regular(path, MOST_OCTETS, HINT)
    why = distrust(path, status)
    if why:
        raise UserError(f"{path}: what it trusts is not relied on: {why}", HINT)
    try:
        return _read(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path}: not what mrfscope wrote", HINT) from None


def _read(found: Any) -> dict[str, Trusted]:
    if found["version"] != 1:
        raise ValueError
    return {
        path: Trusted(str(each["when"]), {str(name): str(digest) for name, digest in each["files"].items()})
        for path, each in found["projects"].items()
    }


def save_trusted(trusted: Mapping[str, Trusted]) -> None:
    """Keep it, for the user alone (0600). Raises OutputError."""
    from analyzer.cli.replacement import replacing

    path = store_path()
    projects = {name: {"when": each.when, "files": dict(each.files)} for name, each in sorted(trusted.items())}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path, private=True) as file:
            file.write(json.dumps({"version": 1, "projects": projects}, indent=1).encode() + b"\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def now() -> str:
    """The present second, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
