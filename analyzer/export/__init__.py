"""Handing an analysis over to other tools: key logs, annotated captures, MSRP in plain TCP."""
