"""From a capture to correlated sessions: source, reassembly, decoders, messages, sessions, reports."""
