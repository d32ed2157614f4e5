"""Static files under one version for all: the hash of their content stands in the address, so they are kept for good.

`/static/{version}/js/annotate.js`: a module's relative imports stay in the same version. After an upgrade, a page from
before still gets its files, the new ones, uncached.
"""

import hashlib
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PREFIX = "/static"
YEAR = 31_536_000


class VersionedStatic(StaticFiles):
    """The files of a folder, below the hash of everything in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)
        self.version = content_hash(folder)

    def url(self, path: str) -> str:
        """The address of a file, `css/base.css`."""
        return f"{PREFIX}/{self.version}/{path}"

    async def get_response(self, path: str, scope: Scope) -> Response:
        version, _, rest = path.partition("/")
        response = await super().get_response(rest, scope)
        fresh = version == self.version
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable" if fresh else "no-cache"
        return response


def content_hash(folder: Path) -> str:
    """12 hex digits that change with any name or byte below `folder`."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
