"""Entry points of installed packages in our groups, found without reading the metadata of every distribution.

`importlib.metadata` takes longer to import, and to look through a large environment, than many a capture takes to
analyse. An entry point stands in the file `entry_points.txt` of its distribution (PyPA entry points specification): a
file that does not contain the name of the group need not be read further.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

FILE = "entry_points.txt"


@dataclass(frozen=True, slots=True)
class FoundEntryPoint:
    """`name = module:attribute` of a group, and the folder that says so."""

    group: str
    name: str
    value: str
    distribution: str

    def load(self) -> object:
        """The object; whatever its module raises comes through."""
        module, _, attribute = self.value.partition(":")
        found: object = import_module(module.strip())
        for part in filter(None, attribute.strip().split(".")):
            found = getattr(found, part)
        return found


def entry_points(groups: Sequence[str]) -> list[FoundEntryPoint]:
    """Every entry point of these groups, in the order of the import path; of equals only the first."""
    found: dict[tuple[str, str, str], FoundEntryPoint] = {}
    wanted = [group.encode() for group in groups]
    # An empty entry of the path is the current folder: what lies in a folder brings no programs (decision 19).
    for folder in dict.fromkeys(filter(None, sys.path)):
        for path in _distributions(folder):
            try:
                with open(os.path.join(path, FILE), "rb") as file:
                    data = file.read()
            except OSError:
                continue
            if any(group in data for group in wanted):
                for each in parse(data.decode("utf-8", "replace"), os.path.basename(path)):
                    if each.group in groups:
                        found.setdefault((each.group, each.name, each.value), each)
    return sorted(found.values(), key=lambda each: (each.group, each.name, each.value))


def _distributions(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as there:
            yield from sorted(each.path for each in there if each.name.endswith((".dist-info", ".egg-info")))
    except OSError:
        return


def parse(text: str, distribution: str) -> Iterator[FoundEntryPoint]:
    """The entry points that a file names."""
    group = ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield FoundEntryPoint(group, name.strip(), value.partition("[")[0].strip(), distribution)
