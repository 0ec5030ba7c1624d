"""One fact, one finding: what follows from a more specific broken rule is named in its finding, and not told again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from analyzer.checks.rule import Rule
from analyzer.findings import Finding, Result, Severity, not_applicable

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def told_once(results: dict[str, Result], rules: Mapping[str, Rule]) -> list[Finding]:
    """The findings to tell, the worst first; `results` of what follows from another rule become not applicable."""
    _leave_to_specific(results, rules)
    broken = [code for code, result in results.items() if result.findings]
    worst = {code: min(map(_rank, results[code].findings), default=0) for code in broken}
    cause_of = {code: _cause(code, worst, rules) for code in broken}
    findings: list[Finding] = []
    for code in broken:
        if cause_of[code] != code:
            results[code] = not_applicable(f"follows from {cause_of[code]}")
            continue
        follow = tuple(each for each, cause in cause_of.items() if cause == code and each != code)
        for each in results[code].findings:
            findings.append(replace(each, causes=(*each.causes, *follow)) if follow else each)
    return in_order(findings)


def in_order(findings: list[Finding]) -> list[Finding]:
    """The worst first, then by frame."""
    return sorted(findings, key=lambda each: (_rank(each), each.frames, each.code))


def _rank(finding: Finding) -> int:
    return _RANK[finding.severity]


def _cause(code: str, worst: Mapping[str, int], rules: Mapping[str, Rule]) -> str:
    """The rule that this one yields to in the end; itself where nothing more specific is broken, and as badly."""
    way = [code]
    rank = worst[code]
    while True:
        more = next((each for each in rules[code].yields_to if each in worst and worst[each] <= rank), None)
        if more is None:
            return code
        if more in way:  # rules that yield to each other: one of them tells
            return min(way[way.index(more) :])
        way.append(more)
        code = more


def _leave_to_specific(results: dict[str, Result], rules: Mapping[str, Rule]) -> None:
    """Take away findings about single messages that a more specific rule tells of the same frames."""
    for code, result in list(results.items()):
        if not result.findings or not rules[code].same_frames:
            continue
        kept = result.findings
        for specific in rules[code].same_frames:
            other = results.get(specific)
            if other is None or not other.findings:
                continue
            told = tuple(_with_followers(each, kept, code) for each in other.findings)
            taken = {frame for each in other.findings for frame in each.frames}
            kept = tuple(each for each in kept if taken.isdisjoint(each.frames))
            if told != other.findings:
                results[specific] = other._replace(findings=told)
        if kept != result.findings:
            left = results[code]._replace(findings=kept)
            results[code] = left if kept else not_applicable("follows from a more specific rule")


def _with_followers(finding: Finding, others: tuple[Finding, ...], code: str) -> Finding:
    """The finding as severe as the worst of what is left to it, and naming their rule."""
    same = [each for each in others if not set(each.frames).isdisjoint(finding.frames)]
    if not same:
        return finding
    worst = min((finding, *same), key=_rank).severity
    return replace(finding, severity=worst, causes=tuple(dict.fromkeys((*finding.causes, code))))
