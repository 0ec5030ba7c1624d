"""The flows that sessions are matched with: one module a flow, one line here. The first that applies is taken."""

from __future__ import annotations

from analyzer.flows import e2e_dial_in, e2e_dial_out, tcp_dial_in, tcp_dial_out

FLOWS = (
    tcp_dial_in.FLOW,
    tcp_dial_out.FLOW,
    e2e_dial_in.FLOW,
    e2e_dial_out.FLOW,
)
