"""The project file that lies in the current folder or above it: found, looked at for who wrote it, and read once.

A folder may come from anybody: an archive, a colleague, /tmp. So what is found there runs no program unless the user
said so for this very content (`mrfscope trust`), and is used at all only where nobody but the user and root can have
written it, or where it was trusted (decision 19).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from analyzer.cli.main import complain
from analyzer.cli.ownership import anybody_may_put_here, belongs_to_stranger, distrust, user_name
from analyzer.cli.project_file import HINT, NAME, Project, read_project
from analyzer.cli.trusted import Trusted, load_trusted
from analyzer.errors import UserError, named_in
from analyzer.plugin_source import SourceFile, plugin_sources
from analyzer.regular_file import read_regular
from analyzer.toml_file import MOST_OCTETS

GO_WITHOUT = "to go without: --config /dev/null"


@dataclass(slots=True)
class Content:
    """All that a project file brings, as it was read."""

    digests: dict[str, str] = field(default_factory=dict)
    "Path -> SHA-256 of the project file, of its profile, and of each file of its plugins."
    profile: bytes | None = None
    profile_status: os.stat_result | None = None
    sources: list[list[SourceFile]] = field(default_factory=list)
    "Of each plugin, the plugin first."


def project_files(start: Path) -> Iterator[Path]:
    """Project files in a folder and above, the nearest first; none above the home folder or on another file system."""
    home = _home()
    device = None
    for folder in (start, *start.parents):
        path = folder / NAME
        try:
            if device not in (None, folder.stat().st_dev):
                return
            device = folder.stat().st_dev
            there = path.is_file()
        except OSError:  # who may not look there cannot be served from there
            there = False
        if there:
            yield path
        if folder == home:
            return


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return None


def load_found(start: Path) -> Project:
    """The nearest project file that is there for this user. Raises UserError for one that is not to be relied on."""
    for path in project_files(start):
        if not _is_laid(path):
            return load_checked(path)
        owner = user_name(path.lstat().st_uid)
        complain(f"{path}: passed over: it is of {owner}, in a folder where everybody may put files")
    return Project()


def _is_laid(path: Path) -> bool:
    """Did somebody else put it where everybody may? It is nobody's project, and shall stop nobody."""
    return anybody_may_put_here(path) and belongs_to_stranger(path) and str(path) not in load_trusted()


def load_checked(path: Path) -> Project:
    """A project file that was found. Raises UserError where it, or a program that it brings, is not to be relied on."""
    data, status = read_regular(path, MOST_OCTETS, HINT)
    why = distrust(path, status)
    trusted = load_trusted().get(str(path)) if why else None
    if why and (trusted is None or trusted.files.get(str(path)) != sha256(data).hexdigest()):
        changed = ", and it changed since it was trusted" if trusted is not None else ""
        raise UserError(
            f"{path}: not used: {why}{changed}", _ways(path, "if it is yours, make it writable for you alone")
        )
    project = read_project(path, data)
    content = read_content(project, data)
    if why or project.plugins:
        _must_be_trusted(path, project, content, trusted or load_trusted().get(str(path)))
        project.sources = content.sources
    elif project.profile is not None and content.profile_status is not None:
        why = distrust(Path(project.profile), content.profile_status)
        if why:
            raise UserError(f"{project.profile}: not used as the profile of {path}: {why}", _ways(path))
    project.profile_octets = content.profile
    return project


def read_content(project: Project, data: bytes) -> Content:
    """Everything that a project file brings; `data` is the file itself. Raises UserError."""
    found = Content({str(project.path): sha256(data).hexdigest()})
    with named_in(project.path, [project.profile, *project.plugins]):
        _read_named(project, found)
    return found


def _read_named(project: Project, found: Content) -> None:
    """Profile and plugins."""
    if project.profile is not None:
        found.profile, found.profile_status = read_regular(Path(project.profile), MOST_OCTETS, HINT)
        found.digests[project.profile] = sha256(found.profile).hexdigest()
    for name in dict.fromkeys(project.plugins):
        sources = plugin_sources(Path(name))
        found.sources.append(sources)
        found.digests |= {str(each.path): each.digest for each in sources}


def _must_be_trusted(path: Path, project: Project, content: Content, trusted: Trusted | None) -> None:
    if trusted is None:
        names = ", ".join(Path(name).name for name in project.plugins)
        raise UserError(
            f"{path}: names plugins ({names}), and no program is run because it lies in a folder",
            _ways(path, "read them first"),
        )
    changed = trusted.changed(content.digests)
    if changed:
        raise UserError(
            f"{path}: not used: changed since it was trusted: {', '.join(changed)}", _ways(path, "read it again")
        )


def _ways(path: Path, first: str = "") -> str:
    ways = [first, f"to use it as it is now: mrfscope trust {path}", f"for one run: --config {path}", GO_WITHOUT]
    return "; ".join(filter(None, ways))
