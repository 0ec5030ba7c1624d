"""Package and item names to and from the numbers of the binary encoding (H.248.1 clause 12; Annex A type PkgdName)."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Literal

from dissectors.h248.package_data import PACKAGE_DATA

ItemKind = Literal["property", "event", "signal", "statistic"]
WILDCARD = 0xFFFF
"""Any package, or any item of a package: `*` in text."""


@dataclass(slots=True)
class ItemType:
    """How the values of an item are encoded; an empty `name` says that nothing is known."""

    name: str = ""
    "`int`, `bool`, `str`, `oct`, `enum`, or empty."
    values: dict[str, int] = field(default_factory=dict)
    "The numbers of an enumeration by name."


UNKNOWN = ItemType()


@dataclass(slots=True)
class _Names:
    """Numbered names: looked up without case, given back as registered."""

    numbers: dict[str, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    types: dict[int, ItemType] = field(default_factory=dict)

    def put(self, name: str, number: int, item_type: ItemType) -> None:
        self.numbers[name.lower()] = number
        self.names[number] = name
        self.types[number] = item_type

    def number(self, name: str, what: str) -> int:
        if name in ("*", "$"):
            return WILDCARD
        found = self.numbers.get(name.lower())
        if found is not None:
            return found
        if name[:2].lower() == "0x":
            try:
                found = int(name[2:], 16)
            except ValueError:
                found = -1
            if 0 <= found <= 0xFFFF:
                return found
        raise ValueError(
            f"no number is known for the {what} {name}; write it as 0x and four digits or add it to the table"
        )

    def name(self, number: int) -> str:
        if number == WILDCARD:
            return "*"
        return self.names.get(number) or f"0x{number:04x}"


_EMPTY = _Names()


class PackageTable:
    """Names and numbers read from lines like those of `package_data`; others are written as `0x0115/0x0001`."""

    def __init__(self, lines: str = PACKAGE_DATA) -> None:
        """Read the lines; later ones win, so that `PACKAGE_DATA + more` overrides. Raises ValueError for a bad line."""
        self._packages = _Names()
        self._items: dict[tuple[str, int], _Names] = {}
        self._parameters: dict[tuple[str, int, int], _Names] = {}
        package, kind, item = -1, "", -1
        for line in lines.splitlines():
            words = line.split()
            if not words or words[0][0] == "#":
                continue
            try:
                word, name, number = words[0], words[1], int(words[2], 16)
            except (IndexError, ValueError):
                raise ValueError(f"not a line of a package table: {line.strip()}") from None
            item_type = _item_type(words[3:])
            if word == "package":
                package = number
                self._packages.put(name, number, item_type)
            elif word == "parameter" and item >= 0:
                self._parameters.setdefault((kind, package, item), _Names()).put(name, number, item_type)
            elif word in ("property", "event", "signal", "statistic") and package >= 0:
                kind, item = word, number
                self._items.setdefault((word, package), _Names()).put(name, number, item_type)
            else:
                raise ValueError(f"not a line of a package table: {line.strip()}")

    def package_name(self, number: int) -> str:
        """The name of a package, or `0x` and its number."""
        return self._packages.name(number)

    def package_number(self, name: str) -> int:
        """The number of a package; raises ValueError where there is none."""
        return self._packages.number(name, "package")

    def item_name(self, kind: ItemKind, octets: bytes) -> str:
        """`package/item` of a PkgdName of four octets."""
        package = int.from_bytes(octets[:2], "big")
        item = int.from_bytes(octets[2:4], "big")
        names = self._items.get((kind, package), _EMPTY)
        if item != WILDCARD and item not in names.names:
            # Both in digits: a reader should not take the half that is known for knowledge of the whole.
            return f"0x{package:04x}/0x{item:04x}" if package != WILDCARD else f"*/0x{item:04x}"
        return f"{self._packages.name(package)}/{names.name(item)}"

    def item_octets(self, kind: ItemKind, name: str) -> bytes:
        """The PkgdName of `package/item`; raises ValueError where a number is not known."""
        package_name, slash, item_name = name.partition("/")
        if not slash:
            raise ValueError(f"{name} names no package and item")
        package = self._packages.number(package_name, "package")
        item = self._items.get((kind, package), _EMPTY).number(item_name, f"{kind} of {package_name}")
        return package.to_bytes(2, "big") + item.to_bytes(2, "big")

    def item_type(self, kind: ItemKind, octets: bytes) -> ItemType:
        """What is known of the values of an item."""
        names = self._items.get((kind, int.from_bytes(octets[:2], "big")), _EMPTY)
        return names.types.get(int.from_bytes(octets[2:4], "big"), UNKNOWN)

    def parameter_name(self, kind: ItemKind, item: bytes, octets: bytes) -> str:
        """The name of a parameter of an event or a signal."""
        return self._of(kind, item).name(int.from_bytes(octets[:2], "big"))

    def parameter_octets(self, kind: ItemKind, item: bytes, name: str) -> bytes:
        """The number of a parameter as two octets; raises ValueError where there is none."""
        return self._of(kind, item).number(name, f"parameter of a {kind}").to_bytes(2, "big")

    def parameter_type(self, kind: ItemKind, item: bytes, octets: bytes) -> ItemType:
        """What is known of the values of a parameter."""
        return self._of(kind, item).types.get(int.from_bytes(octets[:2], "big"), UNKNOWN)

    def _of(self, kind: ItemKind, item: bytes) -> _Names:
        key = (kind, int.from_bytes(item[:2], "big"), int.from_bytes(item[2:4], "big"))
        return self._parameters.get(key, _EMPTY)


def _item_type(words: list[str]) -> ItemType:
    if not words:
        return UNKNOWN
    values = {}
    for word in words[1:]:
        name, _, number = word.partition(":")
        values[name] = int(number)
    return ItemType(words[0], values)


@functools.cache
def default_packages() -> PackageTable:
    """The table that comes with the product."""
    return PackageTable()
