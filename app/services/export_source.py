"""What exports are made from: a study's facts and its rows, read batch by batch, each in a transaction of its own, so
that neither memory nor a transaction grows with the study. The next batch is read while one is written."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import chain
from typing import TypeVar

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import BaseModel, Round, RoundKind, Sample
from app.services import base_models, preference_export, samples, studies
from app.services.preference_export import PreferenceRow
from app.study_settings import validated

T = TypeVar("T")
Transactions = Callable[[], AbstractContextManager[Session]]


class Rounds(StrEnum):
    """Of which rounds an export is: those that a model learns from and what was imported, the blind comparisons, or
    all."""

    PREFERENCE = "preference"
    EVALUATION = "evaluation"
    ALL = "all"

    @property
    def kinds(self) -> tuple[RoundKind, ...]:
        match self:
            case Rounds.PREFERENCE:
                return preference_export.KINDS
            case Rounds.EVALUATION:
                return (RoundKind.EVALUATION,)
            case Rounds.ALL:
                return tuple(RoundKind)


@dataclass(frozen=True)
class About:
    """The study as a data card tells of it. `model` is the base model's hub id, else its name; `image_size` is the
    shorter side of its pictures, in pixels; `has_imported`: whether pairs of it were made elsewhere."""

    id: int
    name: str
    question: str
    seed: int
    model: str
    model_revision: str
    image_size: int
    has_imported: bool = False


def about(session: Session, study_id: int) -> About:
    """Raises `NotFound`."""
    study = studies.get(session, study_id)
    model = session.get_one(BaseModel, study.base_model_id)
    name = model.source if base_models.HUB_ID.fullmatch(model.source) else model.name  # a folder's path is no name
    sampling = validated(study.settings).sampling
    size = min(sampling.width or model.image_size, sampling.height or model.image_size)
    imported = select(Round.id).where(Round.study_id == study_id, Round.kind == RoundKind.IMPORTED).exists()
    has_imported = bool(session.scalar(select(imported)))
    return About(study.id, study.name, study.question, study.seed, name, model.revision, size, has_imported)


class Source:
    """One study's data. `told` hears how many pairs were read so far, over all walks through them; it may raise.

    `written` counts the rows that were written of it.
    """

    def __init__(
        self, transactions: Transactions, artifacts: Artifacts, study: About, rounds: Rounds, *, secret: str,
        told: Callable[[int], object] = lambda done: None,
    ) -> None:  # fmt: skip
        self.study, self.rounds = study, rounds
        self._transactions, self._artifacts, self._secret, self._told = transactions, artifacts, secret, told
        self._read = 0
        self.written = 0

    def batches(self) -> Iterator[list[PreferenceRow]]:
        """All pairs in their order, some at a time; each walk reads them anew."""
        with _reading_ahead(self._batch) as ask:
            coming = ask(0)
            while batch := coming.result():
                coming = ask(batch[-1].pair)
                yield batch
                self._heard(len(batch))

    def rows(self) -> Iterator[PreferenceRow]:
        """All pairs in their order."""
        return chain.from_iterable(self.batches())

    def by_groups(self, at_once: int) -> Iterator[list[PreferenceRow]]:
        """All pairs in the order of their groups, those of up to so many groups at a time."""
        after = 0
        while True:
            with self._reading() as session:
                ids = preference_export.groups(session, self.study.id, after=after, limit=at_once)
                rows = preference_export.rows_of_groups(
                    session, self.study.id, ids, secret=self._secret, kinds=self.rounds.kinds
                )
            if not ids:
                return
            if rows:
                yield rows
                self._heard(len(rows))
            after = ids[-1]

    def count(self) -> int:
        """How many pairs one walk reads."""
        with self._transactions() as session:
            return preference_export.count(session, self.study.id, kinds=self.rounds.kinds)

    def picture(self, key: str, sha256: str) -> bytes:
        """A lossless picture as it was judged. Raises `NotFound`, `Damaged`."""
        return self._artifacts.get_bytes(key, sha256)

    def samples(self, ids: Collection[int]) -> dict[int, Sample]:
        """The pictures with these ids, and where their trajectories are, as it stands now."""
        with self._transactions() as session:
            return samples.by_id(session, ids)

    def trajectory(self, sample: Sample) -> bytes:
        """A stored trajectory, a safetensors file. Raises `NotFound`, `Damaged`."""
        return self._artifacts.get_bytes(sample.trajectory_key or "", sample.trajectory_sha256)

    def models(self, row: PreferenceRow) -> tuple[str, str]:
        """What drew a pair's pictures, where a model is named: the base model and which checkpoint of which study; of
        imported pictures what their files said, which may be nothing."""
        if row.round_kind == RoundKind.IMPORTED:
            return row.first_model or "", row.second_model or ""
        return self._policy(row.first_policy), self._policy(row.second_policy)

    def _policy(self, number: int) -> str:
        base = self.study.model
        return f"{base} + checkpoint {number} of {self.study.name}" if number else base

    def wrote(self, rows: int) -> None:
        self.written += rows

    def writing(self, batches: Iterator[list[T]]) -> Iterator[list[T]]:
        """The same records, counted as they are taken."""
        for batch in batches:
            self.written += len(batch)
            yield batch

    def _batch(self, after: int) -> list[PreferenceRow]:
        with self._reading() as session:
            return preference_export.rows(
                session, self.study.id, secret=self._secret, kinds=self.rounds.kinds, after=after
            )

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        """A transaction of its own. Its plans are made for the values at hand: a plan for any values, to which the
        server would change over after some batches, was seen to take ten times as long."""
        with self._transactions() as session:
            session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
            yield session

    def _heard(self, rows: int) -> None:
        self._read += rows
        self._told(self._read)


@contextmanager
def _reading_ahead(
    read: Callable[[int], list[PreferenceRow]],
) -> Iterator[Callable[[int], "Future[list[PreferenceRow]]"]]:
    """A function that has `read` called in a thread of its own, with the context's settings."""
    with ThreadPoolExecutor(1, thread_name_prefix="export") as thread:
        yield lambda after: thread.submit(copy_context().run, partial(read, after))
