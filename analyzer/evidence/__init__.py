"""What a session shows, in the terms of flows and checks: derived once, when first asked for."""

from __future__ import annotations

from analyzer.evidence.announced import Announced, Descriptor, msrp_of, read_descriptor
from analyzer.evidence.evidence import Evidence, Side
from analyzer.evidence.gateway import Order, orders
from analyzer.evidence.msrp import MsrpView
from analyzer.evidence.scope import Scope

__all__ = [
    "Announced",
    "Descriptor",
    "Evidence",
    "MsrpView",
    "Order",
    "Scope",
    "Side",
    "msrp_of",
    "orders",
    "read_descriptor",
]
