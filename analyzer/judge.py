"""The room between correlation and reports: it gives a session its flow, steps, findings and verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from analyzer.checks.rule import Rule
from analyzer.codes import matching
from analyzer.correlate.nodes import NodeTable
from analyzer.correlate.session import Session
from analyzer.evidence import Evidence, Scope
from analyzer.evidence.offers import offers_of
from analyzer.evidence.streams import streams_of
from analyzer.findings import ELSEWHERE, NOT_IN_FLOW, Finding, Result, Severity, not_applicable, not_observable
from analyzer.flows.flow import Flow
from analyzer.flows.matcher import match
from analyzer.internal import CODE, NOT_JUDGED, add_internal, note_internal
from analyzer.merged import merge_streams, merged_result, named
from analyzer.model import Verdict
from analyzer.no_flow import note_not_judged, why_no_flow
from analyzer.one_finding import in_order, told_once
from analyzer.profile import DEFAULT_PROFILE, Profile

Results = dict[str, Result]
Held = tuple[str, Callable[[Evidence], Result]]
"""A code and the function of its rule."""

REUSED = not_applicable(
    "the connection was set up for another session before, and is used again (RFC 4975 section 5.4)"
)


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
        self._of_set_up = frozenset(code for code, rule in self.rules.items() if rule.of_set_up)
        self._usual: dict[tuple[str, str], tuple[list[Held], Results]] = {}

    def judge(self, session: Session, nodes: NodeTable, scope: Scope) -> None:
        """Fill in the session's flow, steps, results, findings and verdict."""
        try:
            streams, left = streams_of(session) if session.kind == "message" else ([], 0)
            for _, each in streams:
                self._judge(each, Evidence(each, nodes, scope, self.profile))
            if streams:
                several = len(streams) > 1
                merge_streams(session, [(name if several else "", each) for name, each in streams])
                _leave(session, left, "MSRP stream")
            else:
                self._judge(session, Evidence(session, nodes, scope, self.profile))
            if session.flow is None and self.flows:
                evidence = Evidence(session, nodes, scope, self.profile)
                session.flow_reason = why_no_flow(session, evidence)
                note_not_judged(session, evidence)
        except Exception as error:
            note_internal(session, "judging", error)

    def _judge(self, session: Session, evidence: Evidence) -> None:
        flow = self._flow_of(session, evidence)
        rules, usual = self._rules_for(session.kind, flow)
        offers, left = offers_of(evidence) if session.kind == "message" else ([], 0)
        results = {**usual, **self._held(session, evidence, rules)}
        if offers:
            results.update(self._held(session, offers[0][1], self._of_offers(rules)))
        if session.kind == "message":
            told = evidence.connection_model
            session.connection_model = told.model.value if told.model is not None else None
            session.connection_model_reason = told.reason
        if flow is not None:
            session.flow = flow.id
            session.steps, late = match(flow, results, evidence.scope, ordered=not evidence.clocks)
            evidence.scope.note_clocks(evidence.clocks)
            results.update(late)
        session.results = results
        if any(each.findings for each in results.values()):
            self._tell(session, told_once(results, self.rules))
        if offers:
            self._judge_later(session, offers, self._of_offers(rules))
            _leave(session, left, "later offer")

    def _held(self, session: Session, evidence: Evidence, rules: Iterable[Held]) -> Results:
        """What rules say."""
        results: Results = {}
        not_judged = self._of_set_up if self._uses_again(session, evidence) else ()
        for code, judge in rules:
            try:
                results[code] = REUSED if code in not_judged else judge(evidence)
            except Exception as error:
                results[code] = not_observable(NOT_JUDGED)
                note_internal(session, f"holding {code} against", error)
        return results

    @staticmethod
    def _uses_again(session: Session, evidence: Evidence) -> bool:
        try:
            return session.kind == "message" and evidence.is_reused
        except Exception as error:
            note_internal(session, "asking who set up the connection of", error)
            return False

    def _of_offers(self, rules: Iterable[Held]) -> list[Held]:
        return [each for each in rules if self.rules[each[0]].each_offer]

    def _judge_later(self, session: Session, offers: list[tuple[str, Evidence]], rules: list[Held]) -> None:
        """Hold the rules about one exchange against every later one, and add what they say."""
        codes = [code for code, _ in rules]
        first, parts = offers[0][0], [{code: session.results[code] for code in codes}]
        own = [each for each in session.findings if each.code != CODE]
        findings = [named(each, first) if each.code in codes else each for each in own]
        for name, evidence in offers[1:]:
            results = self._held(session, evidence, rules)
            findings += [named(each, name) for each in told_once(results, self.rules)]
            parts.append(results)
        names = [name for name, _ in offers]
        for code in codes:
            session.results[code] = merged_result([(name, part[code]) for name, part in zip(names, parts, strict=True)])
        self._tell(session, in_order(findings))

    def _tell(self, session: Session, findings: list[Finding]) -> None:
        """Give the session its findings, and the verdict that follows, beside what failed in us."""
        internal = [each for each in session.findings if each.code == CODE]
        session.findings = findings
        session.verdict = verdict(session.verdict, findings)
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


def _leave(session: Session, number: int, what: str) -> None:
    """Some of its parts are too many to be judged."""
    if number:
        session.state += f", {number} {what}{'s' if number > 1 else ''} not judged"
        session.verdict = max(session.verdict, Verdict.INCOMPLETE, key=_WORSE.index)


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
