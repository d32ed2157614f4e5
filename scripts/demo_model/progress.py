"""What a run says while it runs: a bar with rate and estimate, and lines where the output is no terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 30.0

Update = Callable[[float, str], None]


@contextmanager
def progress(console: Console, title: str, *, done: float = 0.0) -> Iterator[Update]:
    """Yields `update(done, note)`, with `done` from 0 to 1. `done` before the first update is what earlier runs did."""
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task(title, total=1.0, note="")
            bar.update(task, completed=done)
            yield lambda part, note: bar.update(task, completed=part, note=note)
    else:
        yield _line_printer(console, title, done)


def _bar(console: Console) -> Progress:
    columns = ("{task.description}", BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[note]}"))
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(elapsed_when_finished=True), console=console)


def _line_printer(console: Console, title: str, done: float) -> Update:
    begun = last = time.monotonic()

    def update(part: float, note: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES and part > done:
            last = now
            left = (now - begun) * (1 - part) / (part - done)
            console.print(f"{title}: {part:.0%}, {note}, about {left / 60:.1f} min left", soft_wrap=True)

    return update
