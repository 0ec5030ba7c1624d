"""The conference event package: who is in a conference, as XML (RFC 4575)."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from replay.mrfc.conference import Conference
from replay.mrfc.leg import Leg, State

CONTENT_TYPE = "application/conference-info+xml"
PACKAGE = "conference"


def conference_info(conference: Conference) -> bytes:
    """The full state of a conference (section 5)."""
    users = "".join(_user(leg) for leg in conference.roster)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        f'<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity={quoteattr(conference.uri)} '
        f'state="full" version="{conference.version}">\r\n'
        f"<conference-description><subject>{escape(conference.name)}</subject></conference-description>\r\n"
        f"<conference-state><user-count>{len(conference.roster)}</user-count></conference-state>\r\n"
        f"<users>{users}</users>\r\n</conference-info>\r\n"
    ).encode("utf-8", "replace")


def _user(leg: Leg) -> str:
    status = "connected" if leg.state is State.JOINED else "pending"
    method = "dialed-out" if leg.dialled_out else "dialed-in"
    name = f"<display-text>{escape(leg.display_name)}</display-text>" if leg.display_name else ""
    return (
        f'<user entity={quoteattr(leg.uri)} state="full">{name}<endpoint entity={quoteattr(leg.uri)} state="full">'
        f"<status>{status}</status><joining-method>{method}</joining-method></endpoint></user>"
    )
