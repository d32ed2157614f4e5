"""What judges say of a study's evaluation pictures, policy by policy, and how much more than of the base's.

Every policy draws the same prompts with the same noise, so that a difference is taken picture by picture: it is surer
than that of two means. Means are kept (`PolicyMean`) and counted with every slice of pictures that is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Float, Row, Select, cast, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import Group, Judge, PolicyMean, Sample, Sampler, SampleScore, SampleState
from app.services.evaluation_views import Policy
from app.services.measures import Mean

MEASURED = ("checkpoint_id", "mean", "deviation", "pictures", "difference", "difference_deviation", "paired")


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
    query = (
        select(*PolicyMean.__table__.columns, Judge.unit, Judge.larger_is_better)  # plain rows: there are thousands
        .outerjoin(Judge, Judge.name == PolicyMean.judge)
        .where(PolicyMean.study_id == study_id)
        .order_by(PolicyMean.judge, PolicyMean.number, PolicyMean.sampler.desc())
    )
    if judge is not None:
        query = query.where(PolicyMean.judge == judge)
    found: dict[tuple[str, str | None, bool | None], list[PolicyScore]] = {}
    for row in session.execute(query):
        found.setdefault((row.judge, row.unit, row.larger_is_better), []).append(_score(row))
    return [JudgeScores(*known, scores) for known, scores in found.items()]


def _score(row: Row[*tuple[Any, ...]]) -> PolicyScore:
    difference = None
    if row.difference is not None and row.number != 0:
        difference = Mean.of(row.difference, row.difference_deviation, row.paired)
    mean = Mean.of(row.mean, row.deviation, row.pictures)
    return PolicyScore(
        Policy(row.checkpoint_id, row.number), row.sampler, mean, row.pictures, difference, row.paired
    )  # fmt: skip


def count(session: Session, study_id: int, number: int = 0) -> None:
    """Take the means of one policy's pictures anew; of the base's (0), those of all, for all are compared with it."""
    base = _pictures(study_id).where(Sample.number == 0).cte("base")
    wanted = [] if number == 0 else [Sample.number == number]
    pictures = _pictures(study_id).where(*wanted).cte("pictures")
    difference = pictures.c.value - base.c.value
    means = (
        select(
            literal(study_id), pictures.c.judge, pictures.c.number, pictures.c.sampler, pictures.c.checkpoint_id,
            cast(func.avg(pictures.c.value), Float), cast(func.stddev_samp(pictures.c.value), Float), func.count(),
            cast(func.avg(difference), Float), cast(func.stddev_samp(difference), Float), func.count(difference),
        )
        .outerjoin(base, (base.c.group_id == pictures.c.group_id) & (base.c.judge == pictures.c.judge))
        .group_by(pictures.c.judge, pictures.c.checkpoint_id, pictures.c.number, pictures.c.sampler)
    )  # fmt: skip
    made = insert(PolicyMean).from_select([column.name for column in PolicyMean.__table__.columns], means)
    changed = {name: made.excluded[name] for name in MEASURED}
    session.flush()
    session.execute(made.on_conflict_do_update(index_elements=PolicyMean.__table__.primary_key, set_=changed))


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
