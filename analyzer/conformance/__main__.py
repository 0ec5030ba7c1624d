"""`python -m analyzer.conformance [--check] FILE`: write docs/conformance.md, or say whether it is up to date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analyzer.checks import CHECKS
from analyzer.conformance.table import conformance
from analyzer.flows import FLOWS
from analyzer.suite import OURS, Suite


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; with --check 1 where the file is another."""
    parser = argparse.ArgumentParser(prog="python -m analyzer.conformance", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file would change")
    options = parser.parse_args(arguments)
    suite = Suite()
    suite.add(CHECKS, FLOWS, OURS)
    text = conformance(suite)
    if options.file.exists() and options.file.read_text(encoding="utf-8") == text:
        return 0
    if options.check:
        print(f"{options.file}: not what the code gives; run make docs", file=sys.stderr)
        return 1
    options.file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
