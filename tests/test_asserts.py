"""No `assert` decides over what came from outside: bytes give a result or a `DecodeError`, users a clear line.

What cannot happen is better told to the type checker by a structure that has no such case.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def asserts(path: Path) -> list[int]:
    """Lines of a file with an assertion."""
    return [node.lineno for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("package", ["dissectors", "analyzer"])
def test_no_assertions(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in sorted((ROOT / package).rglob("*.py")) for line in asserts(path)
    ]
    assert found == []


ALLOWED = {
    "replay/edge/stream.py": (
        2,
        "asyncio gives an asyncio.Transport before all else",
    ),
    "replay/edge/tcpdump.py": (3, "the process was made with both pipes"),
    "replay/lab/cli/alone.py": (1, "make_ue makes a UE"),
    "replay/lab/cli/up.py": (1, "make_mrfc makes an MRFC"),
    "replay/lab/openssl_leg.py": (4, "called once the note came that its call is up"),
    "replay/lab/play.py": (1, "scenarios bring UEs"),
    "replay/mrfc/dial_in.py": (11, "TRANSITIONS: an INVITE with an offer began the leg, which all of these stand in"),
    "replay/mrfc/dial_out.py": (7, "TRANSITIONS: what a leg is reserved and invited with stands in it before that"),
    "replay/mrfc/leg.py": (1, "the table itself: each way through it is tested"),
    "replay/ue/answering.py": (5, "an INVITE with an offer began the call"),
    "replay/ue/calling.py": (4, "our own INVITE began the call, to a place of our directory"),
}
"How many a file may have, and why what a peer sends cannot make them fail."


def test_assertions_of_the_lab() -> None:
    """Where sockets are, a few tell the type checker what our own tables of states say; no more than these."""
    files = sorted((ROOT / "replay").rglob("*.py"))
    found = {str(path.relative_to(ROOT)): len(asserts(path)) for path in files if asserts(path)}
    assert found == {name: count for name, (count, _) in ALLOWED.items()}
