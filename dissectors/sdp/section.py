"""Lines of a session description, session or media part (RFC 8866 section 5), and the values that stand in them.

The lines are the truth: they are kept as received, unknown ones and their order included, and all values are read from
them when first asked for. So what is decoded encodes to the same octets, and a changed part changes nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# The order of lines in both parts (RFC 8866 section 5); m= begins the media part.
_ORDER = "vosmiuepcbtrzka"
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


@dataclass(slots=True)
class Connection:
    """Value of a `c=` line (RFC 8866 section 5.7); `$` may stand for any of the three in H.248."""

    nettype: str
    addrtype: str
    address: str
    "As written, multicast suffixes included."

    def __str__(self) -> str:
        return f"{self.nettype} {self.addrtype} {self.address}"


@dataclass(slots=True)
class Origin:
    """Value of an `o=` line (RFC 8866 section 5.2)."""

    username: str
    sess_id: str
    sess_version: str
    nettype: str
    addrtype: str
    address: str

    def __str__(self) -> str:
        words = (self.username, self.sess_id, self.sess_version, self.nettype, self.addrtype, self.address)
        return " ".join(words)


@dataclass(slots=True)
class Section:
    """The lines of one part of a session description."""

    lines: list[str]
    "Without their line ends; change them by the methods only, which keep what was already read in step."
    _items: list[tuple[str, str]] | None = field(default=None, init=False, repr=False, compare=False)
    _index: dict[str, list[str]] | None = field(default=None, init=False, repr=False, compare=False)

    def items(self) -> list[tuple[str, str]]:
        """Type letter and value of every line that has them, in order."""
        if self._items is None:
            items = []
            for line in self.lines:
                text = line.strip()
                if text[1:2] == "=":
                    items.append((text[0], text[2:]))
            self._items = items
        return self._items

    def values(self, letter: str) -> list[str]:
        """The values of all lines of one type, such as `b`."""
        return [value for kind, value in self.items() if kind == letter]

    @property
    def attributes(self) -> list[tuple[str, str]]:
        """Name and value of every `a=` line in order; the value of a property attribute is empty."""
        found = []
        for kind, text in self.items():
            if kind == "a":
                name, _, value = text.partition(":")
                found.append((name, value))
        return found

    def attribute_all(self, name: str) -> list[str]:
        """The values of all attributes of that name."""
        if self._index is None:
            index: dict[str, list[str]] = {}
            for each, value in self.attributes:
                if each in index:
                    index[each].append(value)
                else:
                    index[each] = [value]
            self._index = index
        return self._index.get(name, [])

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of that name, empty for a property attribute; None when absent."""
        values = self.attribute_all(name)
        return values[0] if values else None

    @property
    def own_connection(self) -> Connection | None:
        """The `c=` line of this part; None when absent or unreadable."""
        for kind, value in self.items():
            if kind == "c":
                return read_connection(value)
        return None

    @property
    def own_direction(self) -> str | None:
        """`sendrecv`, `sendonly`, `recvonly` or `inactive` where an attribute of this part says so."""
        return next((name for name in _DIRECTIONS if self.attribute(name) is not None), None)

    def set_line(self, letter: str, value: str) -> None:
        """Replace the first line of a type, or put it where RFC 8866 section 5 has it."""
        line = _checked(f"{letter}={value}")
        for position, old in enumerate(self.lines):
            if old.strip()[:2] == f"{letter}=":
                self.lines[position] = line + _stray_end(old)
                break
        else:
            self.lines.insert(self._place(letter), line)
        self._changed()

    def set_attribute(self, name: str, value: str = "") -> None:
        """Give the first attribute of that name the value, or add it at the end; further ones of the name go."""
        line = attribute_line(name, value)
        kept: list[str] = []
        done = False
        for old in self.lines:
            if not _is_attribute(old, name):
                kept.append(old)
            elif not done:
                kept.append(line + _stray_end(old))
                done = True
        if not done:
            kept.append(line)
        self.lines[:] = kept
        self._changed()

    def add_attribute(self, name: str, value: str = "") -> None:
        """Add an attribute at the end."""
        self.lines.append(attribute_line(name, value))
        self._changed()

    def remove_attribute(self, name: str) -> None:
        """Take out all attributes of that name."""
        self.lines[:] = [line for line in self.lines if not _is_attribute(line, name)]
        self._changed()

    def _place(self, letter: str) -> int:
        rank = _ORDER.find(letter)
        for position, line in enumerate(self.lines):
            text = line.strip()
            if text[1:2] == "=" and _ORDER.find(text[0]) > rank >= 0:
                return position
        return len(self.lines)

    def _changed(self) -> None:
        self._items = None
        self._index = None


def read_connection(value: str) -> Connection | None:
    """The three words of a `c=` value; a single `$` stands for all three (H.248.1 clause 7.1.8)."""
    words = value.split()
    if words == ["$"]:
        words *= 3
    return Connection(*words) if len(words) == 3 else None


def read_origin(value: str) -> Origin | None:
    """The six words of an `o=` value, or None."""
    words = value.split()
    return Origin(*words) if len(words) == 6 else None


def attribute_line(name: str, value: str = "") -> str:
    """The `a=` line of an attribute. Raises ValueError for a line end inside."""
    return _checked(f"a={name}:{value}" if value else f"a={name}")


def _checked(line: str) -> str:
    if "\r" in line or "\n" in line:
        raise ValueError("an SDP value may not contain a line end")
    return line


def _stray_end(line: str) -> str:
    # Where line ends are mixed, a CR is kept at the end of its line.
    return "\r" if line.endswith("\r") else ""


def _is_attribute(line: str, name: str) -> bool:
    text = line.strip()
    return text[:2] == "a=" and text[2:].partition(":")[0] == name
