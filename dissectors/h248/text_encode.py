"""The model to the text encoding (H.248.1 Annex B.2): messages, transactions, contexts and commands.

The parts of a message become a tree first, see `text_layout`, which is then written compact, with short tokens, or
pretty, with long ones. `text_encode_descriptors` has the descriptors.
"""

from __future__ import annotations

from dissectors.h248.model import (
    Command,
    CommandName,
    ContextAction,
    H248Message,
    Transaction,
    TransactionAck,
    TransactionPending,
    TransactionReply,
    TransactionRequest,
    context_name,
)
from dissectors.h248.text_encode_descriptors import (
    audit_node,
    command_nodes,
    error_node,
    property_node,
    termination_ids,
)
from dissectors.h248.text_layout import Braced, Layout, Node

_COMMANDS = {
    CommandName.ADD: "A",
    CommandName.MOVE: "MV",
    CommandName.MODIFY: "MF",
    CommandName.SUBTRACT: "S",
    CommandName.AUDIT_VALUE: "AV",
    CommandName.AUDIT_CAPABILITY: "AC",
    CommandName.NOTIFY: "N",
    CommandName.SERVICE_CHANGE: "SC",
}


def encode_h248_text(message: H248Message, pretty: bool = False) -> bytes:
    """Encode one message in text form: compact with short tokens, or pretty with long ones.

    Raises ValueError where a part has no text form, as a double quote inside a quoted string.
    """
    layout = Layout(pretty)
    head = ""
    auth = message.authentication
    if auth is not None:
        head = (
            f"{layout.token('AU')}{layout.equal}0x{auth.security_parameter_index}:0x{auth.sequence_number}"
            f":0x{auth.data}{layout.end}"
        )
    head += f"{'MEGACO' if pretty else '!'}/{message.version} {message.mid}{layout.end}"
    parts = [_transaction(layout, each) for each in message.transactions]
    if message.error is not None:
        parts.insert(0, error_node(layout, message.error))
    text = head + layout.end.join(layout.write(part) for part in parts)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _transaction(layout: Layout, part: Transaction) -> Node:
    token, equal = layout.token, layout.equal
    if isinstance(part, TransactionRequest):
        actions = [_action(layout, each) for each in part.actions]
        return Braced(f"{token('T')}{equal}{part.transaction_id}", actions)
    if isinstance(part, TransactionReply):
        nodes: list[Node] = [token("IA")] if part.immediate_ack_required else []
        if part.error is not None:
            nodes.append(error_node(layout, part.error))
        nodes += [_action(layout, each) for each in part.actions]
        segment = _segment(layout, part.segment, part.last_segment)
        return Braced(f"{token('P')}{equal}{part.transaction_id}{segment}", nodes)
    if isinstance(part, TransactionPending):
        return Braced(f"{token('PN')}{equal}{part.transaction_id}", [])
    if isinstance(part, TransactionAck):
        return Braced(token("K"), [str(first) if first == last else f"{first}-{last}" for first, last in part.ranges])
    return f"{token('SM')}{equal}{part.transaction_id}{_segment(layout, part.segment, part.last_segment)}"


def _segment(layout: Layout, segment: int | None, last: bool) -> str:
    if segment is None:
        return ""
    return f"/{segment}/{layout.token('&')}" if last else f"/{segment}"


def _action(layout: Layout, action: ContextAction) -> Node:
    token, equal = layout.token, layout.equal
    nodes: list[Node] = []
    if action.topology is not None:
        triples = [
            f"{each.one},{each.other},{each.direction}"
            + (f",{token('ST')}{equal}{each.stream_id}" if each.stream_id is not None else "")
            for each in action.topology
        ]
        nodes.append(Braced(token("TP"), [*triples]))
    if action.priority is not None:
        nodes.append(f"{token('PR')}{equal}{action.priority}")
    if action.emergency is not None:
        nodes.append(token("EG" if action.emergency else "EGO"))
    if action.ieps is not None:
        nodes.append(f"{token('IEPS')}{equal}{'ON' if action.ieps else 'OFF'}")
    if action.properties:
        nodes.append(Braced(token("CT"), [property_node(layout, each) for each in action.properties]))
    if action.context_list is not None:
        nodes.append(Braced(f"{token('CLT')}{equal}", [*action.context_list]))
    if action.audit is not None:
        nodes.append(audit_node(layout, "CA", action.audit))
    nodes += [_command(layout, each) for each in action.commands]
    if action.error is not None:
        nodes.append(error_node(layout, action.error))
    title = f"{token('C')}{equal}{context_name(action.context_id)}"
    return Braced(title, nodes) if nodes else title


def _command(layout: Layout, command: Command) -> Node:
    prefix = ("O-" if command.optional else "") + ("W-" if command.wildcard_return else "")
    title = f"{prefix}{layout.token(_COMMANDS[command.name])}{layout.equal}"
    if command.context_terminations is not None:
        nodes: list[Node] = [*command.context_terminations]
        if command.error is not None:
            nodes.append(error_node(layout, command.error))
        return Braced(title + layout.token("C"), nodes)
    title += termination_ids(command.termination_ids)
    nodes = command_nodes(layout, command)
    return Braced(title, nodes) if nodes else title
