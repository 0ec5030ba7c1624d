"""One life of a termination: what was said about it, and the media ends its Local and Remote descriptors tell."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.conversations.h248_transactions import CommandPair
from analyzer.conversations.media import MediaEnd, first_end
from analyzer.model import Message
from dissectors.h248 import context_name

MAX_STREAMS = 64
"Streams of a termination whose ends are followed: a call has a handful, and every end is held against others."
MAX_EARLIER = 32
"How many descriptions that were replaced are kept for linking."


@dataclass(slots=True)
class Termination:
    """One life of one termination."""

    gateway: str
    "Address and port of the media gateway (MRFP, IMS-AGW) as packets show it."
    controller: str
    context_id: int
    termination_id: str
    started: int
    "Time of the first message about it, in ns."
    last: int
    ended: int | None = None
    "Time of the Subtract, or None."
    pairs: list[CommandPair] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    local: dict[int, MediaEnd] = field(default_factory=dict)
    "What the gateway receives on, by stream; the latest without wildcards."
    remote: dict[int, MediaEnd] = field(default_factory=dict)
    "Where the gateway sends to, by stream."
    errors: list[tuple[int, str]] = field(default_factory=list)
    "Error descriptors in replies: code and text."
    context_life: int = 0
    "Counts the lives of contexts: a context id used again later is another one."
    added: bool = False
    "The Add was captured."
    stream_added: bool = False
    "Seen as the one stream that a later command added to it (`analyzer.evidence.streams`)."
    unanswered: int = 0
    "Requests about it without a reply in the capture."
    asked_again: bool = False
    "Such a request was even repeated: the gateway did not answer."
    earlier_ends: list[tuple[str, MediaEnd, int]] = field(default_factory=list)
    "What Local and Remote said before they changed, and of which stream."

    left_out: int = 0
    "Ends that Local and Remote described beyond `MAX_STREAMS`."

    @property
    def name(self) -> str:
        return f"context {context_name(self.context_id)} {self.termination_id}"

    def all_messages(self) -> list[Message]:
        """The messages of all its transactions, each once."""
        transactions = {id(pair.transaction): pair.transaction for pair in self.pairs}
        found = {id(message): message for each in transactions.values() for message in each.messages}
        return list(found.values())

    def ends(self) -> list[tuple[str, MediaEnd]]:
        """Every media end it had, with `local` or `remote`; those of now first."""
        now = [("local", end) for end in self.local.values()] + [("remote", end) for end in self.remote.values()]
        return now + [(side, end) for side, end, _ in self.earlier_ends] if self.earlier_ends else now

    def ends_of(self, stream_id: int) -> list[MediaEnd]:
        """The same for one of its streams, without saying which side."""
        now = [ends[stream_id] for ends in (self.local, self.remote) if stream_id in ends]
        return now + [end for _, end, stream in self.earlier_ends if stream == stream_id]


def describe(life: Termination, pair: CommandPair) -> bool:
    """Take over what Local and Remote say now; the reply, which fills in what was left to choose, comes last."""
    changed = False
    for command in (pair.request, pair.reply):
        if command is None or command.media is None:
            continue
        for stream_id, stream in command.media.streams.items():
            for octets, ends in ((stream.local, life.local), (stream.remote, life.remote)):
                # Of alternatives the first is preferred (clause 7.1.8).
                end = first_end(octets) if octets else None
                if end is not None and (end.address or end.port or end.path):
                    known = ends.get(stream_id)
                    if known is None and len(ends) >= MAX_STREAMS:
                        life.left_out += 1
                        continue
                    new = _filled(end, known) if known is not None else end
                    if new != known:
                        if known is not None and len(life.earlier_ends) < MAX_EARLIER:
                            side = "local" if ends is life.local else "remote"
                            life.earlier_ends.append((side, known, stream_id))
                        ends[stream_id] = new
                        changed = True
    return changed


def _filled(end: MediaEnd, known: MediaEnd) -> MediaEnd:
    """A later description may leave out what stays (H.248.1 clause 7.1.8): keep what was known."""
    if end.address and end.port:
        return end
    return MediaEnd(
        address=end.address or known.address,
        port=end.port or known.port,
        media=end.media or known.media,
        protocol=end.protocol or known.protocol,
        path=end.path or known.path,
        session_id=end.session_id or known.session_id,
        setup=end.setup or known.setup,
        cema=end.cema or known.cema,
    )
