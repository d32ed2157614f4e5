"""What judges say of a study's evaluation pictures, policy by policy, and how much more than of the base's. Read-only.

Every policy draws the same prompts with the same noise, so that a difference is taken picture by picture: it is surer
than that of two means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Float, Select, cast, func, select
from sqlalchemy.orm import Session

from app.models import Group, Judge, Sample, Sampler, SampleScore, SampleState
from app.services.evaluation_views import Policy
from app.services.measures import Mean


@dataclass(frozen=True)
class PolicyScore:
    """One policy's mean over its pictures of one sampler, and the mean paired difference to the base over those that
    both have; none for the base itself, and where they have none in common."""

    policy: Policy
    sampler: Sampler
    mean: Mean
    pictures: int
    difference: Mean | None
    paired: int


@dataclass(frozen=True)
class JudgeScores:
    """What one judge says of all policies, in their order. Unit and direction are known once a worker has told them."""

    judge: str
    unit: str | None
    larger_is_better: bool | None
    policies: Sequence[PolicyScore]

    def is_better(self, difference: Mean | None) -> bool | None:
        """Whether a difference to the base is for the better; none where chance alone could make it."""
        if difference is None or self.larger_is_better is None or not difference.excludes(0):
            return None
        return (difference.mean > 0) is self.larger_is_better


def of_study(session: Session, study_id: int, *, judge: str | None = None) -> list[JudgeScores]:
    """All judges' scores by their names, or those of one. One query."""
    pictures, base = _pictures(study_id).cte("pictures"), _pictures(study_id).where(Sample.number == 0).cte("base")
    difference = pictures.c.value - base.c.value
    query = (
        select(
            pictures.c.judge, Judge.unit, Judge.larger_is_better, pictures.c.checkpoint_id, pictures.c.number,
            pictures.c.sampler,
            cast(func.avg(pictures.c.value), Float), cast(func.stddev_samp(pictures.c.value), Float), func.count(),
            cast(func.avg(difference), Float), cast(func.stddev_samp(difference), Float), func.count(difference),
        )
        .outerjoin(base, (base.c.group_id == pictures.c.group_id) & (base.c.judge == pictures.c.judge))
        .outerjoin(Judge, Judge.name == pictures.c.judge)
        .group_by(
            pictures.c.judge, Judge.unit, Judge.larger_is_better, pictures.c.checkpoint_id, pictures.c.number,
            pictures.c.sampler,
        )
        .order_by(pictures.c.judge, pictures.c.number, pictures.c.sampler.desc())
    )  # fmt: skip
    if judge is not None:
        query = query.where(pictures.c.judge == judge)
    found: dict[tuple[str, str | None, bool | None], list[PolicyScore]] = {}
    for (
        name,
        unit,
        larger,
        checkpoint_id,
        number,
        sampler,
        mean,
        spread,
        count,
        gain,
        gain_spread,
        paired,
    ) in session.execute(query):
        score = PolicyScore(
            Policy(checkpoint_id, number), sampler, Mean.of(mean, spread, count), count,
            Mean.of(gain, gain_spread, paired) if number and paired else None, paired,
        )  # fmt: skip
        found.setdefault((name, unit, larger), []).append(score)
    return [JudgeScores(*known, scores) for known, scores in found.items()]


def _pictures(study_id: int) -> Select[int, Sampler | None, int | None, int, str, float]:
    """Every scored picture of the study's evaluation set."""
    return (
        select(
            Group.id.label("group_id"), Group.sampler, Sample.checkpoint_id, Sample.number, SampleScore.judge,
            SampleScore.value,
        )
        .join(Sample, Sample.group_id == Group.id)
        .join(SampleScore, SampleScore.sample_id == Sample.id)
        .where(Group.study_id == study_id, Group.round_id.is_(None), Sample.state == SampleState.READY)
    )  # fmt: skip
