"""Before and after: the study's evaluation pictures by several policies, side by side at the same noise. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import Checkpoint, Group, Prompt, Sample, Sampler, SampleState
from app.services.pictures import Picture


@dataclass(frozen=True)
class Policy:
    """A policy to compare: a checkpoint with its number in the study, or the base (none, 0)."""

    checkpoint_id: int | None
    number: int


@dataclass(frozen=True)
class Row:
    """One prompt and one noise: a picture per policy, in the order asked for; none where it is not drawn yet."""

    prompt: str
    draw: int
    pictures: Sequence[Picture | None]


def lineage(session: Session, checkpoint_id: int) -> list[Policy]:
    """What a checkpoint is compared with: the base, its parent if it has one, itself."""
    own, parent = session.execute(
        select(Checkpoint.number, Checkpoint.parent_id).where(Checkpoint.id == checkpoint_id)
    ).one()
    policies = [Policy(None, 0)]
    if parent is not None:
        policies.append(Policy(parent, session.scalars(select(Checkpoint.number).where(Checkpoint.id == parent)).one()))
    return [*policies, Policy(checkpoint_id, own)]


def rows(session: Session, study_id: int, policies: Sequence[Policy], *, sampler: Sampler, draw: int) -> list[Row]:
    """The pictures of one draw of every evaluation prompt, in the order of the prompts. One query."""
    wanted = [policy.checkpoint_id for policy in policies]
    found = session.execute(
        select(
            Prompt.number, Prompt.text, Sample.checkpoint_id, Sample.id, Sample.webp_key, Sample.width, Sample.height
        )
        .join(Group, Group.id == Sample.group_id)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .where(
            Group.study_id == study_id,
            Group.round_id.is_(None),
            Group.sampler == sampler,
            Group.draw == draw,
            Sample.state == SampleState.READY,
            or_(Sample.checkpoint_id.is_(None), Sample.checkpoint_id.in_([i for i in wanted if i is not None])),
        )
        .order_by(Prompt.number)
    )
    drawn: dict[tuple[int, str], dict[int | None, Picture]] = {}
    for number, text, checkpoint_id, sample_id, key, width, height in found:
        drawn.setdefault((number, text), {})[checkpoint_id] = Picture(sample_id, key, width, height)
    return [Row(text, draw, tuple(by.get(policy) for policy in wanted)) for (_, text), by in drawn.items()]


def draws(session: Session, study_id: int) -> int:
    """How many draws of each prompt the evaluation set holds."""
    most = session.scalar(select(func.max(Group.draw)).where(Group.study_id == study_id, Group.round_id.is_(None)))
    return 0 if most is None else most + 1
