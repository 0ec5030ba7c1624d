"""Where the lab's functions meet the world: sockets, TLS, the clock, and what is written down of it."""
