"""Samples: drawn pictures as a worker hands them over, and the files behind them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.artifacts import Stored
from app.errors import NotFound
from app.models import Appearance, Pair, PairState, Sample, SampleState
from app.models.base import Json, among


@dataclass(frozen=True)
class Looks:
    """How one picture looks. `brightness` and `saturation` lie in 0 to 1; `sharpness` has no upper end that matters.

    `apart` and `colours_apart` are its mean distance and its mean difference in colour to the other pictures of its
    prompt that were drawn beside it, none where it is alone.
    """

    brightness: float
    saturation: float
    sharpness: float
    apart: float | None
    colours_apart: float | None


@dataclass(frozen=True)
class Drawn:
    """One drawn sample, its files already stored: the lossless PNG, the WebP for browsers, the trajectory if kept.
    `looks` is none where that is measured later."""

    group_id: int
    number: int
    width: int
    height: int
    image: Stored
    webp: Stored
    trajectory: Stored | None
    looks: Looks | None = None


def add(session: Session, drawn: list[Drawn], *, checkpoint_id: int | None) -> list[Sample]:
    """Write the rows of drawn samples, and how they look where that was measured."""
    rows = [_row(sample, checkpoint_id) for sample in drawn]
    session.add_all(rows)
    session.flush()
    looked_at = {row.id: sample.looks for row, sample in zip(rows, drawn, strict=True) if sample.looks}
    add_looks(session, looked_at)
    return rows


def add_looks(session: Session, looks: Mapping[int, Looks]) -> None:
    """Write how samples look, by their ids."""
    session.add_all(Appearance(sample_id=sample_id, **asdict(found)) for sample_id, found in looks.items())
    session.flush()


def get(session: Session, sample_id: int) -> Sample:
    sample = session.get(Sample, sample_id)
    if sample is None:
        raise NotFound(f"There is no sample {sample_id}.")
    return sample


def lose(session: Session, sample_ids: list[int]) -> None:
    """Mark samples whose files are gone and cannot be drawn again to the bit; their pairs are not shown nor trained.

    A picture that was judged is never exchanged for another.
    """
    session.execute(update(Sample).where(Sample.id.in_(sample_ids)).values(state=SampleState.LOST))
    session.execute(
        update(Pair)
        .where(or_(Pair.first_id.in_(sample_ids), Pair.second_id.in_(sample_ids)))
        .values(state=PairState.VOID)
    )


def named_in(items: Sequence[Json]) -> set[int]:
    """The ids of the samples that a frozen list compares."""
    return {item[side] for item in items for side in ("first", "second")}


def found(session: Session, sample_ids: Collection[int]) -> dict[int, Sample]:
    """Those of the samples with these ids that there are, by id."""
    return {row.id: row for row in session.scalars(select(Sample).where(among(Sample.id, sample_ids)))}


def by_id(session: Session, sample_ids: Collection[int]) -> dict[int, Sample]:
    """The samples with these ids. Raises `NotFound` naming the ones that are not there."""
    rows = found(session, sample_ids)
    absent = sorted(set(sample_ids) - rows.keys())
    if absent:
        raise NotFound(f"There are no samples {', '.join(map(str, absent[:10]))}.")
    return rows


def _row(drawn: Drawn, checkpoint_id: int | None) -> Sample:
    trajectory = drawn.trajectory
    return Sample(
        group_id=drawn.group_id,
        number=drawn.number,
        checkpoint_id=checkpoint_id,
        width=drawn.width,
        height=drawn.height,
        image_key=drawn.image.key,
        image_sha256=drawn.image.sha256,
        image_size=drawn.image.size,
        webp_key=drawn.webp.key,
        webp_sha256=drawn.webp.sha256,
        webp_size=drawn.webp.size,
        trajectory_key=trajectory.key if trajectory else None,
        trajectory_sha256=trajectory.sha256 if trajectory else None,
        trajectory_size=trajectory.size if trajectory else None,
    )
