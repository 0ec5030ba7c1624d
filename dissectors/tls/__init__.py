"""TLS 1.0 to 1.3: records, messages, key schedules, key logs, and the observer that opens a captured connection."""
