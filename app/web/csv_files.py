"""Lines of CSV files (RFC 4180) that people open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # what a spreadsheet takes for a formula


def safe(value: object) -> object:
    """Names that people chose never begin a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(RISKY) else value


def line(values: Iterable[object]) -> str:
    """One line; what is None stays empty."""
    text = io.StringIO()
    csv.writer(text).writerow(["" if value is None else value for value in values])
    return text.getvalue()
