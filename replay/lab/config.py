"""How a lab is set up: addresses, ports, rooms, by a TOML file and flags (docs/lab.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from analyzer.toml_file import TomlFile
from replay.admission import Network
from replay.edge.address_plan import AddressPlan
from replay.events import Endpoint

HINT = "docs/lab.md lists the keys of the lab's file"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabConfig:
    """Where everything is, and what it is called."""

    mrfc_sip: Endpoint = ("127.0.0.10", 5060)
    mrfc_h248: Endpoint = ("127.0.0.10", 2944)
    mrfp_h248: Endpoint = ("127.0.0.20", 2944)
    mrfp_media: str = "127.0.0.30"
    media_ports: range = range(20_000, 30_000)
    kms: Endpoint = ("127.0.0.40", 8080)
    ue_sip: Endpoint = ("127.0.0.50", 5060)
    ue_media_port: int = 7394
    openssl_sip: Endpoint = ("127.0.0.52", 5060)
    domain: str = "conf.example.net"
    rooms: tuple[str, ...] = ("chat-17",)
    secured_only: tuple[str, ...] = ()
    users: tuple[str, ...] = ("sip:alice@ims.example.net", "sip:bob@ims.example.net")
    "Whom the KMS knows beside the conferences."
    h248_encoding: str = "text"
    h248_transport: str = "udp"
    beyond_loopback: bool = False
    allowed: tuple[Network, ...] = ()
    "Networks that need not authenticate, and that everybody who is served may name."
    sip_users: Mapping[str, str] = field(default_factory=dict, repr=False)
    "Passwords by user name."
    audit_interval: float = 10.0
    inactivity: float = 15.0
    h248_timeout: float = 25.0
    h248_retry: float = 5.0
    orphans: float = 60.0
    unconnected: float = 30.0
    connect_timeout: float = 10.0
    kms_timeout: float = 5.0
    sip_t1: float = 0.5
    answer_wait: float = 60.0
    session_wait: float = 45.0

    @property
    def conferences(self) -> tuple[str, ...]:
        """The conference URIs."""
        return tuple(f"sip:{room}@{self.domain}" for room in self.rooms)

    def plan(self) -> AddressPlan:
        """Every address stands for itself."""
        return AddressPlan(beyond_loopback=self.beyond_loopback)

    def refused(self) -> str:
        """The first address beyond loopback where that was not allowed; or empty."""
        if self.beyond_loopback:
            return ""
        ends = (
            self.mrfc_sip,
            self.mrfc_h248,
            self.mrfp_h248,
            (self.mrfp_media, 0),
            self.kms,
            self.ue_sip,
            self.openssl_sip,
        )
        return next((address for address, _ in ends if not ip_address(address).is_loopback), "")


def read_config(path: Path) -> LabConfig:
    """A lab of a file. Raises UserError that names file, line and key."""
    file = TomlFile(path, HINT)
    file.refuse_unknown(file.table, READERS)
    values = {}
    for key, value in file.table.items():
        try:
            values[key] = READERS[key](value)
        except ValueError as error:
            given = "" if key == "sip_users" else f", is {value!r}"
            raise file.wrong([key], f"{error}{given}") from None
    return LabConfig(**values)


def with_flags(config: LabConfig, flags: Mapping[str, Any]) -> LabConfig:
    """The same with what flags say; None and empty lists say nothing."""
    known = {each.name for each in fields(LabConfig)}
    return replace(config, **{name: value for name, value in flags.items() if name in known and value})


def read_endpoint(value: object) -> Endpoint:
    """`127.0.0.10:5060` or `[::1]:5060`. Raises ValueError."""
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})", value) if isinstance(value, str) else None
    try:
        address = str(ip_address((match[1] or match[2]) if match else ""))
    except ValueError:
        match, address = None, ""
    if match is None or not 0 < int(match[3]) < 65536:
        raise ValueError("must be an IP address and a port, such as 127.0.0.10:5060")
    return address, int(match[3])


def read_address(value: object) -> str:
    """An IP address. Raises ValueError."""
    try:
        return str(ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("must be an IP address") from None


def read_network(value: object) -> Network:
    """`192.0.2.7` or `192.0.2.0/24`. Raises ValueError."""
    try:
        return ip_network(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("must be an IP address or a network, such as 192.0.2.0/24") from None


def read_ports(value: object) -> range:
    """`20000-29999`. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", value) if isinstance(value, str) else None
    if match is None or not 0 < int(match[1]) <= int(match[2]) < 65536:
        raise ValueError("must be two ports, such as 20000-29999")
    return range(int(match[1]), int(match[2]) + 1)


def _port(value: object) -> int:
    if type(value) is not int or not 0 < value < 65536:
        raise ValueError("must be a port")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        raise ValueError("must be a list of strings")
    return tuple(value)


def _networks(value: object) -> tuple[Network, ...]:
    return tuple(read_network(each) for each in _texts(value))


def _passwords(value: object) -> dict[str, str]:
    """A table of users. The message names no value: it may be a password."""
    if not isinstance(value, dict) or not all(_is_name(name) and isinstance(value[name], str) for name in value):
        raise ValueError("must be a table of user names with passwords")
    return dict(value)


def _is_name(text: str) -> bool:
    return bool(text) and '"' not in text and text.isprintable()


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a string")
    return value


def _one_of(*known: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return str(value)

    return read


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise ValueError("must be a number of seconds")
    return float(value)


def _seconds_or_never(value: object) -> float:
    return 0.0 if value in (0, 0.0) and not isinstance(value, bool) else _seconds(value)


READERS: dict[str, Callable[[Any], Any]] = {
    "mrfc_sip": read_endpoint,
    "mrfc_h248": read_endpoint,
    "mrfp_h248": read_endpoint,
    "mrfp_media": read_address,
    "media_ports": read_ports,
    "kms": read_endpoint,
    "ue_sip": read_endpoint,
    "ue_media_port": _port,
    "openssl_sip": read_endpoint,
    "domain": _text,
    "rooms": _texts,
    "secured_only": _texts,
    "users": _texts,
    "h248_encoding": _one_of("text", "binary"),
    "h248_transport": _one_of("udp", "tcp", "sctp"),
    "beyond_loopback": _truth,
    "allowed": _networks,
    "sip_users": _passwords,
    "audit_interval": _seconds_or_never,
    "inactivity": _seconds_or_never,
    "h248_timeout": _seconds,
    "h248_retry": _seconds,
    "orphans": _seconds_or_never,
    "unconnected": _seconds_or_never,
    "connect_timeout": _seconds,
    "kms_timeout": _seconds,
    "sip_t1": _seconds,
    "answer_wait": _seconds,
    "session_wait": _seconds,
}
"The keys of the lab's file, each with what reads it."
