"""What exports are made from: a study's facts and its rows, read batch by batch, each in a transaction of its own, so
that neither memory nor a transaction grows with the study."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import BaseModel, RoundKind
from app.services import base_models, preference_export, studies
from app.services.preference_export import PreferenceRow

T = TypeVar("T")
Transactions = Callable[[], AbstractContextManager[Session]]


class Rounds(StrEnum):
    """Of which rounds an export is: those that a model learns from, the blind comparisons, or both."""

    PREFERENCE = "preference"
    EVALUATION = "evaluation"
    ALL = "all"

    @property
    def kinds(self) -> tuple[RoundKind, ...]:
        return tuple(RoundKind) if self is Rounds.ALL else (RoundKind(self.value),)


@dataclass(frozen=True)
class About:
    """The study as a data card tells of it. `model` is the base model's hub id, else its name."""

    id: int
    name: str
    question: str
    seed: int
    model: str
    model_revision: str


def about(session: Session, study_id: int) -> About:
    """Raises `NotFound`."""
    study = studies.get(session, study_id)
    model = session.get_one(BaseModel, study.base_model_id)
    name = model.source if base_models.HUB_ID.fullmatch(model.source) else model.name  # a folder's path is no name
    return About(study.id, study.name, study.question, study.seed, name, model.revision)


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

    def rows(self) -> Iterator[PreferenceRow]:
        """All pairs in their order; each walk reads them anew."""
        after = 0
        while True:
            with self._transactions() as session:
                batch = preference_export.rows(
                    session, self.study.id, secret=self._secret, kinds=self.rounds.kinds, after=after
                )
            if not batch:
                return
            for row in batch:
                yield row
                self._read += 1
            self._told(self._read)
            after = batch[-1].pair

    def count(self) -> int:
        """How many pairs one walk reads."""
        with self._transactions() as session:
            return preference_export.count(session, self.study.id, kinds=self.rounds.kinds)

    def picture(self, key: str, sha256: str) -> bytes:
        """A lossless picture as it was judged. Raises `NotFound`, `Damaged`."""
        return self._artifacts.get_bytes(key, sha256)

    def policy(self, number: int) -> str:
        """What a policy is called where a model is named: the base model, and which checkpoint of which study."""
        base = self.study.model
        return f"{base} + checkpoint {number} of {self.study.name}" if number else base

    def wrote(self, rows: int) -> None:
        self.written += rows

    def writing(self, records: Iterator[T]) -> Iterator[T]:
        """The same records, counted as they are taken."""
        for record in records:
            self.written += 1
            yield record
