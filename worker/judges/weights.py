"""Weights of judges, loaded at first use: from a folder where there is one, else from the hub. What is missing is said
with what to download and where to put it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar

from worker.judges.errors import JudgeError

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """Where a judge's weights come from: a repository of the hub, and the files of it that are needed."""

    hub: str
    files: Sequence[str]

    def command(self, into: Path | str) -> str:
        """What downloads them."""
        return f"hf download {self.hub} {' '.join(self.files)} --local-dir {into}"


def load(judge: str, folder: Path | None, sources: Sequence[Source], read: Callable[[list[str]], T]) -> T:
    """`read`, given for each source the folder or the hub's name to read from. Raises `JudgeError` where something is
    not there."""
    places = [str(folder)] * len(sources) if folder is not None else [source.hub for source in sources]
    try:
        with _quiet():
            return read(places)
    except ImportError as error:
        raise JudgeError(
            f"The judge {judge!r} needs {error.name or error}. Install the worker's extra: "
            'pip install "tastemaker[worker]".'
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, UnpicklingError) as error:
        raise JudgeError(_missing(judge, folder, sources, error)) from error


def read_tensors(place: str, file: str) -> dict[str, Any]:
    """The tensors in a file of torch, from a folder or from the hub's repository. It is read as tensors alone: a pickle
    that would do more is refused."""
    import torch
    from huggingface_hub import hf_hub_download

    path = Path(place) / file if Path(place).is_dir() else hf_hub_download(place, file)
    stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return stored


def _missing(judge: str, folder: Path | None, sources: Sequence[Source], error: Exception) -> str:
    commands = "; ".join(source.command(folder or f"FOLDER/{judge}") for source in sources)
    said = str(error).strip().splitlines()
    why = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
    if folder is not None:
        return f"The weights of the judge {judge!r} in {folder} cannot be read ({why}). Download them anew: {commands}"
    return (
        f"The weights of the judge {judge!r} are not on this worker and cannot be had from the hub ({why}). Where the "
        f"network is, run: {commands} – then set TASTEMAKER_JUDGE_WEIGHTS to that FOLDER on every worker, or let "
        "workers reach the hub."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers' progress bar is off within: a worker's log is no terminal."""
    from transformers.utils import logging

    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()
