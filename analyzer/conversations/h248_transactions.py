"""H.248 requests and their replies (H.248.1 clause 8.2, Annex D.1; RFC 3525 sections 8 and D.1).

A transaction is told by its id and by who sent the request: the reply goes back to the address the request came from.
Requests repeated over UDP, replies sent again, Pending, segmented replies and acknowledgements are all part of one
transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from analyzer.model import Message
from analyzer.transport.flow import Flow
from dissectors.h248 import (
    ALL_CONTEXTS,
    Command,
    ContextAction,
    ErrorDescriptor,
    H248Message,
    TransactionAck,
    TransactionPending,
    TransactionReply,
    TransactionRequest,
)

KEEP_NS = 60_000_000_000
"How long an unanswered request or a lone reply waits for its other half; LONG-TIMER is 30 s (RFC 3525 D.1.4)."

MAX_HOMES = 10_000
"Message identifiers remembered."

Key = tuple[int, int, int]
"""Requester, responder (address and port in one number), transaction id."""


@dataclass(slots=True)
class Transaction:
    """One transaction as far as the capture holds it."""

    transaction_id: int
    first: int
    "Time of its first message, in ns."
    request: TransactionRequest | None = None
    request_message: Message | None = None
    reply: TransactionReply | None = None
    "The reply, or the first segment of it that came."
    reply_message: Message | None = None
    segments: dict[int, tuple[TransactionReply, Message]] = field(default_factory=dict)
    "The segments of a segmented reply by number (H.248.1 version 3, clause 8.2.2); empty for a whole one."
    last_segment: int = 0
    "Number of the segment that said it was the last; 0 while it has not come."
    messages: list[Message] = field(default_factory=list)
    "Everything that belongs to it, retransmissions and Pending included, as captured."
    request_copies: int = 0
    reply_copies: int = 0
    pendings: int = 0
    handed_on: bool = False
    touched: bool = False
    "Once handed on: it concerned a termination in a context."

    @property
    def is_paired(self) -> bool:
        """Request and whole reply are there."""
        if self.request is None or self.reply is None:
            return False
        return not self.segments or 0 < self.last_segment <= len(self.segments)

    def reply_actions(self) -> list[ContextAction]:
        """The actions of the reply, of all segments in their order."""
        if not self.segments:
            return self.reply.actions if self.reply is not None else []
        asked = len(self.request.actions) if self.request is not None else 1
        actions: list[ContextAction] = []
        for number in sorted(self.segments):
            for action in self.segments[number][0].actions:
                known = actions[-1] if actions else None
                if known is not None and known.context_id == action.context_id and len(actions) >= asked:
                    # The action goes on in the next segment.
                    known.commands.extend(action.commands)
                    known.error = known.error or action.error
                else:
                    actions.append(ContextAction(action.context_id, list(action.commands), error=action.error))
        return actions


@dataclass(slots=True)
class CommandPair:
    """One command of a request beside its reply; one of the two may be missing."""

    command: Command
    "The request, or the reply where the request is missing."
    request: Command | None
    reply: Command | None
    context_id: int
    "The context the reply names, else the one requested."
    requested_context_id: int
    transaction: Transaction
    refusal: ErrorDescriptor | None = None
    "The error of the action or the transaction that stands in place of the reply to this command."
    cut: bool = False
    "One of the two is in the capture and not whole, so it counts as missing: nobody knows what it says at its end."

    @property
    def error(self) -> ErrorDescriptor | None:
        """Why it failed, or None."""
        if self.reply is not None and self.reply.error is not None:
            return self.reply.error
        return self.refusal

    @property
    def executed(self) -> bool:
        """It was done, or nobody knows since no reply was captured; what follows a failed command is not done."""
        if self.reply is None:
            return self.transaction.reply is None or self.cut
        return self.error is None


class TransactionTable:
    """Pairs requests and replies as they come; memory is what is open, not what was."""

    def __init__(self) -> None:
        self._open: dict[Key, Transaction] = {}
        self._late: list[Transaction] = []
        self._homes: dict[str, tuple[int, str]] = {}
        "Message identifier -> the first address and port that used it, as number and text."
        self._aliases: dict[int, int] = {}
        self._alias_names: dict[str, str] = {}
        self.changed_copies = 0
        "Requests and replies sent again with other content: the first counts (H.248.1 section 8.2.3)."
        self.joined: list[Transaction] = []
        "The transactions of the message taken last."

    def add(self, message: Message) -> list[Transaction]:
        """Take one message; returns the transactions that became complete with it."""
        decoded: H248Message = message.decoded
        source, target = self._sides(message)
        done: list[Transaction] = []
        self.joined = []
        for part in decoded.transactions:
            if isinstance(part, TransactionRequest):
                transaction = self._at((source, target, part.transaction_id), message)
                if transaction.request is None:
                    transaction.request = part
                    transaction.request_message = message
                else:
                    transaction.request_copies += 1
                    self.changed_copies += _differs(transaction.request, transaction.request_message, part, message)
            elif isinstance(part, TransactionReply):
                key = (target, source, part.transaction_id)
                if self._aliases and key not in self._open:
                    key = self._before_the_alias(key, message)
                transaction = self._at(key, message)
                if part.segment is None and transaction.reply is not None and not transaction.segments:
                    self.changed_copies += _differs(transaction.reply, transaction.reply_message, part, message)
                _add_reply(transaction, part, message)
            elif isinstance(part, TransactionPending):
                transaction = self._at((target, source, part.transaction_id), message)
                transaction.pendings += 1
            else:
                # The requester acknowledges: part of the transactions that are known, never the begin of one.
                acknowledged = part.single_ids() if isinstance(part, TransactionAck) else [part.transaction_id]
                for transaction_id in acknowledged:
                    known = self._open.get((source, target, transaction_id))
                    if known is not None:
                        self._join(known, message)
                continue
            self._join(transaction, message)
            if not transaction.handed_on and transaction.is_paired:
                transaction.handed_on = True
                done.append(transaction)
        return done

    def _join(self, transaction: Transaction, message: Message) -> None:
        messages = transaction.messages
        if not messages or messages[-1] is not message:
            messages.append(message)
            self.joined.append(transaction)

    def _sides(self, message: Message) -> tuple[int, int]:
        """Sender and receiver as numbers.

        A message identifier stays the same for the life of an association (H.248.1 clause 8.3), so another port, or
        another path of SCTP, is the same sender. By itself it says little: many gateways are called `mg1`.
        """
        flow = message.flow
        source, target = _numbers(flow)
        home = self._homes.get(message.decoded.mid)
        if home is None:
            if len(self._homes) >= MAX_HOMES:
                self._homes.clear()
            self._homes[message.decoded.mid] = source, flow.src
        elif home[0] != source and (home[0] >> 16 == source >> 16 or flow.transport == "sctp"):
            self._aliases[source] = home[0]
            self._alias_names[flow.src] = home[1]
        if self._aliases:
            return self._aliases.get(source, source), self._aliases.get(target, target)
        return source, target

    def _before_the_alias(self, key: Key, message: Message) -> Key:
        """The request may have gone to the other port before anything came from there."""
        target, source = _numbers(message.flow)[::-1]
        other = (target, source, key[2])
        return other if other in self._open else key

    def home(self, endpoint: str) -> str:
        """The one name of a gateway or controller that sends from several ports or paths."""
        return self._alias_names.get(endpoint, endpoint)

    def _at(self, key: Key, message: Message) -> Transaction:
        transaction = self._open.get(key)
        if transaction is not None and message.time - transaction.first > KEEP_NS:
            # An id comes again much later: a new transaction (ids may wrap, and senders restart).
            del self._open[key]
            if not transaction.handed_on:
                transaction.handed_on = True
                self._late.append(transaction)
            transaction = None
        if transaction is None:
            transaction = self._open[key] = Transaction(key[2], message.time)
        elif message.time < transaction.first:
            transaction.first = message.time
        return transaction

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


def _numbers(flow: Flow) -> tuple[int, int]:
    """Sender and receiver, address and port in one number each."""
    bits = 128 if flow.version == 6 else 32
    source = flow.addresses >> bits << 16 | flow.ports >> 16 & 0xFFFF
    return source, (flow.addresses & (1 << bits) - 1) << 16 | flow.ports & 0xFFFF


def _differs(first: object, carrier: Message | None, part: object, message: Message) -> bool:
    """Is the second copy another one, as far as both are whole?"""
    return not _is_cut(carrier) and not _is_cut(message) and first != part


def _add_reply(transaction: Transaction, part: TransactionReply, message: Message) -> None:
    if part.segment is None:
        if transaction.reply is not None:
            transaction.reply_copies += 1
            return
    elif part.segment in transaction.segments or (transaction.reply is not None and not transaction.segments):
        transaction.reply_copies += 1
        return
    else:
        transaction.segments[part.segment] = part, message
        if part.last_segment:
            transaction.last_segment = part.segment
    if transaction.reply is None:
        transaction.reply = part
        transaction.reply_message = message


def pair_commands(transaction: Transaction) -> Iterator[CommandPair]:
    """The commands of a transaction in their order, each beside its reply (RFC 3525 section 8.2.2)."""
    requested = transaction.request.actions if transaction.request is not None else []
    replied = transaction.reply_actions()
    refusal = transaction.reply.error if transaction.reply is not None else None
    if len(requested) == 1 and requested[0].context_id == ALL_CONTEXTS and replied:
        # One action for all contexts has a reply for each of them (clause 6.1.2).
        for each in replied:
            yield from _pair_action(transaction, requested[0], each, None)
        return
    for position in range(max(len(requested), len(replied))):
        ask = requested[position] if position < len(requested) else None
        answer = replied[position] if position < len(replied) else None
        pairs = _pair_action(transaction, ask, answer, refusal)
        if _is_cut(transaction.request_message) or _is_cut(transaction.reply_message):
            pairs = [_without_cut(pair) for pair in pairs]
        yield from pairs


def _is_cut(message: Message | None) -> bool:
    return message is not None and message.decoded.not_captured > 0


def _without_cut(pair: CommandPair) -> CommandPair:
    """The pair without what is not whole."""
    if _is_cut(pair.transaction.request_message):
        pair.request, pair.cut = None, True
    if _is_cut(pair.transaction.reply_message):
        pair.reply, pair.cut = None, True
    return pair


def _pair_action(
    transaction: Transaction, ask: ContextAction | None, answer: ContextAction | None, refusal: ErrorDescriptor | None
) -> list[CommandPair]:
    """The commands of one action; a refusal of the whole action or transaction goes to the first without reply."""
    asked = ask.commands if ask is not None else []
    answered = answer.commands if answer is not None else []
    wanted = ask.context_id if ask is not None else (answer.context_id if answer is not None else 0)
    context_id = answer.context_id if answer is not None else wanted
    if answer is not None and answer.error is not None:
        refusal = answer.error
    if len(asked) == 1 == len(answered) and refusal is None and asked[0].name == answered[0].name:
        return [CommandPair(asked[0], asked[0], answered[0], context_id, wanted, transaction)]
    pairs: list[CommandPair] = []
    for request, reply in _matched(asked, answered):
        command = request or reply
        if command is None:
            continue
        pair = CommandPair(command, request, reply, context_id, wanted, transaction)
        if reply is None:
            pair.refusal, refusal = refusal, None
        pairs.append(pair)
    if refusal is not None and pairs:
        pairs[-1].refusal = refusal
    return pairs


def _matched(asked: list[Command], answered: list[Command]) -> Iterator[tuple[Command | None, Command | None]]:
    """Replies stand in the order of the commands; a wildcard may have many, and after a failure there are none."""
    if not asked:
        yield from ((None, reply) for reply in answered)
        return
    taken = 0
    for index, command in enumerate(asked):
        left = len(asked) - index - 1
        several = command.is_wildcarded or len(command.termination_ids) > 1
        begin = taken
        while taken < len(answered) and answered[taken].name == command.name:
            if taken > begin and (
                not several or _is_for(asked, index + 1, answered[taken], len(answered) - taken - left)
            ):
                break
            yield command, answered[taken]
            taken += 1
        if taken == begin:
            yield command, None


def _is_for(asked: list[Command], following: int, reply: Command, spare: int) -> bool:
    """Does a reply belong to the next command rather than to the wildcard before it?"""
    if following >= len(asked) or asked[following].name != reply.name:
        return False
    names = [each.lower() for each in reply.termination_ids]
    return spare <= 0 or names == [each.lower() for each in asked[following].termination_ids]
