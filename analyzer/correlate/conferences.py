"""Which sessions are one conference: the same focus URI (RFC 4579), or the same H.248 context (H.248.1 clause 6.1)."""

from __future__ import annotations

from operator import itemgetter

from analyzer.correlate.session import Conference, Session, stable_id


class ConferenceTable:
    """Groups sessions as they are handed out; keys seen together in one session become one conference."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._members: list[tuple[str, str, int]] = []
        self._uri: dict[str, str] = {}

    def note(self, session: Session) -> None:
        """Note one session; the keys that it joins are its focus URI and its contexts."""
        keys: list[str] = []
        facts = session.call.facts if session.call is not None else None
        if facts is not None and facts.focus_uri:
            keys.append("uri " + conference_key(facts.focus_uri))
            # The same whichever session comes first: early runs hand them out in another order.
            self._uri[keys[0]] = min(facts.focus_uri, self._uri.get(keys[0], facts.focus_uri))
        for life in session.terminations:
            keys.append(f"context {life.gateway} {life.context_id} {life.context_life}")
        if not keys:
            return
        for key in keys:
            self._parent.setdefault(key, key)
        for key in keys[1:]:
            self._parent[self._root(key)] = self._root(keys[0])
        self._members.append((session.id, keys[0], session.first))

    def _root(self, key: str) -> str:
        root = key
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[key] != root:
            self._parent[key], key = root, self._parent[key]
        return root

    def all(self) -> list[Conference]:
        """Every focus, and every context that at least three sessions share, in the order of their first session.

        Two sessions in one context without a focus are the two sides of a gateway, not a conference.
        """
        groups: dict[str, list[tuple[int, str]]] = {}
        uris: dict[str, str] = {}
        for key, uri in sorted(self._uri.items(), key=itemgetter(1)):
            uris.setdefault(self._root(key), uri)
        for session_id, key, first in self._members:
            groups.setdefault(self._root(key), []).append((first, session_id))
        found: list[tuple[int, Conference]] = []
        for root, members in groups.items():
            uri = uris.get(root, "")
            if not uri and len(members) < 3:
                continue
            members.sort()
            identity = conference_key(uri) if uri else members[0][1]
            found.append((members[0][0], Conference(stable_id("c", identity), uri, [each for _, each in members])))
        found.sort(key=lambda each: (each[0], each[1].id))
        return [each for _, each in found]


def conference_key(uri: str) -> str:
    """A conference URI without its parameters, for comparison (RFC 3261 section 19.1.4: the host in lower case)."""
    bare = uri.partition(";")[0].partition("?")[0]
    user, at, host = bare.rpartition("@")
    return user + at + host.lower()
