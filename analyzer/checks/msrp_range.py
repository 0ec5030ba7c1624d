"""MSRP-RANGE: Byte-Range agrees with the octets of the body (RFC 4975 sections 5.1 and 7.1.1)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, number, times, told, word
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity


def judge(evidence: Evidence) -> Result:
    """Where a range ends, and the total."""
    seen = evidence.observed if evidence.msrp else {}
    wrong = {each.frames for kind in ("range-end", "range-total") for _, each in seen.get(kind, ())}

    def tell(view: MsrpView, group: list[Observation]) -> Finding | None:
        # Where the end of a range is wrong, that it is also beyond the total says nothing more.
        told_of = [each for each in group if each.kind != "range-beyond-total" or each.frames not in wrong]
        return _tell(view, told_of) if told_of else None

    return told(evidence, ("range-end", "range-total", "range-beyond-total"), tell, _alike)


def _alike(seen: Observation) -> tuple[str, bool]:
    return seen.kind, "characters" in seen.detail


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    who = view.names[first.direction]
    frames = frames_of(group)
    if first.kind == "range-beyond-total":
        from_, to, total = (word(first, name) or "*" for name in ("start", "end", "total"))
        return RULE.finding(
            f"{who} sent a Byte-Range that goes beyond the total it names{times(group)}.",
            frames,
            expected=f"a range within 1-{total}",
            actual=f"Byte-Range: {from_}-{to}/{total}",
        )
    octets, announced = number(first, "octets"), number(first, "announced")
    start = number(first, "start") or 1
    what = "total" if first.kind == "range-total" else "end"
    counted = ""
    if "characters" in first.detail:
        counted = "; it counts characters, not octets, as far as this body shows"
    return RULE.finding(
        f"{who} sent a Byte-Range whose {what} is not that of the body: {announced} said, "
        f"{start + octets - 1} sent{counted}{times(group)}.",
        frames,
        expected=f"{what} {start + octets - 1} (octets)",
        actual=f"{what} {announced}",
    )


RULE = Rule(
    code="MSRP-RANGE",
    title="Byte-Range of a SEND agrees with the octets of its body.",
    clause="RFC 4975 section 7.1.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("msrp",),
    why="A receiver that trusts the range waits for octets that never come, or cuts the message; reports name a size "
    "that the sender does not know.",
    causes=(
        "The sender counts characters instead of octets: umlauts and emoji are two to four octets each in UTF-8.",
        "The size is taken before a header (CPIM) is added, or before line ends become CRLF.",
        "The line end before the end-line is counted as part of the body.",
    ),
    confirm="Count the octets between the blank line and the CRLF before the end-line; compare with Byte-Range.",
    fix="Compute Byte-Range from the encoded octets, after everything was added.",
    example="body 'Grüße' is 7 octets\nwrong:  Byte-Range: 1-5/5\nright:  Byte-Range: 1-7/7",
)
