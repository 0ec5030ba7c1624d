"""What speaks here: payloads of UDP, TCP and SCTP to messages."""
