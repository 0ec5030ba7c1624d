"""Asking the MRFP for address, port and session-id, and passing on what it gave: rows OFFER-4/5 and SEND-1/3."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.conversations.media import MediaEnd, plain_address
from analyzer.evidence import Announced, Descriptor, Evidence
from analyzer.findings import OK, Result, Status, not_applicable, not_observable
from analyzer.identities import path_text
from analyzer.model import Confidence


def asked_to_allocate(rule: Rule, evidence: Evidence) -> Result:
    """Local of the Add leaves address, port and path to the MRFP (`$`)."""
    order = evidence.reserve
    if order is None and evidence.is_later:
        return not_applicable("the MRFP's end stays as it is")
    if order is None or order.request is None:
        return not_observable(evidence.orders_incomplete or "the Add of its termination was not captured")
    local = order.local
    if local is None or local.is_empty:
        return rule.broken(
            "The MRFC's Add has no Local descriptor: the MRFP is not asked for an address, port and session-id.",
            order.frames,
            expected="Local with $ for address, port and a=path",
            actual="no Local descriptor",
        )
    given = order.replied_local.path if order.replied_local is not None else ()
    dictated = _dictated(local, evidence.end_before)
    if dictated:
        return rule.broken(
            f"The MRFC dictates the MRFP's {' and '.join(dictated)} instead of asking for it.",
            order.frames,
            expected="$ for address, port and a=path in Local",
            actual=f"Local with {', '.join(dictated)}",
        )
    if not local.path and not given and order.executed and evidence.end_before is None:
        # Where the MRFP gives a path unasked, its profile asks in another way.
        return rule.broken(
            "The MRFC did not ask the MRFP for an MSRP path, and got none.",
            (*order.frames, *order.reply_frames),
            expected="a=path:$ in Local",
            actual="no a=path in Local, none in the reply",
        )
    return Result(
        Status.OK,
        frames=(*order.frames, *order.reply_frames),
        begin=order.request.time,
        end=order.answered,
    )


def _dictated(local: Descriptor, known: MediaEnd | None) -> list[str]:
    """What Local prescribes, unless it is what the MRFP itself gave before."""
    found = []
    if local.address and not local.chooses_address and (known is None or plain_address(local.address) != known.address):
        found.append(f"address {local.address}")
    if local.port and not local.chooses_port and (known is None or local.port != str(known.port)):
        found.append(f"port {local.port}")
    if local.path and not local.chooses_path and (known is None or local.path != known.path):
        found.append("a=path")
    return found


def path_passed_on(rule: Rule, evidence: Evidence, announced: Announced | None, what: str) -> Result:
    """`a=path` of the MRFC's SDP (`what`: offer or answer) is the one that the MRFP gave."""
    if announced is None:
        return not_observable(f"no {what} in the capture")
    order = evidence.allocated
    if order is None or order.replied_local is None:
        if evidence.reserve is not None and evidence.reserve.reply is not None:
            return not_applicable("the MRFP gave no path")
        return not_observable(evidence.orders_incomplete or "the MRFP's reply was not captured")
    given = order.replied_local.path
    if announced.end.path == given:
        return Result(Status.OK, frames=announced.frames, begin=announced.time, end=announced.sent)
    if lacking := evidence.altered(announced) or evidence.unseen_change(order):
        return not_observable(lacking)
    return rule.broken(
        f"The path in the MRFC's {what} is not the one that the MRFP gave: the UE will address another session.",
        (*order.reply_frames, *announced.frames),
        expected=f"a=path:{path_text(given)}",
        actual=f"a=path:{path_text(announced.end.path)}" if announced.end.path else "no a=path",
        confidence=Confidence.LIKELY if announced.end.path and evidence.keeps(order) else Confidence.CERTAIN,
    )


def same_transport(rule: Rule, evidence: Evidence, announced: Announced, what: str) -> Result:
    """The protocol of the `m=` line in Local and Remote is that of the SDP (`what`: offer)."""
    seen = False
    kept = [evidence.configure] if evidence.configure is not None and not evidence.orders else []
    for order in evidence.orders or kept:
        for side, descriptor in (("Local", order.local), ("Remote", order.remote)):
            if descriptor is None or not descriptor.proto:
                continue
            seen = True
            if descriptor.proto.upper() != announced.end.protocol.upper():
                if lacking := evidence.altered(announced) or evidence.unseen_change(order):
                    return not_observable(lacking)
                return rule.broken(
                    f"The MRFC told the MRFP {descriptor.proto} where the {what} says {announced.end.protocol}.",
                    (*announced.frames, *order.frames),
                    expected=f"{announced.end.protocol} in the m= line of {side}",
                    actual=f"{descriptor.proto}",
                )
    return OK if seen else not_observable("no command to the MRFP with an m= line was captured")
