"""What the MRFC asks of the MRFP, as H.248 commands: Reserve, Configure, Release (TS 23.333 clause 6.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.h248 import Command, CommandName
from dissectors.h248.model import (
    Event,
    EventsDescriptor,
    MediaDescriptor,
    Property,
    Signal,
    SignalList,
    StreamParameters,
)
from dissectors.sdp import Connection
from dissectors.sdp.section import attribute_line
from replay.events import Endpoint
from replay.mrfc.config import MrfcConfig
from replay.mrfc.termination import other_port
from replay.negotiation import MsrpMedia, addrtype, remote_end
from replay.negotiation.media import PLAIN, SECURED

STREAM = 1
CHOOSE = "$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a termination is to be."""

    dialled_out: bool
    secured: bool
    setup: str
    "Of the MRFP: `active`, `passive`; `actpass` before the answer is there."
    remote: MsrpMedia | None = None
    "What the participant said; None before its answer is there."
    psk: bytes = field(default=b"", repr=False)
    psk_identity: str = ""
    room: str = ""
    "The conference URI, which messages to all have in To (RFC 7701 section 6.1)."
    participant: str = ""
    "The URI that the participant's messages have in From."
    request_id: int = 1
    "Of the Events descriptor."

    @property
    def starts(self) -> bool:
        """Is the MRFP to open the connection?"""
        return self.setup == "active" and self.remote is not None


def add_command(config: MrfcConfig, wanted: Wanted) -> Command:
    """Reserve (And Configure) IMS Resources: the MRFP chooses its address, port and session-id."""
    dictates = ("SEND-1" if wanted.dialled_out else "OFFER-4") in config.faults
    address = config.dictated_address if dictates else CHOOSE
    local = _description(address, CHOOSE, _proto(wanted), _local_setup(config, wanted), CHOOSE)
    remote = _remote(config, wanted)
    if remote is None and "DOUT-2" in config.faults and wanted.secured:
        remote = _description("198.51.100.99", "9", SECURED, "", "")
    stream = StreamParameters("SendReceive", None, None, _properties(config, wanted), True, local, remote)
    wildcard = config.termination or ("$" if config.encoding == "binary" else "ip/1/mb/$")
    command = Command(CommandName.ADD, [wildcard], media=MediaDescriptor({STREAM: stream}))
    if wanted.remote is not None:
        _watch_and_start(config, wanted, command)
    return command


def modify_command(config: MrfcConfig, wanted: Wanted, termination: str, local: MsrpMedia) -> Command:
    """Configure IMS Resources: what the answer said."""
    own = _description(local.address, str(local.port), _proto(wanted), wanted.setup, " ".join(local.path))
    control = _key(config, wanted)
    stream = StreamParameters("", None, None, control, bool(control), own, _remote(config, wanted))
    command = Command(CommandName.MODIFY, [termination], media=MediaDescriptor({STREAM: stream}))
    _watch_and_start(config, wanted, command)
    return command


def subtract_command(termination: str) -> Command:
    """Release, with the statistics asked for."""
    return Command(CommandName.SUBTRACT, [termination], audit=["SA"])


def filter_command(config: MrfcConfig, termination: str, script: str) -> Command:
    """Another message filter for a termination."""
    control = [Property(config.names.filter, [script], quoted=True)]
    stream = StreamParameters(properties=control, has_local_control=True)
    return Command(CommandName.MODIFY, [termination], media=MediaDescriptor({STREAM: stream}))


def _properties(config: MrfcConfig, wanted: Wanted) -> list[Property]:
    """LocalControl of an Add: the message filter, and the Pre-Shared Key where it is known."""
    found = [Property(config.names.filter, [config.filter_script], quoted=True)] if config.filter_script else []
    for name, value in ((config.names.room, wanted.room), (config.names.participant, wanted.participant)):
        if name and value and '"' not in value:
            found.append(Property(name, [value], quoted=True))
    return found + _key(config, wanted)


def _key(config: MrfcConfig, wanted: Wanted) -> list[Property]:
    """The Pre-Shared Key, where it is known."""
    if not wanted.psk:
        return []
    found = [Property(config.names.psk, [_psk(config, wanted).hex()])]
    if config.names.psk_identity:
        found.append(Property(config.names.psk_identity, [wanted.psk_identity], quoted=True))
    return found


