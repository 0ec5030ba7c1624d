"""Commands and their descriptors in the text encoding (H.248.1 Annex B.2; clauses 7.1 and 7.2).

Each function that reads an item returns the mark behind it; see `text_words`.
"""

from __future__ import annotations

from dissectors.h248.model import Command, CommandName, MediaDescriptor, ServiceChange
from dissectors.h248.text_events import read_digit_map, read_event_list, read_events, read_observed, read_signals
from dissectors.h248.text_media import MEDIA_PARTS, read_media, read_media_part
from dissectors.h248.text_values import (
    TIMESTAMP,
    read_audit_items,
    read_error,
    read_list,
    read_mid,
    read_properties,
    read_property,
    read_terminations,
    spelled,
)
from dissectors.h248.text_words import Reader

COMMANDS = spelled(
    {
        "A": CommandName.ADD,
        "MV": CommandName.MOVE,
        "MF": CommandName.MODIFY,
        "S": CommandName.SUBTRACT,
        "AV": CommandName.AUDIT_VALUE,
        "AC": CommandName.AUDIT_CAPABILITY,
        "N": CommandName.NOTIFY,
        "SC": CommandName.SERVICE_CHANGE,
    }
)
"""Commands by every usual spelling of their tokens."""

_DESCRIPTORS = spelled(
    {token: token for token in ("M", "E", "SG", "OE", "ER", "AT", "SA", "SV", "PG", "DM", "EB", "MD", "MX", "}")}
)
_SERVICES = spelled({token: token for token in ("MT", "RE", "DL", "AD", "MG", "PF", "V", "SIC", "AT")})
_METHODS = spelled(
    {
        "RS": "Restart",
        "FO": "Forced",
        "GR": "Graceful",
        "DC": "Disconnected",
        "HO": "HandOff",
        "FL": "Failover",
    }
)


def read_command(reader: Reader, name: CommandName, optional: bool, wildcard: bool) -> tuple[Command, str]:
    """A command behind its token."""
    take = reader.take
    if take() != "=":
        raise reader.fail("command", "'=' expected")
    ids = read_terminations(reader)
    command = Command(name, ids, optional, wildcard)
    mark = take()
    if mark != "{":
        return command, mark
    if ids[0].lower() in ("context", "c") and name in (CommandName.AUDIT_VALUE, CommandName.AUDIT_CAPABILITY):
        return _read_context_audit(reader, command)
    while True:
        word = take()
        token = _DESCRIPTORS.get(word) or _DESCRIPTORS.get(word.lower())
        if token == "M":
            command.media, mark = read_media(reader, take())
        elif token == "E":
            command.events, mark = read_events(reader, take())
        elif token == "SG":
            command.signals, mark = read_signals(reader, take())
        elif token == "}":
            return command, take()
        else:
            mark = _read_descriptor(reader, token, word, command)
        if mark == "}":
            return command, take()
        if mark != ",":
            raise reader.fail("command", "',' or '}' expected")


def _read_context_audit(reader: Reader, command: Command) -> tuple[Command, str]:
    """The terminations of a context, or an error: `AV = C { t1, t2 }`, `AV = C { ER = 411 }`."""
    command.termination_ids = []
    command.context_terminations = []
    take = reader.take
    while True:
        word = take()
        if word == "}":
            return command, take()
        if word.lower() in ("er", "error"):
            command.error, mark = read_error(reader)
        else:
            command.context_terminations.append(word)
            mark = take()
        if reader.closed(mark, "termination list"):
            return command, take()


def _read_descriptor(reader: Reader, token: str | None, word: str, command: Command) -> str:
    take = reader.take
    if token == "OE":
        command.observed_events, mark = read_observed(reader, take())
    elif token == "ER":
        command.error, mark = read_error(reader)
    elif token == "AT":
        command.audit, mark = read_audit_items(reader, take(), "audit")
    elif token == "SA":
        command.statistics, mark = read_properties(reader, take(), "statistics")
    elif token == "SV":
        command.service_change, mark = _read_services(reader, take())
    elif token == "PG":
        command.packages, mark = read_list(reader, take(), "packages")
    elif token == "DM":
        command.digit_map, mark = read_digit_map(reader, take())
    elif token == "EB":
        command.event_buffer = []
        mark = take()
        if mark == "{":
            mark = read_event_list(reader, command.event_buffer)
    elif token == "MD":
        command.modem, mark = _read_modem(reader, take())
    elif token == "MX":
        command.mux, mark = _read_mux(reader, take())
    elif word in MEDIA_PARTS or word.lower() in MEDIA_PARTS:
        # Seen in the field: what belongs into Media stands by itself.
        reader.faults.append("media without Media descriptor")
        command.media = command.media or MediaDescriptor()
        mark = read_media_part(reader, word, command.media)
    else:
        if word in "{,=":
            raise reader.fail("command", "a descriptor expected")
        mark = take()
        if mark in ("=", "<", ">", "#"):
            word += mark + take()
            mark = take()
        text, mark = reader.braced_text(mark, "descriptor")
        command.extensions.append(word + text)
        reader.faults.append("unknown descriptor")
    return mark


def _read_modem(reader: Reader, mark: str) -> tuple[str, str]:
    kinds = ""
    if mark == "=":
        mark = reader.take()
        if mark != "[":
            kinds, mark = "=" + mark, reader.take()
    if mark == "[":
        kinds = "["
        while not kinds.endswith("]"):
            kinds += reader.take()
            if len(kinds) > 300:
                raise reader.fail("modem", "']' expected")
        mark = reader.take()
    text, mark = reader.braced_text(mark, "modem")
    return kinds + text, mark


def _read_mux(reader: Reader, mark: str) -> tuple[str, str]:
    if mark != "=":
        return "", mark
    kind = reader.take()
    text, mark = reader.braced_text(reader.take(), "mux")
    return kind + text, mark


def _read_services(reader: Reader, mark: str) -> tuple[ServiceChange, str]:
    change = ServiceChange()
    if mark != "{":
        return change, mark
    take = reader.take
    while True:
        word = take()
        token = _SERVICES.get(word) or _SERVICES.get(word.lower())
        if token is None:
            if word == "}":
                return change, take()
            if TIMESTAMP.fullmatch(word):
                change.timestamp = word.upper()
                mark = take()
            else:
                mark = read_property(reader, word, change.extensions)
        elif token == "MT":
            value = reader.assigned("method")
            change.method = _METHODS.get(value) or _METHODS.get(value.lower()) or value
            mark = take()
        elif token == "RE":
            change.reason = reader.assigned("reason").strip('"')
            mark = take()
        elif token == "DL":
            change.delay = reader.assigned_number("delay")
            mark = take()
        elif token == "PF":
            change.profile = reader.assigned("profile")
            mark = take()
        elif token == "V":
            change.version = reader.assigned_number("version", 99)
            mark = take()
        elif token == "SIC":
            change.incomplete = True
            mark = take()
        elif token == "AT":
            change.audit_items, mark = read_audit_items(reader, take(), "audit")
        else:
            reader.expect("=", "address")
            address, mark = read_mid(reader)
            if token == "AD":
                change.address = address
            else:
                change.mgc_id_to_try = address
        if reader.closed(mark, "services"):
            return change, take()
