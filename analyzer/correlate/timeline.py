"""The lines of a session's ladder: what each message says in short, without bodies, keys or subscriber identities."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator
from operator import itemgetter

from analyzer.conversations.connection import ConnectionPart
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.h248_transactions import CommandPair
from analyzer.conversations.kms_exchange import KmsExchange
from analyzer.conversations.sip_call import SipCall
from analyzer.model import Message, TimelineEntry
from analyzer.transport.flow import Flow, FlowKey
from dissectors.h248 import (
    Command,
    Segment,
    TransactionAck,
    TransactionPending,
    TransactionRequest,
    context_name,
)

MAX_NAMED = 32
"Terminations of one command that its line names; the line stands in the session of each of them."


def timeline(signalling: Iterable[TimelineEntry], connections: Iterable[ConnectionPart]) -> list[TimelineEntry]:
    """Everything said in a session, by time and frame."""
    entries = list(signalling)
    for part in connections:
        entries.extend(part.connection.entries(part.session_indexes))
    entries.sort(key=itemgetter(0, 1))  # time, frames
    return entries


def signalling_entries(
    call: SipCall | None, terminations: Iterable[Termination], kms_exchanges: Iterable[KmsExchange] = ()
) -> list[TimelineEntry]:
    """What SIP, H.248 and HTTP with the KMS said, in no order."""
    entries = list(h248_entries(terminations))
    for exchange in kms_exchanges:
        for each in exchange.messages:
            entries.append(TimelineEntry(each.time, each.frames, "http", each.flow, exchange.summary(each)))
    if call is not None:
        entries.extend(sip_entries(call))
    return entries


Packed = tuple[list[Flow], bytes]
"""Lines of a timeline in `marshal` form, with the flows that they name by number: a third of their size."""


def pack(entries: Iterable[TimelineEntry]) -> Packed:
    """Lines of a timeline to be kept."""
    flows: dict[int, Flow] = {}
    numbers: dict[int, int] = {}
    rows = []
    for time, frames, protocol, flow, summary, step in entries:
        number = numbers.get(id(flow))
        if number is None:
            number = numbers[id(flow)] = len(flows)
            flows[number] = flow
        rows.append((time, frames, protocol, number, summary, step))
    return list(flows.values()), marshal.dumps(rows)


def unpack(packed: Packed) -> list[TimelineEntry]:
    """The inverse of `pack`."""
    flows, octets = packed
    make = TimelineEntry
    return [
        make(time, frames, protocol, flows[number], summary, step)
        for time, frames, protocol, number, summary, step in marshal.loads(octets)
    ]


def sip_entries(call: SipCall) -> Iterator[TimelineEntry]:
    """The call's messages; a repeated one says so."""
    facts = call.facts
    roles: dict[int, str] = {}
    for exchange in facts.exchanges:
        if exchange.offer is not None:
            roles[id(exchange.offer.message)] = "SDP offer"
        if exchange.answer is not None:
            roles[id(exchange.answer.message)] = "SDP answer"
    seen: dict[bytes, set[FlowKey]] = {}
    for message in facts.messages:
        sip = message.decoded
        summary = sip.method if sip.is_request else f"{sip.status} {sip.reason_phrase} ({sip.method})"
        role = roles.get(id(message))
        if role is None and len(sip.data) > sip.head_size and sip.sdp() is not None:
            role = "SDP"
        if role is not None:
            summary += ", " + role
        flows = seen.setdefault(sip.data, set())
        key = message.flow.key
        if key in flows:
            summary += ", retransmission"
        elif flows:
            summary += ", same message on another path"
        flows.add(key)
        yield TimelineEntry(message.time, message.frames, "sip", message.flow, summary)


def h248_entries(terminations: Iterable[Termination]) -> Iterator[TimelineEntry]:
    """The messages about these terminations; one message about several is one line."""
    said: dict[int, tuple[Message, list[str]]] = {}
    told: set[int] = set()
    begun: set[int] = set()
    "Pairs and transactions, by identity."
    for life in terminations:
        for pair in life.pairs:
            if id(pair) in told:  # one command about many terminations
                continue
            told.add(id(pair))
            transaction = pair.transaction
            # The request and the reply have a word of each command; all else is said of the transaction, once.
            both = (transaction.request_message, transaction.reply_message)
            for message in both if id(transaction) in begun else transaction.messages:
                if message is None:
                    continue
                words = said.setdefault(id(message), (message, []))[1]
                words.append(_said(pair, message))
            begun.add(id(transaction))
    for message, words in said.values():
        yield TimelineEntry(message.time, message.frames, "h248", message.flow, "; ".join(dict.fromkeys(words)))


def _said(pair: CommandPair, message: Message) -> str:
    transaction = pair.transaction
    number = f"T={transaction.transaction_id}"
    if message is transaction.request_message:
        return f"{_command(pair.request, pair.requested_context_id)} {number}" if pair.request else number
    if message is transaction.reply_message:
        if pair.reply is None:
            return f"reply {number}" + (f" error {pair.error.code}" if pair.error is not None else "")
        error = f", error {pair.error.code}" if pair.error is not None else ""
        return f"{_command(pair.reply, pair.context_id)} reply {number}{error}"
    for part in message.decoded.transactions:
        if isinstance(part, TransactionAck):
            continue
        if part.transaction_id != transaction.transaction_id:
            continue
        if isinstance(part, TransactionPending):
            return f"{number} pending"
        if isinstance(part, TransactionRequest):
            return f"{number} again"
        if isinstance(part, Segment):
            return f"acknowledges {number} segment {part.segment}"
        known = transaction.segments.get(part.segment) if part.segment is not None else None
        return f"reply {number} segment {part.segment}" if known and known[1] is message else f"reply {number} again"
    return f"acknowledges {number}"


def _command(command: Command | None, context_id: int) -> str:
    if command is None:
        return ""
    names = command.termination_ids
    listed = ",".join(names[:MAX_NAMED])
    if len(names) > MAX_NAMED:
        listed += f",... ({len(names)} terminations)"
    return f"{command.name.value} {listed} C={context_name(context_id)}"
