"""The one place that speaks HTTP: token, errors, pages, and another try where it is safe."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import httpx

from tastemaker.client.errors import Unreachable, Unreadable, refusal
from tastemaker.client.reading import read

Shape = TypeVar("Shape")

API = "/api/v1"
REPEATABLE = {"GET", "PUT", "DELETE"}  # sent twice, they change nothing more than sent once
LONGEST_PAUSE = 8.0  # seconds between two tries
Params = Mapping[str, str | int | bool | None]
Files = Sequence[tuple[str, BinaryIO]]  # open, by the field that each is sent in


class Http:
    """A site as one token sees it. `retries` counts further tries after a connection fault."""

    def __init__(
        self, url: str, token: str | None, *, timeout: float, retries: int, transport: httpx.BaseTransport | None
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is no address of a site: it begins with https:// or http://.")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # no redirects: a token goes to the site that it is for
        self._client = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout, transport=transport)
        self.retries = retries

    def close(self) -> None:
        self._client.close()

    def json(
        self, method: str, path: str, *, params: Params | None = None, body: Any = None,
        form: dict[str, Any] | None = None, files: Files | None = None, key: str | None = None,
        repeatable: bool = False,
    ) -> Any:  # fmt: skip
        """What an operation of the API answers; None where it answers nothing.

        `key` is sent as Idempotency-Key and makes a call repeatable, as does a key within its body (`repeatable`).
        `files` are read as they are sent, once: a call with files is never repeatable.
        """
        headers = {"Idempotency-Key": key} if key else {}
        response = self._send(
            method, API + path, repeatable or key is not None or method in REPEATABLE,
            params=_given(params), json=body, data=form, files=files, headers=headers,
        )  # fmt: skip
        if response.status_code == 204:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise Unreadable(f"{response.url} answered something else than JSON: is this a Tastemaker site?") from error

    def one(self, shape: type[Shape], method: str, path: str, **options: Any) -> Shape:
        """What an operation answers, read as `shape`."""
        return read(shape, self.json(method, path, **options))

    def many(self, shape: type[Shape], path: str, **params: str | int | bool | None) -> list[Shape]:
        """What an operation that answers a whole list answers, each item read as `shape`."""
        return [read(shape, item) for item in self.json("GET", path, params=params)]

    def pages(self, shape: type[Shape], path: str, **params: str | int | bool | None) -> Iterator[Shape]:
        """All items of a list, page by page as they are asked for."""
        for page in self.whole_pages(path, **params):
            yield from (read(shape, item) for item in page["items"])

    def whole_pages(self, path: str, **params: str | int | bool | None) -> Iterator[dict[str, Any]]:
        """A list's pages as they come."""
        cursor: str | None = None
        while True:
            page = self.json("GET", path, params={**params, "cursor": cursor})
            yield page
            cursor = page["next"]
            if cursor is None:
                return

    def content(self, path: str, *, params: Params | None = None) -> httpx.Response:
        """A whole answer that is no JSON; `path` begins at the site's root."""
        return self._send("GET", path, True, params=_given(params))

    def save(self, path: str, folder: Path | str, *, params: Params | None = None) -> Path:
        """Put a whole file into `folder`, under the name that the site gives it; `path` begins at the site's root."""
        response = self.content(path, params=params)
        header = Message()
        header["Content-Disposition"] = response.headers.get("content-disposition", "attachment")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / Path(header.get_filename(path.rpartition("/")[2])).name  # never outside the folder
        target.write_bytes(response.content)
        return target

    @contextmanager
    def stream(
        self, path: str, *, params: Params | None = None, headers: dict[str, str] | None = None, also: int | None = None
    ) -> Iterator[httpx.Response]:
        """An answer that is read bit by bit, tried once; a status of `also` is no error."""
        with (
            faults(),
            self._client.stream("GET", API + path, params=_given(params), headers=headers) as response,
        ):
            if response.status_code != also:
                _raise_for(response)
            yield response

    def _send(self, method: str, path: str, repeatable: bool, **options: Any) -> httpx.Response:
        for tried in range(self.retries + 1):
            try:
                with faults():
                    response = self._client.request(method, path, **options)
                break
            except Unreachable:
                if not repeatable or tried == self.retries:
                    raise
                time.sleep(pause(tried))
        _raise_for(response)
        return response


@contextmanager
def faults() -> Iterator[None]:
    """Within it a fault of the connection is `Unreachable`."""
    try:
        yield
    except httpx.TransportError as error:
        raise Unreachable(f"The site does not answer: {error or type(error).__name__}.") from error


def pause(tried: int) -> float:
    """Seconds to wait after so many tries that failed."""
    return min(0.25 * 2.0**tried, LONGEST_PAUSE)


def _raise_for(response: httpx.Response) -> None:
    if response.is_success or response.status_code == 304:
        return
    response.read()
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict) or "detail" not in problem:
        text = " ".join(response.text.split())[:200]
        problem = {"detail": f"{response.url} answered {response.status_code}: {text or 'nothing else'}."}
    raise refusal(response.status_code, problem)


def _given(params: Params | None) -> dict[str, str | int | bool] | None:
    return {name: value for name, value in (params or {}).items() if value is not None} or None
