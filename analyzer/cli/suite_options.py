"""The options by which every command that speaks of rules finds them: `--plugin` and `--config`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from analyzer.codes import did_you_mean, matching
from analyzer.errors import named_in

if TYPE_CHECKING:
    from analyzer.cli.project_file import Project
    from analyzer.suite import Suite

F = TypeVar("F", bound=Callable[..., Any])


def suite_options(command: F) -> F:
    """`--plugin FILE` and `--config FILE`, as parameters `plugins` and `config`."""
    command = click.option(
        "--config",
        metavar="FILE",
        help="The project file; otherwise mrfscope.toml in the current directory or above it (see mrfscope trust).",
    )(command)
    return click.option(
        "--plugin",
        "plugins",
        multiple=True,
        metavar="FILE",
        help="A Python file with checks or flows of your own (docs/extend.md); can be repeated.",
    )(command)


def load_rules(plugins: Sequence[str], config: str | None) -> tuple[Suite, Project]:
    """All flows and rules, and the project file. Raises UserError."""
    from analyzer.cli.project_file import load_project
    from analyzer.suite import load_suite

    project = load_project(config)
    with named_in(project.path, project.plugins):
        if project.sources is not None:
            return load_suite(plugins, project.sources), project
        return load_suite([*project.plugins, *plugins]), project


def split_codes(values: Iterable[str]) -> list[str]:
    """`("OFFER-6,TCP", "GEN-3")` as single codes."""
    return [code.strip() for value in values for code in value.split(",") if code.strip()]


def check_codes(codes: Iterable[str], known: Sequence[str], where: str) -> None:
    """Raises click.UsageError for a text that is neither a code nor the beginning of one."""
    for code in codes:
        if not matching(code, known):
            near = did_you_mean(code, known)
            raise click.UsageError(
                f"{where}: no code is, or begins with, {code!r}{near or '; see mrfscope checks list'}"
            )
