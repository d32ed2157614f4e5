"""A whole backup in one folder: the database's dump, every stored file, the secret key, and a list of it all.

Taken while the product runs. The dump comes first and files never change once they are written, so all that the dump
names is copied; what retention or a clean-up removes in between is drawn again where it is needed. Taken again into the
same folder, only what is new is copied.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

from app.artifacts import Artifacts
from app.errors import BadInput, Damaged, NotFound, Refused
from app.settings import Settings
from app.supervisor import backup
from app.supervisor.logs import Say
from app.supervisor.migration import migrate, revision_of

MANIFEST, DUMP, FILES, LIST, SECRET = "backup.json", "database.dump", "files", "files.jsonl", "secret.key"
FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """What a backup holds."""

    format: int
    taken_at: str
    version: str
    revision: str
    dump_sha256: str
    files: int
    bytes: int
    copied: int = 0


def save(settings: Settings, folder: Path, say: Say = lambda line: None) -> Manifest:
    """Back everything up into `folder`, new or an earlier backup of ours. The list is written last: it makes it whole.

    Raises `BadInput` for a folder that holds something else, `Refused` for an empty database, `OutOfSpace`,
    `Unavailable`.
    """
    _refuse_foreign(folder)
    revision = revision_of(settings)
    if revision is None:
        raise Refused("There is nothing to back up: the database holds no tables yet.")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # it holds the key that signs cookies, and everybody's choices
    (folder / MANIFEST).unlink(missing_ok=True)
    draft = folder / f"{DUMP}.part"
    backup.dump_to(settings, draft)
    draft.replace(folder / DUMP)
    say("The database is saved. Copying files …")
    count, size, copied = _copy_out(Artifacts(settings.artifacts), folder)
    secret = settings.data_dir / SECRET
    if secret.is_file():
        shutil.copyfile(secret, folder / SECRET)
        (folder / SECRET).chmod(0o600)
    made = Manifest(
        FORMAT, datetime.now(UTC).isoformat(timespec="seconds"), version("tastemaker"), revision,
        _sha256(folder / DUMP), count, size, copied,
    )  # fmt: skip
    (folder / MANIFEST).write_text(json.dumps(asdict(made), indent=2) + "\n")
    return made


def bring_back(settings: Settings, folder: Path, say: Say = lambda line: None) -> Manifest:
    """Fill an empty instance from a backup, then bring its database to this version's schema.

    The backup is checked before anything is touched. Raises `BadInput` where it is none, `Damaged` where a part is
    missing or differs, `Refused` where the instance holds anything.
    """
    made = read(folder)
    artifacts = Artifacts(settings.artifacts)
    _refuse_full(settings, artifacts)
    backup.restore(settings, folder / DUMP)
    say("The database is restored. Copying files …")
    for key, _ in _listed(folder):
        if not artifacts.exists(key):
            artifacts.put_file(key, folder / FILES / key)
    secret = settings.data_dir / SECRET
    if settings.secret_key is None and (folder / SECRET).is_file() and not secret.exists():
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write((folder / SECRET).read_bytes())
    migrate(settings, say, backup=False)
    return made


def read(folder: Path) -> Manifest:
    """What the backup says of itself, once every part is found as it was written. Raises `BadInput`, `Damaged`."""
    try:
        made = Manifest(**json.loads((folder / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(
            f"{folder} is no whole backup: its {MANIFEST} cannot be read ({error}).",
            "Give the folder that `tastemaker backup` wrote; one that was interrupted has no list.",
        ) from error
    if made.format != FORMAT:
        raise BadInput(f"The backup in {folder} has format {made.format}.", "A newer version of Tastemaker made it.")
    if not (folder / DUMP).is_file() or _sha256(folder / DUMP) != made.dump_sha256:
        raise Damaged(f"{folder / DUMP} is not what was written.", "Take another backup.")
    count = 0
    for count, (key, size) in enumerate(_listed(folder), start=1):  # noqa: B007 -- counted on
        path = folder / FILES / key
        if not path.is_file() or path.stat().st_size != size:
            raise Damaged(f"{path} is missing from the backup, or not whole.", "Take another backup.")
    if count != made.files:
        raise Damaged(f"{folder / LIST} lists {count} files; {made.files} were saved.", "Take another backup.")
    return made


def _copy_out(artifacts: Artifacts, folder: Path) -> tuple[int, int, int]:
    """Copy what is new, list what there is: how many files, their bytes, how many were copied."""
    count = size = copied = 0
    with (folder / LIST).open("w") as listed:
        for key in artifacts.keys(""):
            target = folder / FILES / key
            try:
                length = artifacts.size(key)
                if not target.is_file() or target.stat().st_size != length:
                    _copy(artifacts, key, target)
                    copied += 1
            except NotFound:  # removed meanwhile
                continue
            _list(listed, key, length)
            count, size = count + 1, size + length
    return count, size, copied


def _copy(artifacts: Artifacts, key: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    try:
        with draft.open("wb") as file:
            for block in artifacts.open_stream(key):
                file.write(block)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _list(listed: IO[str], key: str, size: int) -> None:
    listed.write(json.dumps([key, size]) + "\n")


def _listed(folder: Path) -> Iterator[tuple[str, int]]:
    with (folder / LIST).open() as lines:
        for line in lines:
            key, size = json.loads(line)
            yield key, size


def _refuse_foreign(folder: Path) -> None:
    ours = {MANIFEST, DUMP, f"{DUMP}.part", FILES, LIST, SECRET}
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - ours):
        raise BadInput(f"{folder} holds something else than a backup.", "Give a new folder, or an earlier backup.")


def _refuse_full(settings: Settings, artifacts: Artifacts) -> None:
    revision = revision_of(settings)
    if revision is not None:
        raise Refused(
            f"The database holds data already (revision {revision}); a backup is only restored into an empty instance.",
            "Choose another data folder (TASTEMAKER_DATA_DIR), or stop everything and move this one away.",
        )
    if next(artifacts.keys(), None) is not None:
        raise Refused(
            f"Files are stored at {settings.artifacts} already; a backup is only restored into an empty instance.",
            "Choose another place (TASTEMAKER_ARTIFACTS_URL), or move them away.",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
