"""What the lab can play: the flows of TS 23.333, a conference of any size, and refused connections."""

from __future__ import annotations

import re
from dataclasses import dataclass

from replay.ue import Behaviour
from replay.ue.content import Octets
from replay.ue.script import Action, DialIn, Leave, Pause, Say, SendContent, SetNickname, Step

MOST = 50
"Participants of conference-N."
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")


REFUSED = frozenset({Behaviour.SPOILS_TICKET, Behaviour.FOREIGN_TICKET, Behaviour.EXPIRED_TICKET, Behaviour.REPLAYS})
"For which the MRFC lets nobody in."
ENDED = frozenset({Behaviour.REFUSES_TCP, Behaviour.IGNORES_TCP, Behaviour.WRONG_KEY})
"For which it ends the call."


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that happens between UEs, MRFC, MRFP and KMS."""

    name: str
    title: str
    clause: str
    participants: int = 2
    secured: bool = False
    dials_out: bool = False
    behaviours: frozenset[Behaviour] = frozenset()
    "Of all participants."
    of_last: bool = False
    "The behaviours are of the last participant alone."
    hears: bool = True
    "Do participants wait for what others say?"

    def behaviours_of(self, number: int) -> frozenset[Behaviour]:
        """Of the participant of this number."""
        return self.behaviours if not self.of_last or number == self.participants - 1 else frozenset()

    def is_turned_away(self, number: int) -> bool:
        """Is the participant of this number refused, or thrown out?"""
        return bool(self.behaviours_of(number) & (REFUSED | ENDED))

    def script(self, number: int, conference: str) -> list[Step]:
        """What the participant of this number does, from 0; each is called or calls once the one before is in.

        The last one greets those who wait, and they answer; whoever has heard everybody leaves. The first one also
        sends something long, in chunks.
        """
        first: list[Step] = [] if self.dials_out else [Step(do=DialIn(conference, self.secured))]
        if self.is_turned_away(number):
            return [*first, Step(do=Pause())]
        is_last = number == self.participants - 1
        says: list[Action] = [Say(f"Message of participant {number + 1}.", success_report=True)]
        if number == 0:
            says.append(SendContent("text/html", Octets(b"<p>" + b"Minutes of the meeting. " * 200 + b"</p>")))
        steps = [*first, Step(do=SetNickname(participant(number).capitalize()))]
        steps.append(Step(do=says[0], heard=0 if is_last or not self.hears else 1, settled=True))
        steps += [Step(do=each) for each in says[1:]]
        hears = self.participants - 1 + (0 if number == 0 else 1) if self.hears else 0
        return [*steps, Step(do=Leave(), heard=hears, settled=True)]


def participant(number: int) -> str:
    """The user part of a participant's URI, by number from 0."""
    return NAMES[number] if number < len(NAMES) else f"user-{number + 1}"


SCENARIOS = (
    Scenario(
        "tcp-dial-in",
        "two UEs dial in; the MRFP opens TCP",
        "TS 23.333 clause 6.2.20.1",
    ),
    Scenario(
        "tcp-dial-out",
        "the MRFC invites two UEs; they open TCP",
        "TS 23.333 clauses 6.2.10.3.1 and 6.2.20",
        dials_out=True,
    ),
    Scenario(
        "e2e-dial-in",
        "two UEs dial in over TLS-PSK, keyed by MIKEY-TICKET of the KMS",
        "TS 23.333 clause 6.2.19.2.1",
        secured=True,
    ),
    Scenario(
        "e2e-dial-out",
        "the MRFC invites two UEs over TLS-PSK, with tickets of its own",
        "TS 23.333 clause 6.2.19.2.2",
        secured=True,
        dials_out=True,
    ),
    Scenario(
        "tcp-refused",
        "a UE dials in and refuses the TCP connection; the MRFC ends the call",
        "TS 23.333 clause 6.2.20.1",
        participants=1,
        behaviours=frozenset({Behaviour.REFUSES_TCP}),
    ),
    Scenario(
        "e2e-refused",
        "the same over TLS-PSK",
        "TS 23.333 clause 6.2.19.2.1",
        participants=1,
        secured=True,
        behaviours=frozenset({Behaviour.REFUSES_TCP}),
    ),
    Scenario(
        "tcp-timeout",
        "a UE dials in, and nobody answers the MRFP's SYN; the MRFC ends the call",
        "TS 23.333 clause 6.2.20.1",
        participants=1,
        behaviours=frozenset({Behaviour.IGNORES_TCP}),
    ),
    Scenario(
        "e2e-timeout",
        "the same over TLS-PSK",
        "TS 23.333 clause 6.2.19.2.1",
        participants=1,
        secured=True,
        behaviours=frozenset({Behaviour.IGNORES_TCP}),
    ),
    Scenario(
        "e2e-wrong-psk",
        "a UE has another Pre-Shared Key than it agreed on; the MRFC ends the call",
        "TS 23.333 clause 6.2.19.2.1",
        participants=1,
        secured=True,
        behaviours=frozenset({Behaviour.WRONG_KEY}),
    ),
    Scenario(
        "e2e-wrong-ticket",
        "a UE spoils its ticket, which the KMS does not resolve then: 488",
        "TS 23.333 clause 6.2.19.2.1",
        participants=1,
        secured=True,
        behaviours=frozenset({Behaviour.SPOILS_TICKET}),
    ),
    Scenario(
        "e2e-foreign-ticket",
        "a UE dials in with a ticket for another conference: 488",
        "TS 23.333 clause 6.2.19.2.1",
        participants=1,
        secured=True,
        behaviours=frozenset({Behaviour.FOREIGN_TICKET}),
    ),
    Scenario(
        "e2e-expired-ticket",
        "a UE dials in with a ticket that expired yesterday: 488",
        "TS 23.333 clause 6.2.19.2.1",
        participants=1,
        secured=True,
        behaviours=frozenset({Behaviour.EXPIRED_TICKET}),
    ),
    Scenario(
        "e2e-replay",
        "a UE dials in with the TRANSFER_INIT of another one: 488",
        "TS 23.333 clause 6.2.19.2.1",
        secured=True,
        behaviours=frozenset({Behaviour.REPLAYS}),
        of_last=True,
        hears=False,
    ),
)
"Beside these, `conference-N`."


def scenario_names() -> list[str]:
    """As users write them."""
    return [*(each.name for each in SCENARIOS), "conference-N"]


def find_scenario(name: str) -> Scenario | None:
    """The scenario of a name; `conference-5` is one of five UEs that dial in."""
    match = re.fullmatch(r"conference-(\d{1,3})", name)
    if match is not None and 2 <= int(match[1]) <= MOST:
        return conference(int(match[1]))
    return next((each for each in SCENARIOS if each.name == name), None)


def conference(participants: int) -> Scenario:
    """So many UEs dial in."""
    title = f"{participants} UEs dial in and chat"
    return Scenario(f"conference-{participants}", title, "TS 23.333 clause 6.2.20.1", participants)
