"""What tests of TLS-PSK share: the ways of this Python, and the versions of TLS."""

from __future__ import annotations

import ssl

from replay.edge.psk_loaded_openssl import LoadedOpenssl
from replay.edge.psk_ways import PskWay, StandardSsl

PSK, WRONG = bytes(range(16)), bytes(16)
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = {"TLS 1.2": TLS_1_2, "TLS 1.3": TLS_1_3}
LAYER = LoadedOpenssl()
WAYS: dict[str, PskWay] = {"ctypes": LAYER}
"The layer below 3.13 works above too, so that both are held to the same cases there."
if getattr(ssl, "HAS_PSK", False):
    WAYS["ssl"] = StandardSsl()
