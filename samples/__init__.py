"""Sample captures: a readable description per scenario (`scenario.toml`), and what makes the capture from it."""
