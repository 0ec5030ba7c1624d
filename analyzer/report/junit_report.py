"""`-f junit`: the verdicts as test results, for CI (docs/analyze.md says what becomes what).

There is no standard of JUnit XML. What is written fits the XSD that describes Ant's output, the strictest in use, and
so what Jenkins, GitLab and others read: one suite for the run, a case for each session and rule, and at most one
`failure` or `skipped` in a case. Lesser findings stand in the suite's `system-out`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from analyzer.correlate.session import Session
from analyzer.findings import Finding, Severity, Status, at_least, was_held
from analyzer.model import Verdict
from analyzer.report import ProjectFile, Report
from analyzer.report.findings_text import frame_words
from analyzer.report.printable import printable
from analyzer.report.rescue import rescued
from analyzer.report.times import day_and_second

FOLDER = "mrfscope"
"The package of every case, so that CI shows them together."
OUTCOME = "outcome"
"The case that says whether the session came about at all."
SPOOL_OCTETS = 16 << 20
"Cases up to this size wait in memory for the numbers that stand before them, larger ones in a file."
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"What XML 1.0 section 2.2 allows in no form, not even as a character reference."


@dataclass(slots=True)
class Case:
    """One result: passed where there is neither a failure nor a reason for skipping."""

    classname: str
    name: str
    seconds: float = 0.0
    failure: tuple[str, str, str] | None = None
    "Type, message, text."
    skipped: tuple[str, str] | None = None
    "Type (`not observable`, `not applicable`, `incomplete`) and why."

    def xml(self) -> str:
        head = f"    <testcase classname={_attribute(self.classname)} name={_attribute(self.name)}"
        head += f' time="{self.seconds:.3f}"'
        if self.failure is not None:
            kind, message, text = self.failure
            return (
                f"{head}>\n      <failure message={_attribute(message)} type={_attribute(kind)}>"
                f"{_text(text)}</failure>\n    </testcase>\n"
            )
        if self.skipped is not None:
            kind, why = self.skipped
            message = f"{kind}: {why}"
            return f"{head}>\n      <skipped message={_attribute(message)} type={_attribute(kind)}/>\n    </testcase>\n"
        return f"{head}/>\n"


def write_junit(report: Report, out: BinaryIO) -> None:
    """One `testsuite` in `testsuites`; the suite's numbers stand before its cases, so these are made first."""
    total = failures = skipped = 0
    seconds = 0.0
    notes: list[str] = []
    with SpooledTemporaryFile(SPOOL_OCTETS) as written:
        for _, session in report.sessions:
            for case in rescued(report, session, lambda each: list(cases(each, report))):
                total += 1
                failures += case.failure is not None
                skipped += case.skipped is not None
                seconds += case.seconds
                written.write(case.xml().encode())
            notes += rescued(report, session, lambda each: list(_notes(each, report)))
        _write_head(report, out, total=total, failures=failures, skipped=skipped, seconds=seconds)
        written.seek(0)
        copyfileobj(written, out)
    out.write(f"    <system-out>{_text(chr(10).join(notes))}</system-out>\n    <system-err></system-err>\n".encode())
    out.write(b"  </testsuite>\n</testsuites>\n")


