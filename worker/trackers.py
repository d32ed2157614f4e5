"""Training metrics sent to Weights & Biases or trackio too, where the operator has switched them on.

Nothing of them is imported otherwise. They run in a thread of their own: training never waits for them, and whatever
goes wrong there is logged once and ends that tracker for this run, never the run. The database has every step anyway.
"""

import hashlib
import importlib
import os
import threading
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Protocol

import structlog

from app.models.base import Json
from app.services.event_files import scalars
from app.settings import get_settings
from worker.runs import Run

SECONDS_TO_FINISH = 20.0

log = structlog.get_logger(__name__)


class Tracker(Protocol):
    """A run over there."""

    def log(self, values: dict[str, float], step: int) -> object: ...

    def finish(self) -> object: ...


class Trackers:
    """The trackers of one attempt at a training run, begun on entering and ended on leaving.

    Steps up to `told` were told by an attempt before, and are not told twice where training resumes behind them.
    """

    def __init__(self, work: Run, *, told: int) -> None:
        settings = get_settings()
        self._names = [name for text in settings.trackers.split(",") if (name := text.strip())]
        self._project = settings.tracker_project
        self._about = about(work)
        self._told = told
        self._threads: list[threading.Thread] = []
        self._queues: list[SimpleQueue[Json | None]] = []

    def __enter__(self) -> "Trackers":
        self._queues = [SimpleQueue() for _ in self._names]
        for name, rows in zip(self._names, self._queues, strict=True):
            thread = threading.Thread(target=self._run, args=(name, rows), name=f"tracker-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for rows in self._queues:
            rows.put(None)
        for thread in self._threads:
            thread.join(SECONDS_TO_FINISH)
            if thread.is_alive():
                log.warning("tracker_unfinished", tracker=thread.name, reason="it has not taken all metrics in time")

    def tell(self, row: Json) -> None:
        """Note one optimizer step's metrics. Waits for nothing."""
        if row["step"] > self._told:
            for rows in self._queues:
                rows.put(row)

    def _run(self, name: str, rows: "SimpleQueue[Json | None]") -> None:
        try:
            tracker = begun(name, self._project, self._about)
            while (row := rows.get()) is not None:
                tracker.log(scalars(row), step=row["step"])
            tracker.finish()
        except ImportError:
            log.warning("tracker_missing", tracker=name, remedy=f"Install it where the worker runs: pip install {name}")
        except BaseException as error:  # noqa: BLE001 -- some of theirs derive from it; training goes on in any case
            log.warning("tracker_failed", tracker=name, reason=f"{type(error).__name__}: {error}")


def begun(name: str, project: str, told: Json) -> Tracker:
    """Begin the run over there, or go on with it. Raises `ImportError`, and whatever theirs does."""
    module: Any = importlib.import_module(name)
    if name == "wandb":
        return module.init(
            project=project, name=told["name"], id=told["id"], config=told["config"], resume="allow",
            dir=os.environ.get("WANDB_DIR") or str(get_settings().data_dir),
            settings=module.Settings(console="off", silent=True, disable_git=True, disable_code=True),
        )  # fmt: skip
    return module.init(
        project=project, name=f"{told['name']} {told['id']}", config=told["config"], resume="allow", embed=False
    )


def about(work: Run) -> Json:
    """Name, an id that is the same after a resume and unlike that of any other instance, and the run's settings."""
    key = f"{work.study.id} {work.study.created_at.isoformat()} {work.run.id}"
    return {
        "name": f"{work.study.name}, round {work.round_.number}, run {work.run.number}",
        "id": hashlib.sha256(key.encode()).hexdigest()[:16],
        "config": work.settings.model_dump()
        | {"base_model": work.model.name, "training_set_sha256": work.frozen.sha256, "pairs": len(work.frozen.items)},
    }
