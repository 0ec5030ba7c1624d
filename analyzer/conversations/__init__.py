"""Messages gathered by what the protocol itself says belongs together: SIP calls, H.248 transactions and terminations, connections."""
