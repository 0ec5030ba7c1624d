"""A small file of the user, read once: what is looked at is what is used, whatever becomes of the name meanwhile."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from analyzer.errors import UserError


def read_regular(path: Path, most_octets: int, hint: str = "") -> tuple[bytes, os.stat_result]:
    """The octets of a file, and what the file itself says of its owner and rights.

    A named pipe or a device, at which a reader might wait for ever, is refused. Raises UserError.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{path}: is no regular file", hint)
            data = file.read(most_octets + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}", hint) from error
    except ValueError:  # a NUL, or half a surrogate pair, in a name that another file gave
        raise UserError(f"{path}: no such file", hint) from None
    if len(data) > most_octets:
        raise UserError(f"{path}: larger than {most_octets} octets", hint)
    return data, status
