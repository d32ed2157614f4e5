"""Judges as scoring functions: what the site knows of them, and the pictures that they are still to score.

Evaluation pictures are scored as they are drawn. Of a round's pictures a judge scores those that people chose between,
later, when nobody waits: so one sees how far judge and people agree.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import (
    Answer,
    Choice,
    Group,
    Judge,
    Lease,
    Pair,
    Prompt,
    Purpose,
    Queue,
    Round,
    RoundKind,
    Sample,
    SampleScore,
    SampleState,
    User,
    UserKind,
)
from app.models.base import among


@dataclass(frozen=True)
class ToScore:
    """A picture that is to be scored: where its lossless file lies, and what it was drawn from."""

    sample_id: int
    key: str
    sha256: str
    prompt: str


def know(
    session: Session, *, name: str, unit: str, larger_is_better: bool, about: str = "", queue: Queue = Queue.ACCELERATOR
) -> None:  # fmt: skip
    """Note that a worker has a judge: what its scores mean, and which queue's workers score with it."""
    values = {
        "unit": unit, "larger_is_better": larger_is_better, "about": about, "queue": queue, "seen_at": func.now(),
    }  # fmt: skip
    made = insert(Judge).values(name=name, **values)
    session.execute(made.on_conflict_do_update(index_elements=[Judge.name], set_=values))


def unscored(session: Session, *, study_id: int, judge: str, limit: int) -> list[ToScore]:
    """Pictures of the study's rounds that people chose between and that the judge has not scored, newest first."""
    chosen = (
        select(Pair.first_id, Pair.second_id)
        .join(Round, Round.id == Pair.round_id)
        .join(Choice, Choice.pair_id == Pair.id)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(User, User.id == Choice.user_id)
        .where(
            Round.study_id == study_id,
            Round.kind == RoundKind.PREFERENCE,
            Choice.undone_at.is_(None),
            Choice.answer.in_((Answer.FIRST, Answer.SECOND)),
            Lease.purpose == Purpose.COUNTED,
            User.kind == UserKind.PERSON,
        )
        .cte("chosen")
    )
    rows = session.execute(
        select(Sample.id, Sample.image_key, Sample.image_sha256, Prompt.text)
        .join(Group, Group.id == Sample.group_id)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .outerjoin(SampleScore, (SampleScore.sample_id == Sample.id) & (SampleScore.judge == judge))
        .where(
            or_(Sample.id.in_(select(chosen.c.first_id)), Sample.id.in_(select(chosen.c.second_id))),
            Sample.state == SampleState.READY,
            SampleScore.sample_id.is_(None),
        )
        .order_by(Sample.id.desc())
        .limit(limit)
    )
    return [ToScore(*row) for row in rows]


def rounds_of(session: Session, sample_ids: Collection[int]) -> Sequence[int]:
    """The rounds in which these samples are shown."""
    shown = or_(among(Pair.first_id, sample_ids), among(Pair.second_id, sample_ids))
    return session.scalars(select(Pair.round_id).where(shown).distinct()).all()


def score(session: Session, *, judge: str, values: Mapping[int, float]) -> None:
    """Store what the judge says of pictures, by the samples' ids; one that is scored already stays as it is."""
    if values:
        rows = [{"sample_id": sample_id, "judge": judge, "value": value} for sample_id, value in values.items()]
        session.execute(insert(SampleScore).on_conflict_do_nothing(), rows)
