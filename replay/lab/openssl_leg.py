"""A secured leg for openssl: a UE that does all but MSRP, and the command that ends the leg in its place.

The MRFC invites it (TS 23.333 clause 6.2.19.2.2), so that by the flow the UE opens the connection and starts TLS (rows
DOUT-12 and DOUT-13): what `openssl s_client` does. The key is the TEK of that call; a call that ends is begun anew.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from shlex import quote

from replay.lab.config import LabConfig
from replay.lab.functions import Function, make_ue
from replay.lab.keys import OCTETS, LabKeys
from replay.lab.lab import Lab
from replay.mrfc import Mrfc
from replay.negotiation import remote_end
from replay.ue import LEFT_TO_OTHERS, Behaviour, Ue

NAME = "openssl"
USER = "sip:openssl@ims.example.net"
WAIT = 10.0
"s for the call to be there."
AGAIN = 2.0
"s before another call, after one that did not come to be."
CIPHER = "PSK-AES128-GCM-SHA256"
FIRST_WORDS = "hello1"
"Transaction of the request that binds the connection to the session (RFC 4975 section 5.4)."


@dataclass(slots=True)
class OpensslLeg:
    """The UE, its call, and what is said of it; `say` is given each command line."""

    config: LabConfig
    keys: LabKeys
    keys_file: str | None
    "Where `write` puts the keys, for the command to take its key from; None: the key is in the command."
    say: Callable[[str], None]
    write: Callable[[LabKeys], None]
    ue: Ue | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """The KMS is to know the user."""
        if USER not in self.keys.shared:
            self.keys = replace(self.keys, shared=self.keys.shared | {USER: secrets.token_bytes(OCTETS)})

    def make(self) -> Function:
        """The UE."""
        behaviours = frozenset({Behaviour.REFUSES_TCP, Behaviour.LEAVES_MSRP})
        made = make_ue(self.config, self.keys, USER, self.config.openssl_sip, (), name=NAME, behaviours=behaviours)
        assert isinstance(made.core, Ue)
        self.ue = made.core
        return replace(made, is_ours=False)

    async def run(self, lab: Lab, mrfc: Mrfc) -> None:
        """Have it called, say how to take its place, and again once the call is over."""
        loop = asyncio.get_running_loop()
        while True:
            up = asyncio.ensure_future(lab.noted(NAME, LEFT_TO_OTHERS, WAIT))
            over = asyncio.ensure_future(lab.noted(NAME, "call over", float("inf")))
            await asyncio.sleep(0)
            lab.do(mrfc.name, list(mrfc.invite(self.config.conferences[0], USER, loop.time(), secured=True)))
            try:
                await up
                self._tell()
                await over
            except TimeoutError:
                pass  # no MRFP or no KMS; they may come
            finally:
                up.cancel()
                over.cancel()
            await asyncio.sleep(AGAIN)

    def _tell(self) -> None:
        call = self.ue.call if self.ue is not None else None
        assert call is not None
        assert call.connection is not None
        assert call.remote is not None
        psk = call.connection.psk
        key = psk.hex()
        if self.keys_file is not None:
            self.write(replace(self.keys, psk=(call.connection.psk_identity, psk)))
            key = f"""$(sed -n '/psk]]/,$s/^key = "\\(.*\\)"/\\1/p' {quote(self.keys_file)} | tail -n 1)"""
        peer, address = remote_end(call.remote), self.config.openssl_sip[0]
        self.say(openssl_command(peer, address, call.own_path, call.remote.path[0], call.connection.psk_identity, key))


def openssl_command(peer: tuple[str, int], address: str, own_path: str, peer_path: str, identity: str, key: str) -> str:
    """A shell command that ends the leg: it binds the connection to the session, then sends what is typed."""
    words = (
        f"MSRP {FIRST_WORDS} SEND\\nTo-Path: {peer_path}\\nFrom-Path: {own_path}\\nMessage-ID: {FIRST_WORDS}\\n"
        f"-------{FIRST_WORDS}$\\n"
    )
    return (
        f"{{ printf {quote(words)}; cat; }} | openssl s_client -quiet -noservername -crlf -tls1_2 -cipher {CIPHER}"
        f" -bind {_host(address)}:0 -connect {_host(peer[0])}:{peer[1]}"
        f' -psk_identity {quote(identity)} -psk "{key}"'
    )


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