def _psk(config: MrfcConfig, wanted: Wanted) -> bytes:
    return wanted.psk[::-1] if "DIN-4b" in config.faults and not wanted.dialled_out else wanted.psk


def _proto(wanted: Wanted) -> str:
    return SECURED if wanted.secured else PLAIN


def _local_setup(config: MrfcConfig, wanted: Wanted) -> str:
    return "" if "TCP-4" in config.faults and wanted.starts and not wanted.secured else wanted.setup


def _remote(config: MrfcConfig, wanted: Wanted) -> bytes | None:
    """The Remote descriptor: the participant's address, port and path (rows OFFER, ANS, TCP-2, DIN-4a)."""
    media = wanted.remote
    if media is None:
        return None
    faults, out = config.faults, wanted.dialled_out
    address, port = _remote_end(config, media, out)
    secured = wanted.secured != (("SEND-2" if out else "OFFER-2") in faults)
    if ("DIN-4a" if wanted.secured else "TCP-2") in faults and not out:
        address = ""
    path = " ".join(other_port(media.path) if ("ANS-1" if out else "OFFER-1") in faults else media.path)
    setup = {"active": "passive", "passive": "active"}.get(wanted.setup, "")
    made = _description(address, str(port), SECURED if secured else PLAIN, setup, path)
    if media.chatroom is not None:  # tells whether private messages may be sent there (RFC 7701 section 8)
        made += f"{attribute_line('chatroom', ' '.join(media.chatroom))}\r\n".encode()
    return made


def _remote_end(config: MrfcConfig, media: MsrpMedia, dialled_out: bool) -> Endpoint:
    address, port = remote_end(media)
    row = "OFFER-3b" if media.cema else "OFFER-3"
    if dialled_out:
        row = "" if media.cema else "ANS-2"
    return address, port + 1 if row in config.faults else port


def _description(address: str, port: str, proto: str, setup: str, path: str) -> bytes:
    """A session description as Local and Remote have it (H.248.1 clause 7.1.8); what is empty is left out."""
    lines = ["v=0"]
    if address:
        family = "IP4" if address == CHOOSE else addrtype(address)
        lines.append(f"c={Connection('IN', family, address)}")
    lines.append(f"m=message {port} {proto} *")
    if setup:
        lines.append(f"a=setup:{setup}")
    if path:
        lines.append(f"a=path:{path}")
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "surrogateescape")


def _watch_and_start(config: MrfcConfig, wanted: Wanted, command: Command) -> None:
    """Events for failures, and signals that start TCP and TLS (rows TCP-3, TCP-4, DIN-4c, DIN-4d, DOUT-9b)."""
    names, faults = config.names, config.faults
    events: list[Event] = []
    if wanted.secured or wanted.dialled_out or "TCP-3" not in faults:
        events.append(_failure(names.tcp_event, names.failed))
    if wanted.secured and ("DOUT-9b" if wanted.dialled_out else "DIN-4c") not in faults:
        events.append(_failure(names.tls_event, names.failed))
    events.append(Event(names.heartbeat, parameters=[Property("timerx", [str(config.heartbeat)])]))
    command.events = EventsDescriptor(wanted.request_id, events)
    signals: list[Signal | SignalList] = []
    if wanted.starts and ("TCP-4" not in faults or wanted.secured):
        signals.append(Signal(names.start_tcp, stream_id=STREAM))
    if wanted.secured and _starts_tls(wanted, faults):
        signals.append(Signal(names.start_tls, stream_id=STREAM))
    if signals:
        command.signals = signals


def _starts_tls(wanted: Wanted, faults: frozenset[str]) -> bool:
    """Whoever opens TCP starts TLS (RFC 6135 section 4.2), unless a row is to be broken."""
    return wanted.starts and (wanted.dialled_out or "DIN-4d" not in faults)


def _failure(event: str, failed: str) -> Event:
    return Event(event, stream_id=STREAM, parameters=[Property("Type", [failed])])
