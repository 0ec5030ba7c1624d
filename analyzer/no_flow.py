"""Why a session follows no flow, in a few words; a message session of which that is so was not judged as one.

The general rules are held against it all the same: those about SIP, H.248, TCP, TLS and MSRP by themselves.
"""

from __future__ import annotations

from analyzer.correlate.session import Session
from analyzer.evidence import Evidence, Side
from analyzer.model import Verdict

OF_KIND = {
    "call": "no flow is about a call without MSRP; held against general rules alone",
    "registration": "no flow is about a registration; held against general rules alone",
    "sip": "no flow is about SIP that opens no call; held against general rules alone",
    "h248": "no flow is about H.248 without MSRP; held against general rules alone",
    "tcp": "no flow is about TCP alone",
}


NO_MIKEY = "MSRP over TLS, but no MIKEY-TICKET"


def why_no_flow(session: Session, evidence: Evidence) -> str:
    """The reason for a session that follows none."""
    if session.kind != "message":
        return OF_KIND.get(session.kind, "no flow is about this kind of session")
    if evidence.is_border and evidence.side is Side.UNKNOWN:
        known = next(iter(session.borders.values()), "")
        return f"only a border gateway serves it{f' ({known})' if known else ''}"
    if evidence.side is Side.UNKNOWN:
        if not is_of_conference(session, evidence):
            return "no sign of a conference; held against the rules about MSRP and its connection"
        return "not known which end is the MRFC's"
    if evidence.is_secured:
        return _why_not_mikey(evidence)
    return "no flow that is known fits"


def _why_not_mikey(evidence: Evidence) -> str:
    """TLS, and nothing that speaks for a key from MIKEY-TICKET."""
    told = [each.media for each in (evidence.offer, evidence.answer) if each is not None and each.media is not None]
    tls = [part.connection.tls for part in evidence.connection_parts]
    by_certificate = any(each is not None and each.is_psk is False for each in tls)
    if by_certificate and not any(media.fingerprints for media in told):
        return f"{NO_MIKEY} (nothing in the SDP binds the certificate of TLS, RFC 4975 section 14.4)"
    return NO_MIKEY


def is_of_conference(session: Session, evidence: Evidence) -> bool:
    """Does anything speak for an MRFC or MRFP: a focus, or H.248 other than a border gateway's under a call?"""
    if evidence.facts is None:
        return bool(session.terminations)
    return bool(evidence.facts.focus_uri) or (bool(session.terminations) and not evidence.is_border)


def note_not_judged(session: Session, evidence: Evidence) -> None:
    """A leg of a conference without a flow may be broken in ways that nobody looked for: it does not read `ok`."""
    facts = evidence.facts
    if session.kind != "message" or session.is_bare or session.verdict not in (Verdict.OK, Verdict.WARNINGS):
        return
    if not is_of_conference(session, evidence):
        return
    if facts is not None and facts.status >= 300 and not facts.established:
        return  # refused: there is no more to be judged
    session.verdict = Verdict.INCOMPLETE
    session.state = f"{session.state}, not judged: {session.flow_reason.partition(' (')[0]}"
