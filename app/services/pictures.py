"""Pictures as pages and the pair API show them: which stored file stands for a sample."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Sample


@dataclass(frozen=True)
class Picture:
    """The WebP of one sample, with the picture's size in pixels."""

    sample_id: int
    key: str
    width: int
    height: int


def of_samples(session: Session, sample_ids: Iterable[int]) -> dict[int, Picture]:
    """The pictures of these samples by sample id, in one query; an unknown id is left out."""
    columns = select(Sample.id, Sample.webp_key, Sample.width, Sample.height)
    rows = session.execute(columns.where(Sample.id.in_(list(sample_ids))))
    return {row.id: Picture(row.id, row.webp_key, row.width, row.height) for row in rows}
