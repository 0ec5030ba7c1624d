"""Bytes to messages and back: SIP, SDP, MSRP, CPIM and H.248. No files, sockets, clocks or command line in here."""
