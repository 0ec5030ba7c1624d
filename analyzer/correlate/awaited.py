"""Addresses that the user gave a role: which of them the capture never shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from analyzer.correlate.session import Session
from analyzer.model import Message
from analyzer.transport.flow import Flow


class Awaited:
    """The addresses that were not seen yet; once all were, nothing is looked at any more."""

    def __init__(self, roles: Mapping[str, str]) -> None:
        self.left = dict(roles)
        "Address -> role."

    def see_messages(self, messages: Iterable[Message]) -> None:
        """These are between nodes of the capture."""
        for message in messages:
            self.see_flow(message.flow)

    def see_flow(self, flow: Flow) -> None:
        """Both ends of a message or connection."""
        self.left.pop(flow.src_ip, None)
        self.left.pop(flow.dst_ip, None)

    def see_session(self, session: Session) -> None:
        """Where SDP and H.248 of a session announce media."""
        ends = [*session.offered, *session.answered]
        for life in session.terminations:
            ends += [*life.local.values(), *life.remote.values()]
        for end in ends:
            self.left.pop(end.address, None)

    def notes(self) -> list[str]:
        """A line for each that never showed up."""
        return [
            f"--node {address}={role}: no message, connection or announced media of the capture has this address"
            for address, role in self.left.items()
        ]
