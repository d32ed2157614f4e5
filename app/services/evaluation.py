"""The study's evaluation set: the same prompts and noise for every policy, drawn once for each.

One group per evaluation prompt, draw number and sampler; one sample per policy, drawn by an `evaluation` job per
checkpoint and for the base. Grids, judge scores and evaluation rounds all use these pictures.
"""

from dataclasses import dataclass

from sqlalchemy import Float, cast, func, select
from sqlalchemy.orm import Session

from app.models import (
    Checkpoint,
    Group,
    Job,
    JobKind,
    JobState,
    Prompt,
    Sample,
    Sampler,
    SampleScore,
    Split,
    Study,
)
from app.services import evaluation_scores, jobs, prompt_sets, samples
from app.services.jobs import Claim, Urgency
from app.services.samples import Drawn
from app.study_settings import validated


@dataclass(frozen=True)
class EvaluationGroup:
    """One group of the evaluation set as a worker needs it: what keys its noise, its prompt, and how to draw it."""

    group_id: int
    prompt_number: int
    prompt: str
    draw: int
    sampler: Sampler


@dataclass(frozen=True)
class Score:
    """A policy's mean score on the evaluation set, in the judge's unit."""

    checkpoint_id: int | None
    sampler: Sampler
    judge: str
    mean: float
    pictures: int


def plan(session: Session, study: Study, *, checkpoint_id: int | None) -> Job:
    """The job that draws the evaluation set for this policy (none: the base), made at the first call.

    One that failed for good or was cancelled waits again.
    """
    _ensure_groups(session, study)
    made = session.scalars(
        select(Job)
        .where(
            Job.study_id == study.id,
            Job.kind == JobKind.EVALUATION,
            Job.checkpoint_id.is_(None) if checkpoint_id is None else Job.checkpoint_id == checkpoint_id,
        )
        .with_for_update()
    ).one_or_none()
    if made is None:
        return jobs.add(
            session, JobKind.EVALUATION, study_id=study.id, checkpoint_id=checkpoint_id, urgency=Urgency.EVALUATION,
            payload={"batch": validated(study.settings).sampling.batch},
        )  # fmt: skip
    if made.state in (JobState.FAILED, JobState.CANCELLED):
        jobs.wait_again(session, made)
    return made


def slices(session: Session, claim: Claim) -> list[list[EvaluationGroup]]:
    """What the job still has to draw, in fixed slices of its batch, so that a later attempt draws the same bits."""
    rows = session.execute(
        select(Group.id, Prompt.number, Prompt.text, Group.draw, Group.sampler)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .where(Group.study_id == claim.of_study, Group.round_id.is_(None))
        .order_by(Group.sampler.desc(), Group.number)
    )
    groups = [
        EvaluationGroup(g, number, text, draw or 0, sampler or Sampler.STUDY) for g, number, text, draw, sampler in rows
    ]
    drawn = set(
        session.scalars(
            select(Sample.group_id)
            .join(Group, Group.id == Sample.group_id)
            .where(
                Group.study_id == claim.of_study,
                Group.round_id.is_(None),
                Sample.number == policy_number(session, claim.checkpoint_id),
            )
        )
    )
    batch = claim.payload["batch"]
    by_sampler = [[g for g in groups if g.sampler == sampler] for sampler in (Sampler.STUDY, Sampler.DDIM)]
    all_slices = [part[i : i + batch] for part in by_sampler for i in range(0, len(part), batch)]
    return [part for part in all_slices if not drawn.issuperset(group.group_id for group in part)]


def store(session: Session, claim: Claim, drawn: list[Drawn], scores: dict[int, dict[str, float]]) -> None:
    """Write one drawn slice: its samples, and by group id what each judge says of the picture."""
    rows = samples.add(session, drawn, checkpoint_id=claim.checkpoint_id)
    session.add_all(
        SampleScore(sample_id=row.id, judge=judge, value=value)
        for row in rows
        for judge, value in scores.get(row.group_id, {}).items()
    )
    evaluation_scores.count(session, claim.of_study, policy_number(session, claim.checkpoint_id))


def policy_number(session: Session, checkpoint_id: int | None) -> int:
    """The policy's number in the study: 0 for the base, else the checkpoint's. It is the number of its samples."""
    if checkpoint_id is None:
        return 0
    return session.scalars(select(Checkpoint.number).where(Checkpoint.id == checkpoint_id)).one()


def pictures_in_set(session: Session, study_id: int) -> int:
    """How many evaluation pictures each policy of the study has, of all samplers."""
    query = select(func.count()).select_from(Group).where(Group.study_id == study_id, Group.round_id.is_(None))
    return session.scalar(query) or 0


def scores(session: Session, study_id: int) -> list[Score]:
    """Mean judge scores of every policy of the study, by sampler, in the order of the policies."""
    rows = session.execute(
        select(
            Sample.checkpoint_id, Group.sampler, SampleScore.judge,
            cast(func.avg(SampleScore.value), Float), func.count(),
        )
        .join(Sample, Sample.id == SampleScore.sample_id)
        .join(Group, Group.id == Sample.group_id)
        .where(Group.study_id == study_id, Group.round_id.is_(None))
        .group_by(Sample.checkpoint_id, Sample.number, Group.sampler, SampleScore.judge)
        .order_by(Sample.number, Group.sampler, SampleScore.judge)
    )  # fmt: skip
    return [Score(*row) for row in rows]


def _ensure_groups(session: Session, study: Study) -> None:
    there = select(Group.id).where(Group.study_id == study.id, Group.round_id.is_(None)).limit(1)
    if session.scalar(there) is not None:
        return
    prompts = prompt_sets.prompts_of(session, study.prompt_set_id, Split.EVAL)
    draws = validated(study.settings).sampling.eval_draws
    keys = [(prompt.id, draw, sampler) for sampler in Sampler for prompt in prompts for draw in range(draws)]
    session.add_all(
        Group(study_id=study.id, prompt_id=prompt_id, draw=draw, sampler=sampler, number=number)
        for number, (prompt_id, draw, sampler) in enumerate(keys)
    )
    session.flush()
