"""The text encoding (H.248.1 Annex B): octets to the model; messages, transactions and contexts.

`text_words` cuts a message into words, and the functions here and in the other `text_` files follow the grammar over
them by position, since every token is also a legal name elsewhere. What the field is known to write against the grammar
is read, and noted in `faults`.
"""

from __future__ import annotations

import re

from dissectors.errors import DecodeError
from dissectors.h248.model import (
    ALL_CONTEXTS,
    CHOOSE_CONTEXT,
    NULL_CONTEXT,
    Authentication,
    ContextAction,
    H248Message,
    Segment,
    Topology,
    TransactionAck,
    TransactionPending,
    TransactionReply,
    TransactionRequest,
)
from dissectors.h248.text_commands import COMMANDS, read_command
from dissectors.h248.text_values import read_audit_items, read_error, read_list, read_properties, spelled
from dissectors.h248.text_words import Reader

_LWSP = r"(?:[ \t\r\n]|;[^\r\n]*[\r\n])*"
_HEADER = re.compile(
    rf"{_LWSP}(?:(?:AU|Authentication){_LWSP}={_LWSP}0x([0-9A-F]{{8}}){_LWSP}:{_LWSP}0x([0-9A-F]{{8}}){_LWSP}:"
    rf"{_LWSP}0x([0-9A-F]{{24,64}}){_LWSP})?"
    rf"(?:MEGACO|!)/([0-9]{{1,2}}){_LWSP}"
    r"(\[[0-9A-F.:]+\](?::[0-9]{1,5})?|<[^<>\s]{1,255}>(?::[0-9]{1,5})?|MTP\{[0-9A-F]{4,8}\}"
    rf"|[A-Z][A-Z0-9_*/$]*(?:@[A-Z0-9.\-]+)?)({_LWSP})",
    re.IGNORECASE | re.ASCII,
)
_TRANSACTIONS = spelled({token: token for token in ("T", "P", "PN", "K", "SM", "ER")})
_CONTEXTS = spelled({"C": True})
_PARTS = spelled(
    {token: token for token in ("ER", "TP", "PR", "EG", "EGO", "EGV", "IEPS", "CT", "CLT", "CA", "}")},
)
_DIRECTION_EXTENSIONS = {
    "onewayexternal": "OnewayExternal", "oe": "OnewayExternal", "owe": "OnewayExternal",
    "onewayboth": "OnewayBoth", "ob": "OnewayBoth", "owb": "OnewayBoth",
}  # fmt: skip
"Behind a direction already given; the grammar has them in its place."
_CONTEXT_IDS = {"-": NULL_CONTEXT, "$": CHOOSE_CONTEXT, "*": ALL_CONTEXTS}


def decode_h248_text(data: bytes) -> H248Message:
    """Decode one message in text form. Raises DecodeError where the grammar is left and no one meaning remains."""
    text = data.decode("latin-1")
    header = _HEADER.match(text)
    if header is None:
        raise DecodeError("H.248 header", 0, "no MEGACO token, version and message identifier")
    index, sequence, auth, version, mid, space = header.groups()
    reader = Reader(text, header.end())
    message = H248Message(int(version), mid, data=data, faults=reader.faults)
    if not space:
        message.faults.append("no space behind the message identifier")
    if index is not None:
        message.authentication = Authentication(index.upper(), sequence.upper(), auth.upper())
    try:
        _read_body(reader, message)
    except (StopIteration, IndexError):
        raise DecodeError("H.248 message", len(data), "it ends in the middle") from None
    return message


