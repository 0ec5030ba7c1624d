"""What the analyzer should say of a sample: `expected.json`, made by the tool's own JSON report (docs/json.md).

Of a good sample it is the whole report without the tool's version, the capture's path and the list of all rules, so
that a new rule changes no sample that it says nothing of; of a twin only what it is about: the verdict, the steps of
the flow and the findings of each session. A change to it is read by a person first:
`python -m samples.build --expected NAME...` writes it, and nothing else does.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analyzer.cli.main import run

SUCCESS = (0, 1)
"Exit codes of a report: 1 with findings of severity error."
LINE = 260
"Characters up to which a value stands on one line."
OF_A_FINDING = ("code", "severity", "frames", "message", "expected", "actual", "confidence", "causes")


class ExpectedError(Exception):
    """The analyzer gave no report."""


def report(capture: bytes, keys: Path | None = None) -> dict[str, Any]:
    """The JSON report on a capture. Raises ExpectedError."""
    with TemporaryDirectory() as folder:
        path, out = Path(folder) / "capture.pcapng", Path(folder) / "report.json"
        path.write_bytes(capture)
        options = []
        if keys is not None:
            # A key file that others may read is refused, and version control does not keep who may.
            own = Path(folder) / "keys.toml"
            own.touch(0o600)
            own.write_bytes(keys.read_bytes())
            options = ["-k", str(own)]
        status = run(["analyze", "-q", "-f", "json", "--jobs", "1", "-o", str(out), *options, str(path)])
        if status not in SUCCESS:
            raise ExpectedError(f"mrfscope analyze ended with exit code {status}")
        record: dict[str, Any] = json.loads(out.read_bytes())
    return record


def expected(capture: bytes, keys: Path | None = None, *, twin: bool) -> dict[str, Any]:
    """What `expected.json` should hold. Raises ExpectedError."""
    record = report(capture, keys)
    if twin:
        return {"sessions": [_of_a_twin(session) for session in record["sessions"]]}
    del record["tool"], record["project_file"]
    for each in record["captures"]:
        del each["path"]
    for session in record["sessions"]:
        del session["checks"]
    return record


def _of_a_twin(session: dict[str, Any]) -> dict[str, Any]:
    """The verdict in short; clauses and hints are those of the rules."""
    return {
        "flow": session["flow"],
        "verdict": session["verdict"],
        "state": session["state"],
        "steps": {step["id"]: step["status"] for step in session["steps"]},
        "findings": [{key: finding[key] for key in OF_A_FINDING} for finding in session["findings"]],
    }


def text(record: dict[str, Any]) -> str:
    """The file: one line for each step, finding and event, so that a difference can be read."""
    return _lines(record, 0) + "\n"


def _lines(value: Any, depth: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + depth <= LINE or not isinstance(value, dict | list):
        return flat
    inside = " " * (depth + 1)
    if isinstance(value, dict):
        parts = [f"{inside}{json.dumps(key)}: {_lines(each, depth + 1)}" for key, each in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{' ' * depth}}}"
    parts = [inside + _lines(each, depth + 1) for each in value]
    return "[\n" + ",\n".join(parts) + f"\n{' ' * depth}]"
