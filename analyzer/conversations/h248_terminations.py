"""The life of H.248 terminations: from the Add that made one to the Subtract that ended it (H.248.1 clause 7.2).

One termination is the gateway's side of one participant's leg: its Local and Remote descriptors say which media it
serves. A termination is known by the gateway that owns it, its context and its name; the same name used again later
is another life.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from analyzer.conversations.h248_transactions import CommandPair, Transaction, TransactionTable, pair_commands
from analyzer.conversations.media import MediaEnd, announced_ends
from analyzer.model import Message
from dissectors.h248 import ALL_CONTEXTS, CHOOSE_CONTEXT, NULL_CONTEXT, Command, CommandName

FROM_CONTROLLER = frozenset(
    {
        CommandName.ADD,
        CommandName.MOVE,
        CommandName.MODIFY,
        CommandName.SUBTRACT,
        CommandName.AUDIT_VALUE,
        CommandName.AUDIT_CAPABILITY,
    }
)
"Commands that only a gateway controller sends (H.248.1 clause 7.2); Notify comes from the gateway."

CHANGES = frozenset({CommandName.ADD, CommandName.MOVE, CommandName.MODIFY, CommandName.SUBTRACT})
"Commands whose failure is a failure of the leg; an audit that finds nothing is none."


MAX_MEANT = 256
"How many terminations of a context a wildcard is followed to, unless it subtracts them."


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
    claimed: bool = False
    "A session took it."

    @property
    def name(self) -> str:
        return f"context {self.context_id} {self.termination_id}"

    def all_messages(self) -> list[Message]:
        """The messages of all its transactions, each once."""
        seen: set[int] = set()
        found: list[Message] = []
        for pair in self.pairs:
            for message in pair.transaction.messages:
                if id(message) not in seen:
                    seen.add(id(message))
                    found.append(message)
        return found

    def ends(self) -> list[tuple[str, MediaEnd]]:
        return [("local", end) for end in self.local.values()] + [("remote", end) for end in self.remote.values()]


class TerminationTable:
    """Follows every termination of every gateway seen."""

    def __init__(self) -> None:
        self.transactions = TransactionTable()
        self._live: dict[tuple[str, int, str], Termination] = {}
        self._contexts: dict[tuple[str, int], dict[str, None]] = defaultdict(dict)
        self._context_life: dict[tuple[str, int], int] = {}
        self._lives_begun = 0
        self.controllers: dict[str, set[str]] = defaultdict(set)
        "Controller address -> gateway addresses, told by who sends which command."
        self.fresh: list[Termination] = []
        "Lives begun since this was last emptied by the caller."
        self.changed: list[Termination] = []
        "Lives whose media ends changed since this was last emptied by the caller."
        self.outside: list[Transaction] = []
        "Transactions about no termination (ROOT, audits, ServiceChange) since last emptied."

    def add(self, message: Message) -> None:
        for transaction in self.transactions.add(message):
            self._take(transaction)

    def expire(self, before: int) -> None:
        """Close transactions older than `before` whose other half never came."""
        for transaction in self.transactions.expire(before):
            self._take(transaction)

    def _take(self, transaction: Transaction) -> None:
        touched = False
        for pair in pair_commands(transaction):
            if self._apply(pair):
                touched = True
        if not touched:
            self.outside.append(transaction)

    def _apply(self, pair: CommandPair) -> bool:
        """Note one command with its reply; False when it concerns no termination in a context."""
        transaction = pair.transaction
        command = pair.command
        gateway, controller = _who(transaction, command)
        if controller:
            self.controllers[controller].add(gateway)
        if pair.context_id in (NULL_CONTEXT, ALL_CONTEXTS):
            # Audits and ServiceChange outside any context (clause 6.1.2) make no leg.
            return False
        names = _concrete(pair)
        if command.name == CommandName.SUBTRACT or not names:
            names = names or self._matching(gateway, pair, command)
        if not names:
            return False
        for name in names:
            self._note(gateway, controller, name, pair)
        return True

    def _matching(self, gateway: str, pair: CommandPair, command: Command) -> list[str]:
        """The live terminations that a wildcard means (H.248.1 clause 6.2.2)."""
        if pair.context_id in (CHOOSE_CONTEXT, ALL_CONTEXTS):
            return []
        names: Iterable[str] = self._contexts.get((gateway, pair.context_id), ())
        if command.name != CommandName.SUBTRACT:
            # A Subtract ends them, so their Adds have paid for it; all else could be said of all again and again.
            names = islice(names, MAX_MEANT)
        known = list(names)
        heads = {wanted.partition("*")[0].lower() for wanted in command.termination_ids if "*" in wanted}
        if "" in heads:
            return known
        return [name for name in known if any(map(name.lower().startswith, heads))]

    def _note(self, gateway: str, controller: str, name: str, pair: CommandPair) -> None:
        transaction = pair.transaction
        key = (gateway, pair.context_id, name.lower())
        life = self._live.get(key)
        is_add = pair.command.name in (CommandName.ADD, CommandName.MOVE)
        if life is not None and life.ended is not None:
            life = None
        if life is not None and is_add and life.added and pair.command.name == CommandName.ADD:
            life = None
        if life is None:
            life = Termination(gateway, controller, pair.context_id, name, transaction.first, transaction.first)
            self._live[key] = life
            context = (gateway, pair.context_id)
            if context not in self._contexts:
                self._lives_begun += 1
                self._context_life[context] = self._lives_begun
            self._contexts[context][name] = None
            life.context_life = self._context_life[context]
            self.fresh.append(life)
        if is_add:
            life.added = True
        life.pairs.append(pair)
        life.last = max(life.last, transaction.messages[-1].time)
        if pair.reply is not None and pair.reply.error is not None and pair.command.name in CHANGES:
            life.errors.append((pair.reply.error.code, pair.reply.error.text))
        if self._describe(life, pair):
            self.changed.append(life)
        if pair.command.name == CommandName.SUBTRACT and not (pair.reply is not None and pair.reply.error is not None):
            life.ended = life.last
            self.forget(life)

    def forget(self, life: Termination) -> None:
        """What is said later under this name is another life."""
        key = (life.gateway, life.context_id, life.termination_id.lower())
        if self._live.get(key) is not life:
            return
        del self._live[key]
        context = (life.gateway, life.context_id)
        names = self._contexts.get(context)
        if names is not None:
            names.pop(life.termination_id, None)
            if not names:
                del self._contexts[context]
                del self._context_life[context]

    @staticmethod
    def _describe(life: Termination, pair: CommandPair) -> bool:
        """Take over what Local and Remote say now; the reply, which fills in what was left to choose, comes last."""
        changed = False
        for command in (pair.request, pair.reply):
            if command is None or command.media is None:
                continue
            for stream_id, stream in command.media.streams.items():
                for octets, ends in ((stream.local, life.local), (stream.remote, life.remote)):
                    # Of alternatives the first is preferred (clause 7.1.8).
                    end = next(iter(announced_ends(octets)), None) if octets else None
                    if end is not None and (end.address or end.port or end.path):
                        known = ends.get(stream_id)
                        ends[stream_id] = _filled(end, known) if known is not None else end
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


def _concrete(pair: CommandPair) -> list[str]:
    """The terminations named without wildcards: those of the reply, else of the request; never ROOT."""
    for command in (pair.reply, pair.request):
        if command is None:
            continue
        names = [
            each for each in command.termination_ids if "$" not in each and "*" not in each and each.upper() != "ROOT"
        ]
        if names:
            return names
    return []


def _who(transaction: Transaction, command: Command) -> tuple[str, str]:
    """The gateway and the controller of a transaction, by who sends such a command."""
    if transaction.request_message is not None:
        sender, receiver = transaction.request_message.flow.src, transaction.request_message.flow.dst
    else:
        assert transaction.reply_message is not None or transaction.messages
        message = transaction.reply_message or transaction.messages[0]
        sender, receiver = message.flow.dst, message.flow.src
    if command.name in FROM_CONTROLLER:
        return receiver, sender
    if command.name == CommandName.NOTIFY:
        return sender, receiver
    # A ServiceChange for single terminations may come from either side (clause 7.2.8).
    return sender, receiver
