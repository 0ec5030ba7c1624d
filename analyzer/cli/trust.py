"""`mrfscope trust`: let a project file that was found in a folder be used, and its plugins run, as they are now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from analyzer.cli.trusted import Trusted


@click.command(short_help="Let the plugins of a project file run.")
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--list", "list_", is_flag=True, help="List what is trusted, and whether it changed since.")
@click.option("--revoke", is_flag=True, help="Trust the file no longer.")
def trust(file: str | None, list_: bool, revoke: bool) -> int:
    """Trust a project file, mrfscope.toml, with its profile and its plugins, as they are at this moment.

    FILE is by default the one that would be found from here. Read it, and the plugins that it names, before: they are
    programs, and will run with your rights whenever you work in that folder. Once anything in them changes they must be
    trusted anew.

    Exit codes: 0 done, 2 wrong usage: no such file, or one that cannot be used; 74 it could not be remembered.
    """
    if list_:
        if revoke or file is not None:
            raise click.UsageError("--list goes with nothing else")
        return _list()
    path = _named(file)
    return _revoke(path) if revoke else _trust(path)


def _named(file: str | None) -> Path:
    """The project file that is meant, under the name by which it is found. Raises click.UsageError."""
    from analyzer.cli.found_project import project_files
    from analyzer.cli.project_file import NAME

    if file is None:
        found = next(project_files(Path.cwd()), None)
        if found is None:
            raise click.UsageError(f"there is no {NAME} here or above; name it")
        return found
    path = Path(file)
    if path.name != NAME:
        raise click.UsageError(f"{file}: only what is called {NAME} is found in a folder; name this one with --config")
    return path.parent.resolve() / path.name


def _trust(path: Path) -> int:
    from analyzer.cli.found_project import read_content
    from analyzer.cli.project_file import HINT, read_project
    from analyzer.cli.trusted import Trusted, load_trusted, now, save_trusted
    from analyzer.regular_file import read_regular
    from analyzer.toml_file import MOST_OCTETS

    data, _ = read_regular(path, MOST_OCTETS, HINT)
    project = read_project(path, data)
    content = read_content(project, data)
    save_trusted({**load_trusted(), str(path): Trusted(now(), content.digests)})
    _say(f"trusted as it is now: {path}")
    _say(f"  sets      {', '.join(project.keys) or 'nothing'}")
    for name, digest in content.digests.items():
        what = {str(path): "itself", project.profile: "profile"}.get(name, "runs")
        _say(f"  {what:9} {name}  sha256 {digest[:16]}")
    return 0


def _revoke(path: Path) -> int:
    from analyzer.cli.trusted import load_trusted, save_trusted

    trusted = load_trusted()
    if trusted.pop(str(path), None) is None:
        raise click.UsageError(f"{path} is not trusted; see mrfscope trust --list")
    save_trusted(trusted)
    _say(f"trusted no longer: {path}")
    return 0


def _list() -> int:
    from analyzer.cli.trusted import load_trusted

    for path, trusted in sorted(load_trusted().items()):
        _say(f"{path}  since {trusted.when}  {_state(Path(path), trusted)}")
    return 0


def _state(path: Path, trusted: Trusted) -> str:
    from analyzer.cli.found_project import read_content
    from analyzer.cli.project_file import read_project
    from analyzer.errors import UserError
    from analyzer.regular_file import read_regular
    from analyzer.toml_file import MOST_OCTETS

    if not path.exists():
        return "is gone"
    try:
        data, _ = read_regular(path, MOST_OCTETS)
        changed = trusted.changed(read_content(read_project(path, data), data).digests)
    except UserError as error:
        return f"cannot be used: {error.what}"
    return f"changed: {', '.join(changed)}" if changed else "unchanged"


def _say(line: str) -> None:
    from analyzer.report.printable import printable

    click.echo(printable(line))
