"""What pages and API show of warnings. Read-only, a fixed number of queries each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app.models import Checkpoint, Round, RoundKind, Study, StudyWarning, TrainingRun
from app.models.base import Json
from app.services import watching
from app.services.evaluation_views import Policy
from app.services.troubles import BY_NAME, Step, Trouble

MOST = 50


@dataclass(frozen=True)
class WarningLine:
    """A warning as it is shown: the kind of trouble with its figures, of which round and run, and what the study did.

    `good` is the policy to go back to, where that helps. `went_back_to` is the checkpoint's number, 0 for the base.
    """

    id: int
    name: str
    study_id: int
    round_id: int
    round_number: int
    run_number: int | None
    checkpoint_number: int | None
    raised_at: datetime
    figures: Json
    stopped_at: datetime | None
    went_back_at: datetime | None
    good: Policy | None

    @property
    def trouble(self) -> Trouble:
        return BY_NAME[self.name]

    @property
    def went_back_to(self) -> int | None:
        return self.figures.get("went_back_to")

    @property
    def steps(self) -> Sequence[Step]:
        """What can be done about it on the pages."""
        return tuple(step for step in self.trouble.steps if step is not Step.GO_BACK or self.good is not None)


@dataclass(frozen=True)
class Standing:
    """How many warnings of a study matter now, and whether it stopped itself on one of them."""

    warnings: int
    stopped: bool


def of_round(session: Session, round_id: int) -> list[WarningLine]:
    """The warnings about the round and its training runs: first those on which the study stopped, each newest first."""
    return _stops_first(_lines(session, StudyWarning.round_id == round_id))


def of_study(session: Session, study_id: int, *, before: int | None = None, limit: int = MOST) -> list[WarningLine]:
    """The study's warnings, newest first; `before` is the id that came last."""
    older = () if before is None else (StudyWarning.id < before,)
    return _lines(session, StudyWarning.study_id == study_id, *older, limit=limit)


def current(session: Session, study_id: int) -> list[WarningLine]:
    """The study's warnings that matter now: first those on which it stopped, each newest first."""
    return _stops_first(_lines(session, StudyWarning.study_id == study_id, _matters_now()))


def standing(session: Session, study_ids: Sequence[int]) -> dict[int, Standing]:
    """How many warnings matter now in each of these studies that has any. One query."""
    rows = session.execute(
        select(StudyWarning.study_id, func.count(), func.count(StudyWarning.stopped_at) > 0)
        .join(Study, Study.id == StudyWarning.study_id)
        .where(StudyWarning.study_id.in_(study_ids), StudyWarning.name.in_(BY_NAME), _matters_now())
        .group_by(StudyWarning.study_id)
    )
    return {study_id: Standing(warnings, stopped) for study_id, warnings, stopped in rows}


def _matters_now() -> ColumnElement[bool]:
    """Of a warning beside its study: it is about the newest preference round, or about what made the current
    checkpoint."""
    newest = (
        select(Round.id)
        .where(Round.study_id == Study.id, Round.kind == RoundKind.PREFERENCE)
        .order_by(Round.number.desc())
        .limit(1)
        .correlate(Study)
        .scalar_subquery()
    )
    made_by = (
        select(Checkpoint.training_run_id)
        .where(Checkpoint.id == Study.current_checkpoint_id)
        .correlate(Study)
        .scalar_subquery()
    )
    return or_(StudyWarning.round_id == newest, StudyWarning.training_run_id == made_by)


def _stops_first(lines: list[WarningLine]) -> list[WarningLine]:
    return sorted(lines, key=lambda line: line.stopped_at is None)


def _lines(session: Session, *where: ColumnElement[bool], limit: int = MOST) -> list[WarningLine]:
    """Kinds that this version does not know any more are left out."""
    rows = session.execute(
        select(StudyWarning, Round.number, TrainingRun.number, Checkpoint)
        .join(Study, Study.id == StudyWarning.study_id)
        .join(Round, Round.id == StudyWarning.round_id)
        .outerjoin(TrainingRun, TrainingRun.id == StudyWarning.training_run_id)
        .outerjoin(Checkpoint, Checkpoint.training_run_id == TrainingRun.id)
        .where(*where, StudyWarning.name.in_(BY_NAME))
        .order_by(StudyWarning.id.desc())
        .limit(limit)
    ).all()
    spoiled = [made.id for warning, _, _, made in rows if made is not None and BY_NAME[warning.name].spoils]
    good = _good(session, spoiled) if spoiled else {}
    return [
        WarningLine(
            warning.id, warning.name, warning.study_id, warning.round_id, round_number, run_number,
            made.number if made else None, warning.raised_at, warning.figures, warning.stopped_at,
            warning.went_back_at, good.get(made.id) if made and BY_NAME[warning.name].spoils else None,
        )
        for warning, round_number, run_number, made in rows
    ]  # fmt: skip


def _good(session: Session, checkpoint_ids: list[int]) -> dict[int, Policy]:
    """The policy to go back to from each of these checkpoints."""
    found = watching.last_goods(session, checkpoint_ids)
    return {
        made: Policy(found[made].id, found[made].number) if made in found else Policy(None, 0)
        for made in checkpoint_ids
    }
