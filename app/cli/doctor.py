"""The checks of `tastemaker doctor` as a table for people."""

from rich.table import Column, Table
from rich.text import Text

from app.services.system_check import Check

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def as_table(checks: list[Check]) -> Table:
    """The checks for people."""
    table = Table.grid("", "", Column(overflow="fold"), padding=(0, 2))
    for check in checks:
        table.add_row(Text(check.state, style=STYLES[check.state]), check.name, f"{check.seen} {check.remedy}".strip())
    return table
