"""Examples for the API's description: a request and an answer of each operation, and one of each problem.

They stand in `examples.json` by the operation's name. A test holds each against its own schema.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("examples.json")


@cache
def examples() -> dict[str, Any]:
    """`problems` by status, and `operations` by name with `request`, `response` or both."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
