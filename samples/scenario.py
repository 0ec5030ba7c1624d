"""Scenario descriptions: from `scenario.toml` to the octets of every step.

A description names the nodes, the texts that recur, and the steps in order of time; `samples/README.md` explains the
keys. `<<name>>` stands for a value written once. Sizes (`<<size>>`) are filled in last, so that a fault twin that
changes a body keeps its Content-Length and Byte-Range right, unless they are what it changes.

A fault twin is a description with `base = "<scenario>"` and a few changes: see `Scenario.load`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from samples import mikey_messages

PROTOCOLS = ("sip", "h248", "msrp", "http", "tcp", "tls")
DEFAULT_ENDS = {"tcp": "msrp", "tls": "msrp"}
"The end points of a step that names none, where they are not called as the protocol is."
STEP_KEYS = frozenset({*PROTOCOLS, "name", "at", "use", "text", "content", "end", "answers", "rows", "do", "leg"})
TLS_KEYS = frozenset({"psk", "server_psk", "psk_identity", "psk_hint", "suite", "extended_master_secret"})
TLS_KEYS |= {"client_random", "server_random", "certificate", "fails", "alert", "finished_at"}
NAME = re.compile(r"<<([\w.]+)(?:\[(\d+)-(\d+)\])?>>")
LATE = ("size", "content")  # filled in after the changes of a twin
MAX_DEPTH = 16


class ScenarioError(ValueError):
    """The description contradicts itself; the message says where."""


@dataclass(slots=True)
class Node:
    """One host: its role, its Ethernet address and its named end points (`sip`, `h248`, `msrp`, ...)."""

    name: str
    role: str
    mac: str
    delay: int
    "Nanoseconds from a packet sent to this node until its TCP answer is seen at the capture point."
    ends: dict[str, tuple[str, int]]


@dataclass(slots=True)
class Step:
    """One thing that happens: a message (`octets`), or `do` for what TCP itself does."""

    name: str
    at: int
    "Nanoseconds after the start of the capture."
    protocol: str
    source: tuple[Node, str]
    target: tuple[Node, str]
    do: str = ""
    octets: bytes = b""
    rows: tuple[str, ...] = ()
    "Rows of the requirements table that this step shows."
    options: dict[str, Any] = field(default_factory=dict)
    "What a `tls` step says beside `do`, values filled in."


@dataclass(slots=True)
class Scenario:
    """A whole description, ready to be built."""

    name: str
    title: str
    start: int
    "Nanoseconds since 1970 UTC."
    interface: str
    nodes: dict[str, Node]
    steps: list[Step] = field(default_factory=list)
    not_applicable: dict[str, str] = field(default_factory=dict)
    "Requirement rows that this scenario cannot show, each with the reason."

    @classmethod
    def load(cls, path: Path) -> Scenario:
        """Read a `scenario.toml`, with its base if it is a twin. Raises ScenarioError, or tomllib.TOMLDecodeError."""
        raw = _with_base(path)
        nodes = {name: _node(name, index, table) for index, (name, table) in enumerate(raw["nodes"].items(), 1)}
        words = {key: _octets(str(value)) for key, value in {**raw.get("text", {}), **raw.get("values", {})}.items()}
        for node in nodes.values():
            for end, (ip, port) in node.ends.items():
                words |= {f"{node.name}.{end}.ip": ip, f"{node.name}.{end}.port": str(port)}
                words[f"{node.name}.{end}"] = f"{ip}:{port}"
        words |= _mikey_words(raw.get("mikey", {}), words, start_of(raw), path)
        legs = {
            name: {**words, **{key: _octets(value) for key, value in leg.items()}}
            for name, leg in raw.get("leg", {}).items()
        }
        scenario = cls(path.parent.name, raw["title"], start_of(raw), raw["interface"], nodes)
        scenario.not_applicable = dict(raw.get("not_applicable", {}))
        tables = {table["name"]: table for table in raw["step"]}
        if len(tables) != len(raw["step"]):
            raise ScenarioError(f"{path}: two steps have the same name")
        changes = raw.get("change", [])
        for table in raw["step"]:
            first = tables.get(table.get("again", table["name"]))
            if first is None:
                raise ScenarioError(f"step {table['name']}: it repeats {table['again']!r}, which is not there")
            own = [change for change in changes if change.get("step") == first["name"]]
            if first is not table:
                table = {**first, "name": table["name"], "at": table["at"], "rows": []}
            leg = table.get("leg", tables.get(table.get("answers", ""), {}).get("leg", ""))
            if leg and leg not in legs:
                raise ScenarioError(f"step {table['name']}: no leg is called {leg!r}")
            scenario.steps.append(_step(table, tables, legs.get(leg, words), nodes, own))
        scenario.steps.sort(key=lambda step: step.at)
        return scenario


def _with_base(path: Path) -> dict[str, Any]:
    """The description as tables; a twin's are laid over those of its base, its `drop` and `set` changes carried out."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    if "base" not in raw:
        return raw
    base = _with_base(path.parent.parent / raw["base"] / "scenario.toml")
    for key in ("nodes", "values", "leg", "text", "not_applicable"):
        base[key] = {**base.get(key, {}), **raw.get(key, {})}
    for name, table in raw.get("mikey", {}).items():
        base.setdefault("mikey", {})[name] = {**base.get("mikey", {}).get(name, {}), **table}
    for key in ("title", "start"):
        base[key] = raw.get(key, base[key])
    steps: list[dict[str, Any]] = base["step"]
    for change in raw.get("change", []):
        for pattern in change.get("drop", []):
            kept = [step for step in steps if not fnmatchcase(step["name"], pattern)]
            if len(kept) == len(steps):
                raise ScenarioError(f"{path}: no step to drop is called {pattern!r}")
            steps = kept
        if "step" in change and change["step"] not in {step["name"] for step in steps}:
            raise ScenarioError(f"{path}: no step to change is called {change['step']!r}")
        if "set" in change:
            steps = [{**step, **change["set"]} if step["name"] == change["step"] else step for step in steps]
    base["step"] = steps + raw.get("step", [])
    base["change"] = base.get("change", []) + [change for change in raw.get("change", []) if "replace" in change]
    return base


