"""The files that one attempt writes, in a folder of its own; removed where the attempt comes to nothing."""

from pathlib import Path

from app.artifacts import Artifacts, Stored


class OwnFiles:
    """Files below `folder`, which ends in the attempt, so that no two attempts write the same key.

    `keep` is called once a row names what was written so far; `discard` removes what no row names.
    """

    def __init__(self, artifacts: Artifacts, folder: str) -> None:
        self.artifacts = artifacts
        self.folder = folder
        self._unnamed: list[str] = []

    def put(self, name: str, data: bytes) -> Stored:
        """Store `data` as `name`. Raises `OutOfSpace`."""
        key = f"{self.folder}/{name}"
        self._unnamed.append(key)
        return self.artifacts.put_bytes(key, data)

    def put_file(self, name: str, source: Path) -> Stored:
        """Store a copy of the file `source` as `name`, without reading it whole. Raises `OutOfSpace`."""
        key = f"{self.folder}/{name}"
        self._unnamed.append(key)
        return self.artifacts.put_file(key, source)

    def keep(self) -> None:
        """What was written so far belongs to the database now."""
        self._unnamed.clear()

    def discard(self) -> None:
        """Remove what no row names."""
        while self._unnamed:
            self.artifacts.delete(self._unnamed.pop())
