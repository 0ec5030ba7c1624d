"""The H.248 packages of this gateway, and the errors for what they do not have (H.248.8: 440, 445, 450 to 453).

Package names are registered at IANA; those of the items of H.248.69, .89 and .90 are not published freely, so the
profile (`analyzer.profile`) may name the ones of TCP, TLS and the Pre-Shared Key otherwise. The items of mf, msi and
msrpstat are choices of ours (`docs/decisions`, the one about the MRFP).
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.mrfp.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Package:
    """One package of the gateway; names in lower case."""

    version: int
    properties: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    signals: frozenset[str] = frozenset()
    statistics: frozenset[str] = frozenset()


FILTER_SCRIPT = "mf/script"
"Property of LocalControl: a Sieve script, or its octets in hexadecimal (a quote cannot stand in a quoted string)."
ROOM_URI = "msi/room"
"Property of LocalControl: the conference URI, which messages to all participants have in To."
PARTICIPANT_URI = "msi/participant"
"Property of LocalControl: the URI that the participant's messages have in From; several are alternatives."
PSK_IDENTITY = "tlsbsc/pskid"
"Property of LocalControl: the identity under which the key is used (RFC 4279)."
HEARTBEAT = "hangterm/thb"
CAUSE = "g/cause"
ROOT_ONLY = frozenset({"it/ito"})
"Events of the gateway as a whole."

PACKAGES: dict[str, Package] = {
    "g": Package(1, events=frozenset({"cause"})),
    "root": Package(
        2,
        properties=frozenset(
            {
                "maxnumberofcontexts",
                "maxterminationspercontext",
                "normalmgexecutiontime",
                "normalmgcexecutiontime",
                "mgprovisionalresponsetimervalue",
                "mgcprovisionalresponsetimervalue",
            }
        ),
    ),
    "hangterm": Package(1, events=frozenset({"thb"})),
    "it": Package(1, events=frozenset({"ito"})),
    "msrpstat": Package(1, statistics=frozenset({"mr", "or", "cr", "ms", "os", "cs"})),
    "msi": Package(1, properties=frozenset({"room", "participant"})),
    "mf": Package(1, properties=frozenset({"script"}), statistics=frozenset({"dropped"})),
    "tcpbcc": Package(1, events=frozenset({"bncchange"}), signals=frozenset({"estbnc", "relbnc"})),
    "tlsbsc": Package(
        1,
        properties=frozenset({"psk", "pskid"}),
        events=frozenset({"bncchange"}),
        signals=frozenset({"estbnc", "esttls", "relbnc"}),
    ),
}

KINDS = {"property": 450, "event": 451, "signal": 452, "statistic": 453}
"Item kinds, and the error for an item that its package has not."


def check_item(kind: str, name: str, more: frozenset[str] = frozenset()) -> str:
    """The name in lower case. Raises Refusal for a package or an item that is not here; `more` are known as well."""
    lower = name.lower()
    if lower in more:
        return lower
    package_name, _, item = lower.partition("/")
    package = PACKAGES.get(package_name)
    if package is None:
        raise Refusal(440, f"unsupported package {package_name}")
    have = {
        "property": package.properties,
        "event": package.events,
        "signal": package.signals,
        "statistic": package.statistics,
    }[kind]
    if item not in have and not (item == "*" and have):
        raise Refusal(KINDS[kind], f"no such {kind} {name}")
    return lower


def package_list() -> list[str]:
    """Names and versions, as an audit tells them."""
    return [f"{name}-{package.version}" for name, package in PACKAGES.items()]
