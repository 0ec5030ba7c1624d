"""Which MSRP connection model is in force: TR 29.828 clause 4.1.4, table 4.1.4-1, as data and one function.

RFC 4975 is the ground. RFC 6135 lets `a=setup` say who opens the connection, CEMA (RFC 6714) lets border gateways
rewrite `c=` and `m=` alone, sessmatch (draft-ietf-simple-msrp-sessmatch-10) lets them rewrite `a=path` and leave MSRP
as it is, a relay (RFC 4976) stands in the path itself. All but sessmatch can be told from offer and answer; nothing
negotiates sessmatch, so it shows only in what is accepted: a To-Path whose session-id alone is the receiver's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from analyzer.conversations.media import MediaEnd


class Model(StrEnum):
    """The models; their values stand in reports."""

    RFC4975 = "rfc4975"
    RFC6135 = "rfc6135"
    SESSMATCH = "sessmatch"
    CEMA = "cema"
    RELAY = "relay"


class Party(StrEnum):
    """The two ends of an offer/answer exchange."""

    OFFERER = "offerer"
    ANSWERER = "answerer"

    @property
    def other(self) -> Party:
        return Party.ANSWERER if self is Party.OFFERER else Party.OFFERER


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One row of table 4.1.4-1; RFC 6135 alone and relays are as RFC 4975 where the table says that it depends."""

    title: str
    opener_by_setup: bool
    "`a=setup` says who opens the connection (RFC 4145); else the offerer does."
    address_from_lines: bool
    "The address to connect to is that of `c=` and `m=`; else that of the first entry of `a=path`."
    matching_has_address: bool
    "A receiver compares address and port of To-Path with its own path; else the session-id alone."
    gateway_rewrites_msrp: bool
    "A gateway puts its own address into the paths of MSRP messages."
    controller_rewrites_sdp: bool
    "The gateway's controller puts it into `a=path`."


TABLE = {
    Model.RFC4975: ModelRow("RFC 4975", False, False, True, True, True),
    Model.RFC6135: ModelRow("RFC 6135 (a=setup)", True, False, True, True, True),
    Model.SESSMATCH: ModelRow("sessmatch (draft-ietf-simple-msrp-sessmatch-10)", True, False, False, False, True),
    Model.CEMA: ModelRow("CEMA (RFC 6714)", True, True, True, False, False),
    Model.RELAY: ModelRow("MSRP relay (RFC 4976)", True, False, True, True, True),
}


@dataclass(frozen=True, slots=True)
class ConnectionModel:
    """The model in force, with the reason; no model where the capture does not show it."""

    model: Model | None
    reason: str
    opener: Party | None = None
    "Who is to open the TCP connection; None where `a=setup` of the two contradict each other, or say nobody."
    opener_reason: str = ""

    @property
    def row(self) -> ModelRow | None:
        """Its row of table 4.1.4-1."""
        return TABLE[self.model] if self.model is not None else None


def connection_model(
    offer: MediaEnd | None,
    answer: MediaEnd | None,
    *,
    by_session_id_alone: bool = False,
    relayed_paths: Sequence[str] = (),
) -> ConnectionModel:
    """The model of one MSRP stream from its offer and answer, and from what MSRP itself showed.

    `by_session_id_alone`: requests were accepted whose To-Path has the session-id of the receiver and another address.
    `relayed_paths`: To-Path values of more than one URI, and `AUTH` for a request to a relay.
    """
    relay = ""
    if relayed_paths or (offer is not None and len(offer.path) > 1) or (answer is not None and len(answer.path) > 1):
        ends = [(name, end) for name, end in (("offer", offer), ("answer", answer)) if end is not None]
        relay = _relay_reason(ends, relayed_paths)
    if offer is None or answer is None:
        lacking = "answer" if offer is not None else "offer"
        if relay:
            return ConnectionModel(Model.RELAY, relay)
        return ConnectionModel(None, f"no {lacking} of an MSRP stream in the capture")
    if answer.port == 0 or offer.port == 0:
        return ConnectionModel(None, "the MSRP stream was refused (port 0)")
    if relay:
        return ConnectionModel(Model.RELAY, relay, *agreed_opener(offer.setup, answer.setup))
    return _negotiated(offer.setup, answer.setup, offer.cema, answer.cema, by_session_id_alone)


@lru_cache(maxsize=64)
def _negotiated(
    offered: str, answered: str, offer_cema: bool, answer_cema: bool, by_session_id_alone: bool
) -> ConnectionModel:
    """The model without a relay, by `a=setup` and `a=msrp-cema` of offer and answer."""
    opener, why = agreed_opener(offered, answered)
    if offer_cema and answer_cema:
        return ConnectionModel(Model.CEMA, f"a=msrp-cema in offer and answer; {why}", opener, why)
    cema = _cema_reason(offer_cema, answer_cema)
    if by_session_id_alone:
        reason = f"requests are accepted whose To-Path has the receiver's session-id and another address; {cema}"
        return ConnectionModel(Model.SESSMATCH, reason, opener, why)
    if offered and answered:
        return ConnectionModel(Model.RFC6135, f"{why}; {cema}", opener, why)
    return ConnectionModel(Model.RFC4975, f"{why}; {cema}", opener, why)


@lru_cache(maxsize=64)
def agreed_opener(offered: str, answered: str) -> tuple[Party | None, str]:
    """Who opens the TCP connection by `a=setup` (RFC 4145 section 4.1), and why; without it the offerer (RFC 4975)."""
    if not offered or not answered or offered == "holdconn":
        lacking = [name for name, setup in (("offer", offered), ("answer", answered)) if setup in ("", "holdconn")]
        # RFC 6135 section 4.2.1: holdconn counts as no a=setup.
        return Party.OFFERER, f"no a=setup in the {' and the '.join(lacking) or 'offer'}: the offerer opens TCP"
    pair = f"a=setup:{offered} answered by a=setup:{answered}"
    if answered == "active" and offered in ("passive", "actpass"):
        return Party.ANSWERER, pair
    if answered == "passive" and offered in ("active", "actpass"):
        return Party.OFFERER, pair
    return None, f"{pair}, which names nobody"


def _relay_reason(ends: Sequence[tuple[str, MediaEnd]], relayed_paths: Sequence[str]) -> str:
    told = [f"a=path of the {name} has {len(end.path)} entries" for name, end in ends if len(end.path) > 1]
    if "AUTH" in relayed_paths:
        told.append("AUTH to a relay")
    elif relayed_paths and not told:
        told.append(f"To-Path of requests has {len(relayed_paths[0].split())} entries")
    return ", ".join(told)


def _cema_reason(in_offer: bool, in_answer: bool) -> str:
    if not in_offer and not in_answer:
        return "no a=msrp-cema"
    return f"a=msrp-cema in the {'offer' if in_offer else 'answer'} alone"
