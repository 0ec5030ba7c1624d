"""The binary encoding (H.248.1 Annex A, BER): octets to the model and back, through pycrate's compiled ASN.1.

The files beside this one hold pairs: `pull_x` makes a part of the model from a part of pycrate's value, `push_x` is
its twin. Definite and indefinite lengths are read, definite ones written. Package items are named by
`package_table`.
"""

from __future__ import annotations

from typing import Any

from dissectors.errors import DecodeError
from dissectors.h248.ber_guard import check_ber
from dissectors.h248.ber_types import BerError, read_ber, write_ber
from dissectors.h248.binary_contexts import pull_action, push_action
from dissectors.h248.binary_values import Coder, pull_error, pull_mid, push_error, push_mid
from dissectors.h248.model import (
    Authentication,
    H248Message,
    Segment,
    Transaction,
    TransactionAck,
    TransactionPending,
    TransactionReply,
    TransactionRequest,
)
from dissectors.h248.package_table import PackageTable, default_packages


def decode_h248_binary(data: bytes, packages: PackageTable | None = None) -> H248Message:
    """Decode one message in binary form. Raises DecodeError."""
    end = check_ber(data)
    try:
        value = read_ber(data[:end])
    except BerError as error:
        raise DecodeError("H.248 message", 0, str(error)) from error
    coder = Coder(packages or default_packages())
    try:
        message = _pull_message(coder, value)
    except DecodeError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DecodeError("H.248 message", 0, "a part of it has no meaning") from error
    message.data = data
    message.id_octets = coder.id_octets
    message.faults = coder.faults
    if end < len(data):
        message.faults.append(f"{len(data) - end} octets after the message")
    if _has_extension(value):
        message.faults.append("a part that Annex A does not name was left out")
    return message


def encode_h248_binary(message: H248Message, packages: PackageTable | None = None) -> bytes:
    """Encode one message in binary form.

    Raises ValueError where a part has none: a termination id that is not given bit by bit, an item without a number.
    """
    coder = Coder(packages or default_packages(), message.id_octets)
    try:
        return write_ber(_push_message(coder, message))
    except BerError as error:
        raise ValueError(str(error)) from error


def _has_extension(value: Any) -> bool:
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            if any(key.startswith("_ext") for key in part):
                return True
            pending.extend(part.values())
        elif isinstance(part, list | tuple):
            if part and isinstance(part[0], str) and part[0].startswith("_ext"):
                return True
            pending.extend(part)
    return False


# ---------------------------------------------------------------------- messages and transactions


def _pull_message(coder: Coder, value: dict[str, Any]) -> H248Message:
    body = value["mess"]
    message = H248Message(body["version"], pull_mid(body["mId"]), encoding="binary")
    if "authHeader" in value:
        header = value["authHeader"]
        message.authentication = Authentication(
            *(header[key].hex().upper() for key in ("secParmIndex", "seqNum", "ad"))
        )
    kind, content = body["messageBody"]
    if kind == "messageError":
        message.error = pull_error(content)
    else:
        message.transactions = [_pull_transaction(coder, *part) for part in content]
    return message


def _push_message(coder: Coder, message: H248Message) -> dict[str, Any]:
    body: dict[str, Any] = {"version": message.version, "mId": push_mid(message.mid)}
    if message.error is not None:
        if message.transactions:
            raise ValueError("an error beside transactions has no binary form")
        body["messageBody"] = ("messageError", push_error(message.error))
    else:
        body["messageBody"] = ("transactions", [_push_transaction(coder, each) for each in message.transactions])
    value = {"mess": body}
    header = message.authentication
    if header is not None:
        value["authHeader"] = {
            "secParmIndex": bytes.fromhex(header.security_parameter_index),
            "seqNum": bytes.fromhex(header.sequence_number),
            "ad": bytes.fromhex(header.data),
        }
    return value


def _pull_transaction(coder: Coder, kind: str, part: Any) -> Transaction:
    if kind == "transactionRequest":
        actions = [pull_action(coder, each, in_reply=False) for each in part["actions"]]
        return TransactionRequest(part["transactionId"], actions)
    if kind == "transactionReply":
        reply = TransactionReply(part["transactionId"], immediate_ack_required="immAckRequired" in part)
        result, content = part["transactionResult"]
        if result == "transactionError":
            reply.error = pull_error(content)
        else:
            reply.actions = [pull_action(coder, each, in_reply=True) for each in content]
        reply.segment = part.get("segmentNumber")
        reply.last_segment = "segmentationComplete" in part
        return reply
    if kind == "transactionPending":
        return TransactionPending(part["transactionId"])
    if kind == "transactionResponseAck":
        return TransactionAck([(each["firstAck"], each.get("lastAck", each["firstAck"])) for each in part])
    if kind == "segmentReply":
        return Segment(part["transactionId"], part["segmentNumber"], "segmentationComplete" in part)
    raise DecodeError("H.248 transaction", 0, "a transaction of unknown kind")


def _push_transaction(coder: Coder, part: Transaction) -> tuple[str, Any]:
    if isinstance(part, TransactionRequest):
        actions = [push_action(coder, each, in_reply=False) for each in part.actions]
        return "transactionRequest", {"transactionId": part.transaction_id, "actions": actions}
    if isinstance(part, TransactionReply):
        value: dict[str, Any] = {"transactionId": part.transaction_id}
        if part.immediate_ack_required:
            value["immAckRequired"] = 0
        if part.error is not None:
            value["transactionResult"] = ("transactionError", push_error(part.error))
        else:
            actions = [push_action(coder, each, in_reply=True) for each in part.actions]
            value["transactionResult"] = ("actionReplies", actions)
        if part.segment is not None:
            value["segmentNumber"] = part.segment
        if part.last_segment:
            value["segmentationComplete"] = 0
        return "transactionReply", value
    if isinstance(part, TransactionPending):
        return "transactionPending", {"transactionId": part.transaction_id}
    if isinstance(part, TransactionAck):
        ranges = [{"firstAck": a, **({"lastAck": b} if b != a else {})} for a, b in part.ranges]
        return "transactionResponseAck", ranges
    value = {"transactionId": part.transaction_id, "segmentNumber": part.segment}
    if part.last_segment:
        value["segmentationComplete"] = 0
    return "segmentReply", value
