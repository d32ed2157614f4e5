"""Pictures that nobody has looked at yet: whose appearance is to be measured once nobody waits for a worker."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Appearance, Group, Sample, Sampler, SampleState
from app.services import evaluation_views


@dataclass(frozen=True)
class StoredPicture:
    """A sample's lossless picture, and where it lies."""

    sample_id: int
    key: str
    sha256: str


def unseen(session: Session, study_id: int) -> list[list[StoredPicture]]:
    """The study's evaluation pictures that nobody has looked at: for each prompt, policy and sampler all its draws, in
    their order. Sets that are not drawn whole, or of which a picture is lost, are left out."""
    whole = (
        select(Sample.number, Group.prompt_id, Group.sampler)
        .join(Group, Group.id == Sample.group_id)
        .outerjoin(Appearance, Appearance.sample_id == Sample.id)
        .where(Group.study_id == study_id, Group.round_id.is_(None), Sample.state == SampleState.READY)
        .group_by(Sample.number, Group.prompt_id, Group.sampler)
        .having(func.count(Appearance.sample_id) == 0, func.count() == evaluation_views.draws(session, study_id))
        .subquery()
    )
    rows = session.execute(
        select(Sample.number, Group.prompt_id, Group.sampler, Sample.id, Sample.image_key, Sample.image_sha256)
        .join(Group, Group.id == Sample.group_id)
        .join(
            whole,
            (whole.c.number == Sample.number)
            & (whole.c.prompt_id == Group.prompt_id)
            & (whole.c.sampler == Group.sampler),
        )
        .where(Group.study_id == study_id, Group.round_id.is_(None))
        .order_by(Sample.number, Group.sampler, Group.prompt_id, Group.draw)
    )
    sets: dict[tuple[int, int, Sampler | None], list[StoredPicture]] = {}
    for number, prompt_id, sampler, sample_id, key, sha256 in rows:
        sets.setdefault((number, prompt_id, sampler), []).append(StoredPicture(sample_id, key, sha256))
    return list(sets.values())
