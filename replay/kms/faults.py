"""What the KMS can be told to do wrong: one requirement row each, broken where that row's behaviour is decided."""

from __future__ import annotations

FAULTS: dict[str, str] = {
    "MRFP-TLS-2": "gives every ticket the same TGK, and forks it in the same way",
    "DIN-1e": "gives tickets whose flags say that the initiator made them",
}
