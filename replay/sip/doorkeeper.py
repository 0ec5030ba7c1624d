"""Looks at each request before anything is done for it: who is not listed has to authenticate (RFC 3261 section 22).

Refused without a transaction (section 8.2.7): a stranger costs one response, and no memory.
"""

from __future__ import annotations

from collections.abc import Callable

from dissectors.errors import DecodeError
from dissectors.sip import SipMessage, parse_name_addr
from replay.admission import Admission
from replay.events import Endpoint
from replay.sip.dialog import Dialog, target_of
from replay.sip.digest import DigestServer
from replay.sip.directory import Directory
from replay.sip.layer import Hop, Refused


class Doorkeeper:
    """Of one user agent."""

    def __init__(
        self,
        admission: Admission,
        directory: Directory,
        local: Endpoint,
        chance: Callable[[int], bytes],
        address_of: Callable[[Hop], str],
        is_inside: Callable[[SipMessage], bool],
    ) -> None:
        """`address_of` tells where a hop comes from, `is_inside` whether a request is of a dialog that we have."""
        self._admission = admission
        self._directory = directory
        self._address_of = address_of
        self._is_inside = is_inside
        self._digest = DigestServer(admission.realm, admission.users, chance(16)) if admission.users else None
        host = f"[{local[0]}]" if ":" in local[0] else local[0]
        self._places = (f"sip:{host}:{local[1]}", f"sip:{host}", f"sip:{admission.realm}")
        "What `uri` may be beside the Request-URI: SIPp has the place that it sends to."

    def __call__(self, request: SipMessage, hop: Hop, now: float) -> Refused | bool:
        """The refusal; else whether the request shows that its sender gets what we send to where it comes from."""
        address = self._address_of(hop)
        if self._is_inside(request):
            return True  # it knows our tag, which is drawn by chance
        if self._admission.is_listed(address):
            return False
        if self._digest is None:
            return Refused(403, "Forbidden", (("Reason", 'SIP;cause=403;text="this address is not listed"'),))
        if request.method == "CANCEL":  # may not be challenged (section 22.1)
            return Refused(481, "Call/Transaction Does Not Exist")
        checked = self._digest.check(request, address, now, self._places)
        if checked.user:
            return True
        challenge = self._digest.challenge(address, now, is_stale=checked.is_stale)
        return Refused(401, "Unauthorized", (("WWW-Authenticate", challenge),))

    def fits(self, hop: Hop, address: str) -> bool:
        """May who sends from there have us send to this address?"""
        return self._admission.fits(self._address_of(hop), address)

    def contact_fits(self, message: SipMessage, hop: Hop) -> bool:
        """Is where requests of the dialog would go, the first Record-Route or Contact, fit for who sends this?"""
        routes = message.header_list("Record-Route")
        return self._place_fits(_next_uri(routes if message.is_request else routes[::-1], target_of(message)), hop)

    def next_hop(self, dialog: Dialog, hop: Hop | None) -> tuple[Endpoint, str] | None:
        """Where a request inside a dialog goes, and the transport that is asked for; None where nobody knows.

        To where the other side came from, when what it names instead is not fit for it.
        """
        named = _next_uri(dialog.routes, dialog.remote_target)
        found = self._directory.find(named)
        if found is None or hop is None or self._place_fits(named, hop):
            return found
        return (hop[1], "") if isinstance(hop[1], tuple) else None

    def _place_fits(self, uri: str, hop: Hop) -> bool:
        found = self._directory.find(uri)
        return found is None or self.fits(hop, found[0][0])


def _next_uri(routes: list[str], target: str) -> str:
    """Where a request goes: to the first of its routes, each a name-addr (RFC 3261 section 12.2.1.1), or its target."""
    if not routes:
        return target
    try:
        return parse_name_addr(routes[0]).uri
    except DecodeError:
        return ""