def _read_body(reader: Reader, message: H248Message) -> None:
    transactions = message.transactions
    word = reader.take()
    while word:
        token = _TRANSACTIONS.get(word) or _TRANSACTIONS.get(word.lower())
        if token == "T":
            transactions.append(_read_request(reader))
        elif token == "P":
            reply, word = _read_reply(reader)
            transactions.append(reply)
            continue
        elif token == "ER":
            message.error, word = read_error(reader)
            continue
        elif token == "PN":
            transactions.append(TransactionPending(reader.assigned_number("transaction id")))
            reader.expect("{", "pending")
            reader.expect("}", "pending")
        elif token == "K":
            transactions.append(_read_acknowledgement(reader))
        elif token == "SM":
            reader.expect("=", "segment")
            transaction_id, segment, last, word = _read_segmented_id(reader)
            transactions.append(Segment(transaction_id, segment or 0, last))
            continue
        elif word == ",":
            reader.faults.append("comma between transactions")
        else:
            raise reader.fail("message", "no transaction starts here")
        word = reader.take_or_end()


# ---------------------------------------------------------------------- transactions


def _read_request(reader: Reader) -> TransactionRequest:
    actions: list[ContextAction] = []
    request = TransactionRequest(0, actions)
    mark = reader.take()
    if mark == "=":  # the id may be left out, as in an error that cannot name it
        request.transaction_id = reader.number("transaction id")
        mark = reader.take()
    if mark != "{":
        raise reader.fail("transaction", "'{' expected")
    while True:
        action, mark = _read_action(reader, reader.take())
        actions.append(action)
        if mark == "}":
            return request
        if mark != ",":
            raise reader.fail("transaction", "',' or '}' expected")


def _read_segmented_id(reader: Reader) -> tuple[int, int | None, bool, str]:
    """`id`, `id/segment` or `id/segment/&` (version 3, clause 8.2.2), and the word behind it."""
    word = reader.take()
    mark = reader.take_or_end()
    if word.isdecimal() and len(word) <= 10 and mark[:1] != "/" and word.isascii():
        return int(word), None, False, mark
    while mark[:1] == "/" and len(word) < 40:
        word += mark
        mark = reader.take_or_end()
    parts = word.split("/")
    if not all(part.isascii() and part.isdecimal() and len(part) <= 10 for part in parts[:2]) or len(parts) > 3:
        raise reader.fail("transaction id", "a number expected")
    last = len(parts) == 3
    if last and parts[2].lower() not in ("&", "end"):
        raise reader.fail("transaction id", "'&' expected after the segment number")
    return int(parts[0]), int(parts[1]) if len(parts) > 1 else None, last, mark


def _read_reply(reader: Reader) -> tuple[TransactionReply, str]:
    """A reply, and the word behind it."""
    if reader.take() != "=":
        raise reader.fail("reply", "'=' expected")
    transaction_id, segment, last, mark = _read_segmented_id(reader)
    actions: list[ContextAction] = []
    reply = TransactionReply(transaction_id, actions, False, None, segment, last)
    if mark != "{":
        reader.faults.append("reply without content")
        return reply, mark
    take = reader.take
    while True:
        word = take()
        if word == "C" or word in _CONTEXTS:
            action, mark = _read_action(reader, word)
            actions.append(action)
        elif word == "}":
            reader.faults.append("reply without content")
            break
        else:
            low = word.lower()
            if low in ("ia", "immackrequired"):
                reply.immediate_ack_required = True
                mark = take()
            elif low in ("er", "error"):
                reply.error, mark = read_error(reader)
            else:
                action, mark = _read_action(reader, word)
                actions.append(action)
        if mark == "}":
            break
        if mark != ",":
            raise reader.fail("reply", "',' or '}' expected")
    return reply, reader.take_or_end()


def _read_acknowledgement(reader: Reader) -> TransactionAck:
    reader.expect("{", "acknowledgement")
    ranges = []
    while True:
        first, dash, last = reader.take().partition("-")
        numbers = (first, last) if dash else (first,)
        if not all(each.isdecimal() and each.isascii() and len(each) <= 10 for each in numbers):
            raise reader.fail("acknowledgement", "a number or a range expected")
        ranges.append((int(first), int(last) if dash else int(first)))
        if reader.closed(reader.take(), "acknowledgement"):
            return TransactionAck(ranges)


