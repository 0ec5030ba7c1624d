"""The Decryption Secrets Blocks of captures (draft-ietf-opsawg-pcapng section 4.7), wherever they stand.

They may follow the packets that they open, and nobody says beforehand whether there are any. So a file is searched for
the secrets type of TLS, once and only when it turns out to hold TLS; where that is found, it is read through for its
blocks before any connection is opened. What can be read only once is taken as it comes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from analyzer.capture.errors import CaptureError
from analyzer.capture.pcapng import TLS_KEY_LOG
from analyzer.capture.reader import CaptureFile, CaptureReader, open_captures

SEARCHED_OCTETS = 4 << 20


class EmbeddedSecrets:
    """What the captures hold to open TLS with."""

    def __init__(self, reader: CaptureReader) -> None:
        self._reader = reader
        self._expected: list[CaptureFile] | None = None
        self._taken: dict[int, int] = {}
        "By place of the capture: how many of its secrets were handed out."
        self._read_through = False

    def may_come(self) -> bool:
        """Is there, or may there come, what opens TLS?"""
        if self._expected is None:
            self._expected = [each for each in self._reader.captures if _may_hold(each)]
        return bool(self._expected)

    def new(self) -> Iterator[tuple[str, bytes]]:
        """Path and key log text of each block not yet handed out."""
        if not self.may_come():
            return
        if not self._read_through:
            self._read_through = True
            for capture in self._expected or ():
                if _is_file(capture):
                    yield from _key_logs(capture.path, _all_of(capture.path))
        for place, capture in enumerate(self._expected or ()):
            if not _is_file(capture):
                known = self._taken.get(place, 0)
                self._taken[place] = len(capture.secrets)
                yield from _key_logs(capture.path, capture.secrets[known:])


def _key_logs(path: str, secrets: list[tuple[int, bytes]]) -> Iterator[tuple[str, bytes]]:
    return ((path, text) for kind, text in secrets if kind == TLS_KEY_LOG)


def _all_of(path: str) -> list[tuple[int, bytes]]:
    """All secrets of a file; what cannot be read any more is told by who reads its packets."""
    try:
        reader = open_captures([path])
        for _ in reader.blocks():
            pass
    except (CaptureError, OSError):
        return []
    return reader.captures[0].secrets


def _is_file(capture: CaptureFile) -> bool:
    return capture.path != "-" and os.path.isfile(capture.path)


def _may_hold(capture: CaptureFile) -> bool:
    """May a capture hold TLS secrets? What is packed, or can be read only once, may."""
    if not capture.format.startswith("pcapng"):
        return False
    if capture.format != "pcapng" or not _is_file(capture):
        return True
    try:
        return _names_key_log(capture.path)
    except OSError:
        return False


def _names_key_log(path: str) -> bool:
    """Does the secrets type stand anywhere at a multiple of four octets, as all fields of blocks do?"""
    types = (TLS_KEY_LOG, int.from_bytes(TLS_KEY_LOG.to_bytes(4, "big"), "little"))
    buffer = bytearray(SEARCHED_OCTETS)
    with open(path, "rb") as file:
        while size := file.readinto(buffer):
            words = np.frombuffer(buffer, np.uint32, size // 4)
            if any((words == each).any() for each in types):
                return True
    return False
