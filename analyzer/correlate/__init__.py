"""Calls, terminations and connections become sessions and conferences; every link says why and how sure."""
