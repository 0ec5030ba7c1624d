"""TOML and JSON that people wrote: whatever is in it, there is a result or the one `TextError`.

The readers of the standard library raise more than their own errors: `int` refuses numbers of thousands of digits,
nesting ends in RecursionError, octets may be no UTF-8.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

BOM = "\ufeff"
MOST_SHOWN = 60
"Characters of a wrong value that are shown."
_LONG_NUMBER = re.compile(r"[0-9_]{1000}")


class TextError(ValueError):
    """A text that is not what it should be; `line` and `column` count from 1, 0 where they are not known."""

    def __init__(self, why: str, line: int = 0, column: int = 0) -> None:
        place = f" (at line {line}{f', column {column}' if column else ''})" if line else ""
        super().__init__(f"{why}{place}")
        self.why = why
        self.line = line


def utf8_text(data: bytes) -> str:
    """The text of a file, without the byte order mark that some editors write. Raises TextError."""
    try:
        return data.decode().removeprefix(BOM)
    except UnicodeDecodeError as error:
        raise TextError("not UTF-8 text", data.count(b"\n", 0, error.start) + 1) from None


def read_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises TextError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        why, _, place = str(error).partition(" (at ")
        numbers = [int(each) for each in re.findall(r"[0-9]+", place)]
        raise TextError(why if numbers else str(error), *numbers[:2]) from None
    except RecursionError:
        raise TextError("nested too deeply") from None
    except ValueError:
        raise _long_number(text) from None


def read_json(text: str) -> object:
    """The value of a JSON text. Raises TextError."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise TextError(error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise TextError("nested too deeply") from None
    except ValueError:
        raise _long_number(text) from None


def _long_number(text: str) -> TextError:
    """What `int` refuses to convert (more than 4,300 digits), and where it stands."""
    found = _LONG_NUMBER.search(text)
    line = text.count("\n", 0, found.start()) + 1 if found is not None else 0
    return TextError("a number has too many digits", line)


def shown(value: object) -> str:
    """A wrong value as complaints show it: short, whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits that was written in hexadecimal
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
