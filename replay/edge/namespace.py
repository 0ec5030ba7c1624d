"""A network of this process alone: a Linux network namespace with addresses of our choice on its loopback interface.

The namespace has no name: it goes with the last process and socket in it, whatever ends them, even `kill -9`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CLONE_NEWNET = 0x40000000
INTERFACE = "lo"
"What is local goes over loopback, whichever interface has the address."
MTU = 1500
"Octets of a packet, as on Ethernet."
SYN_LINEAR = Path("/proc/sys/net/ipv4/tcp_syn_linear_timeouts")
"""How many SYNs Linux 6.5 and later sends a second apart before the intervals double; each namespace has its own.

With none they are sent at 0, 1 and 3 s (RFC 6298 section 5.5), as by older kernels and our own recorder.
"""
OWN_NETWORK = "/proc/thread-self/ns/net"


class UnavailableError(Exception):
    """A network namespace, or a recording in it, cannot be had; the message goes on from `cannot have`."""


def missing(programs: Iterable[str]) -> str:
    """What is not there of root's rights, Linux, and these programs, in words; empty where all is."""
    absent = [] if sys.platform == "linux" else ["Linux"]
    absent += [] if os.geteuid() == 0 else ["root"]
    return ", ".join([*absent, *(each for each in programs if shutil.which(each) is None)])


def set_up(addresses: Iterable[str]) -> str:
    """What `ip -batch` reads: the interface as one on Ethernet, each packet as on the wire, with these addresses."""
    lines = [f"link set dev {INTERFACE} mtu {MTU} gso_max_segs 1 up"]
    lines += [f"address add {each}/{128 if ':' in each else 32} dev {INTERFACE}" for each in addresses]
    return "".join(f"{line}\n" for line in lines)


@contextmanager
def private_network(addresses: Iterable[str]) -> Iterator[None]:
    """This thread, and processes that it starts, in a network namespace of their own; afterwards in the old one.

    Raises UnavailableError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open(OWN_NETWORK, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise UnavailableError(f"a network namespace: {os.strerror(ctypes.get_errno())}")
        try:
            done = subprocess.run(
                ["ip", "-batch", "-"], input=set_up(addresses), capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                said = next(iter(done.stderr.splitlines()), f"exit code {done.returncode}")
                raise UnavailableError(f"addresses in a network namespace: {said}")
            with suppress(OSError):  # an older kernel, or /proc/sys is read-only
                SYN_LINEAR.write_text("0")
            yield
        finally:
            libc.setns(before, CLONE_NEWNET)
    finally:
        os.close(before)
