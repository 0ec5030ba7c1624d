"""The room between correlation and reports: it gives a session its flow, steps, findings and verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from analyzer.checks.rule import Rule
from analyzer.correlate.nodes import NodeTable
from analyzer.correlate.session import Session
from analyzer.evidence import Evidence, Scope
from analyzer.findings import ELSEWHERE, NOT_IN_FLOW, Finding, Result, Severity, not_applicable
from analyzer.flows.flow import Flow
from analyzer.flows.matcher import match
from analyzer.model import Verdict
from analyzer.profile import DEFAULT_PROFILE, Profile


class Judge:
    """Holds flows and rules against sessions."""

    def __init__(
        self,
        flows: Iterable[Flow],
        checks: Iterable[Rule],
        *,
        select: Iterable[str] = (),
        ignore: Iterable[str] = (),
        profile: Profile = DEFAULT_PROFILE,
    ) -> None:
        """`select` and `ignore` are codes or beginnings of codes (`MSRP`, `OFFER-`); an empty `select` means all."""
        self.flows = list(flows)
        self.profile = profile
        chosen = _Chosen(tuple(select), tuple(ignore))
        self._checks = [rule for rule in checks if chosen(rule.code)]
        self._steps = {
            flow.id: [step.rule for step in flow.steps if chosen(step.rule.code) and step.rule not in self._checks]
            for flow in self.flows
        }
        self._by_kind: dict[str, tuple[list[Rule], dict[str, Result]]] = {}

    @property
    def rules(self) -> list[Rule]:
        """Every rule that is held against sessions, checks first."""
        found = {rule.code: rule for rule in self._checks}
        for rules in self._steps.values():
            found.update({rule.code: rule for rule in rules})
        return list(found.values())

    def judge(self, session: Session, nodes: NodeTable, scope: Scope) -> None:
        """Fill in the session's flow, steps, results, findings and verdict."""
        rules, results = self._rules_for(session.kind)
        evidence = Evidence(session, nodes, scope, self.profile)
        results = dict(results)
        flow = next((each for each in self.flows if each.applies(evidence)), None)
        own = self._steps[flow.id] if flow is not None else []
        by_code = {rule.code: rule for rule in (*rules, *own)}
        for rule in by_code.values():
            results[rule.code] = rule.judge(evidence)
        if flow is not None:
            session.flow = flow.id
            session.steps, late = match(flow, results, scope)
            results.update(late)
        session.results, session.findings = _told_once(results, by_code)
        session.verdict = verdict(session.verdict, session.findings)

    def _rules_for(self, kind: str) -> tuple[list[Rule], dict[str, Result]]:
        known = self._by_kind.get(kind)
        if known is None:
            rules = [rule for rule in self._checks if kind in rule.kinds]
            results = {rule.code: ELSEWHERE for rule in self._checks}
            results.update({rule.code: NOT_IN_FLOW for own in self._steps.values() for rule in own})
            known = self._by_kind[kind] = rules, results
        return known


class _Chosen:
    """Which codes the user wants."""

    def __init__(self, select: tuple[str, ...], ignore: tuple[str, ...]) -> None:
        self._select = tuple(each.upper() for each in select)
        self._ignore = tuple(each.upper() for each in ignore)

    def __call__(self, code: str) -> bool:
        upper = code.upper()
        return (not self._select or upper.startswith(self._select)) and not (
            self._ignore and upper.startswith(self._ignore)
        )


def _told_once(results: dict[str, Result], rules: Mapping[str, Rule]) -> tuple[dict[str, Result], list[Finding]]:
    """One fact, one finding: what only follows from a more specific broken rule is named there and not told again."""
    broken = [code for code, result in results.items() if result.is_broken]
    if not broken:
        return results, []
    cause_of = {code: _cause(code, broken, rules) for code in broken}
    findings: list[Finding] = []
    for code in broken:
        if cause_of[code] != code:
            continue
        follow = tuple(each for each, cause in cause_of.items() if cause == code and each != code)
        findings.extend(replace(finding, causes=follow) if follow else finding for finding in results[code].findings)
    for code, cause in cause_of.items():
        if cause != code:
            results[code] = not_applicable(f"follows from {cause}")
    findings.sort(key=lambda each: (_RANK[each.severity], each.frames, each.code))
    return results, findings


def _cause(code: str, broken: list[str], rules: Mapping[str, Rule]) -> str:
    """The rule that this one yields to in the end; itself where nothing more specific is broken."""
    seen = {code}
    while True:
        rule = rules.get(code)
        more = next((each for each in rule.yields_to if each in broken), None) if rule is not None else None
        if more is None or more in seen:
            return code
        seen.add(more)
        code = more


_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
_WORSE = (Verdict.OK, Verdict.WARNINGS, Verdict.INCOMPLETE, Verdict.FAILED)


def verdict(before: Verdict, findings: Iterable[Finding]) -> Verdict:
    """`failed` with an error, `warnings` with a warning; what is incomplete stays so unless an error shows."""
    severities = {finding.severity for finding in findings}
    found = Verdict.OK
    if Severity.ERROR in severities:
        found = Verdict.FAILED
    elif Severity.WARNING in severities:
        found = Verdict.WARNINGS
    return max(before, found, key=_WORSE.index)
