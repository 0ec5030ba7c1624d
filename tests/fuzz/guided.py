"""Coverage-guided fuzzing of an entry point: `python tests/fuzz/guided.py NAME RUNS FOLDER`; needs atheris (libFuzzer).

Not a dependency: it has wheels for some releases of Python only. `pip install atheris`, then `make soak` runs it too.
Exit code 0: every input was read or refused with DecodeError, none took longer than a second.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

with atheris.instrument_imports(include=["dissectors", "analyzer", "replay"]):
    from entry_points import ENTRY_POINTS, corpus

    from dissectors.errors import DecodeError


def main(name: str, runs: int, folder: Path) -> None:
    enter, kind = ENTRY_POINTS[name]

    def once(octets: bytes) -> None:
        with suppress(DecodeError):
            enter(octets)

    for number, octets in enumerate(corpus()[kind]):
        (folder / str(number)).write_bytes(octets)
    options = (f"-runs={runs}", "-timeout=1", "-max_len=16384", "-seed=1", f"-artifact_prefix={folder}/")
    atheris.Setup([sys.argv[0], *options, str(folder)], once)
    atheris.Fuzz()  # ends the process


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
