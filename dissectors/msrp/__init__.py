"""MSRP (RFC 4975, 4976, 7701) and CPIM (RFC 3862): messages, streams, URIs, chunks."""
