"""The room between correlation and judging where TLS is opened: keys come from the session, plaintext goes back in."""
