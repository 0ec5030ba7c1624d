"""The Key Management Server of the lab: Ticket Request and Ticket Resolve over HTTP (RFC 6043, TS 33.328)."""

from __future__ import annotations

from replay.kms.core import Kms
from replay.kms.faults import FAULTS
from replay.kms.users import KmsConfig, KmsUser, read_config

__all__ = ["FAULTS", "Kms", "KmsConfig", "KmsUser", "read_config"]
