"""Compare a JSON report with what the generator wrote: `python -m benchmarks.check CAPTURE REPORT`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.generate import counts_path


class WrongReportError(Exception):
    """The analyzer and the generator disagree."""


def written(path: Path) -> dict[str, int]:
    """What the generator wrote into a capture."""
    counts: dict[str, int] = json.loads(counts_path(path).read_text(encoding="utf-8"))
    return counts


def check_report(path: Path, report: dict[str, Any]) -> None:
    """Compare a JSON report with what the generator wrote. Raises WrongReportError."""
    sessions, conferences = report["sessions"], report["conferences"]
    said = {
        **{name: report["coverage"]["messages"].get(name, 0) for name in ("sip", "sdp", "h248", "msrp")},
        "packets": report["coverage"]["packets"],
        "sessions": len(sessions),
        "sessions ok and ended": sum(one["verdict"] == "ok" and one["state"] == "ended" for one in sessions),
        "sessions in a conference": sum(len(one["sessions"]) for one in conferences),
        "sessions with H.248, TCP": sum(len(one["h248"]) == len(one["tcp"]) == 1 for one in sessions),
        "conferences": len(conferences),
        "streams": report["coverage"]["streams"].get("msrp", 0),
        "reports": sum(one["msrp"]["reports"] for one in sessions),
    }
    counts = written(path)
    for name, value in said.items():
        expected = counts[name.split(" ")[0]]
        if value != expected:
            raise WrongReportError(f"{path.name}: {name}: the analyzer says {value}, the generator {expected}")


def main(arguments: list[str]) -> int:
    """Command line. Exit code 1 with a line on standard error if they disagree."""
    path, report = map(Path, arguments)
    try:
        check_report(path, json.loads(report.read_bytes()))
    except WrongReportError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
