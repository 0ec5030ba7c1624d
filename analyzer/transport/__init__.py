"""Transport: TCP byte streams and SCTP messages out of captured packets, with the frame of every octet."""
