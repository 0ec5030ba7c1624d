"""The room between correlation and reports: it gives a session its flow, steps, findings and verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from analyzer.checks.rule import Rule
from analyzer.codes import matching
from analyzer.correlate.nodes import NodeTable
from analyzer.correlate.session import Session
from analyzer.evidence import Evidence, Scope
from analyzer.evidence.streams import streams_of
from analyzer.findings import ELSEWHERE, NOT_IN_FLOW, Finding, Result, Severity, not_observable
from analyzer.flows.flow import Flow
from analyzer.flows.matcher import match
from analyzer.internal import NOT_JUDGED, add_internal, note_internal
from analyzer.merged import merge_streams
from analyzer.model import Verdict
from analyzer.one_finding import told_once
from analyzer.profile import DEFAULT_PROFILE, Profile

Results = dict[str, Result]
Held = tuple[str, Callable[[Evidence], Result]]
"""A code and the function of its rule."""


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
        checks = list(checks)
        codes = [*(rule.code for rule in checks), *(step.id for flow in self.flows for step in flow.steps)]
        chosen = _Chosen(select, ignore, codes)
        self._checks = [rule for rule in checks if chosen(rule.code)]
        self._steps = {
            flow.id: [step.rule for step in flow.steps if chosen(step.rule.code) and step.rule not in self._checks]
            for flow in self.flows
        }
        self.rules: dict[str, Rule] = {rule.code: rule for rule in self._checks}
        "Every rule that is held against sessions by its code, checks first."
        for own in self._steps.values():
            self.rules.update({rule.code: rule for rule in own})
        self._usual: dict[tuple[str, str], tuple[list[Held], Results]] = {}

    def judge(self, session: Session, nodes: NodeTable, scope: Scope) -> None:
        """Fill in the session's flow, steps, results, findings and verdict."""
        try:
            streams = streams_of(session) if session.kind == "message" else []
            for _, each in streams:
                self._judge(each, Evidence(each, nodes, scope, self.profile))
            if streams:
                several = len(streams) > 1
                merge_streams(session, [(f"m= line {line}" if several else "", each) for line, each in streams])
            else:
                self._judge(session, Evidence(session, nodes, scope, self.profile))
        except Exception as error:
            note_internal(session, "judging", error)

    def _judge(self, session: Session, evidence: Evidence) -> None:
        flow = self._flow_of(session, evidence)
        rules, usual = self._rules_for(session.kind, flow)
        results = dict(usual)
        broken = False
        for code, judge in rules:
            try:
                result = results[code] = judge(evidence)
            except Exception as error:
                result = results[code] = not_observable(NOT_JUDGED)
                note_internal(session, f"holding {code} against", error)
            if result.findings:
                broken = True
        if session.kind == "message":
            told = evidence.connection_model
            session.connection_model = told.model.value if told.model is not None else None
            session.connection_model_reason = told.reason
        if flow is not None:
            session.flow = flow.id
            session.steps, late = match(flow, results, evidence.scope)
            if late:
                results.update(late)
                broken = True
        session.results = results
        if broken:
            internal, session.findings = session.findings, told_once(results, self.rules)
            session.verdict = verdict(session.verdict, session.findings)
            for each in internal:
                add_internal(session, each)

    def _flow_of(self, session: Session, evidence: Evidence) -> Flow | None:
        for flow in self.flows:
            try:
                if flow.applies(evidence):
                    return flow
            except Exception as error:
                note_internal(session, f"asking whether it follows {flow.id}", error)
        return None

    def _rules_for(self, kind: str, flow: Flow | None) -> tuple[list[Held], Results]:
        """The rules for a kind of session in a flow, and the results of all others."""
        key = kind, flow.id if flow is not None else ""
        known = self._usual.get(key)
        if known is None:
            rules = {rule.code: rule.judge for rule in self._checks if kind in rule.kinds}
            if flow is not None:
                rules.update({rule.code: rule.judge for rule in self._steps[flow.id]})
            results = {code: ELSEWHERE if rule in self._checks else NOT_IN_FLOW for code, rule in self.rules.items()}
            known = self._usual[key] = list(rules.items()), results
        return known


class _Chosen:
    """Which codes the user wants."""

    def __init__(self, select: Iterable[str], ignore: Iterable[str], codes: Collection[str]) -> None:
        wanted = list(select)
        self._codes = {code for text in wanted for code in matching(text, codes)} if wanted else set(codes)
        self._codes.difference_update(code for text in ignore for code in matching(text, codes))

    def __call__(self, code: str) -> bool:
        return code in self._codes


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
