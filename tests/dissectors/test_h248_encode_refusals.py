"""What has no form in the text encoding is refused, so that nothing slips into a message (H.248.1 Annex B.2)."""

from __future__ import annotations

import pytest

from dissectors.h248 import (
    Command,
    CommandName,
    ContextAction,
    H248Message,
    TransactionRequest,
    encode_h248_text,
)
from dissectors.h248.model import ObservedEvent, ObservedEvents, ServiceChange

SLIPPED = "x}}}}T=666{C=*{S=*}}K{1"


def message(command: Command) -> H248Message:
    return H248Message(2, "[192.0.2.1]:2944", [TransactionRequest(1, [ContextAction(1, [command])])])


@pytest.mark.parametrize(
    "command",
    [
        Command(CommandName.SERVICE_CHANGE, ["ROOT"], service_change=ServiceChange("Restart", "901", profile=SLIPPED)),
        Command(
            CommandName.SERVICE_CHANGE, ["ROOT"], service_change=ServiceChange("Restart", "901", timestamp="2026}")
        ),
        Command(CommandName.MODIFY, ["a1"], digit_map=f"d1{{({SLIPPED})}}"),
        Command(
            CommandName.NOTIFY, ["a1"], observed_events=ObservedEvents(1, [ObservedEvent("al/of", None, "2026}}")])
        ),
    ],
    ids=["profile", "time stamp", "digit map", "observed event"],
)
def test_a_value_that_would_end_its_descriptor_is_refused(command: Command) -> None:
    with pytest.raises(ValueError, match="has not the form"):
        encode_h248_text(message(command))


def test_the_same_values_in_their_form_are_written() -> None:
    change = ServiceChange("Restart", "901", profile="mp/1", timestamp="20260101T12000000")
    written = encode_h248_text(message(Command(CommandName.SERVICE_CHANGE, ["ROOT"], service_change=change)))
    assert b"PF=mp/1" in written
    assert b"20260101T12000000" in written
    assert b"DM=d1{(0|[1-9]xx)}" in encode_h248_text(
        message(Command(CommandName.MODIFY, ["a1"], digit_map="d1{(0|[1-9]xx)}"))
    )