# ---------------------------------------------------------------------- contexts


def _read_action(reader: Reader, word: str) -> tuple[ContextAction, str]:
    take = reader.take
    if (word != "C" and word not in _CONTEXTS and word.lower() not in _CONTEXTS) or take() != "=":
        raise reader.fail("action", "Context and '=' expected")
    word = take()
    if word.isdecimal() and word.isascii() and len(word) <= 10:
        context_id = int(word)
    else:
        context_id = _CONTEXT_IDS.get(word, -1)
    if not 0 <= context_id <= ALL_CONTEXTS:
        raise reader.fail("context id", "a number, '-', '$' or '*' expected")
    action = ContextAction(context_id)
    mark = take()
    if mark != "{":
        return action, mark
    commands = action.commands
    while True:
        word = take()
        name = COMMANDS.get(word)
        if name is not None:
            command, mark = read_command(reader, name, False, False)
            commands.append(command)
        else:
            low = word.lower()
            prefix, dash, rest = low.rpartition("-")
            name = COMMANDS.get(rest)
            if name is not None and (not dash or prefix in ("o", "w", "o-w", "w-o")):
                command, mark = read_command(reader, name, "o" in prefix, "w" in prefix)
                commands.append(command)
            elif word == "}":
                return action, take()
            else:
                mark = _read_context_part(reader, _PARTS.get(low, ""), action)
        if mark == "}":
            return action, take()
        if mark != ",":
            raise reader.fail("context", "',' or '}' expected")


def _read_context_part(reader: Reader, token: str, action: ContextAction) -> str:
    take = reader.take
    if token == "ER":
        action.error, mark = read_error(reader)
        return mark
    if token == "TP":
        return _read_topology(reader, action)
    if token == "CT":
        action.properties, mark = read_properties(reader, take(), "context attributes")
        return mark
    if token == "CLT":
        mark = take()
        action.context_list, mark = read_list(reader, take() if mark == "=" else mark, "context list")
        return mark
    if token == "CA":
        action.audit, mark = read_audit_items(reader, take(), "context audit")
        return mark
    if token == "PR":
        action.priority = reader.assigned_number("priority")
    elif token == "EG":
        action.emergency = True
    elif token == "EGO":
        action.emergency = False
    elif token == "EGV":
        action.emergency = reader.assigned("emergency").lower() in ("emergency", "eg")
    elif token == "IEPS":
        action.ieps = reader.assigned("IEPS call").lower() == "on"
    else:
        raise reader.fail("context", "neither a command nor a property of a context")
    return take()


def _read_topology_tail(reader: Reader, triple: Topology, word: str) -> bool:
    """Take what Erlang's codec writes behind a direction: the stream as a bare number, the extension of version 3."""
    extension = _DIRECTION_EXTENSIONS.get(word.lower())
    if extension is not None:
        triple.direction = extension
    elif word.isascii() and word.isdecimal() and len(word) <= 5:
        triple.stream_id = int(word)
    else:
        return False
    reader.faults.append("topology as Erlang's codec writes it")
    return True


def _read_topology(reader: Reader, action: ContextAction) -> str:
    """Triples of two terminations and a direction, each with a stream where one is given (clause 7.1.18)."""
    take = reader.take
    found = action.topology = []
    mark = take()
    if mark != "{":
        return mark
    word = take()
    while word != "}":
        reader.expect(",", "topology")
        other = take()
        reader.expect(",", "topology")
        triple = Topology(word, other, take())
        found.append(triple)
        mark = take()
        while mark == ",":
            word = take()
            if word.lower() in ("st", "stream"):
                mark = take()
                if mark != "=":  # a termination of that name
                    raise reader.fail("topology", "'=' expected")
                triple.stream_id = reader.number("stream id", 65535)
            elif not _read_topology_tail(reader, triple, word):
                break
            mark = take()
        if reader.closed(mark, "topology"):
            break
    return take()
