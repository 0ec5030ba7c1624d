"""`--severity` and `--fail-on`: which findings a report shows, and which make the command fail (docs/analyze.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from analyzer.findings import SEVERITIES, Severity, at_least

if TYPE_CHECKING:
    from analyzer.correlate.session import Session
    from analyzer.report import Tally

NEVER = "never"
LEVELS = tuple(each.value for each in reversed(SEVERITIES))


class Thresholds:
    """From which severity up findings are shown, and from which the command fails; what makes it fail is shown."""

    def __init__(self, severity: str | None = None, fail_on: str | None = None) -> None:
        self.fail_on = None if fail_on == NEVER else Severity(fail_on or Severity.ERROR)
        shown = Severity(severity or Severity.INFO)
        if self.fail_on is not None and at_least(shown, self.fail_on):
            shown = self.fail_on
        self.shown = shown

    def apply(self, sessions: Iterable[tuple[int, Session]], tally: Tally) -> Iterator[tuple[int, Session]]:
        """The sessions without the findings that are not to be shown; the verdict stays. Counts them in `tally`."""
        for number, session in sessions:
            if self.shown is not Severity.INFO:
                session.findings = [each for each in session.findings if at_least(each.severity, self.shown)]
            tally.count(session, fail_on=self.fail_on)
            yield number, session
