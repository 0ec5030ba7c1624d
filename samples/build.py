"""Build `capture.pcapng` of every sample, or of the named ones: `python -m samples.build [NAME...] [--check]`.

A folder with `lab.toml` is played by the lab's functions (`samples.virtual`), one below `drawn/` with `scenario.toml`
is drawn (`samples.builder`). The captures of fault twins are not kept under version control: a twin is its description.
With `--expected` it writes what the analyzer says to `expected.json` as well, for a person to read before it is
committed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):  # run as a file: python samples/build.py
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from samples.builder import Builder, Packet
from samples.pcapng import encode
from samples.scenario import Scenario, ScenarioError
from samples.virtual.description import LabSampleError, load
from samples.virtual.play import play

FOLDER = Path(__file__).resolve().parent
DRAWN = FOLDER / "drawn"
"Those that are drawn by hand."
LAB_KEYS = "# Keys of a lab, made by mrfscope lab."
SAMPLE_KEYS = "# Keys of this sample alone, made up (samples/virtual)."
ERRORS = (ScenarioError, LabSampleError, OSError, ValueError)
"What a description that cannot be built raises."


def is_twin(name: str) -> bool:
    """Is this folder a fault twin, or a good variant, of another scenario?"""
    return "--" in name


def packets(description: Path) -> tuple[Scenario, list[Packet]]:
    """A drawn scenario and its packets, in order; frame N of the capture is packet N - 1. Raises ScenarioError."""
    scenario = Scenario.load(description)
    return scenario, Builder(scenario).build()


def capture(description: Path) -> bytes:
    """The pcapng file that a drawn description stands for. Raises ScenarioError."""
    scenario, built = packets(description)
    return encode(built, scenario.interface)


@dataclass(frozen=True, slots=True)
class Made:
    """What a folder holds beside its description."""

    capture: bytes
    keys: str = ""
    "Of a sample of the lab that is secured, and no twin."


def made(folder: Path) -> Made:
    """What a folder should hold: played by the lab, drawn, or as it was recorded. Raises one of `ERRORS`."""
    played, drawn = folder / "lab.toml", folder / "scenario.toml"
    if played.exists():
        sample = load(played)
        found = play(sample)
        keys = found.keys.text().replace(LAB_KEYS, SAMPLE_KEYS)
        return Made(encode(found.packets, "mrfscope"), keys if sample.secured and not is_twin(folder.name) else "")
    if drawn.exists():
        return Made(capture(drawn))
    return Made((folder / "capture.pcapng").read_bytes())


def octets_of(folder: Path) -> bytes:
    """The capture of a folder. Raises one of `ERRORS`."""
    return made(folder).capture


def keys_of(folder: Path) -> Path | None:
    """The keys file of a secured scenario, or of the scenario that a twin is made from."""
    base = folder.with_name(folder.name.partition("--")[0])
    return next((path for path in (folder / "keys.toml", base / "keys.toml") if path.exists()), None)


def names() -> list[str]:
    """All that can be built: those of the lab, then those that are drawn."""
    lab = sorted(path.parent.name for path in FOLDER.glob("*/lab.toml"))
    return lab + sorted(f"{DRAWN.name}/{path.parent.name}" for path in DRAWN.glob("*/scenario.toml"))


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
    for name in options.name or names():
        target = FOLDER / name / "capture.pcapng"
        try:
            built = made(target.parent)
        except ERRORS as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 2
        data = built.capture
        files = {target: data, **({target.with_name("keys.toml"): built.keys.encode()} if built.keys else {})}
        if options.expected:
            if built.keys and not options.check:
                target.with_name("keys.toml").write_text(built.keys, encoding="utf-8")
            write_expected(target.parent, data)
        if all(path.exists() and path.read_bytes() == octets for path, octets in files.items()):
            print(f"{name}: {len(data)} octets, unchanged")
            continue
        if options.check and is_twin(name) and not target.exists():
            print(f"{name}: {len(data)} octets, not built")
            continue
        stale += 1
        if not options.check:
            for path, octets in files.items():
                path.write_bytes(octets)
        print(f"{name}: {len(data)} octets, {'differs from the file' if options.check else 'written'}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
