"""Who else could have written a file, or put another in its place: reasons not to rely on what lies in a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

MOST_LINKS = 40
"Symbolic links in a row, as many as Linux follows."


def distrust(path: Path, status: os.stat_result) -> str:
    """Why a file is not to be relied on; empty where only the user and root can have written it.

    `status` is that of the open file. The folder of the file, and every one above it, must be the user's or root's and
    writable by nobody else; further up a sticky folder such as /tmp will do, since nobody can rename there what
    belongs to the user. Symbolic links count as files.
    """
    reasons = [_of(f"{path}", status)]
    try:
        reasons += _of_places(path)
    except OSError as error:
        reasons.append(f"{error.filename or path} cannot be looked at: {error.strerror or error}")
    return next(filter(None, reasons), "")


def _of_places(path: Path) -> Iterator[str]:
    """What is wrong with the links that a file is reached by, and with the folders above it and them."""
    for place in _links(path):
        if place.is_symlink() and not _ours(place.lstat().st_uid):
            yield f"{place} is a symbolic link of {user_name(place.lstat().st_uid)}"
        for folder in place.parents:
            there = folder.stat()
            sticky = there.st_mode & stat.S_ISVTX and _ours(there.st_uid)
            if folder == place.parent or not sticky:
                yield _of(f"the folder {folder}", there)


def anybody_may_put_here(path: Path) -> bool:
    """May everybody make files in the folder of this one?"""
    return bool(path.parent.stat().st_mode & stat.S_IWOTH)


def belongs_to_stranger(path: Path) -> bool:
    """Was it, or the link to it, made by somebody who is neither the user nor root?"""
    return not (_ours(path.lstat().st_uid) and _ours(path.stat().st_uid))


def user_name(uid: int) -> str:
    """`alice`, or `user 1001` where it has no name."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _ours(uid: int) -> bool:
    return uid in (0, os.geteuid())


def _of(what: str, status: os.stat_result) -> str:
    if not _ours(status.st_uid):
        return f"{what} belongs to {user_name(status.st_uid)}"
    if status.st_mode & stat.S_IWOTH:
        return f"others may write {'in ' if stat.S_ISDIR(status.st_mode) else ''}{what}"
    if status.st_mode & stat.S_IWGRP and not _is_private_group(status):
        return f"its group may write {'in ' if stat.S_ISDIR(status.st_mode) else ''}{what}"
    return ""


def _is_private_group(status: os.stat_result) -> bool:
    """Is it the group of the owner alone, as systems have it where users make files for their group (umask 002)?"""
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    if group.gr_name != owner.pw_name or set(group.gr_mem) - {owner.pw_name}:
        return False
    return all(each.pw_uid == owner.pw_uid for each in pwd.getpwall() if each.pw_gid == status.st_gid)


def _links(path: Path) -> Iterator[Path]:
    """The place of a file, and every place that links lead through, each with the links of its folder resolved."""
    path = Path(os.path.abspath(path))
    for _ in range(MOST_LINKS):
        path = Path(os.path.realpath(path.parent), path.name)
        yield path
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()
