"""A TOML file of the user, with complaints that name file, line and key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from analyzer.codes import did_you_mean
from analyzer.errors import UserError
from analyzer.user_text import TextError, read_toml, utf8_text

MOST_OCTETS = 1 << 20
"A larger file is none that a person wrote."


class TomlFile:
    """The tables of a file. Raises UserError where it cannot be read or is no TOML."""

    def __init__(self, path: Path, hint: str = "", data: bytes | None = None) -> None:
        """`data` is the content, where it was read already."""
        self.path = path
        self.hint = hint
        if data is None:
            data = self._octets()
        try:
            self.text = utf8_text(data)
            self.table = read_toml(self.text)
        except TextError as error:
            raise UserError(f"{path}: not TOML: {error}", hint) from error

    def _octets(self) -> bytes:
        path, hint = self.path, self.hint
        try:
            with path.open("rb") as file:
                data = file.read(MOST_OCTETS + 1)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}", hint) from error
        except ValueError:  # a NUL, or half a surrogate pair, in a name that another file gave
            raise UserError(f"{path}: no such file", hint) from None
        if len(data) > MOST_OCTETS:
            raise UserError(f"{path}: larger than {MOST_OCTETS} octets", hint)
        return data

    def wrong(self, keys: Sequence[str], why: str) -> UserError:
        """What to raise when a value is not to be used: `mrfscope.toml:3: analyze.severity: ...`."""
        line = self._line(keys)
        return UserError(f"{self.path}{f':{line}' if line else ''}: {'.'.join(keys)}: {why}", self.hint)

    def refuse_unknown(self, found: Mapping[str, Any], known: Iterable[str], section: Sequence[str] = ()) -> None:
        """Raises UserError for a key that nothing reads, with the nearest that is known."""
        there = list(known)
        for key in found:
            if key not in there:
                near = did_you_mean(key, there, 1) or f"; known are {', '.join(there)}"
                raise self.wrong([*section, key], f"no such key{near}")

    def _line(self, keys: Sequence[str]) -> int:
        """Number of the line where a key stands, by its looks; 0 where it cannot be told."""
        *section, key = keys
        here: list[str] = []
        pattern = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
        for number, line in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
            if header and "=" not in line.partition("]")[0]:
                here = [part.strip().strip("\"'") for part in header[1].split(".")]
                if here == list(keys):
                    return number
            elif here == section and pattern.match(line):
                return number
        return 0
