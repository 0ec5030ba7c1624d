"""Keys from the command line and from files: read, checked for who else may read them, put on one ring."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from analyzer.keys.keys_file import KeysFileError, key_octets, read_address, read_keys
from analyzer.keys.supplied import KeyKind, SuppliedKey, SuppliedKeys
from analyzer.profile import DEFAULT_PROFILE, Profile
from analyzer.user_text import TextError, utf8_text

MAX_FILE_OCTETS = 64 << 20
"A keys file or key log larger than this is none."

if TYPE_CHECKING:
    from analyzer.cli.named_files import NamedFiles
    from analyzer.opening.opener import Opener

F = TypeVar("F", bound=Callable[..., Any])


def key_options(command: F) -> F:
    """The options that supply keys, the same for every command that opens captures."""
    for option in reversed(
        (
            click.option(
                "-k",
                "--keys",
                "keys_files",
                multiple=True,
                metavar="KEYS.toml",
                type=click.Path(exists=True, dir_okay=False),
                help="Keys that open TLS: of MIKEY-TICKET, of the KMS, PSKs (docs/keys.md); several allowed.",
            ),
            click.option(
                "--psk",
                "psks",
                multiple=True,
                metavar="IDENTITY:HEX",
                help="A TLS pre-shared key for a PSK identity, or for an IP address; `:HEX` for any.",
            ),
            click.option(
                "--keylog",
                "key_logs",
                multiple=True,
                metavar="FILE",
                type=click.Path(exists=True, dir_okay=False),
                help="A key log (SSLKEYLOGFILE format); the file that SSLKEYLOGFILE names is read too.",
            ),
            click.option(
                "--psk-from-h248",
                is_flag=True,
                help="Also try the Pre-Shared Keys that H.248 of the capture carries.",
            ),
            click.option(
                "--insecure-keys",
                is_flag=True,
                help="Read key files although others on this machine may read them too.",
            ),
        )
    ):
        command = option(command)
    return command


def supplied_keys(
    keys_files: Sequence[str], psks: Sequence[str], key_logs: Sequence[str], *, insecure: bool
) -> SuppliedKeys:
    """All keys of the options and of SSLKEYLOGFILE. Raises click.UsageError that names file and line."""
    found = SuppliedKeys()
    for name in keys_files:
        path = Path(name)
        try:
            found.add(read_keys(_text(path, insecure=insecure), path))
        except KeysFileError as error:
            where = f"{name}, line {error.line}" if error.line else name
            raise click.UsageError(f"{where}: {error.why}") from None
    for number, text in enumerate(psks, 1):
        found.keys.append(_psk(text, number))
    found.key_logs += [Path(name) for name in key_logs]
    ambient = os.environ.get("SSLKEYLOGFILE")
    if ambient and os.path.isfile(ambient) and Path(ambient) not in found.key_logs:
        found.key_logs.append(Path(ambient))
    return found


def key_log_octets(paths: Sequence[Path], *, insecure: bool) -> bytes:
    """The key logs as one text."""
    return b"\n".join(_octets(path, insecure=insecure) for path in paths)


def _psk(text: str, number: int) -> SuppliedKey:
    identity, colon, key = text.rpartition(":")
    if not colon:
        raise click.UsageError(f"--psk number {number}: write IDENTITY:HEX, or :HEX for any identity")
    made = SuppliedKey(KeyKind.PSK, b"", f"--psk {number}")
    try:
        made.key = key_octets(key)
    except ValueError as error:
        raise click.UsageError(f"--psk number {number}: {error}") from None
    if identity:
        try:
            made.address, made.port = read_address(identity)
        except ValueError:
            made.identity = identity.encode("utf-8", "surrogateescape")
    return made


def _text(path: Path, *, insecure: bool) -> str:
    try:
        return utf8_text(_octets(path, insecure=insecure))
    except TextError as error:
        raise click.UsageError(f"{path}: {error}") from None


def _octets(path: Path, *, insecure: bool) -> bytes:
    """A file that holds keys; refused where others may read it."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and stat.S_ISREG(status.st_mode) and status.st_mode & 0o077 and not insecure:
                raise click.UsageError(
                    f"{path}: others may read this key file; run chmod 600 {path}, or give --insecure-keys"
                )
            data = file.read(MAX_FILE_OCTETS + 1)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror or error}") from None
    except ValueError:  # a NUL, or half a surrogate pair, in a name that a keys file gave
        raise click.UsageError(f"{path}: no such file") from None
    if len(data) > MAX_FILE_OCTETS:
        raise click.UsageError(f"{path}: larger than {MAX_FILE_OCTETS >> 20} MiB, this is no key file")
    return data


def make_opener(
    keys_files: Sequence[str],
    psks: Sequence[str],
    key_logs: Sequence[str],
    *,
    psk_from_h248: bool,
    insecure: bool,
    keep_secrets: bool = False,
    profile: Profile = DEFAULT_PROFILE,
    files: NamedFiles | None = None,
) -> Opener:
    """What the key options say, ready to open sessions. Raises click.UsageError.

    Every file read is named to `files`, which is checked: no output may be one of them.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from analyzer.keys.ring import KeyRing
    from analyzer.opening.opener import Opener
    from dissectors.tls.keylog import KeyLog

    found = supplied_keys(keys_files, psks, key_logs, insecure=insecure)
    if files is not None:
        files.reads("a keys file", keys_files)
        files.reads("a key log being read", found.key_logs)
        files.reads("a file with a key", found.rsa_files)
        files.check()
    log = KeyLog()
    log.add(key_log_octets(found.key_logs, insecure=insecure))
    rsa_keys: list[RSAPrivateKey] = []
    for path in found.rsa_files:
        try:
            key = load_pem_private_key(_octets(path, insecure=insecure), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise click.UsageError(f"{path}: no PEM file with an RSA key that has no password") from None
        if not isinstance(key, RSAPrivateKey):
            raise click.UsageError(f"{path}: this key is no RSA key")
        rsa_keys.append(key)
    return Opener(
        KeyRing(found.keys),
        key_log=log,
        rsa_keys=rsa_keys,
        psk_from_h248=psk_from_h248,
        keep_secrets=keep_secrets,
        profile=profile,
    )
