"""Checkpoints sent to the Hugging Face hub by the site's worker."""

from collections.abc import Callable, Iterator

from tastemaker.client.errors import PushFailed
from tastemaker.client.http import Http
from tastemaker.client.shapes import Push
from tastemaker.client.waiting import done


class Pushes:
    """`client.pushes`: the site's own token of the hub is used, which never leaves it."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def ask(
        self, checkpoint: int, repo: str, *, private: bool = True, provenance: bool = False, key: str | None = None
    ) -> Push:
        """Have a checkpoint pushed to `repo`, `owner/name`, which is made where there is none; with `provenance` every
        choice behind it goes along, by pseudonym. The same `key` again gives the push that was asked for first."""
        body = {"repo": repo, "private": private, "provenance": provenance}
        return self._http.one(Push, "POST", f"/checkpoints/{checkpoint}/pushes", body=body, key=key)

    def all(self, checkpoint: int) -> Iterator[Push]:
        """A checkpoint's pushes, newest first."""
        return self._http.pages(Push, f"/checkpoints/{checkpoint}/pushes")

    def get(self, push: int) -> Push:
        return self._http.one(Push, "GET", f"/pushes/{push}")

    def stop(self, push: int) -> Push:
        """Call it off; the repository shows nothing of it."""
        return self._http.one(Push, "POST", f"/pushes/{push}/stop")

    def again(self, push: int) -> Push:
        """Send one again that failed or was stopped."""
        return self._http.one(Push, "POST", f"/pushes/{push}/again")

    def wait(
        self, push: int, *, on_progress: Callable[[Push], None] = lambda now: None, timeout: float | None = None,
        every: float = 1.0,
    ) -> Push:  # fmt: skip
        """Wait until it has arrived; `on_progress` sees it each time. Raises `PushFailed`, `TimeoutError`."""
        return done(
            f"Push {push}", lambda: self.get(push), PushFailed, on_progress=on_progress, timeout=timeout, every=every
        )
