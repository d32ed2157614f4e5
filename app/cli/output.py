"""What commands print: results on standard output, everything else on standard error, where no script trips over it."""

import json
from typing import Any

from rich.console import Console
from rich.text import Text

from app.errors import TastemakerError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """One line of progress."""
    err.print(Text(line), soft_wrap=True)


def print_json(value: Any) -> None:
    """One line of JSON for a script."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def report(error: TastemakerError) -> None:
    """An error: what happened, then what to do."""
    err.print(Text(error.message, style="bold red"), soft_wrap=True)
    if error.remedy:
        err.print(Text(error.remedy), soft_wrap=True)
