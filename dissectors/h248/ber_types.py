"""pycrate's compiled ASN.1 of H.248 (Annex A), made safe for octets from strangers.

Its types are one tree of objects that hold the value being coded, and while they code point to whoever holds them just
then. Two things follow. `SecondRequestedActions` holds itself, by way of `NotifyBehaviour` and
`RegulatedEmbeddedDescriptor`: then the way up is a circle, and pycrate, which goes up it for the name in an error text,
never comes back. And what failed in the middle leaves the tree as it stood there. So here every object has a name
without a way up, and after a failure the tree is put back as it was loaded.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

_LOCK = threading.Lock()
"Only one message at a time is in the tree."


class BerError(Exception):
    """pycrate could not read or write it, for whatever reason."""


def read_ber(data: bytes) -> dict[str, Any]:
    """The value of a MegacoMessage in pycrate's form. Raises BerError."""
    tree = _tree()
    with _LOCK:
        try:
            tree.message.from_ber(data)
            value: dict[str, Any] = tree.message.get_val()
        except Exception as error:  # pycrate raises what it likes: its own errors, IndexError, RecursionError
            tree.restore()
            raise BerError("the BER is not that of a MegacoMessage") from error
        tree.message._val = None  # reset_val() walks the whole type tree, twenty times the cost of decoding
    return value


def write_ber(value: dict[str, Any]) -> bytes:
    """The octets of a value in pycrate's form. Raises BerError where a part of it is outside what Annex A allows."""
    tree = _tree()
    with _LOCK:
        try:
            tree.message.set_val(value)
            octets = bytes(tree.message.to_ber())
        except Exception as error:  # whatever pycrate makes of a number out of range
            tree.restore()
            raise BerError("a value of the message is outside what Annex A allows") from error
        tree.message._val = None
    return octets


class _Tree:
    """The types below MegacoMessage, each once, and how they were when they were loaded."""

    def __init__(self, message: Any) -> None:
        self.message = message
        self._loaded: list[tuple[Any, dict[str, Any]]] = []
        for each in _types_below(message):
            each.fullname = each._name.__str__
            self._loaded.append((each, dict(vars(each))))

    def restore(self) -> None:
        """Put every type back as it was loaded."""
        for each, before in self._loaded:
            vars(each).clear()
            vars(each).update(before)


def _types_below(message: Any) -> list[Any]:
    found: dict[int, Any] = {}
    pending = [message]
    while pending:
        each = pending.pop()
        if id(each) in found or not hasattr(each, "_parent"):  # an ENUMERATED holds plain numbers
            continue
        found[id(each)] = each
        content = each._cont
        if content is not None:
            pending.extend(content.values() if hasattr(content, "values") else [content])
    return list(found.values())


@cache
def _tree() -> _Tree:
    # Here, since it takes a noticeable part of a second, and captures seldom have binary H.248.
    from pycrate_asn1dir.H248 import MEDIA_GATEWAY_CONTROL

    return _Tree(MEDIA_GATEWAY_CONTROL.MegacoMessage)
