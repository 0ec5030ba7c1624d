"""A file that takes its name only when it is whole, and leaves nothing behind when it is not.

Where the system can, the file has no name while it is written (O_TMPFILE), so that not even `kill -9` leaves any.
Elsewhere it is `.NAME.XXXXXXXX.part` in the same folder, locked while it is written: what an earlier run was not able
to take away has no lock, and the next run that writes there takes it away.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

SUFFIX = ".part"
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_"
MOST_OF_NAME = 255 - len("..XXXXXXXX.part")
"Octets of the target's name that fit beside the rest."
YOUNG = 10.0
"s: a younger file may have been made this moment and not be locked yet."
BEGUN_AS = 0o600
"Until it is whole nobody else has any business with it."


@contextmanager
def replacing(target: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Write here; `target` is replaced when the block ends without an error, else left as it is.

    It keeps the rights of the file that it replaces; a new one gets those that any new file gets. With `private` only
    its owner may read it (0600), whatever was there before. Raises OSError.
    """
    take_away_leftovers(target)
    unnamed = _open_unnamed(target.parent)
    name = None
    if unnamed is None:
        name, fd = _open_named(target)
    else:
        fd = unnamed
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            _set_rights(fd, target, private=private)
            if name is None:
                name = _give_name(fd, target)
            os.replace(name, target)
            name = None
    finally:
        if name is not None:
            with suppress(OSError):
                name.unlink()


def take_away_leftovers(target: Path) -> None:
    """Remove what earlier runs that were killed left of this target: files of our own that nobody holds a lock on."""
    ours = re.compile(rf"{re.escape(_begin(target))}[a-z0-9_]{{8}}{re.escape(SUFFIX)}")
    try:
        with os.scandir(target.parent) as there:
            found = [Path(each.path) for each in there if ours.fullmatch(each.name)]
    except OSError:
        return
    for path in found:
        with suppress(OSError):
            _take_away(path)


def _take_away(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        mine = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1
        if mine and time.time() - status.st_mtime > YOUNG:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    finally:
        os.close(fd)


def _open_unnamed(folder: Path) -> int | None:
    """A file without a name, where the file system has such and /proc can name it later."""
    flag = getattr(os, "O_TMPFILE", 0)
    if not flag:
        return None
    try:
        fd = os.open(folder, flag | os.O_RDWR | os.O_CLOEXEC, BEGUN_AS)
    except OSError:  # that the folder is not there, or not ours to write in, the other way tells as well
        return None
    if os.path.exists(_by_proc(fd)):
        return fd
    os.close(fd)
    return None


def _open_named(target: Path) -> tuple[Path, int]:
    while True:
        path = _free_name(target)
        with suppress(FileExistsError):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, BEGUN_AS)
            with suppress(OSError):  # a file system without locks
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return path, fd


def _give_name(fd: int, target: Path) -> Path:
    """A name beside the target, which a link cannot replace but a renaming can."""
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while True:
            path = _free_name(target)
            with suppress(FileExistsError):
                # With a folder given, Python asks linkat() to follow the link that /proc shows.
                os.link(_by_proc(fd), path.name, dst_dir_fd=folder, follow_symlinks=True)
                return path
    finally:
        os.close(folder)


def _free_name(target: Path) -> Path:
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    return target.with_name(f"{_begin(target)}{letters}{SUFFIX}")


def _begin(target: Path) -> str:
    """What the names beside a target begin with: as much of its own as leaves room for the rest (255 octets)."""
    return f".{os.fsencode(target.name)[:MOST_OF_NAME].decode(errors='ignore')}."


def _by_proc(fd: int) -> str:
    return f"/proc/self/fd/{fd}"


def _set_rights(fd: int, target: Path, *, private: bool) -> None:
    if private:
        os.fchmod(fd, BEGUN_AS)  # as it was begun, but for what umask took from its owner
        return
    try:
        before = target.stat()
    except OSError:
        os.fchmod(fd, 0o666 & ~_umask())
        return
    if os.geteuid() == 0:  # root writes a file of somebody's: it stays theirs
        os.fchown(fd, before.st_uid, before.st_gid)
    os.fchmod(fd, stat.S_IMODE(before.st_mode) & 0o777)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
