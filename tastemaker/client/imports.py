"""Imports: preference data made elsewhere, read by the site's worker into a study of its own. For admins."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from tastemaker.client.errors import ImportFailed
from tastemaker.client.http import Http
from tastemaker.client.shapes import JobState
from tastemaker.client.waiting import done

ImportFormat = Literal["pick-a-pic", "paper"]


@dataclass(frozen=True)
class Place:
    """Something in the site's data folder that can be imported; its files have `size` bytes together."""

    name: str
    format: ImportFormat
    size: int


@dataclass(frozen=True)
class Import:
    """An import, `rows_read` of `rows`; `done` of `total` are bytes while it looks at the files, then rows. Its study
    and round are there once every row is checked. Without a `state`, the site's command line reads it. `ended_at` is
    when all was read, or it was ended with what was; `left_out` counts rows that were not used, by why."""

    id: int
    format: ImportFormat
    name: str
    state: JobState | None
    error: str | None
    done: int
    total: int
    seconds_left: float | None
    rows: int
    rows_read: int
    left_out: dict[str, int]
    study: int | None
    round: int | None
    pairs: int
    choices: int
    created_at: datetime
    ended_at: datetime | None


class Imports:
    """`client.imports`. An import makes a study called `name`, whose people were asked `question`, of the base model of
    this id (None: the newest); with `leave_out_bad`, rows that cannot be used are left out and counted, else the first
    of them ends it before anything is stored."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def places(self) -> list[Place]:
        """What lies in the folder `imports` of the site's data folder."""
        return self._http.many(Place, "/import-places")

    def ask(
        self, place: str, name: str, *, question: str | None = None, base_model: int | None = None,
        leave_out_bad: bool = False,
    ) -> Import:  # fmt: skip
        """Import what lies in the data folder, by the name of one of its `places`."""
        body = {"place": place, **_wished(name, question, base_model, leave_out_bad)}
        return self._http.one(Import, "POST", "/imports", body=body)

    def upload(
        self, files: Path | str | Sequence[Path | str], name: str, *, question: str | None = None,
        base_model: int | None = None, leave_out_bad: bool = False,
    ) -> Import:  # fmt: skip
        """Upload Parquet files with Pick-a-Pic's columns and import them: up to 20 files of 2 GB together, which are
        read as they are sent. Larger ones are put into the data folder."""
        paths = [files] if isinstance(files, str | Path) else files
        with ExitStack() as stack:
            opened = [("files", stack.enter_context(Path(path).open("rb"))) for path in paths]
            form = _wished(name, question, base_model, leave_out_bad)
            return self._http.one(Import, "POST", "/import-files", form=form, files=opened)

    def all(self) -> Iterator[Import]:
        """Newest first, those of the command line among them."""
        return self._http.pages(Import, "/imports")

    def get(self, import_: int) -> Import:
        return self._http.one(Import, "GET", f"/imports/{import_}")

    def stop(self, import_: int) -> Import:
        """Call it off for now; what is read stays. Raises `Conflict` where no worker is at it."""
        return self._move(import_, "stop")

    def again(self, import_: int) -> Import:
        """Let one go on that failed or was stopped; nothing is read twice."""
        return self._move(import_, "again")

    def end(self, import_: int) -> Import:
        """Leave it at what is read: its round is complete with that."""
        return self._move(import_, "end")

    def remove(self, import_: int) -> None:
        """Remove one that has made no study, with what was uploaded. Of any other, archive the study."""
        self._http.json("DELETE", f"/imports/{import_}")

    def wait(
        self, import_: int, *, on_progress: Callable[[Import], None] = lambda now: None, timeout: float | None = None,
        every: float = 1.0,
    ) -> Import:  # fmt: skip
        """Wait until it has ended; `on_progress` sees it each time. Raises `ImportFailed`, `TimeoutError`."""
        return done(
            f"Import {import_}", lambda: self.get(import_), ImportFailed, ready=lambda now: now.ended_at is not None,
            on_progress=on_progress, timeout=timeout, every=every,
        )  # fmt: skip

    def _move(self, import_: int, move: str) -> Import:
        return self._http.one(Import, "POST", f"/imports/{import_}/{move}")


def _wished(name: str, question: str | None, base_model: int | None, leave_out_bad: bool) -> dict[str, Any]:
    wished = {"name": name, "question": question, "base_model": base_model, "leave_out_bad": leave_out_bad}
    return {field: value for field, value in wished.items() if value is not None}
