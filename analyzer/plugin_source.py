"""A plugin as source text: its file and what it imports from its own folder, read once, and run from what was read.

So that what was looked at is what runs, nothing of it is read again: neither the files, which may change, nor the
compiled files that may lie beside them.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from analyzer.errors import UserError
from analyzer.regular_file import read_regular

MOST_OCTETS = 4 << 20
"A larger file is no plugin that a person wrote."
MOST_FILES = 1000
"Of a plugin and what it imports from its folder."
HINT = "docs/extend.md shows what a plugin looks like"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One module."""

    name: str
    "What it is imported as; of the plugin itself the name of its file."
    path: Path
    octets: bytes
    is_package: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of the content, hexadecimal."""
        from hashlib import sha256

        return sha256(self.octets).hexdigest()


def plugin_sources(path: Path) -> list[SourceFile]:
    """The plugin, then every module of its folder that it imports, or that those do. Raises UserError."""
    first = SourceFile(path.stem, path, read_regular(path, MOST_OCTETS, HINT)[0])
    found = {first.name: first}
    todo = [first]
    while todo:
        for name in _imports(todo.pop()):
            if name not in found and (source := _read(path.parent, name)) is not None:
                found[name] = source
                todo.append(source)
        if len(found) > MOST_FILES:
            raise UserError(f"{path}: imports more than {MOST_FILES} modules from its folder", HINT)
    return list(found.values())


def _read(folder: Path, name: str) -> SourceFile | None:
    """The module of this name in the folder; a package goes before a file, as Python has it."""
    base = folder.joinpath(*name.split("."))
    for path, is_package in ((base / "__init__.py", True), (base.with_name(f"{base.name}.py"), False)):
        try:
            there = path.is_file()
        except (OSError, ValueError):
            there = False
        if there:
            return SourceFile(name, path, read_regular(path, MOST_OCTETS, HINT)[0], is_package)
    return None


def _imports(source: SourceFile) -> Iterator[str]:
    """Every module that it may import, each package on the way to it first."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.octets)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # which is told when it is run
    package = source.name if source.is_package else source.name.rpartition(".")[0]
    for node in ast.walk(tree):
        for name in _names(node, package):
            parts = name.split(".")
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _names(node: ast.AST, package: str) -> Iterable[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*filter(None, above), *filter(None, [base])])
    return [base, *(f"{base}.{each.name}" for each in node.names)] if base else [each.name for each in node.names]
