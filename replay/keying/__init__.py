"""MIKEY-TICKET as an end of the lab speaks it: initiator, responder, and client of the KMS (RFC 6043, TS 33.328)."""

from replay.keying.initiator import Initiator
from replay.keying.kms_client import KmsAnswered, KmsClient, KmsFailed, KmsOutcome
from replay.keying.party import Chance, KeyingRefused, Party
from replay.keying.replays import Replays
from replay.keying.responder import Responder

__all__ = [
    "Chance",
    "Initiator",
    "KeyingRefused",
    "KmsAnswered",
    "KmsClient",
    "KmsFailed",
    "KmsOutcome",
    "Party",
    "Replays",
    "Responder",
]
