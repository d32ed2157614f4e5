"""The base model's weight files as this machine has them: where they lie, and that they are the registered ones."""

import hashlib
from functools import lru_cache
from pathlib import Path

from app.errors import Refused
from app.models import BaseModel
from app.services import base_models

REMEDY = "Put back the files that were registered, or register the model again and make a new study on it."


def verified_folder(model: BaseModel) -> Path:
    """The pipeline's folder here; a hub model is fetched at its commit. Raises `Refused` naming a file that differs.

    Sizes are compared each time, a file's SHA-256 once per process as long as the file stays the same.
    """
    folder, _ = base_models.located(model.source, model.revision or None)
    for name, registered in model.files.items():
        path = folder / name
        if not path.is_file():
            raise Refused(f"The weight file {path} of base model {model.name} is missing on this worker.", REMEDY)
        stat = path.stat()
        if stat.st_size != registered["size"] or _sha256(path, stat.st_size, stat.st_mtime_ns) != registered["sha256"]:
            raise Refused(
                f"The weight file {path} is not the one that base model {model.name} was registered with.", REMEDY
            )
    return folder


@lru_cache(maxsize=1024)
def _sha256(path: Path, size: int, modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
