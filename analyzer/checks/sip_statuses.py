"""What each final status of SIP says of who refused, and what to do about it: data alone.

RFC 3261 section 21 and the documents that add to it (IANA, Session Initiation Protocol response codes); what the IMS
makes of them is TS 24.229.
"""

from __future__ import annotations

from typing import NamedTuple


class StatusAdvice(NamedTuple):
    """One status."""

    phrase: str
    "The reason phrase of its document."
    meaning: str
    "What whoever sends it says."
    advice: str
    "What to do next."


STATUSES: dict[int, StatusAdvice] = {
    400: StatusAdvice(
        "Bad Request",
        "the request was not understood: its syntax or one of its headers is wrong",
        "Read the reason phrase for the header that is meant, and compare the request before and after the last hop.",
    ),
    401: StatusAdvice(
        "Unauthorized",
        "the registrar or the called side wants credentials",
        "Compare key, realm and sequence number (AKA) of the subscriber with those that the S-CSCF has from the HSS.",
    ),
    402: StatusAdvice(
        "Payment Required",
        "reserved; some servers mean that the account is empty",
        "Look at the charging of the subscriber, and at who sends this.",
    ),
    403: StatusAdvice(
        "Forbidden",
        "understood, and not allowed: trying again does not help",
        "Look at subscription, barring and service profile of the subscriber, and at who may join this conference; "
        "Warning or the body may tell.",
    ),
    404: StatusAdvice(
        "Not Found",
        "nobody has this address: no such user, or no such conference",
        "Compare the Request-URI with what the server knows; a conference that was not made, or has ended, is gone.",
    ),
    405: StatusAdvice(
        "Method Not Allowed",
        "the method is known, and not for this address",
        "Compare the method with the Allow header of the response.",
    ),
    406: StatusAdvice(
        "Not Acceptable",
        "nothing that the other side could answer with fits the Accept headers of the request",
        "Widen Accept in the request.",
    ),
    407: StatusAdvice(
        "Proxy Authentication Required",
        "a proxy on the way wants credentials",
        "Compare realm and key with those that the proxy expects; the realm names it.",
    ),
    408: StatusAdvice(
        "Request Timeout",
        "a node on the way asked further, and got no answer in time",
        "Go to the node that sent it and look at its next hop: was the request passed on, and can that hop be reached?",
    ),
    410: StatusAdvice(
        "Gone",
        "the address existed, and exists no more",
        "Take the address out of whatever still has it.",
    ),
    412: StatusAdvice(
        "Conditional Request Failed",
        "the event state that SIP-If-Match names is not there (RFC 3903)",
        "Publish the whole state again, without SIP-If-Match.",
    ),
    413: StatusAdvice(
        "Request Entity Too Large",
        "the body is larger than the server takes",
        "Send a smaller body: fewer media lines, an indirect body, or content by MSRP.",
    ),
    414: StatusAdvice(
        "Request-URI Too Long",
        "the Request-URI is longer than the server reads",
        "Look for parameters that hops keep adding to it.",
    ),
    415: StatusAdvice(
        "Unsupported Media Type",
        "a body of this type is not understood",
        "Compare Content-Type and Content-Encoding with Accept of the response; a multipart body may be the reason.",
    ),
    416: StatusAdvice(
        "Unsupported URI Scheme",
        "the scheme of the Request-URI is not understood here, such as tel: or sips:",
        "Let the S-CSCF translate it (ENUM) before it is sent here.",
    ),
    417: StatusAdvice(
        "Unknown Resource-Priority",
        "no value of Resource-Priority is known here (RFC 4412)",
        "Send a namespace that Accept-Resource-Priority of the response lists.",
    ),
    420: StatusAdvice(
        "Bad Extension",
        "the request asks for an extension that is not understood; Unsupported names it",
        "Leave that option tag out of Require and Proxy-Require, or switch the extension on at the server.",
    ),
    421: StatusAdvice(
        "Extension Required",
        "the server wants an extension that the request does not offer; Require of the response names it",
        "Let the sender support it and say so in Supported: sec-agree, 100rel, timer.",
    ),
    422: StatusAdvice(
        "Session Interval Too Small",
        "Session-Expires is shorter than a node on the way allows (RFC 4028)",
        "Send again with at least the interval of Min-SE in the response.",
    ),
    423: StatusAdvice(
        "Interval Too Brief",
        "the registration or subscription is asked for a shorter time than the server grants",
        "Send again with at least the Min-Expires of the response.",
    ),
    424: StatusAdvice(
        "Bad Location Information",
        "the location in the request cannot be used (RFC 6442)",
        "Read Geolocation-Error in the response.",
    ),
    425: StatusAdvice(
        "Bad Alert Message",
        "the alert in the body cannot be used (RFC 8876)",
        "Read AlertMsg-Error in the response.",
    ),
    428: StatusAdvice(
        "Use Identity Header",
        "the server wants a signed identity, and the request has none (RFC 8224)",
        "Let the originating network sign the request: look at its authentication service.",
    ),
    429: StatusAdvice(
        "Provide Referrer Identity",
        "the request came by a REFER, and Referred-By is missing or not signed (RFC 3892)",
        "Let the MRFC send Referred-By in the INVITE that a REFER brings about.",
    ),
    430: StatusAdvice(
        "Flow Failed",
        "the connection to the called UE, over which it registered, is gone (RFC 5626)",
        "The UE has to register anew; look at its keep-alives and at the NAT before it.",
    ),
    433: StatusAdvice(
        "Anonymity Disallowed",
        "the called side takes no anonymous requests (RFC 5079)",
        "Send the request without Privacy, or lift the rejection of anonymous communication at the called side.",
    ),
    436: StatusAdvice(
        "Bad Identity Info",
        "the certificate that the signed identity names cannot be fetched (RFC 8224)",
        "Look whether the URI in the info parameter of Identity can be reached from there.",
    ),
    437: StatusAdvice(
        "Unsupported Credential",
        "the certificate of the signed identity is not accepted (RFC 8224)",
        "Compare its issuer and dates with what the verifying server trusts.",
    ),
    438: StatusAdvice(
        "Invalid Identity Header",
        "the signature of the identity does not fit the request (RFC 8224)",
        "Look for hops that change From, To or Date behind the signer.",
    ),
    439: StatusAdvice(
        "First Hop Lacks Outbound Support",
        "the registration wants Outbound, and the first proxy does not have it (RFC 5626)",
        "Switch Outbound on at the P-CSCF, or leave reg-id out.",
    ),
    440: StatusAdvice(
        "Max-Breadth Exceeded",
        "the request would have been forked into more branches than allowed (RFC 5393)",
        "Look for a loop among forking proxies.",
    ),
    469: StatusAdvice(
        "Bad Info Package",
        "an INFO with a package that was not agreed upon (RFC 6086)",
        "Compare Info-Package with Recv-Info of the other side.",
    ),
    470: StatusAdvice(
        "Consent Needed",
        "a recipient of the request has not consented to get it (RFC 5360)",
        "Let the recipient named in Permission-Missing consent first.",
    ),
    480: StatusAdvice(
        "Temporarily Unavailable",
        "the user is known, and cannot be reached now: not registered, out of coverage, or not to be disturbed",
        "Look whether the called UE is registered at its S-CSCF; Retry-After may tell when to try again.",
    ),
    481: StatusAdvice(
        "Call/Transaction Does Not Exist",
        "the dialog or transaction that the request names is not known",
        "Compare Call-ID and tags with the dialog; the other side may have restarted, or another node of it was asked.",
    ),
    482: StatusAdvice(
        "Loop Detected",
        "the request came by the same node twice",
        "Follow the Via headers: two routes lead to each other.",
    ),
    483: StatusAdvice(
        "Too Many Hops",
        "Max-Forwards ran out",
        "Follow the Via headers: the route is a loop, or Max-Forwards began too low.",
    ),
    484: StatusAdvice(
        "Address Incomplete",
        "the number is too short",
        "Compare the dialled number with the numbering plan: overlap signalling, a missing prefix.",
    ),
    485: StatusAdvice(
        "Ambiguous",
        "the address stands for more than one user",
        "Choose one of those that Contact of the response lists.",
    ),
    486: StatusAdvice(
        "Busy Here",
        "the called UE was reached, and takes no further call",
        "No fault of a node; a UE that is free and answers so counts its sessions wrongly.",
    ),
    487: StatusAdvice(
        "Request Terminated",
        "the caller gave the request up (CANCEL or BYE)",
        "Look who sent the CANCEL, and how long it rang.",
    ),
    488: StatusAdvice(
        "Not Acceptable Here",
        "the SDP was not acceptable to this node",
        "Compare media, TCP/MSRP or TCP/TLS/MSRP, a=setup, accept-types and key-mgmt of the offer with what this node "
        "takes; Warning tells which part.",
    ),
    489: StatusAdvice(
        "Bad Event",
        "the event package is not known here",
        "Compare Event of the request with Allow-Events of the response.",
    ),
    491: StatusAdvice(
        "Request Pending",
        "both sides changed the session at the same time",
        "Nothing to mend where it is tried again after a few seconds; else let the sender do so (section 14.1).",
    ),
    493: StatusAdvice(
        "Undecipherable",
        "the body is encrypted for somebody else",
        "Compare the certificate used with the one in the response.",
    ),
    494: StatusAdvice(
        "Security Agreement Required",
        "the P-CSCF wants the security mechanisms agreed on first (RFC 3329)",
        "Let the UE send Security-Client, Require: sec-agree, and what Security-Server of the response offers.",
    ),
    500: StatusAdvice(
        "Server Internal Error",
        "the server met something that it does not handle, or could not get what the session needs",
        "Look at what it did just before, H.248 towards its MRFP above all, and at its own log.",
    ),
    501: StatusAdvice(
        "Not Implemented",
        "the method is not known at all",
        "See whether the request went to the node that it was meant for.",
    ),
    502: StatusAdvice(
        "Bad Gateway",
        "the node behind this one answered with something that cannot be used",
        "Capture behind the node that sent it: the answer that it got is the one to judge.",
    ),
    503: StatusAdvice(
        "Service Unavailable",
        "overloaded, in maintenance, or without a way on: others may be tried",
        "Look at load and links of the node that sent it; Retry-After tells when to try again.",
    ),
    504: StatusAdvice(
        "Server Time-out",
        "another server that is needed (DNS, HSS, the next hop) did not answer",
        "Find that server behind the node that sent it. In the IMS a body with `restoration` asks the UE to register "
        "anew: its S-CSCF was lost.",
    ),
    505: StatusAdvice(
        "Version Not Supported",
        "the version of SIP is not supported",
        "Look at the first line of the request: it has to end with SIP/2.0.",
    ),
    513: StatusAdvice(
        "Message Too Large",
        "the whole request is larger than the server takes",
        "Send fewer headers and a smaller body, over TCP.",
    ),
    555: StatusAdvice(
        "Push Notification Service Not Supported",
        "the push service that the registration names is not known (RFC 8599)",
        "Compare pn-provider with what the proxy has.",
    ),
    580: StatusAdvice(
        "Precondition Failure",
        "the resources that the SDP makes a condition could not be had (RFC 3312)",
        "Look at the bearer (a=curr, a=des): the policy or the radio side refused it.",
    ),
    600: StatusAdvice(
        "Busy Everywhere",
        "the user was found and is busy at every place",
        "No fault of a node; a server may send it only if it knows of no other place, voice mail included.",
    ),
    603: StatusAdvice(
        "Decline",
        "the user was found and does not want to take part",
        "No fault of a node; where nobody declined, find the server that says so in the user's place.",
    ),
    604: StatusAdvice(
        "Does Not Exist Anywhere",
        "an authority for the domain says that there is no such user",
        "Compare the Request-URI with the subscribers of that domain.",
    ),
    606: StatusAdvice(
        "Not Acceptable",
        "the user would take part, and no terminal of theirs can do what the SDP asks for",
        "Offer other media or types; Warning tells what lacks.",
    ),
    607: StatusAdvice(
        "Unwanted",
        "the user marked the caller as unwanted (RFC 8197)",
        "No fault of a node; the caller is to stop.",
    ),
    608: StatusAdvice(
        "Rejected",
        "a machine on the way took the call for spam (RFC 8688)",
        "Read Call-Info of the response: it names whom to ask.",
    ),
}

CLASSES = {
    4: "the request cannot be fulfilled here as it is",
    5: "the server failed, the request may be right",
    6: "the request cannot be fulfilled anywhere",
}
"What a status means that is not known: that of its class (RFC 3261 section 8.1.3.2)."


def advice_on(status: int) -> str:
    """What to do about a status, with what it means; for one that is not known its class."""
    known = STATUSES.get(status)
    if known is not None:
        return f"{status}: {known.meaning}. {known.advice}"
    meaning = CLASSES.get(status // 100, "no class of responses has this number")
    return f"{status} is not registered; of its class: {meaning}. Read the reason phrase, Reason and Warning."


def meanings(hundreds: int) -> tuple[str, ...]:
    """The statuses of a class, each with its meaning."""
    return tuple(
        f"{status} {known.phrase}: {known.meaning}." for status, known in STATUSES.items() if status // 100 == hundreds
    )
