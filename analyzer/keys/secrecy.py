"""What of a user's words may be a key, so that no complaint repeats it in terminals, logs and tickets."""

from __future__ import annotations

import re
from collections.abc import Callable

_RUN = re.compile(
    r"base64:[A-Za-z0-9+/=]+"
    r"|[0-9A-Fa-f]{2}(?:[ :-][0-9A-Fa-f]{2}){7,}"
    r"|[0-9A-Fa-f]{4}(?: [0-9A-Fa-f]{4}){3,}"
    r"|[0-9A-Fa-f]{16,}"
    r"|[A-Za-z0-9+/]{21,}={1,2}"
)
_PLACES = re.compile(r"[\s:.-]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_DECIMAL = 32
"Fewer decimal digits than that are the number or the date of something."
_APART = " \t\n'\"(),"
"What stands around the name of a file in a sentence."


def without_keys(text: str, is_name: Callable[[str], bool] = lambda _: False) -> str:
    """A text in which whatever may be a key of eight octets or more is replaced by its size.

    `is_name` is asked for words with such digits in them, and for folders up to there: names of files stay.
    """

    def said(found: re.Match[str]) -> str:
        start = max(text.rfind(each, 0, found.start()) for each in _APART) + 1
        end = found.end()
        while end < len(text) and text[end] not in _APART + "/":
            end += 1
        word = text[start:end]
        if is_name(word) or is_name(word.partition(":")[0]):
            return found[0]
        return _size(found[0])

    return _RUN.sub(said, text)


def _size(run: str) -> str:
    digits = _PLACES.sub("", run)
    if digits.isdecimal() and len(digits) < _DECIMAL:
        return run
    if re.fullmatch(r"[0-9A-Fa-f]+", digits):
        return f"({len(digits)} hexadecimal digits, not shown)"
    return f"({len(run)} characters, not shown)"


def may_be_key(text: str) -> bool:
    """Is a text, given where the name of a file or of a field belongs, a key all the same, however short?"""
    digits = _PLACES.sub("", text.removeprefix("0x"))
    behind = text.rpartition(":")[2]
    return (
        without_keys(text) != text
        or (len(digits) > 1 and _is_hex(digits))
        or (behind != text and len(behind) > 1 and _is_hex(behind))
        or (_BASE64.fullmatch(text) is not None and _mixed(text))
    )


def _is_hex(text: str) -> bool:
    return re.fullmatch(r"[0-9A-Fa-f]*", text) is not None


def _mixed(text: str) -> bool:
    """Words of a language hardly have digits, small and capital letters within."""
    return all(any(test(each) for each in text) for test in (str.isdecimal, str.islower, str.isupper))
