"""Runs the modules of a plugin from what was read of them, and nothing else from their folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from types import ModuleType

from analyzer.plugin_source import SourceFile


class SourceFinder(MetaPathFinder, SourceLoader):  # type: ignore[misc]
    """Finds and runs modules of `plugin_sources`; asked after everything that is installed."""

    def __init__(self, sources: Sequence[SourceFile]) -> None:
        self._sources = {each.name: each for each in sources}
        self._octets = {str(each.path): each.octets for each in sources}
        self._names: dict[str, SourceFile] = dict(self._sources)

    def find_spec(self, fullname: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module of this name, if it is one of them."""
        return self.spec(fullname, self._sources[fullname]) if fullname in self._sources else None

    def spec(self, name: str, source: SourceFile) -> ModuleSpec:
        """What Python needs to run a source under a name."""
        self._names[name] = source
        where = [str(source.path.parent)] if source.is_package else None
        spec = importlib.util.spec_from_file_location(name, source.path, loader=self, submodule_search_locations=where)
        if spec is None:  # only without a loader
            raise ImportError(f"{source.path} cannot be loaded", name=name)
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.clear()  # nothing is looked for in the folder
        return spec

    def get_filename(self, fullname: str) -> str:
        """The file that a module was read from."""
        return str(self._names[fullname].path)

    def get_data(self, path: str | bytes) -> bytes:
        """The octets that were read; nothing else can be had, compiled files least of all."""
        found = self._octets.get(str(path))
        if found is None:
            raise OSError(f"{path!s} is not a part of the plugin")
        return found
