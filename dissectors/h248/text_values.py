"""Properties, parameters, lists and identifiers of the text encoding (H.248.1 Annex B.2).

Each function that reads an item returns the mark behind it; see `text_words`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from dissectors.h248.model import ErrorDescriptor, Property
from dissectors.h248.text_words import Reader
from dissectors.h248.tokens import LONG

T = TypeVar("T")

TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{8}", re.IGNORECASE | re.ASCII)
_SPACE = re.compile(r"\s+")


def spelled(entries: Mapping[str, T]) -> dict[str, T]:
    """A table by short token made into one by every usual spelling, so that lower() is seldom needed."""
    table = {}
    for short, entry in entries.items():
        long = LONG.get(short, short)
        for word in (short, short.lower(), long, long.lower(), long.upper()):
            table[word] = entry
    return table


def read_property(reader: Reader, name: str, found: list[Property]) -> str:
    """What follows the name of a property, statistic or parameter; appends it and returns the mark behind it."""
    take = reader.take
    relation = take()
    if relation == "=":
        word = take()
        if word not in "{}[],":
            if word[0] == '"':
                found.append(Property(name, [word[1:-1]], "=", "", True))
            else:
                found.append(Property(name, [word]))
            return take()
    elif relation in "<>#":
        word = take()
    elif relation == "}" or relation == ",":
        if name == "}" or name == "," or name == "{":
            raise reader.fail("property", "a name expected")
        found.append(Property(name, []))
        return relation
    else:
        raise reader.fail("property", "a value expected")
    if word == "{":
        values, quoted = _values(reader, "}")
        found.append(Property(name, values, relation, "{}", quoted))
    elif word == "[":
        values, quoted = _values(reader, "]")
        if len(values) == 1 and ":" in values[0] and not quoted:
            found.append(Property(name, values[0].split(":", 1), relation, "[:]"))
        else:
            found.append(Property(name, values, relation, "[]", quoted))
    elif word[0] == '"':
        found.append(Property(name, [word[1:-1]], relation, "", True))
    elif word in "}],":
        raise reader.fail("property", "a value expected")
    else:
        found.append(Property(name, [word], relation))
    return take()


def _values(reader: Reader, closing: str) -> tuple[list[str], bool]:
    found: list[str] = []
    quoted = False
    while True:
        word = reader.take()
        if word == closing:
            return found, quoted
        if word[0] == '"':
            quoted = True
            found.append(word[1:-1])
        elif word != ",":
            found.append(word)


def read_properties(reader: Reader, mark: str, what: str) -> tuple[list[Property], str]:
    """A braced list of properties that `mark` opens, and the mark behind it."""
    found: list[Property] = []
    if mark != "{":
        return found, mark
    take = reader.take
    while True:
        word = take()
        if word == "}":
            if found:
                reader.faults.append(f"comma before the closing brace of {what}")
            return found, take()
        if reader.closed(read_property(reader, word, found), what):
            return found, take()


def read_list(reader: Reader, mark: str, what: str) -> tuple[list[str], str]:
    """A braced list of plain words, and the mark behind it."""
    found: list[str] = []
    if mark != "{":
        return found, mark
    take = reader.take
    while True:
        word = take()
        if word == "}":
            if found:
                reader.faults.append(f"comma before the closing brace of {what}")
            return found, take()
        found.append(word)
        if reader.closed(take(), what):
            return found, take()


def read_audit_items(reader: Reader, mark: str, what: str) -> tuple[list[str], str]:
    """The items of an audit as text without white space, and the mark behind the list."""
    found: list[str] = []
    if mark != "{":
        return found, mark
    take = reader.take
    while True:
        word = take()
        if word == "}":
            return found, take()
        if word in ("L{", "R{"):
            word = f"{word}{_SPACE.sub('', take())}}}"
        mark = take()
        if mark in ("=", "<", ">", "#"):
            word += mark + take()
            mark = take()
        text, mark = reader.braced_text(mark, what)
        found.append(word + _SPACE.sub("", text))
        if reader.closed(mark, what):
            return found, take()


def read_terminations(reader: Reader) -> list[str]:
    """A termination id, or a list of them in brackets (version 3)."""
    word = reader.take()
    if word != "[":
        if word in "{},":
            raise reader.fail("termination id", "a name expected")
        return [word]
    found = []
    while True:
        found.append(reader.take())
        mark = reader.take()
        if mark == "]":
            return found
        if mark != ",":
            raise reader.fail("termination list", "',' or ']' expected")


def read_mid(reader: Reader) -> tuple[str, str]:
    """A message identifier, an address or a port (Annex B production mId), and the mark behind it."""
    take = reader.take
    word = take()
    for opening, closing in (("[", "]"), ("<", ">")):
        if word == opening:
            while word[-1] != closing:
                if len(word) > 300:
                    raise reader.fail("address", f"'{closing}' expected")
                word += take()
            mark = take()
            return (word + mark, take()) if mark[0] == ":" else (word, mark)
    mark = take()
    if word.upper() == "MTP" and mark == "{":
        word = f"MTP{{{take()}}}"
        reader.expect("}", "address")
        mark = take()
    return word, mark


def read_error(reader: Reader) -> tuple[ErrorDescriptor, str]:
    """An error descriptor behind its token, and the mark behind it (empty at the end of the message)."""
    error = ErrorDescriptor(reader.assigned_number("error code", 9999))
    mark = reader.take_or_end()
    if mark == "{":
        word = reader.take()
        if word != "}":
            error.text = word.strip('"')
            reader.expect("}", "error")
        mark = reader.take_or_end()
    return error, mark
