"""Build `capture.pcapng` of every scenario, or of the named ones: `python -m samples.build [NAME...] [--check]`.

The captures of fault twins are not kept under version control: a twin is its description. With `--expected` it writes
what the analyzer says of them to `expected.json` as well, for a person to read before it is committed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if __package__ in (None, ""):  # run as a file: python samples/build.py
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from samples.builder import Builder, Packet
from samples.pcapng import encode
from samples.scenario import Scenario, ScenarioError

FOLDER = Path(__file__).resolve().parent


def is_twin(name: str) -> bool:
    """Is this folder a fault twin, or a good variant, of another scenario?"""
    return "--" in name


def packets(description: Path) -> tuple[Scenario, list[Packet]]:
    """A scenario and its packets, in order; frame N of the capture is packet N - 1. Raises ScenarioError."""
    scenario = Scenario.load(description)
    return scenario, Builder(scenario).build()


def capture(description: Path) -> bytes:
    """The pcapng file that a description stands for. Raises ScenarioError."""
    scenario, built = packets(description)
    return encode(built, scenario.interface)


def octets_of(folder: Path) -> bytes:
    """The capture of a folder: built from its description, or as it was recorded. Raises ScenarioError, OSError."""
    description = folder / "scenario.toml"
    return capture(description) if description.exists() else (folder / "capture.pcapng").read_bytes()


def keys_of(folder: Path) -> Path | None:
    """The keys file of a secured scenario, or of the scenario that a twin is made from."""
    base = folder.with_name(folder.name.partition("--")[0])
    return next((path for path in (folder / "keys.toml", base / "keys.toml") if path.exists()), None)


def write_expected(folder: Path, data: bytes) -> None:
    """Write what the analyzer says of a capture. Raises samples.expected.ExpectedError."""
    from samples.expected import expected, text  # the analyzer is not needed to build

    record = expected(data, keys_of(folder), twin=is_twin(folder.name))
    (folder / "expected.json").write_text(text(record), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write the captures; with --check only say which would change. Exit code 0; 1 if one would, 2 if one is wrong."""
    parser = argparse.ArgumentParser(prog="samples.build", description=__doc__)
    parser.add_argument("name", nargs="*", help="scenario folders; without any, all")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a capture would change")
    parser.add_argument("--expected", action="store_true", help="write expected.json, too")
    options = parser.parse_args(arguments)
    stale = 0
    for name in options.name or sorted(path.parent.name for path in FOLDER.glob("*/scenario.toml")):
        target = FOLDER / name / "capture.pcapng"
        try:
            data = octets_of(target.parent)
        except (ScenarioError, OSError, ValueError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 2
        if options.expected:
            write_expected(target.parent, data)
        if target.exists() and target.read_bytes() == data:
            print(f"{name}: {len(data)} octets, unchanged")
            continue
        if options.check and is_twin(name) and not target.exists():
            print(f"{name}: {len(data)} octets, not built")
            continue
        stale += 1
        if not options.check:
            target.write_bytes(data)
        print(f"{name}: {len(data)} octets, {'differs from the file' if options.check else 'written'}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
