"""A thank-you for a round that has trained: what the model drew before, and what it draws now, from the same noise.

It must not tell anyone which policy drew a picture that they may still judge blindly. So it shows a few pictures drawn
at eta 0, always those of the same prompts and noise, which no evaluation round ever pairs; and it waits while an open
evaluation round compares either of the two policies, since even their manner of drawing would give a side away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from app.errors import NotFound
from app.models import (
    OPEN,
    Checkpoint,
    Choice,
    Group,
    Pair,
    Participation,
    Round,
    RoundKind,
    RoundState,
    Sample,
    Sampler,
    SampleState,
    Split,
    Study,
    TrainingRun,
    User,
)
from app.services import evaluation, evaluation_views, participations, prompt_sets
from app.services.evaluation_views import Policy, Row

MOST_ROWS = 4
DRAW = 0


@dataclass(frozen=True)
class Notice:
    """A round that someone can be thanked for, and was not yet."""

    round_id: int
    study_id: int
    study: str
    number: int


@dataclass(frozen=True)
class Thanks:
    """What the page shows: `mine` of the round's `choices` are this person's, a row has a picture before and after."""

    study_id: int
    study: str
    number: int
    mine: int
    choices: int
    people: int
    rows: Sequence[Row]


def waiting(session: Session, user: User, *, study_id: int | None = None) -> list[Notice]:
    """The newest round of each study that `user` worked on, that has trained, and that they were not thanked for."""
    unseen = _thanked_for().where(Participation.user_id == user.id, _is_unseen())
    if study_id is not None:
        unseen = unseen.where(Round.study_id == study_id)
    newest = unseen.ext(distinct_on(Round.study_id)).order_by(Round.study_id, Round.number.desc(), Checkpoint.id)
    return [Notice(round_.id, study.id, study.name, round_.number) for round_, study, *_ in session.execute(newest)]


def of_round(session: Session, round_id: int, *, user: User) -> Thanks:
    """The thank-you of one round; opening it is seeing it. Raises `NotFound` where there is none for `user` (now)."""
    query = _thanked_for().where(Participation.user_id == user.id, Round.id == round_id).order_by(Checkpoint.id)
    found = session.execute(query.limit(1)).one_or_none()
    if found is None:
        raise NotFound("There is no thank-you here for you at the moment.", "Go on from the start page.")
    round_, study, after = found
    theirs = participations.of(session, study_id=study.id, user=user)
    theirs.thanked_round_id = max(theirs.thanked_round_id or 0, round_.id)
    mine, choices, people = _counts(session, round_.id, user)
    before = Policy(round_.checkpoint_id, evaluation.policy_number(session, round_.checkpoint_id))
    policies = [before, Policy(after.id, after.number)]
    return Thanks(study.id, study.name, round_.number, mine, choices, people, _some(session, study, policies))


def prompts_shown(session: Session, study: Study) -> set[int]:
    """Numbers of the prompts whose pictures at eta 0 of the noise `DRAW` thank-yous show: a few, spread evenly."""
    numbers = [prompt.number for prompt in prompt_sets.prompts_of(session, study.prompt_set_id, Split.EVAL)]
    return set(numbers[:: max(1, len(numbers) // MOST_ROWS)][:MOST_ROWS])


def _thanked_for() -> Select[Round, Study, Checkpoint]:
    """Complete rounds with someone's choices in them, the checkpoints that their pictures show, and who took part."""
    return (
        select(Round, Study, Checkpoint)
        .join(Study, Study.id == Round.study_id)
        .join(TrainingRun, TrainingRun.round_id == Round.id)
        .join(Checkpoint, Checkpoint.training_run_id == TrainingRun.id)
        .join(Participation, Participation.study_id == Round.study_id)
        .where(
            Round.kind == RoundKind.PREFERENCE,
            Round.state == RoundState.COMPLETE,
            Study.settings["labeling"]["thank_you"].as_boolean().is_not(False),
            Participation.left_out_at.is_(None),
            exists(_choices_of(Participation.user_id)),
            exists(_pictures(Round.checkpoint_id)),
            exists(_pictures(Checkpoint.id)),
            ~exists(_still_judged()),
        )
    )


def _is_unseen() -> ColumnElement[bool]:
    return func.coalesce(Participation.thanked_round_id, 0) < Round.id


def _choices_of(user_id: Any) -> Select[Any]:
    """Choices of this person in the round that came before its training set was frozen."""
    return (
        select(Choice.id)
        .join(Pair, Pair.id == Choice.pair_id)
        .where(Pair.round_id == Round.id, Choice.user_id == user_id, Choice.undone_at.is_(None), ~Choice.late)
        .correlate(Round, Participation)
    )


def _pictures(checkpoint_id: Any) -> Select[Any]:
    """A policy's evaluation pictures at eta 0."""
    return (
        select(Sample.id)
        .join(Group, Group.id == Sample.group_id)
        .where(
            Group.study_id == Round.study_id,
            Group.round_id.is_(None),
            Group.sampler == Sampler.DDIM,
            Sample.state == SampleState.READY,
            Sample.checkpoint_id.is_not_distinct_from(checkpoint_id),
        )
        .correlate(Round, Checkpoint)
    )


def _still_judged() -> Select[Any]:
    """Open evaluation rounds of the study that compare the policy before or after with any other."""
    other = aliased(Round)
    compared = [
        column.is_not_distinct_from(policy)
        for column in (other.checkpoint_id, other.other_checkpoint_id)
        for policy in (Round.checkpoint_id, Checkpoint.id)
    ]
    judged = compared[0] | compared[1] | compared[2] | compared[3]
    return (
        select(other.id)
        .where(
            and_(other.study_id == Round.study_id, other.kind == RoundKind.EVALUATION, other.state.in_(OPEN), judged)
        )
        .correlate(Round, Checkpoint)
    )


def _counts(session: Session, round_id: int, user: User) -> tuple[int, int, int]:
    """The user's choices in the round, everyone's, and how many people that is."""
    rows = session.execute(
        select(Choice.user_id, func.count())
        .join(Pair, Pair.id == Choice.pair_id)
        .where(Pair.round_id == round_id, Choice.undone_at.is_(None), ~Choice.late)
        .group_by(Choice.user_id)
    )
    by_user = dict(rows.all())
    return by_user.get(user.id, 0), sum(by_user.values()), len(by_user)


def _some(session: Session, study: Study, policies: Sequence[Policy]) -> list[Row]:
    """The rows that are shown of which both pictures are there."""
    shown = prompts_shown(session, study)
    found = evaluation_views.rows(session, study.id, policies, sampler=Sampler.DDIM, draw=DRAW)
    return [row for row in found if row.number in shown and all(row.pictures)]
