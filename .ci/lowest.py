"""Print constraints for pip: of everything that pyproject.toml names the lowest version that it allows.

`make test-lowest` installs these in an environment of its own, so that no lower bound is a guess.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]):
    bound = re.fullmatch(r"([\w.-]+) *(?:>=|~=) *([\w.]+)(?: *;.*)?", requirement)
    if bound is None:
        raise SystemExit(f"pyproject.toml: {requirement!r} has no lower bound of the form name>=version")
    print(f"{bound[1]}=={bound[2]}")
