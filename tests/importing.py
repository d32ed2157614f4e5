"""Files as others make them, to be imported, and an import from beginning to end."""

import io
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from sqlalchemy import select

from app.artifacts import Artifacts
from app.db import transaction
from app.models import Choice, Import, Pair, Round
from app.services import import_formats, import_run, imports
from app.services.import_items import Reader
from tests import builders

CREATED = datetime(2024, 2, 29, 12, 30, 15)


def png(mark: int, size: int = 64) -> bytes:
    return encoded(mark, "PNG", size)


def encoded(mark: int, kind: str, size: int = 64) -> bytes:
    """A picture by number; each number another one."""
    image = builders.picture(mark, size)
    image.putpixel((0, 0), (mark % 256, mark // 256 % 256, 7))
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def row(number: int, **columns: Any) -> dict[str, Any]:
    """A row of Pick-a-Pic: the first picture is the better."""
    given = {
        "caption": f"prompt {number}", "jpg_0": png(2 * number), "jpg_1": png(2 * number + 1), "label_0": 1.0,
        "label_1": 0.0, "has_label": True, "user_id": 7, "created_at": CREATED, "model_0": "one", "model_1": "other",
    }  # fmt: skip
    return given | columns


def parquet_file(
    path: Path, rows: Sequence[dict[str, Any]], *, row_group: int = 4, without: Sequence[str] = ()
) -> Path:
    table = pa.Table.from_pylist(list(rows)).drop_columns(list(without))
    parquet.write_table(table, path, row_group_size=row_group)
    return path


def paper_folder(
    path: Path, prompts: Any = ("1 hand", "a cat", "1 hand"), *, each: int = 3, scores: dict[str, Any] | None = None
) -> Path:
    """The layout of the paper's code, as many pictures of each prompt."""
    (path / "images").mkdir(parents=True)
    (path / "scores").mkdir()
    (path / "prompt.json").write_text(json.dumps(prompts))
    flat = [text for one in prompts for text in (one if isinstance(one, list) else [one])]
    for number in range(len(flat) * each):
        (path / "images" / f"{number:05}.png").write_bytes(png(number))
    for name, said in (scores or {"ada": [[1, 0, -1]] * len(flat)}).items():
        (path / "scores" / f"{name}.json").write_text(json.dumps(said))
    return path


class Quiet:
    """Hears of every step; `after` calls something once so many rows are written."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int, int]] = []

    def hashed(self, done: int, total: int) -> None:
        self.heard.append(("hashed", done, total))

    def checked(self, done: int, total: int) -> None:
        self.heard.append(("checked", done, total))

    def written(self, done: int, total: int) -> None:
        self.heard.append(("written", done, total))


def begun(format_name: str, *, name: str = "From elsewhere", leave_out_bad: bool = False) -> int:
    """An import that the command line asked for: its id. There is a base model."""
    with transaction() as session:
        builders.base_model(session)
        row = imports.ask(
            session, format_name=format_name, name=name, source={"paths": [], "leave_out_bad": leave_out_bad},
            by_worker=False, actor=None,
        )  # fmt: skip
        return row.id


def read(
    artifacts: Artifacts, format_name: str, paths: Sequence[Path], *, reader: Reader | None = None,
    import_id: int | None = None, steps: Quiet | None = None, own: str = "test-1", **asked: Any,
) -> int:  # fmt: skip
    """Import all of it; the id of its study."""
    import_id = import_id or begun(format_name, **asked)
    reader = reader or import_formats.opened(format_name, paths)
    import_run.run(transaction, artifacts, reader, import_id, own=own, steps=steps or Quiet())
    with transaction() as session:
        return int(session.get_one(Import, import_id).study_id or 0)


def choices_of(session: Any, study_id: int) -> list[Choice]:
    query = select(Choice).join(Pair, Pair.id == Choice.pair_id).join(Round, Round.id == Pair.round_id)
    return list(session.scalars(query.where(Round.study_id == study_id).order_by(Choice.id)))
