"""Keys from the command line and from files: read, checked for who else may read them, put on one ring."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from analyzer.cli.main import remark
from analyzer.keys.file_kinds import KEY_LOG, KEYS_FILE, PEM, advice
from analyzer.keys.keys_file import KeysFileError, key_octets, read_address, read_keys
from analyzer.keys.secrecy import may_be_key
from analyzer.keys.supplied import KeyKind, SuppliedKey, SuppliedKeys
from analyzer.profile import DEFAULT_PROFILE, Profile
from analyzer.user_text import TextError, utf8_text

MAX_FILE_OCTETS = 64 << 20
"A keys file or key log larger than this is none."

if TYPE_CHECKING:
    from analyzer.cli.named_files import NamedFiles
    from analyzer.opening.opener import Opener
    from dissectors.tls.keylog import KeyLog

F = TypeVar("F", bound=Callable[..., Any])

_COLONS = re.compile(r"(?:^|:)(?:[0-9A-Fa-f]{2}:){6,}[0-9A-Fa-f]{2}$")


def _key_files(_: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The names, of files that are there; a key that stands in their place is not repeated."""
    for name in values:
        if param.name == "psk_files" and name == "-":
            continue
        if os.path.isdir(name):
            raise click.BadParameter(f"File {name!r} is a directory.")
        if not os.path.exists(name):
            if may_be_key(name):
                raise click.BadParameter(
                    "There is no such file; what stands there looks like a key, and is not shown. "
                    "Keys belong into a file: -k KEYS.toml, or --psk-file FILE for a PSK of TLS."
                )
            raise click.BadParameter(f"File {name!r} does not exist.")
    return values


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
                callback=_key_files,
                help="Keys that open TLS: of MIKEY-TICKET, of the KMS, PSKs (docs/keys.md); several allowed.",
            ),
            click.option(
                "--psk",
                "psks",
                multiple=True,
                metavar="IDENTITY:HEX",
                help="A TLS pre-shared key for a PSK identity, or for an IP address; `:HEX` for any. Others on this "
                "machine can read command lines: prefer --psk-file.",
            ),
            click.option(
                "--psk-file",
                "psk_files",
                multiple=True,
                metavar="FILE",
                callback=_key_files,
                help="The same from a file, IDENTITY:HEX a line; `-` for standard input.",
            ),
            click.option(
                "--keylog",
                "key_logs",
                multiple=True,
                metavar="FILE",
                callback=_key_files,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWords:
    """What the options of `key_options` were given."""

    keys_files: Sequence[str] = ()
    psks: Sequence[str] = ()
    psk_files: Sequence[str] = ()
    key_logs: Sequence[str] = ()
    psk_from_h248: bool = False
    insecure: bool = False

    def __bool__(self) -> bool:
        """Is there anything to open TLS with?"""
        named = self.keys_files or self.psks or self.psk_files or self.key_logs or self.psk_from_h248
        return bool(named or os.environ.get("SSLKEYLOGFILE"))


def supplied_keys(words: KeyWords) -> SuppliedKeys:
    """All keys of the options and of SSLKEYLOGFILE. Raises click.UsageError that names file and line."""
    found = SuppliedKeys()
    for name in words.keys_files:
        found.add(_keys_file(Path(name), insecure=words.insecure))
    for number, text in enumerate(words.psks, 1):
        found.keys.append(_psk(text, f"--psk number {number}", f"--psk {number}"))
    for name in words.psk_files:
        found.keys += _psk_file(name, insecure=words.insecure)
    found.key_logs += [Path(name) for name in words.key_logs]
    ambient = os.environ.get("SSLKEYLOGFILE")
    if ambient and os.path.isfile(ambient) and Path(ambient) not in found.key_logs:
        found.key_logs.append(Path(ambient))
        found.named_by[Path(ambient)] = "SSLKEYLOGFILE"
    return found


def read_key_logs(found: SuppliedKeys, *, insecure: bool) -> KeyLog:
    """The key logs that were named. What holds other lines alone is refused, other lines among them are told."""
    from dissectors.tls.keylog import KeyLog

    log = KeyLog()
    for path in found.key_logs:
        by = found.named_by.get(path, "")
        octets = _octets(path, insecure=insecure, by=by)
        held, other = len(log), log.malformed
        log.add(octets)
        other = log.malformed - other
        what = f"{path}{_named(by)}: {other} line{'' if other == 1 else 's'}"
        if other and len(log) == held:
            told = advice(octets) or f"it holds no key log line, and {other} of another kind"
            if by == "SSLKEYLOGFILE":
                found.notes.append(f"{path}{_named(by)}: {told}")
                continue
            raise click.UsageError(f"{path}{_named(by)}: {told}")
        if other:
            found.notes.append(f"{what} that no key log has, passed over")
    return log


def _keys_file(path: Path, *, insecure: bool) -> SuppliedKeys:
    octets = _octets(path, insecure=insecure)
    try:
        return read_keys(_text(path, octets), path)
    except KeysFileError as error:
        told = advice(octets)
        if told not in ("", KEYS_FILE):
            raise click.UsageError(f"{path}: {told}") from None
        where = f"{path}, line {error.line}" if error.line else str(path)
        raise click.UsageError(f"{where}: {error.why}") from None


def _psk_file(name: str, *, insecure: bool) -> list[SuppliedKey]:
    """IDENTITY:HEX a line; empty lines and those that begin with `#` are passed over."""
    if name == "-":
        shown, short, octets = "standard input", "standard input", sys.stdin.buffer.read(MAX_FILE_OCTETS)
    else:
        shown, short, octets = name, Path(name).name, _octets(Path(name), insecure=insecure)
    told = advice(octets)
    if told in (KEYS_FILE, KEY_LOG, PEM):
        raise click.UsageError(f"{shown}: {told}")
    found = []
    for number, line in enumerate(octets.splitlines(), 1):
        text = line.decode("utf-8", "surrogateescape").strip()
        if text and not text.startswith("#"):
            found.append(_psk(text, f"{shown}, line {number}", f"{short}:{number} psk"))
    if not found:
        raise click.UsageError(f"{shown}: no key in it; write IDENTITY:HEX, one a line")
    return found


def _psk(text: str, where: str, name: str) -> SuppliedKey:
    identity, colon, key = text.rpartition(":")
    if not colon:
        raise click.UsageError(f"{where}: write IDENTITY:HEX, or :HEX for any identity")
    if identity == "base64" or identity.endswith(":base64"):
        identity, key = identity.removesuffix("base64").removesuffix(":"), f"base64:{key}"
    if len(key) < 3 and _COLONS.search(identity):
        raise click.UsageError(f"{where}: write the key without colons: they part identity and key")
    made = SuppliedKey(KeyKind.PSK, b"", name)
    try:
        made.key = key_octets(key)
    except ValueError as error:
        raise click.UsageError(f"{where}: {error}") from None
    if identity:
        try:
            made.address, made.port = read_address(identity)
        except ValueError:
            made.identity = identity.encode("utf-8", "surrogateescape")
    return made


def _text(path: Path, octets: bytes) -> str:
    try:
        return utf8_text(octets)
    except TextError as error:
        raise click.UsageError(f"{path}: {error}") from None


def _named(by: str) -> str:
    """Which other file names this one: both have to be looked at."""
    return f" (named in {by})" if by else ""


def _octets(path: Path, *, insecure: bool, by: str = "") -> bytes:
    """A file that holds keys; refused where others may read it."""
    shown = f"{path}{_named(by)}"
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and stat.S_ISREG(status.st_mode) and status.st_mode & 0o077 and not insecure:
                raise click.UsageError(
                    f"{shown}: others may read this key file; run chmod 600 {path}, or give --insecure-keys"
                )
            data = file.read(MAX_FILE_OCTETS + 1)
    except OSError as error:
        raise click.UsageError(f"{shown}: {error.strerror or error}") from None
    except ValueError:  # a NUL, or half a surrogate pair, in a name that a keys file gave
        raise click.UsageError(f"{shown}: no such file") from None
    if len(data) > MAX_FILE_OCTETS:
        raise click.UsageError(f"{shown}: larger than {MAX_FILE_OCTETS >> 20} MiB, this is no key file")
    return data


def make_opener(
    words: KeyWords,
    *,
    keep_secrets: bool = False,
    profile: Profile = DEFAULT_PROFILE,
    files: NamedFiles | None = None,
    quiet: bool = False,
) -> Opener:
    """What the key options say, ready to open sessions. Raises click.UsageError.

    Every file read is named to `files`, which is checked: no output may be one of them. What is worth a line is written
    to standard error unless `quiet`.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from analyzer.keys.ring import KeyRing
    from analyzer.opening.opener import Opener

    insecure = words.insecure
    found = supplied_keys(words)
    if files is not None:
        files.reads("a keys file", words.keys_files)
        files.reads("a file with keys", [name for name in words.psk_files if name != "-"])
        files.reads("a key log being read", found.key_logs)
        files.reads("a file with a key", found.rsa_files)
        files.check()
    log = read_key_logs(found, insecure=insecure)
    rsa_keys: list[RSAPrivateKey] = []
    for path in found.rsa_files:
        by = found.named_by.get(path, "")
        try:
            key = load_pem_private_key(_octets(path, insecure=insecure, by=by), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise click.UsageError(f"{path}{_named(by)}: no PEM file with an RSA key that has no password") from None
        if not isinstance(key, RSAPrivateKey):
            raise click.UsageError(f"{path}{_named(by)}: this key is no RSA key")
        rsa_keys.append(key)
    for each in found.notes if not quiet else ():
        remark(each)
    return Opener(
        KeyRing(found.keys),
        key_log=log,
        rsa_keys=rsa_keys,
        psk_from_h248=words.psk_from_h248,
        keep_secrets=keep_secrets,
        profile=profile,
    )
