"""The record of a run: one JSON line per row, each (phase, step) once."""

import json
from pathlib import Path
from typing import Any

from scripts.demo_model.files import write_whole


def append(path: Path, row: dict[str, Any]) -> None:
    """Add one row, with its `phase` and `step`."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """All rows; a last line that a kill cut short is no row."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def forget_after(path: Path, phase: str, step: int) -> None:
    """Drop the rows of a phase that come after the checkpoint from which it goes on."""
    kept = [row for row in read(path) if row["phase"] != phase or row["step"] <= step]
    write_whole(path, lambda part: part.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8"))
