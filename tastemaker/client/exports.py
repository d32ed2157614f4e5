"""Preference data: streamed at once, or written to a file by the site and downloaded."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from tastemaker.client.downloads import OnProgress, download
from tastemaker.client.errors import ExportFailed
from tastemaker.client.http import Http
from tastemaker.client.shapes import Export, Rounds
from tastemaker.client.waiting import done

Table = Literal["preferences", "choices"]


class Preferences:
    """`client.preferences`: what people said, a row for each pair, or (`table="choices"`) for each answer."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def rows(
        self, study: int, *, table: Table = "preferences", rounds: Rounds = "preference"
    ) -> Iterator[dict[str, Any]]:
        """Row by row, as they come; docs/exports.md names the columns."""
        params = {"format": "jsonl", "table": table, "kind": rounds}
        with self._http.stream(f"/studies/{study}/preferences", params=params) as response:
            for line in response.iter_lines():
                if line:
                    yield json.loads(line)

    def save(
        self, study: int, target: Path | str, *, format: Literal["jsonl", "csv", "parquet"] = "parquet",
        table: Table = "preferences", rounds: Rounds = "preference",
    ) -> Path:  # fmt: skip
        """Write them to a file, which is in its place once it is whole. For very many, `client.exports` can resume."""
        target = Path(target)
        part = target.with_name(f"{target.name}.part")
        params = {"format": format, "table": table, "kind": rounds}
        with self._http.stream(f"/studies/{study}/preferences", params=params) as response, part.open("wb") as file:
            for block in response.iter_bytes():
                file.write(block)
        return part.replace(target)


class Exports:
    """`client.exports`: files that the site's worker writes, in any of its formats (docs/exports.md)."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def ask(self, study: int, format: str, *, rounds: Rounds = "preference", key: str | None = None) -> Export:
        """Have a study's data written to a file. The same `key` again gives the export that was asked for first."""
        body = {"format": format, "rounds": rounds}
        return self._http.one(Export, "POST", f"/studies/{study}/exports", body=body, key=key)

    def all(self, study: int) -> Iterator[Export]:
        """A study's exports, newest first."""
        return self._http.pages(Export, f"/studies/{study}/exports")

    def get(self, export: int) -> Export:
        return self._http.one(Export, "GET", f"/exports/{export}")

    def stop(self, export: int) -> Export:
        return self._http.one(Export, "POST", f"/exports/{export}/stop")

    def again(self, export: int) -> Export:
        """Write one anew that failed or was stopped."""
        return self._http.one(Export, "POST", f"/exports/{export}/again")

    def remove(self, export: int) -> None:
        """Remove an export and its file."""
        self._http.json("DELETE", f"/exports/{export}")

    def wait(
        self, export: int, *, on_progress: Callable[[Export], None] = lambda now: None, timeout: float | None = None,
        every: float = 1.0,
    ) -> Export:  # fmt: skip
        """Wait until it is done; `on_progress` sees it each time. Raises `ExportFailed`, `TimeoutError`."""
        return done(
            f"Export {export}", lambda: self.get(export), ExportFailed,
            on_progress=on_progress, timeout=timeout, every=every,
        )  # fmt: skip

    def download(
        self, export: int, folder: Path | str = ".", *, on_progress: OnProgress = lambda done, total: None
    ) -> Path:
        """Load the file of an export that is done into `folder`; it goes on where it broke off, and is checked."""
        told = self.get(export)
        if told.size is None or told.sha256 is None:
            raise ExportFailed(f"Export {export} is {told.state} and has no file: wait until it is done.")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"study-{told.study}-{told.format}-{told.id}{_ending(told.format)}"
        return download(
            self._http, f"/exports/{export}/download", folder / name,
            size=told.size, sha256=told.sha256, on_progress=on_progress,
        )  # fmt: skip


def _ending(format: str) -> str:
    """Tables are one file, everything else is a zip."""
    kind = format.rpartition("-")[2]
    return f".{kind}" if kind in ("jsonl", "csv", "parquet") else ".zip"
