"""Before and after: the study's evaluation pictures by several policies, side by side at the same noise. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import false, func, or_, select
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
    """One prompt and one noise: a picture per policy, in the order asked for; none where it is not drawn yet. `number`
    is the prompt's in its set."""

    number: int
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


def rows(
    session: Session, study_id: int, policies: Sequence[Policy], *, sampler: Sampler, draw: int,
    first: int = 0, limit: int | None = None,
) -> list[Row]:  # fmt: skip
    """The pictures of one draw of every evaluation prompt, in the order of the prompts; or of `limit` prompts from the
    one in place `first` on. A prompt of which none of these policies has a picture is left out. One query."""
    wanted = [policy.checkpoint_id for policy in policies]
    groups = (
        select(Group.id, Prompt.number, Prompt.text)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .where(Group.study_id == study_id, Group.round_id.is_(None), Group.sampler == sampler, Group.draw == draw)
        .order_by(Prompt.number)
        .offset(first)
        .limit(limit)
        .subquery()
    )
    found = session.execute(
        select(
            groups.c.number, groups.c.text, Sample.checkpoint_id, Sample.id, Sample.webp_key, Sample.width,
            Sample.height,
        )
        .join(Sample, Sample.group_id == groups.c.id)
        .where(
            Sample.state == SampleState.READY,
            or_(
                Sample.checkpoint_id.in_([i for i in wanted if i is not None]),
                Sample.checkpoint_id.is_(None) if None in wanted else false(),
            ),
        )
        .order_by(groups.c.number)
    )  # fmt: skip
    drawn: dict[tuple[int, str], dict[int | None, Picture]] = {}
    for number, text, checkpoint_id, sample_id, key, width, height in found:
        drawn.setdefault((number, text), {})[checkpoint_id] = Picture(sample_id, key, width, height)
    return [Row(number, text, draw, tuple(by.get(policy) for policy in wanted)) for (number, text), by in drawn.items()]


def draws(session: Session, study_id: int) -> int:
    """How many draws of each prompt the evaluation set holds."""
    most = session.scalar(select(func.max(Group.draw)).where(Group.study_id == study_id, Group.round_id.is_(None)))
    return 0 if most is None else most + 1
