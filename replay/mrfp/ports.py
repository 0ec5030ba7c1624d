"""TCP ports for MSRP: each termination has one of its own, and it rests before it is used again."""

from __future__ import annotations

from collections import deque


class PortPool:
    """The free ports of a range; the one that was free longest is next."""

    def __init__(self, ports: range, first: int = 0) -> None:
        """Begin with the port at position `first`."""
        first %= len(ports) or 1
        self._free = deque([*ports[first:], *ports[:first]])

    def __len__(self) -> int:
        return len(self._free)

    def take(self) -> int | None:
        """A free port, or None."""
        return self._free.popleft() if self._free else None

    def give_back(self, port: int) -> None:
        """The port is free again."""
        self._free.append(port)
