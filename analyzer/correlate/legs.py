"""Legs of one call on both sides of a back-to-back user agent: by ICID and by Session-ID.

The IMS charging identity (RFC 7315 section 5.6) and the Session-ID (RFC 7989) pass where Call-IDs do not.
"""

from __future__ import annotations

from dissectors.sip import SipMessage

MAX_LEGS = 8
"An identity that more calls share than a call can have legs is none: some equipment writes a constant."


_Table = dict[str, set[str] | None]
"Calls by identity; None for one that is no identity, and stays none when its calls are gone."


class LegTable:
    """Which calls carry the same ICID or Session-ID."""

    def __init__(self) -> None:
        self._icid: _Table = {}
        self._uuid: _Table = {}
        self._keys: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._gone: set[str] = set()

    def note(self, call_id: str, invite: SipMessage) -> None:
        """Note the identities of an INVITE that opens a call."""
        if call_id in self._keys:
            return
        icid = invite.icid() or ""
        both = invite.session_id()
        uuids = tuple(each for each in both if each.strip("0")) if both else ()
        self._keys[call_id] = (icid, uuids)
        if icid:
            _enter(self._icid, icid, call_id)
        for uuid in uuids:
            _enter(self._uuid, uuid, call_id)

    def others(self, call_id: str) -> dict[str, str]:
        """The other calls that share an identity with this one, each with the reason."""
        icid, uuids = self._keys.get(call_id, ("", ()))
        found: dict[str, str] = {}
        for other in self._family(self._icid, icid):
            if other != call_id:
                found[other] = "same ICID (RFC 7315)"
        for uuid in uuids:
            for other in self._family(self._uuid, uuid):
                if other != call_id:
                    found[other] = "same ICID and Session-ID" if other in found else "same Session-ID (RFC 7989)"
        return found

    @staticmethod
    def _family(table: _Table, key: str) -> list[str]:
        return sorted(table.get(key) or ())

    def forget(self, call_id: str) -> None:
        """The call was handed out; its partners keep knowing it as long as they are here themselves."""
        if call_id not in self._keys:
            return
        self._gone.add(call_id)
        family = {call_id, *self.others(call_id)}
        if family <= self._gone:
            for member in family:
                icid, uuids = self._keys.pop(member)
                _discard(self._icid, icid, member)
                for uuid in uuids:
                    _discard(self._uuid, uuid, member)
            self._gone -= family


def _enter(table: _Table, key: str, member: str) -> None:
    members = table.setdefault(key, set())
    if members is not None:
        members.add(member)
        if len(members) > MAX_LEGS:
            table[key] = None


def _discard(table: _Table, key: str, member: str) -> None:
    members = table.get(key)
    if members is not None:
        members.discard(member)
        if not members:
            del table[key]
