"""The formats that are imported, by name, and where their files may lie: named on the command line, in the data
folder's `imports`, or uploaded."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.artifacts import Artifacts
from app.errors import BadInput, NotFound
from app.models.base import Json
from app.services.import_items import Reader
from app.services.import_paper import PROMPTS, Paper
from app.services.import_pick_a_pic import PickAPic

PICK_A_PIC, PAPER = "pick-a-pic", "paper"
FORMATS = (PICK_A_PIC, PAPER)
FOLDER = "imports"  # of the data folder
MOST_LISTED = 200


@dataclass(frozen=True)
class Found:
    """Something in the data folder that can be imported: its name there, its format, its size in bytes."""

    name: str
    format: str
    size: int


def require(name: str) -> str:
    """Raises `BadInput` naming those that there are."""
    if name not in FORMATS:
        raise BadInput(f"There is no format {name!r}.", f"Choose one of {', '.join(FORMATS)}.", fields={"format": name})
    return name


def opened(format_name: str, paths: Sequence[Path], scores: Sequence[Path] = ()) -> Reader:
    """The files, opened. Of Pick-a-Pic, Parquet files and folders of them. Raises `BadInput` with what is wrong."""
    if require(format_name) == PICK_A_PIC:
        return PickAPic([file for path in paths for file in _parquet_files(path)])
    if len(paths) != 1:
        raise BadInput("One folder of the paper's code is imported at a time.", "Name one folder.")
    return Paper(paths[0], scores)


@contextmanager
def located(source: Json, artifacts: Artifacts, data_dir: Path) -> Iterator[list[Path]]:
    """Where the files of an import lie on this machine, for as long as they are read. Raises `NotFound`, `BadInput`."""
    if "paths" in source:
        yield [Path(path) for path in source["paths"]]
    elif "name" in source:
        yield [in_folder(data_dir, source["name"])]
    else:
        with TemporaryDirectory(prefix="tastemaker-import-") as folder:
            yield [_fetched(artifacts, file["key"], Path(folder) / file["name"]) for file in source["uploaded"]]


def in_folder(data_dir: Path, name: str) -> Path:
    """What is called so in the data folder's `imports`. Raises `BadInput`."""
    root = (data_dir / FOLDER).resolve()
    path = (root / name).resolve()
    if not name or not path.is_relative_to(root) or path == root or not path.exists():
        raise BadInput(f"There is no {name!r} in {root}.", "Put it there, on every machine that imports.")
    return path


def listed(data_dir: Path) -> list[Found]:
    """What lies in the data folder's `imports`, by name."""
    root = data_dir / FOLDER
    if not root.is_dir():
        return []
    found = []
    for path in sorted(root.iterdir())[:MOST_LISTED]:
        if files := _parquet_files(path) if path.is_dir() or path.suffix == ".parquet" else []:
            found.append(Found(path.name, PICK_A_PIC, _size(files)))
        elif (path / PROMPTS).is_file():
            found.append(Found(path.name, PAPER, _size(file for file in (path / "images").glob("*") if file.is_file())))
    return found


def _parquet_files(path: Path) -> list[Path]:
    """A folder's Parquet files by their paths; a file is itself."""
    return sorted(path.rglob("*.parquet")) if path.is_dir() else [path]


def _size(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _fetched(artifacts: Artifacts, key: str, target: Path) -> Path:
    """An uploaded file under its own name, without a copy where it lies on this machine."""
    there = artifacts.local_path(key)
    if there is not None:
        if not there.exists():
            raise NotFound("The uploaded file is no longer there.", "Upload it again.")
        target.symlink_to(there)
    else:
        with target.open("wb") as file:
            for block in artifacts.open_stream(key):
                file.write(block)
    return target
