"""The life of H.248 terminations: from the Add that made one to the Subtract that ended it (H.248.1 clause 7.2).

One termination is the gateway's side of one participant's leg: its Local and Remote descriptors say which media it
serves. A termination is known by the gateway that owns it, its context and its name; the same name used again later
is another life.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from itertools import islice

from analyzer.conversations.h248_termination import Termination, describe
from analyzer.conversations.h248_transactions import CommandPair, Transaction, TransactionTable, pair_commands
from analyzer.model import Message
from dissectors.h248 import ALL_CONTEXTS, CHOOSE_CONTEXT, NULL_CONTEXT, Command, CommandName

LifeKey = tuple[str, int, str]
"""Gateway, context, termination in lower case."""

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


AFTERMATH_NS = 5_000_000_000
"What is said about a termination so soon after its Subtract crossed it on the way, and begins no other life."
MAX_BEGUN = 256
"""Terminations that begin to be followed with one message.

A controller adds one or two in a message, and some tens for a conference at once. 3,000 contexts fit into a datagram,
and each that is followed becomes a session of a hundred times the octets.
"""
MAX_MEANT = 256
"How many terminations of a context a wildcard is followed to, unless it subtracts them."


class TerminationTable:
    """Follows every termination of every gateway seen."""

    def __init__(self) -> None:
        self.transactions = TransactionTable()
        self._live: dict[LifeKey, Termination] = {}
        self._gone: deque[tuple[int, Termination]] = deque()
        "Ended lives that `_live` still holds for what comes too late."
        self._home: dict[tuple[str, str], LifeKey] = {}
        "Gateway and termination -> where it lives, since a Move names only where it goes."
        self._contexts: dict[tuple[str, int], dict[str, None]] = defaultdict(dict)
        self._context_life: dict[tuple[str, int], tuple[int, Transaction]] = {}
        "Number of the life of a context, and the transaction that began it."
        self._lives_begun = 0
        self._not_made: Transaction | None = None
        "The last transaction whose Add made nothing."
        self._shared: dict[int, tuple[Message, int, bool]] = {}
        "Messages with several transactions: how many have no fate yet, and whether one concerned a termination."
        self.controllers: dict[str, set[str]] = defaultdict(set)
        "Controller address -> gateway addresses, told by who sends which command."
        self._begun: tuple[Message | None, int] = None, 0
        "The message that transactions were completed by last, and how many lives began with it."
        self.crowded = 0
        "Terminations that are not followed because of `MAX_BEGUN`, since this was last set to 0 by the caller."
        self.streams_left_out = 0
        "Ends of media that are not followed because of `MAX_STREAMS`, likewise."
        self.fresh: list[Termination] = []
        "Lives begun since this was last emptied by the caller."
        self.changed: list[Termination] = []
        "Lives whose media ends changed since this was last emptied by the caller."
        self.outside: list[Message] = []
        "Messages about no termination in a context (ROOT, audits, ServiceChange) since last emptied; each comes once."

    def add(self, message: Message) -> None:
        """Take one message."""
        done = self.transactions.add(message)
        joined = self.transactions.joined
        if len(joined) > 1:
            self._shared[id(message)] = (message, len(joined), False)
        elif not joined:
            self.outside.append(message)
        if len(joined) > len(done):
            fresh = set(map(id, done))
            for transaction in joined:
                if transaction.handed_on and id(transaction) not in fresh:
                    self._settle(message, transaction.touched)
        for transaction in done:
            self._take(transaction)
        self._begun = None, 0

    def expire(self, before: int) -> None:
        """Close transactions older than `before` whose other half never came."""
        for transaction in self.transactions.expire(before):
            self._take(transaction)
        self._begun = None, 0
        gone = self._gone
        while gone and gone[0][0] < before:
            _, life = gone.popleft()
            self.forget(life)

    def _take(self, transaction: Transaction) -> None:
        for pair in pair_commands(transaction):
            if self._apply(pair):
                transaction.touched = True
        if transaction.touched and not self._shared:
            return
        for message in transaction.messages:
            self._settle(message, transaction.touched)

    def _settle(self, message: Message, touched: bool) -> None:
        """One of its transactions has its fate; a message none of whose transactions is about a leg is outside."""
        shared = self._shared.get(id(message))
        if shared is not None:
            _, left, before = shared
            touched = touched or before
            if left > 1:
                self._shared[id(message)] = (message, left - 1, touched)
                return
            del self._shared[id(message)]
        if not touched:
            self.outside.append(message)

    def _apply(self, pair: CommandPair) -> bool:
        """Note one command with its reply; False when it concerns no termination in a context."""
        command = pair.command
        gateway, controller = self._who(pair.transaction, command)
        if controller:
            self.controllers[controller].add(gateway)
        if pair.context_id in (NULL_CONTEXT, ALL_CONTEXTS):
            # Audits and ServiceChange outside any context (clause 6.1.2) make no leg.
            return False
        names = _concrete(pair)
        if pair.context_id == CHOOSE_CONTEXT or not names:
            if command.name == CommandName.ADD and (not pair.executed or pair.reply is None):
                self._never_made(gateway, controller, pair)
                return True
            names = self._matching(gateway, pair, command)
        for name in names:
            self._note(gateway, controller, name, pair)
        return bool(names)

    def _never_made(self, gateway: str, controller: str, pair: CommandPair) -> None:
        """An Add that failed or was not answered: it made nothing, and is why its leg went wrong."""
        transaction = pair.transaction
        if not self._has_room(transaction):
            return
        name = ",".join(pair.command.termination_ids)
        if self._not_made is not transaction:
            # What one transaction wanted to add was wanted in one context.
            self._not_made = transaction
            self._lives_begun += 1
        life = Termination(gateway, controller, pair.context_id, name, transaction.first, transaction.first)
        life.context_life = self._lives_begun
        self.fresh.append(life)
        self._say(life, pair)
        life.ended = life.last
        self._describe(life, pair)

    def _who(self, transaction: Transaction, command: Command) -> tuple[str, str]:
        """The gateway and the controller of a transaction, by who sends such a command."""
        message = transaction.request_message
        if message is not None:
            sender, receiver = message.flow.src, message.flow.dst
        else:
            message = transaction.reply_message or transaction.messages[0]
            sender, receiver = message.flow.dst, message.flow.src
        home = self.transactions.home
        sender, receiver = home(sender), home(receiver)
        if command.name in FROM_CONTROLLER:
            return receiver, sender
        if command.name != CommandName.NOTIFY and sender in self.controllers and receiver not in self.controllers:
            # A ServiceChange for single terminations may come from either side (clause 7.2.8).
            return receiver, sender
        return sender, receiver

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
        command = pair.command.name
        key = (gateway, pair.context_id, name.lower())
        life = self._live.get(key)
        is_add = command == CommandName.ADD and pair.executed
        is_move = command == CommandName.MOVE and pair.executed
        begins = (is_add or is_move) and pair.requested_context_id == CHOOSE_CONTEXT
        if begins and self._end_context((gateway, pair.context_id), transaction):
            life = None
        if life is not None:
            if life.ended is not None:
                again = is_add or is_move or transaction.first - life.ended > AFTERMATH_NS
            else:
                # The Subtract was lost: what is added is not there yet (clause 7.2.1).
                again = is_add and life.added and life.pairs[-1].transaction is not transaction
            if again:
                self.forget(life)
                life = None
        if life is None:
            if command == CommandName.ADD and not pair.executed:
                self._never_made(gateway, controller, pair)
                return
            if not self._has_room(transaction):
                return
            before = self._live.get(self._home.get((gateway, key[2]), key))
            life = self._begin(key, name, controller, transaction)
            if is_move:
                self._move(life, before, transaction)
        if is_add:
            life.added = True
        self._say(life, pair)
        if pair.executed:
            self._describe(life, pair)
        if command == CommandName.SUBTRACT and pair.executed and life.ended is None:
            life.ended = life.last
            self._leave(life)
            self._gone.append((life.ended, life))

    def _describe(self, life: Termination, pair: CommandPair) -> None:
        """Take over its media; what is beyond the streams of a termination is counted."""
        before = life.left_out
        if describe(life, pair):
            self.changed.append(life)
        self.streams_left_out += life.left_out - before

    def _has_room(self, transaction: Transaction) -> bool:
        """May another life begin with the message that completed this transaction?"""
        message, count = self._begun
        if message is not transaction.messages[-1]:
            message, count = transaction.messages[-1], 0
        self._begun = message, count + 1
        if count >= MAX_BEGUN:
            self.crowded += 1
            return False
        return True

    def _begin(self, key: LifeKey, name: str, controller: str, transaction: Transaction) -> Termination:
        gateway, context_id, _ = key
        life = Termination(gateway, controller, context_id, name, transaction.first, transaction.first)
        self._live[key] = life
        self._home[gateway, key[2]] = key
        context = (gateway, context_id)
        if context not in self._contexts:
            self._lives_begun += 1
            self._context_life[context] = self._lives_begun, transaction
        self._contexts[context][name] = None
        life.context_life = self._context_life[context][0]
        self.fresh.append(life)
        return life

    @staticmethod
    def _say(life: Termination, pair: CommandPair) -> None:
        """What every command about a termination tells, done or not."""
        transaction = pair.transaction
        life.pairs.append(pair)
        life.last = max(life.last, transaction.messages[-1].time)
        error = pair.error
        if error is not None and pair.command.name in CHANGES:
            life.errors.append((error.code, error.text))
        if transaction.reply is None and pair.command.name in CHANGES:
            life.unanswered += 1
            life.asked_again = life.asked_again or transaction.request_copies > 0

    def _end_context(self, context: tuple[str, int], transaction: Transaction) -> bool:
        """A gateway that chooses a context id chooses a free one: whoever was known there is gone."""
        known = self._context_life.get(context)
        if known is None or known[1] is transaction:
            return False
        for name in list(self._contexts[context]):
            life = self._live.get((*context, name.lower()))
            if life is not None:
                self.forget(life)
        return True

    def _move(self, life: Termination, old: Termination | None, transaction: Transaction) -> None:
        """It leaves its context for another and keeps its descriptors (clause 7.2.3)."""
        if old is None or old is life or old.ended is not None:
            return
        old.ended = old.last = max(old.last, transaction.messages[-1].time)
        self._leave(old)
        self._gone.append((old.ended, old))
        life.local, life.remote = dict(old.local), dict(old.remote)
        life.added = old.added
        self.changed.append(life)

    def _leave(self, life: Termination) -> None:
        context = (life.gateway, life.context_id)
        names = self._contexts.get(context)
        if names is not None:
            names.pop(life.termination_id, None)
            if not names:
                del self._contexts[context]
                del self._context_life[context]

    def forget(self, life: Termination) -> None:
        """What is said later under this name is another life."""
        name = life.termination_id.lower()
        key = (life.gateway, life.context_id, name)
        if self._live.get(key) is not life:
            return
        del self._live[key]
        if self._home.get((life.gateway, name)) == key:
            del self._home[life.gateway, name]
        if life.ended is None:
            self._leave(life)


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


__all__ = ["Termination", "TerminationTable"]
