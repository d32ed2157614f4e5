"""The Hugging Face hub, written to by its own library; what goes wrong there is said in plain words."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import NoReturn

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # it names no exports

from app.errors import Refused, TastemakerError, Unavailable
from app.services.pushes import Parcel
from worker.d3po.errors import D3POError

# what a push may take away again: a checkpoint that was sent before had other pictures, or its provenance with it
OURS = ("images/", "provenance.json")
MOST_SAID = 300

Watch = Callable[[int, int], object]


@dataclass(frozen=True)
class Arrived:
    """Where a parcel has arrived, and whether only those see it who may see the repository."""

    url: str
    commit: str
    private: bool


def push(parcel: Parcel, *, endpoint: str, token: str, watch: Watch) -> Arrived:
    """Send it as one commit; where the repository holds the same already, none is made.

    `watch(done, total)` hears of bytes, from any thread, and what it raises ends the sending before the commit. Raises
    `Unavailable` where trying again may help, else `Refused`.
    """
    disable_progress_bars()
    api = HfApi(endpoint, token=token, library_name="tastemaker")
    try:
        return _push(api, parcel, watch)
    except Exception as error:  # noqa: BLE001 -- the library wraps what its threads raise: told by what is behind it
        _tell(error, parcel.repo, endpoint, token)


def _push(api: HfApi, parcel: Parcel, watch: Watch) -> Arrived:
    api.create_repo(parcel.repo, private=parcel.private, exist_ok=True)
    there = api.model_info(parcel.repo)
    if parcel.private and not there.private:
        raise Refused(
            f"{parcel.repo} is there already, and anyone can see it, but a private push was asked for.",
            "Make it private on the hub, name another repository, or push for all to see.",
        )
    sent = _Sent(parcel.files, watch)
    additions = [CommitOperationAdd(name, file) for name, file in sent.files.items()]
    sent.begin()
    api.preupload_lfs_files(parcel.repo, additions, free_memory=False)
    names = [one.rfilename for one in there.siblings or ()]
    gone = [CommitOperationDelete(name) for name in names if name.startswith(OURS) and name not in parcel.files]
    sent.end()
    # nobody's change is overwritten unseen: where there is a newer commit by now, this one is refused and made again
    made = api.create_commit(
        parcel.repo, [*additions, *gone], commit_message=parcel.message, parent_commit=there.sha
    )  # fmt: skip
    return Arrived(f"{api.endpoint}/{parcel.repo}", made.oid, bool(there.private))


class _Sent:
    """The parcel's files, and how many of their bytes have been read to be sent."""

    def __init__(self, files: dict[str, bytes], watch: Watch) -> None:
        self.files = {name: _File(content, self) for name, content in files.items()}
        self._total = sum(len(content) for content in files.values())
        self._watch = watch
        self._is_told = False
        self._lock = Lock()

    def begin(self) -> None:
        """From now on what is read is sent; before, the library has read all of it for the hashes."""
        for file in self.files.values():
            file.far = 0
        self._is_told = True
        self.say()

    def say(self) -> None:
        if self._is_told:
            with self._lock:
                self._watch(sum(file.far for file in self.files.values()), self._total)

    def end(self) -> None:
        """Say that all is there but the commit: the last moment at which it can be stopped."""
        self._is_told = False
        self._watch(self._total, self._total)


class _File(io.BytesIO):
    """A file that says how far it was read.

    The library sends what is no path by plain HTTP, block by block, also where it could speak to the hub's store of
    chunks: a LoRA is small, and this way its progress is seen and it can be stopped.
    """

    def __init__(self, content: bytes, sent: _Sent) -> None:
        super().__init__(content)
        self._sent = sent
        self.far = 0

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self.far = max(self.far, self.tell())
        self._sent.say()
        return block


def _tell(error: Exception, repo: str, endpoint: str, token: str) -> NoReturn:
    """Raise what happened as people read it. What is behind it is left out: the log writes what it says."""
    causes = list(_behind(error))
    for cause in causes:
        if isinstance(cause, TastemakerError | D3POError):
            raise cause
    for cause in causes:
        if isinstance(cause, HfHubHTTPError):
            raise _answered(cause, repo, endpoint, token) from None
        if isinstance(cause, httpx2.HTTPError | ConnectionError):
            said = _plain(str(cause) or type(cause).__name__, token)
            raise Unavailable(
                f"The hub does not answer at {endpoint}: {said}.",
                "Check the network of the worker's machine, and TASTEMAKER_HUB_ENDPOINT.",
            ) from None
    raise error


def _answered(error: HfHubHTTPError, repo: str, endpoint: str, token: str) -> TastemakerError:
    """What the hub's answer means."""
    said = _plain(error.server_message or "", token)
    words = f" It says: {said}" if said else ""
    match error.response.status_code:
        case 401:
            return Refused(
                f"The hub at {endpoint} refuses the token.{words}",
                "Set TASTEMAKER_HUB_TOKEN to one that is valid for the site and its workers, then try again.",
            )
        case 403:
            return Refused(
                f"The token may not write to {repo}.{words}",
                "Give it the right to write there, or name a repository of its owner's.",
            )
        case 404:
            return Refused(
                f"The hub has no {repo} that the token may see.{words}", "Check the name of the owner, then try again."
            )
        case 409 | 412:
            return Unavailable(f"{repo} was changed just now.{words}", "Try again.")
        case 408 | 429 | 500 | 502 | 503 | 504 as status:
            return Unavailable(f"The hub is busy or has trouble: it answered {status}.{words}", "Try again later.")
        case status:
            return Refused(f"The hub does not take {repo}: it answered {status}.{words}", "Name another repository.")


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _plain(said: str, token: str) -> str:
    """One line of what was said, without the token should anyone have said it back."""
    return " ".join(said.replace(token, "…").split())[:MOST_SAID]
