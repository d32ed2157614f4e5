"""Watching for trouble: the sweep looks at each study once something of it has changed, raises what is found, and does
what the study's settings say.

A kind of trouble is raised once for a training run, or for the pictures of a round. To stop is to launch no further
rounds and to pause the open one; to go back is to start from the newest checkpoint before it that nothing was found
wrong with, as soon as no preference round is open.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import (
    Checkpoint,
    Hold,
    Job,
    JobKind,
    JobState,
    Round,
    RoundState,
    RunState,
    Study,
    StudyWarning,
    StudyWatch,
)
from app.models.base import Json
from app.services import disk, events, round_moves, rounds, studies, trouble_figures
from app.services.troubles import TROUBLES, Trouble, in_english
from app.study_settings import WatchingSettings, validated

PAUSE = 50  # times as long as a look took, until the next
SHORTEST_PAUSE_S = 3.0
LATE_S = 10.0  # a job's end is stored by a transaction that may have begun so long ago
STOPS = ("stop", "go_back")


def due(session: Session, *, limit: int = 20) -> list[int]:
    """Studies that are to be looked at now, those that waited longest first."""
    seconds = func.greatest(SHORTEST_PAUSE_S, StudyWatch.took_ms * PAUSE / 1000.0)
    rested = StudyWatch.looked_at < func.now() - _seconds(seconds)
    since = StudyWatch.looked_at - _seconds(LATE_S)
    return list(
        session.scalars(
            select(Study.id)
            .outerjoin(StudyWatch, StudyWatch.study_id == Study.id)
            .where(
                Study.archived_at.is_(None),
                or_(StudyWatch.study_id.is_(None), and_(rested, _has_news(since))),
            )
            .order_by(StudyWatch.looked_at.nulls_first(), Study.id)
            .limit(limit)
        )
    )


def look(session: Session, study_id: int) -> list[StudyWarning]:
    """Look for every kind of trouble, raise what was not raised before, and do what the settings say of it."""
    began = time.monotonic()
    study = studies.get(session, study_id)
    watching = validated(study.settings).watching
    raised = [
        warning
        for round_id, run_id, trouble, figures in _found(session, study, watching)
        if (warning := _raise(session, study, round_id, run_id, trouble, figures, watching))
    ]
    _go_back(session, study, watching)
    _note(session, study_id, took_ms=round((time.monotonic() - began) * 1000))
    return raised


def lets_go_on(session: Session, study: Study) -> bool:
    """Whether a study that runs by itself may launch its next round: nothing that was found stops it.

    Where pictures can stop it, those of its current checkpoint have to be drawn and looked at first.
    """
    watching = validated(study.settings).watching
    stopping = [trouble for trouble in TROUBLES if getattr(watching, trouble.name) in STOPS]
    if not stopping:
        return True
    if any(trouble.by_pictures for trouble in stopping) and _is_drawing(session, study):
        return False
    look(session, study.id)
    session.refresh(study)
    return study.auto_rounds > 0


def stopped_by(session: Session, study_id: int) -> StudyWarning | None:
    """The newest warning on which the study stopped itself, in its newest round or in what made its checkpoint."""
    newest = trouble_figures.newest_round(session, study_id)
    runs = [run.id for run in trouble_figures.runs_that_matter(session, studies.get(session, study_id), newest)]
    return session.scalars(
        select(StudyWarning)
        .where(
            StudyWarning.study_id == study_id,
            StudyWarning.stopped_at.is_not(None),
            or_(StudyWarning.round_id == (newest.id if newest else None), StudyWarning.training_run_id.in_(runs)),
        )
        .order_by(StudyWarning.id.desc())
        .limit(1)
    ).one_or_none()


def last_good(session: Session, checkpoint: Checkpoint) -> Checkpoint | None:
    """The newest checkpoint that this one descends from with whose training nothing was found that spoils pictures;
    none: the base."""
    return last_goods(session, [checkpoint.id]).get(checkpoint.id)


def last_goods(session: Session, checkpoint_ids: Sequence[int]) -> dict[int, Checkpoint]:
    """The last good checkpoint before each of these, by its id; one that has only the base is not in it. One query."""
    spoiling = [trouble.name for trouble in TROUBLES if trouble.spoils]
    spoiled = exists().where(
        StudyWarning.training_run_id == Checkpoint.training_run_id, StudyWarning.name.in_(spoiling)
    )
    walk = (
        select(Checkpoint.id.label("start"), Checkpoint.parent_id.label("at"))
        .where(Checkpoint.id.in_(checkpoint_ids))
        .cte("walk", recursive=True)
    )
    walk = walk.union(
        select(walk.c.start, Checkpoint.parent_id).join(Checkpoint, Checkpoint.id == walk.c.at).where(spoiled)
    )
    rows = session.execute(
        select(walk.c.start, Checkpoint).join(Checkpoint, Checkpoint.id == walk.c.at).where(~spoiled)
    )
    return {start: found for start, found in rows}  # noqa: C416 -- a Result is no mapping to mypy


def _found(
    session: Session, study: Study, watching: WatchingSettings
) -> Iterator[tuple[int, int | None, Trouble, Json]]:
    """What is wrong now: the round, the training run (none where it is of the round's pictures), the kind, figures."""
    newest = trouble_figures.newest_round(session, study.id)
    wanted = [trouble for trouble in TROUBLES if getattr(watching, trouble.name) != "off"]
    if newest is not None:
        drawn = trouble_figures.of_round(session, newest, distance=watching.alike_distance)
        for trouble in wanted:
            if figures := trouble.of_round(drawn, watching):
                yield newest.id, None, trouble, figures
    runs = trouble_figures.runs_that_matter(session, study, newest)
    last = max((run.id for run in runs if run.state is RunState.FINISHED), default=None)
    agreements = trouble_figures.agreements(session, study.id, newest=watching.drift_pairs) if last else []
    for run in runs:
        known = agreements if run.id == last else ()
        measured = trouble_figures.of_run(session, study, run, pairs=watching.accuracy_pairs, agreements=known)
        for trouble in wanted:
            if figures := trouble.of_run(measured, watching):
                yield run.round_id, run.id, trouble, figures


def _raise(
    session: Session, study: Study, round_id: int, run_id: int | None, trouble: Trouble, figures: Json,
    watching: WatchingSettings,
) -> StudyWarning | None:  # fmt: skip
    """Write the warning with its event, unless it is there already, and stop the study where its settings say so."""
    known = exists().where(
        StudyWarning.round_id == round_id,
        StudyWarning.training_run_id.is_not_distinct_from(run_id),
        StudyWarning.name == trouble.name,
    )
    if session.scalar(select(known)):
        return None
    studies.locked(session, study.id)
    warning = StudyWarning(
        study_id=study.id, round_id=round_id, training_run_id=run_id, name=trouble.name, figures=figures
    )
    session.add(warning)
    said = in_english(trouble, figures)
    events.write(
        session, "warning.raised", rounds.get(session, round_id), warning=trouble.name, reason=said, figures=figures
    )
    if getattr(watching, trouble.name) in STOPS:
        _stop(session, study, trouble, said)
        warning.stopped_at = func.now()
    session.flush()
    return warning


def _stop(session: Session, study: Study, trouble: Trouble, said: str) -> None:
    """Launch no further rounds by itself, and let the open one stand still."""
    if study.auto_rounds:
        studies.set_auto_rounds(session, study_id=study.id, rounds=0, actor=None)
    open_round = studies.open_round(session, study.id)
    if open_round is not None:
        round_ = rounds.locked(session, open_round.id)
        if round_.hold is Hold.NONE and round_.state is not RoundState.COMPLETE:
            round_moves.make(session, round_, "pause", reason=f"{trouble.title}. {said}")


def _go_back(session: Session, study: Study, watching: WatchingSettings) -> None:
    """Start from the last good checkpoint again, where trouble of the current one asks for it and no round is open."""
    if study.current_checkpoint_id is None or studies.open_round(session, study.id) is not None:
        return
    current = session.get_one(Checkpoint, study.current_checkpoint_id)
    asks = [trouble.name for trouble in TROUBLES if trouble.spoils and getattr(watching, trouble.name) == "go_back"]
    warnings = session.scalars(
        select(StudyWarning).where(
            StudyWarning.training_run_id == current.training_run_id,
            StudyWarning.name.in_(asks),
            StudyWarning.stopped_at.is_not(None),
            StudyWarning.went_back_at.is_(None),
        )
    ).all()
    if not warnings:
        return
    good = last_good(session, current)
    studies.set_checkpoint(session, study_id=study.id, checkpoint_id=good.id if good else None, actor=None)
    for warning in warnings:
        warning.went_back_at = func.now()
        warning.figures = {**warning.figures, "went_back_to": good.number if good else 0}
    session.flush()


def _is_drawing(session: Session, study: Study) -> bool:
    """Whether the evaluation pictures of the study's current checkpoint are still to be drawn."""
    at_work = exists().where(
        Job.study_id == study.id,
        Job.kind == JobKind.EVALUATION,
        Job.checkpoint_id.is_not_distinct_from(study.current_checkpoint_id),
        Job.state.in_((JobState.WAITING, JobState.RUNNING)),
    )
    return bool(session.scalar(select(at_work)))


def _has_news(since: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a job or a round of the study has ended since, or one of its runs is training now."""
    trains = select(Job.study_id).where(Job.kind == JobKind.TRAINING, Job.state == JobState.RUNNING)
    return or_(disk.last_ended(Job) > since, disk.last_ended(Round) > since, Study.id.in_(trains))


def _note(session: Session, study_id: int, *, took_ms: int) -> None:
    values = {"took_ms": took_ms, "looked_at": func.now()}
    made = insert(StudyWatch).values(study_id=study_id, **values)
    session.execute(made.on_conflict_do_update(index_elements=[StudyWatch.study_id], set_=values))


def _seconds(seconds: Any) -> ColumnElement[Any]:
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)
