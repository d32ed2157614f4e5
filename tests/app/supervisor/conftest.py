"""Folders that are entered by the user under whom PostgreSQL runs."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty temporary folder that other users may pass through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="tastemaker-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(open_folder: Path) -> Path:
    """A data folder that does not exist yet."""
    return open_folder / "data"
