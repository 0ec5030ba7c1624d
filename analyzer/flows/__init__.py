"""The flows that sessions are matched with: one module a flow, one line here. The first that applies is taken."""

from __future__ import annotations

from analyzer.flows import tcp_dial_in, tcp_dial_out

FLOWS = (
    tcp_dial_in.FLOW,
    tcp_dial_out.FLOW,
)
