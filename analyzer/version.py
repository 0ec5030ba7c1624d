"""The version of mrfscope, read by the build as well (pyproject.toml)."""

VERSION = "0.1.0"
