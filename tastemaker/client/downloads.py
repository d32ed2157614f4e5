"""A file from the site: it goes on where it broke off, and is in its place only once its SHA-256 is right."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from tastemaker.client.errors import Damaged, Unreachable
from tastemaker.client.http import Http, pause

OnProgress = Callable[[int, int], None]  # bytes there, and of how many


def download(
    http: Http, path: str, target: Path, *, size: int, sha256: str, params: dict[str, str] | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> Path:  # fmt: skip
    """Load `path` into `target`, by way of a `.part` beside it that a later call goes on with.

    A connection that breaks is taken up again as long as something new arrives each time, and a few times where nothing
    does. A file that is there already is not loaded again. Raises `Unreachable`, and `Damaged` where the content is not
    of `sha256`.
    """
    if target.is_file() and _sha256(target) == sha256:
        return target
    part = target.with_name(f"{target.name}.{sha256[:8]}.part")
    part.touch()
    failed = 0
    while (there := part.stat().st_size) < size:
        try:
            _go_on(http, path, part, there, size, sha256, params, on_progress)
        except Unreachable:
            failed = 0 if part.stat().st_size > there else failed + 1
            if failed > http.retries:
                raise
            time.sleep(pause(failed))
    if _sha256(part) != sha256:
        part.unlink()
        raise Damaged(f"{target.name} did not arrive as the site has it: its SHA-256 is another. Load it again.")
    part.replace(target)
    return target


def _go_on(
    http: Http, path: str, part: Path, there: int, size: int, sha256: str, params: dict[str, str] | None,
    on_progress: OnProgress,
) -> None:  # fmt: skip
    """Ask for what is missing, of this very content; a site that sends all of it begins again."""
    headers = {"Accept-Encoding": "identity"}
    if there:
        headers |= {"Range": f"bytes={there}-", "If-Range": f'"{sha256}"'}
    with http.stream(path, params=params, headers=headers) as response:
        mode = "ab" if response.status_code == 206 else "wb"
        with part.open(mode) as file:
            for block in response.iter_bytes():
                file.write(block)
                on_progress(file.tell(), size)
    if part.stat().st_size < size:
        raise Unreachable(f"The download of {part.name} ended early.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
