"""H.248 transactions for gateways and controllers of the lab: repetition and framing (H.248.1 Annex D)."""

from replay.h248.outcome import Answered, Asked, GaveUp, Outcome
from replay.h248.route import Route, TcpRoute, UdpRoute
from replay.h248.timers import Timers
from replay.h248.transactions import Transactions

__all__ = [
    "Answered",
    "Asked",
    "GaveUp",
    "Outcome",
    "Route",
    "TcpRoute",
    "Timers",
    "Transactions",
    "UdpRoute",
]