def start_of(raw: dict[str, Any]) -> int:
    """When the capture begins, in nanoseconds since 1970 UTC."""
    return int(datetime.fromisoformat(raw["start"]).timestamp()) * 10**9


def _mikey_words(tables: dict[str, dict[str, Any]], words: dict[str, str], start: int, path: Path) -> dict[str, str]:
    """What steps may use of each `[mikey.NAME]`: its messages and keys."""
    found: dict[str, str] = {}
    for name, table in tables.items():
        filled = {
            key: _expand(value, words, set(), f"[mikey.{name}]") if isinstance(value, str) else value
            for key, value in table.items()
        }
        try:
            found |= mikey_messages.words(name, mikey_messages.KeyAgreement(filled, start))
        except (ValueError, KeyError) as error:
            raise ScenarioError(f"{path}: [mikey.{name}]: {error}") from None
    return found


def _node(name: str, index: int, table: dict[str, Any]) -> Node:
    ends = {}
    for key, value in table.items():
        if key not in ("role", "mac", "delay_ms"):
            ip, _, port = value.rpartition(":")
            ends[key] = (ip, int(port))
    mac = table.get("mac", f"02:00:00:00:00:{index:02x}")
    return Node(name, table["role"], mac, round(table.get("delay_ms", 0.2) * 10**6), ends)


def _octets(text: str) -> str:
    """Text as a string of one character per octet, lines ended by CRLF: sizes then count octets."""
    return text.replace("\n", "\r\n").encode().decode("latin-1")


