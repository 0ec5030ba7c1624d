"""Messages gathered by the keys of their own protocol: SIP calls, H.248 terminations, TCP connections."""
