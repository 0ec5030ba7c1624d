"""Which kind of key file some octets are, by their looks: asked only where they are not what the option is for."""

from __future__ import annotations

import re

LOOKED_AT = 1 << 16
"Octets at the beginning that tell."

_KEY_LOG = re.compile(rb"[A-Z0-9_]+ [0-9A-Fa-f]+ [0-9A-Fa-f]+|RSA Session-ID:[0-9A-Fa-f]* Master-Key:[0-9A-Fa-f]+")
_TABLE = re.compile(rb"\[\[?\s*[\w\"']+\s*\]|[\w\"']+\s*=|\{")
_PSK = re.compile(rb"[^\s].*:(?:base64:[A-Za-z0-9+/=]+|[0-9A-Fa-f]{2,})|:[0-9A-Fa-f]{2,}")

KEY_LOG = "this is a key log; give it with --keylog"
KEYS_FILE = "this is a keys file; give it with -k"
PEM = 'this is a PEM file; name it in a keys file: rsa_key = ["FILE"]'
PSK_LIST = "these are lines IDENTITY:HEX; give them with --psk-file"


def advice(octets: bytes) -> str:
    """What a file is and where it belongs; empty where it looks like none of ours."""
    head = octets[:LOOKED_AT]
    if b"-----BEGIN " in head:
        return PEM
    lines = [line.strip() for line in head.splitlines()]
    lines = [line for line in lines if line and not line.startswith(b"#")]
    if any(_KEY_LOG.fullmatch(line) for line in lines):
        return KEY_LOG
    if any(_TABLE.match(line) for line in lines):
        return KEYS_FILE
    return PSK_LIST if lines and all(_PSK.fullmatch(line) for line in lines) else ""
