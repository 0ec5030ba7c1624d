"""The lab: UE, MRFC, MRFP and KMS together in one process, or each alone (docs/lab.md)."""
