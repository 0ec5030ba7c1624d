"""The keys that the user supplies, and how they become one PSK per session."""
