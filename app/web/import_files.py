"""Where the files of an import lie, of the page and of the API: uploaded, or named in the data folder."""

import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from starlette.datastructures import UploadFile

from app.artifacts import Artifacts
from app.errors import BadInput
from app.models.base import Json
from app.services import import_formats

MOST_BYTES = 2 << 30
MOST_FILES = 20
UNUSUAL = re.compile(r"[^\w.-]")


def in_folder(data_dir: Path, name: str) -> tuple[str, Json]:
    """The format of what is called so in the data folder's `imports`, and an import's source of it. Raises
    `BadInput`."""
    found = next((one for one in import_formats.listed(data_dir) if one.name == name), None)
    if found is None:
        why = f"There is no {name!r} any more." if name else "Nothing was chosen."
        why += " Upload files, or choose what lies in the data folder."
        raise BadInput(why, fields={"place": why})
    return found.format, {"name": found.name}


@contextmanager
def stored(uploads: Sequence[UploadFile], artifacts: Artifacts) -> Iterator[tuple[str, Json]]:
    """The format of uploaded files, and an import's source of them. What is stored goes where the block fails.

    Raises `BadInput` where they are too many, too large or no Parquet.
    """
    if len(uploads) > MOST_FILES or sum(one.size or 0 for one in uploads) > MOST_BYTES:
        why = f"Up to {MOST_FILES} files of 2 GB together can be uploaded; put larger ones into the data folder."
        raise BadInput(why, fields={"files": why})
    wrong = next((str(one.filename) for one in uploads if not str(one.filename).endswith(".parquet")), None)
    if wrong is not None:
        why = f"{wrong} is no Parquet file by its name. A folder of the paper's code is put into the data folder."
        raise BadInput(why, fields={"files": why})
    folder = f"imports/{secrets.token_hex(16)}"
    keys = [f"{folder}/{number}" for number in range(len(uploads))]
    try:
        files = [
            _store(one, number, key, artifacts) for number, (one, key) in enumerate(zip(uploads, keys, strict=True))
        ]
        yield import_formats.PICK_A_PIC, {"uploaded": files}
    except BaseException:
        for key in keys:
            artifacts.delete(key)
        raise


def _store(upload: UploadFile, number: int, key: str, artifacts: Artifacts) -> Json:
    with NamedTemporaryFile(prefix="tastemaker-upload-") as file:
        shutil.copyfileobj(upload.file, file)
        file.flush()
        artifacts.put_file(key, Path(file.name))
    name = UNUSUAL.sub("_", Path(str(upload.filename)).name)[-100:]
    return {"name": f"{number}-{name}" if number else name, "key": key}