def _write_head(report: Report, out: BinaryIO, *, total: int, failures: int, skipped: int, seconds: float) -> None:
    """All that stands before the cases."""
    captures = report.analysis.captures
    name = " ".join(Path(each.path).name if each.path != "-" else "standard input" for each in captures) or FOLDER
    begun = min((each.first for each in captures if each.first is not None), default=0)
    timestamp = day_and_second(begun // 1_000_000_000)[:19]
    attributes = {
        "id": 0,
        "package": FOLDER,
        "name": name,
        # Of the capture, in UTC; the schema allows neither a zone nor a year of five digits.
        "timestamp": timestamp if re.match(r"\d{4}-", timestamp) else "1970-01-01T00:00:00",
        "hostname": "localhost",
        "tests": total,
        "failures": failures,
        "errors": 0,
        "skipped": skipped,
        "time": f"{seconds:.3f}",
    }
    head = " ".join(f"{key}={_attribute(str(value))}" for key, value in attributes.items())
    out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n  <testsuite {head}>\n'.encode())
    out.write("".join(_properties(report)).encode())


def cases(session: Session, report: Report) -> Iterator[Case]:
    """The outcome of a session, then every rule that was held against it."""
    classname = f"{FOLDER}.{session.flow or session.kind}.{session.id}"
    found: dict[str, list[Finding]] = {}
    for finding in session.findings:
        if report.fail_on is not None and at_least(finding.severity, report.fail_on):
            found.setdefault(finding.code, []).append(finding)
    yield _outcome(session, classname, report)
    for code, result in session.results.items():
        if not was_held(result):
            continue
        rule = report.rules.get(code)
        case = Case(classname, f"{code}: {rule.title}" if rule is not None else code)
        failing = found.pop(code, [])
        if failing:
            case.failure = _failure(failing)
        elif result.status in (Status.NOT_OBSERVABLE, Status.NOT_APPLICABLE):
            case.skipped = (result.status.value, result.reason)
        yield case
    for code, failing in found.items():
        yield Case(classname, code, failure=_failure(failing))


def _explained(session: Session) -> bool:
    """Does a finding tell why it failed?"""
    return any(finding.severity is Severity.ERROR for finding in session.findings)


def _outcome(session: Session, classname: str, report: Report) -> Case:
    case = Case(classname, OUTCOME, max(session.last - session.first, 0) / 1e9)
    if session.verdict is Verdict.INCOMPLETE:
        case.skipped = (session.verdict.value, session.state)
    elif session.verdict is Verdict.FAILED and report.fail_on is not None and not _explained(session):
        case.failure = ("outcome", f"failed: {session.state}", f"session {session.id}: {session.state}")
    return case


def _failure(findings: list[Finding]) -> tuple[str, str, str]:
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    text = "\n\n".join("\n".join(finding_text(finding)) for finding in findings)
    return first.code, f"{first.message}{more}", text


def finding_text(finding: Finding) -> Iterator[str]:
    """A finding in lines."""
    where = frame_words(finding.frames) if finding.frames else "no frame"
    yield f"{finding.severity.value} {finding.code}, {finding.clause}, {where}"
    yield finding.message
    yield f"expected: {finding.expected}"
    yield f"actual: {finding.actual}"
    yield f"what to do: {finding.hint}"
    yield f"how sure: {finding.confidence.value}"
    if finding.causes:
        yield f"broken only because of this: {', '.join(finding.causes)}"


def _notes(session: Session, report: Report) -> Iterator[str]:
    """Findings that fail no case."""
    for finding in session.findings:
        if report.fail_on is None or not at_least(finding.severity, report.fail_on):
            yield f"{session.id}: {' | '.join(finding_text(finding))}"


def _properties(report: Report) -> Iterator[str]:
    coverage = report.analysis.coverage
    values = {
        "mrfscope.version": report.version,
        **{f"capture.{number}": each.path for number, each in enumerate(report.analysis.captures, 1)},
        **{f"capture.{n}.damage": each.damage for n, each in enumerate(report.analysis.captures, 1) if each.damage},
        "packets": str(coverage.packets),
        "packets.used": str(coverage.used),
        "gaps": str(coverage.gaps_total),
        "undecoded": str(coverage.undecoded_total),
        "fail_on": report.fail_on.value if report.fail_on is not None else "never",
        **({"session_filter": report.selection} if report.selection else {}),
        **({"limits": report.limits} if report.limits else {}),
        **_project_properties(report.project_file),
    }
    yield "    <properties>\n"
    for name, value in values.items():
        yield f'      <property name="{name}" value={_attribute(value or "")}/>\n'
    yield "    </properties>\n"


def _project_properties(project_file: ProjectFile | None) -> dict[str, str]:
    if project_file is None:
        return {}
    return {"project_file": project_file.path, "project_file.keys": " ".join(project_file.keys)}


def _attribute(text: str) -> str:
    """Quoted; one line, since attributes are tokens to most readers."""
    return quoteattr(_clean(printable(text)))


def _text(text: str) -> str:
    return escape(_clean("\n".join(printable(line) for line in text.split("\n"))))


def _clean(text: str) -> str:
    return NOT_XML.sub("?", text)
