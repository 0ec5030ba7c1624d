"""H.248 requests and their replies (H.248.1 clause 8.2, Annex D.1; RFC 3525 sections 8 and D.1).

A transaction is told by its id and by who sent the request: the reply goes back to the address the request came from.
Requests repeated over UDP, replies sent again, Pending, segmented replies and acknowledgements are all part of one
transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from analyzer.model import Message
from dissectors.h248 import (
    Command,
    ContextAction,
    H248Message,
    Segment,
    TransactionAck,
    TransactionPending,
    TransactionReply,
    TransactionRequest,
)

KEEP_NS = 60_000_000_000
"How long an unanswered request or a lone reply waits for its other half; LONG-TIMER is 30 s (RFC 3525 D.1.4)."

Key = tuple[int, int, int]


@dataclass(slots=True)
class Transaction:
    """One transaction as far as the capture holds it."""

    transaction_id: int
    first: int
    "Time of its first message, in ns."
    request: TransactionRequest | None = None
    request_message: Message | None = None
    reply: TransactionReply | None = None
    "The (last segment of the) reply; the actions of earlier segments come first in `reply_actions`."
    reply_actions: list[ContextAction] = field(default_factory=list)
    reply_message: Message | None = None
    messages: list[Message] = field(default_factory=list)
    "Everything that belongs to it, retransmissions and Pending included, as captured."
    request_copies: int = 0
    reply_copies: int = 0
    pendings: int = 0
    segments_left: bool = False
    "A segmented reply whose last segment has not come."
    segments_seen: set[int] = field(default_factory=set)
    handed_on: bool = False

    @property
    def is_paired(self) -> bool:
        return self.request is not None and self.reply is not None and not self.segments_left


@dataclass(slots=True)
class CommandPair:
    """One command of a request beside its reply; one of the two may be missing."""

    request: Command | None
    reply: Command | None
    context_id: int
    "The context the reply names, else the one requested."
    requested_context_id: int
    transaction: Transaction

    @property
    def command(self) -> Command:
        found = self.request or self.reply
        assert found is not None
        return found


class TransactionTable:
    """Pairs requests and replies as they come; memory is what is open, not what was."""

    def __init__(self) -> None:
        self._open: dict[Key, Transaction] = {}
        self._late: list[Transaction] = []

    def add(self, message: Message) -> list[Transaction]:
        """Take one message; returns the transactions that became complete with it."""
        decoded: H248Message = message.decoded
        flow = message.flow
        done: list[Transaction] = []
        for part in decoded.transactions:
            if isinstance(part, TransactionRequest):
                transaction = self._at((flow.addresses, flow.ports, part.transaction_id), message)
                if transaction.request is None:
                    transaction.request = part
                    transaction.request_message = message
                else:
                    transaction.request_copies += 1
            elif isinstance(part, TransactionReply):
                addresses, ports = flow.reverse_key()
                transaction = self._at((addresses, ports, part.transaction_id), message)
                self._reply(transaction, part, message)
            elif isinstance(part, TransactionPending):
                addresses, ports = flow.reverse_key()
                transaction = self._at((addresses, ports, part.transaction_id), message)
                transaction.pendings += 1
            elif isinstance(part, TransactionAck):
                for transaction_id in part.single_ids():
                    known = self._open.get((flow.addresses, flow.ports, transaction_id))
                    if known is not None:
                        known.messages.append(message)
                continue
            elif isinstance(part, Segment):
                known = self._open.get((flow.addresses, flow.ports, part.transaction_id))
                if known is not None:
                    known.messages.append(message)
                continue
            else:
                continue
            if not transaction.messages or transaction.messages[-1] is not message:
                transaction.messages.append(message)
            if not transaction.handed_on and transaction.is_paired:
                transaction.handed_on = True
                done.append(transaction)
        return done

    def _at(self, key: Key, message: Message) -> Transaction:
        transaction = self._open.get(key)
        if transaction is not None and message.time - transaction.first > KEEP_NS:
            # An id comes again much later: a new transaction (ids may wrap, and senders restart).
            del self._open[key]
            if not transaction.handed_on:
                self._late.append(transaction)
            transaction = None
        if transaction is None:
            transaction = self._open[key] = Transaction(key[2], message.time)
        return transaction

    @staticmethod
    def _reply(transaction: Transaction, part: TransactionReply, message: Message) -> None:
        segment = part.segment or 0
        if transaction.reply is not None and segment in transaction.segments_seen:
            transaction.reply_copies += 1
            return
        transaction.segments_seen.add(segment)
        transaction.reply = part
        transaction.reply_message = message
        transaction.reply_actions.extend(part.actions)
        if segment:
            # Segments are numbered from 1; the last one says so (H.248.1 v3 clause 8.2.2).
            if part.last_segment:
                transaction.segments_left = False
            elif len(transaction.segments_seen) == 1:
                transaction.segments_left = True

    def expire(self, before: int) -> list[Transaction]:
        """Forget transactions that began before `before`; returns those that never became complete."""
        old: list[Key] = []
        for key, transaction in self._open.items():  # oldest first, since none is ever moved
            if transaction.first >= before:
                break
            old.append(key)
        incomplete, self._late = self._late, []
        for key in old:
            transaction = self._open.pop(key)
            if not transaction.handed_on:
                transaction.handed_on = True
                incomplete.append(transaction)
        return incomplete


def pair_commands(transaction: Transaction) -> Iterator[CommandPair]:
    """The commands of a transaction in their order, each beside its reply (RFC 3525 section 8.2.2)."""
    requested = list(transaction.request.actions) if transaction.request is not None else []
    replied = list(transaction.reply_actions)
    for position in range(max(len(requested), len(replied))):
        ask = requested[position] if position < len(requested) else None
        answer = replied[position] if position < len(replied) else None
        wanted = ask.context_id if ask is not None else (answer.context_id if answer is not None else 0)
        context_id = answer.context_id if answer is not None else wanted
        asked = list(ask.commands) if ask is not None else []
        answered = list(answer.commands) if answer is not None else []
        if ask is None or len(asked) == len(answered):
            for index in range(len(answered)):
                yield CommandPair(asked[index] if asked else None, answered[index], context_id, wanted, transaction)
            continue
        # One request may have many replies (wildcards), or none after the first that failed.
        taken = 0
        for index, command in enumerate(asked):
            left = len(asked) - index - 1
            matched = False
            while taken < len(answered) and answered[taken].name == command.name:
                yield CommandPair(command, answered[taken], context_id, wanted, transaction)
                matched = True
                taken += 1
                if len(answered) - taken <= left or not command.is_wildcarded:
                    break
            if not matched:
                yield CommandPair(command, None, context_id, wanted, transaction)
