"""How a call of a UE ends: by BYE, by CANCEL, or because what it waited for did not come."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.sip import SipMessage
from replay.events import ConnectFailed, Ended, Note, SecureFailed
from replay.sip.dialog import make_cancel
from replay.ue.call import Call, CallState
from replay.ue.patience import Wait
from replay.ue.ways import Ways


@dataclass(slots=True)
class Ending:
    """The ends of calls."""

    ways: Ways

    def leave(self, call: Call, now: float) -> None:
        """End a call, in whatever state it is."""
        if call.state in (CallState.LEAVING, CallState.OVER):
            return
        if call.state is CallState.CALLING and call.hop is not None:
            self._cancel(call, "left", now)
        elif call.state is CallState.KEYING or call.dialog is None:
            self.over(call, "left")
        else:
            call.state = CallState.LEAVING
            call.ended_by = call.ended_by or "left"
            self.ways.hang_up(call, now)

    def over(self, call: Call, why: str) -> None:
        """Nothing more comes of a call."""
        call.state = CallState.OVER
        call.ended_by = call.ended_by or why
        self.ways.agenda.drop("answer")
        if call.connection is not None:
            call.connection.close()
        self.ways.wishes.append(Note("call over", {"why": call.ended_by}))

    def connection_gone(self, call: Call, event: ConnectFailed | SecureFailed | Ended, now: float) -> None:
        """The MSRP connection ended, or could not be set up: the session with it (RFC 4975 section 5.4)."""
        if call.connection is None:
            return
        why = event.why if not isinstance(event, Ended) else "reset" if event.reset else "closed"
        call.connection.gone(why)
        if call.state is not CallState.TALKING:
            return
        if isinstance(event, ConnectFailed):
            self._hang_up(call, f"MSRP connection: {why}", now)  # the MRFP knows nothing of it
        else:
            # The MRFP knows, and the focus says what comes of it: we would race its BYE.
            self.ways.wishes.append(Note("msrp connection ended", {"why": why}))

    def in_vain(self, call: Call, wait: Wait, now: float) -> None:
        """What the call waits for does not come."""
        connection = call.connection
        if wait is Wait.ANSWER and call.hop is not None:
            self._cancel(call, wait.value, now)
        elif wait is Wait.SESSION:
            self._hang_up(call, wait.value, now)
        elif wait is Wait.FOCUS and connection is not None:
            self._hang_up(call, f"{wait.value}: {connection.why_gone}", now)
        else:
            if call.state is CallState.CALLING and call.invite_key is not None and len(call.invite_key) == 2:
                self.ways.sip.layer.abandon(call.invite_key)
            self.over(call, wait.value)

    def _cancel(self, call: Call, why: str, now: float) -> None:
        """CANCEL our INVITE, once; its final response ends the call (RFC 3261 section 9.1)."""
        if not call.ended_by and call.invite is not None and call.hop is not None:
            call.ended_by = why
            self.ways.sip.layer.request(make_cancel(call.invite), call.hop, now)

    def _hang_up(self, call: Call, why: str, now: float) -> None:
        """BYE that says what went wrong (RFC 3326)."""
        call.ended_by = why
        call.state = CallState.LEAVING
        self.ways.hang_up(call, now, reason=f'SIP;cause=500;text="{why}"')


def refusal(response: SipMessage) -> str:
    """Status, phrase, and what Reason (RFC 3326) or Warning (RFC 3261 section 20.43) say beside them."""
    said = f"{response.status} {response.reason_phrase}"
    texts = [each.text for each in response.reasons()]
    texts += [value.partition('"')[2].rpartition('"')[0] for value in response.header_list("Warning")]
    return next((f"{said}: {text}" for text in texts if text), said)