def _step(
    table: dict[str, Any],
    tables: dict[str, dict[str, Any]],
    words: dict[str, str],
    nodes: dict[str, Node],
    changes: list[dict[str, Any]],
) -> Step:
    name = table["name"]
    protocol = next((key for key in PROTOCOLS if key in table), "")
    if not protocol:
        raise ScenarioError(f"step {name}: none of {', '.join(PROTOCOLS)} says who talks to whom")
    left, arrow, right = table[protocol].partition("->")
    if not arrow:
        raise ScenarioError(f"step {name}: {table[protocol]!r} is not of the form 'from -> to'")
    default = DEFAULT_ENDS.get(protocol, protocol)
    ends = [_end(nodes, side.strip(), default, name) for side in (left, right)]
    step = Step(name, round(table["at"] * 10**9), protocol, ends[0], ends[1], table.get("do", ""))
    step.rows = tuple(table.get("rows", ()))
    if protocol == "tcp":
        return step
    if protocol == "tls":
        if idle := table.keys() - STEP_KEYS - TLS_KEYS:
            raise ScenarioError(f"step {name}: a tls step has no {', '.join(sorted(idle))}")
        step.options = {
            key: _expand(value, words, set(), name) if isinstance(value, str) else value
            for key, value in table.items()
            if key in TLS_KEYS
        }
        return step
    asked = tables.get(table.get("answers", ""), {})
    if "answers" in table and not asked:
        raise ScenarioError(f"step {name}: it answers {table['answers']!r}, which is not there")
    own = {key: _octets(value) for key, value in table.items() if key not in STEP_KEYS}
    local = {**words, **{key: _octets(value) for key, value in asked.items() if key not in STEP_KEYS}, **own}
    used: set[str] = set()
    text = words[table["use"]] if "use" in table else _octets(table["text"])
    content = table.get("content")
    if content is not None:
        # The line end before an MSRP end-line is not part of the body (RFC 4975 section 7.1).
        content = _expand(_octets(content.removesuffix("\n") if protocol == "msrp" else content), local, used, name)
    text = _expand(text, local, used, name)
    if idle := own.keys() - used:
        raise ScenarioError(f"step {name}: nothing uses {', '.join(sorted(idle))}")
    for change in changes:
        change = {**change, **{key: _expand(change[key], local, set(), name) for key in ("replace", "with")}}
        text, content = _replace(text, content, change, name)
    size = str(len(content or ""))
    text = text.replace("<<size>>", size)
    step.octets = _message(protocol, text, content, table.get("end", "$")).encode("latin-1")
    return step


def _end(nodes: dict[str, Node], text: str, default: str, step: str) -> tuple[Node, str]:
    name, _, end = text.partition(".")
    if name not in nodes or (end or default) not in nodes[name].ends:
        raise ScenarioError(f"step {step}: no node has the end point {name}.{end or default}")
    return nodes[name], end or default


def _expand(text: str, words: dict[str, str], used: set[str], step: str, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        raise ScenarioError(f"step {step}: a value stands for itself")

    def one(match: re.Match[str]) -> str:
        word, first, last = match.groups()
        if word in LATE and word not in words:
            return match[0]
        used.add(word)
        if word in words:
            value = _expand(words[word], words, used, step, depth + 1)
            return value[int(first) - 1 : int(last)] if first else value
        stem, _, attribute = word.rpartition(".")
        if attribute == "size" and stem in words:
            return str(len(_expand(words[stem], words, used, step, depth + 1)))
        raise ScenarioError(f"step {step}: nothing says what <<{word}>> is")

    return NAME.sub(one, text)


def _replace(text: str, content: str | None, change: dict[str, Any], step: str) -> tuple[str, str | None]:
    """Exchange the one place where the text stands; a twin that would change two facts, or none, is an error."""
    old, new = _octets(change["replace"]), _octets(change["with"])
    if (found := text.count(old) + (content or "").count(old)) != 1:
        raise ScenarioError(f"step {step}: {change['replace']!r} stands {found} times in it, not once")
    return text.replace(old, new), content if content is None else content.replace(old, new)


def _message(protocol: str, text: str, content: str | None, end: str) -> str:
    if protocol in ("sip", "http"):
        return f"{text}\r\n{content or ''}"
    if protocol == "h248":
        return text.removesuffix("\r\n")
    tid = text.split(" ", 2)[1]
    body = "" if content is None else f"\r\n{content}\r\n"
    return f"{text}{body}-------{tid}{end}\r\n" if end else text + body
