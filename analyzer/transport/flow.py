"""One direction of a transport conversation, and the table that interns them.

The key is the pair of Python ints that packet selection makes: `addresses` is source above destination (32 bits each
in IPv4, 128 in IPv6), `ports` is ``version << 40 | protocol << 32 | source port << 16 | destination port``, above them
the number of the network, 0 but where the same addresses are in several. Text is made only when somebody asks for it.
"""

from __future__ import annotations

from ipaddress import IPv6Address

FlowKey = tuple[int, int]

PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
"IP protocol numbers (IANA registry) to the names used in reports."

_LOW_128 = (1 << 128) - 1


def reverse_key(addresses: int, ports: int) -> FlowKey:
    """Return the key of the opposite direction."""
    ports_back = (ports & ~0xFFFFFFFF) | (ports & 0xFFFF) << 16 | (ports >> 16 & 0xFFFF)
    if ports >> 40 & 0xFF == 6:
        return (addresses & _LOW_128) << 128 | addresses >> 128, ports_back
    return (addresses & 0xFFFFFFFF) << 32 | addresses >> 32, ports_back


class Flow:
    """One direction of a 5-tuple; two flows are equal when their keys are."""

    __slots__ = ("_dst", "_dst_ip", "_src", "_src_ip", "addresses", "ports")

    def __init__(self, addresses: int, ports: int) -> None:
        self.addresses = addresses
        self.ports = ports
        self._src_ip: str | None = None
        self._dst_ip: str | None = None
        self._src: str | None = None
        self._dst: str | None = None

    @property
    def key(self) -> FlowKey:
        """The pair that identifies this direction."""
        return self.addresses, self.ports

    @property
    def version(self) -> int:
        """IP version, 4 or 6."""
        return self.ports >> 40 & 0xFF

    @property
    def network(self) -> int:
        """Which of several networks with the same addresses it is in; 0 where there is one."""
        return self.ports >> 48

    @property
    def transport(self) -> str:
        """``tcp``, ``udp`` or ``sctp``; the protocol number as text for anything else."""
        number = self.ports >> 32 & 0xFF
        return PROTOCOLS.get(number) or str(number)

    @property
    def sport(self) -> int:
        """Source port."""
        return self.ports >> 16 & 0xFFFF

    @property
    def dport(self) -> int:
        """Destination port."""
        return self.ports & 0xFFFF

    @property
    def src_ip(self) -> str:
        """Source address as text, IPv6 in the form of RFC 5952."""
        if self._src_ip is None:
            self._src_ip = _text(self.addresses >> (128 if self.version == 6 else 32), self.version)
        return self._src_ip

    @property
    def dst_ip(self) -> str:
        """Destination address as text, IPv6 in the form of RFC 5952."""
        if self._dst_ip is None:
            self._dst_ip = _text(self.addresses & (_LOW_128 if self.version == 6 else 0xFFFFFFFF), self.version)
        return self._dst_ip

    @property
    def src(self) -> str:
        """Source as ``192.0.2.1:5060`` or ``[2001:db8::1]:2855``."""
        if self._src is None:
            self._src = f"[{self.src_ip}]:{self.sport}" if self.version == 6 else f"{self.src_ip}:{self.sport}"
        return self._src

    @property
    def dst(self) -> str:
        """Destination as ``192.0.2.1:5060`` or ``[2001:db8::1]:2855``."""
        if self._dst is None:
            self._dst = f"[{self.dst_ip}]:{self.dport}" if self.version == 6 else f"{self.dst_ip}:{self.dport}"
        return self._dst

    def reverse_key(self) -> FlowKey:
        """Return the key of the opposite direction."""
        return reverse_key(self.addresses, self.ports)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Flow):
            return NotImplemented
        return self.addresses == other.addresses and self.ports == other.ports

    def __hash__(self) -> int:
        return hash((self.addresses, self.ports))

    def __repr__(self) -> str:
        return f"Flow({self.transport} {self.src} > {self.dst})"


class FlowTable:
    """Interns flows. When `limit` is reached the oldest eighth is forgotten; flows handed out stay valid and equal."""

    __slots__ = ("_flows", "limit")

    def __init__(self, limit: int = 32_768) -> None:
        self.limit = limit
        self._flows: dict[FlowKey, Flow] = {}

    def __len__(self) -> int:
        return len(self._flows)

    def get(self, addresses: int, ports: int) -> Flow:
        """Return the flow of this key, the same object for the same key as long as the table remembers it."""
        flow = self._flows.get((addresses, ports))
        return self._add(addresses, ports) if flow is None else flow

    def _add(self, addresses: int, ports: int) -> Flow:
        flows = self._flows
        if len(flows) >= self.limit:
            for key in list(flows)[: max(1, self.limit // 8)]:
                del flows[key]
        flow = flows[addresses, ports] = Flow(addresses, ports)
        return flow


def _text(address: int, version: int) -> str:
    if version == 6:
        return str(IPv6Address(address & _LOW_128))
    return f"{address >> 24 & 255}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"
