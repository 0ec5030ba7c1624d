"""Sample captures: a readable description of each (`lab.toml`, `scenario.toml`), and what makes the capture from it."""
