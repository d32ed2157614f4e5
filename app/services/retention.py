"""Retention: trajectories are kept for open and for the newest rounds; then the files go and the rows stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from app.models import FINAL, Group, Round, RoundKind, RunState, Sample, Study, TrainingRun
from app.services import disk

ROUNDS_KEPT = 3
AT_ONCE = 200
ROUNDS_AT_ONCE = 20

KEPT = and_(Sample.trajectory_key.is_not(None), Sample.trajectory_removed_at.is_(None))
# trajectories of an ended round that nothing reads at the moment: a complete round may train again
IDLE = and_(
    Round.state.in_(FINAL),
    ~exists().where(
        TrainingRun.round_id == Round.id, TrainingRun.state.in_((RunState.WAITING, RunState.RUNNING))
    ),
)  # fmt: skip

# rounds of which trajectories may be left
HOLDS = (Round.kind == RoundKind.PREFERENCE, Round.trajectories_gone_at.is_(None))


@dataclass(frozen=True)
class Freed:
    """What a clean-up of one study would free: by how many of its newest rounds are kept (0 to 3), bytes and files."""

    study_id: int
    name: str
    bytes_by_kept: tuple[int, ...]
    files_by_kept: tuple[int, ...]


def due(session: Session, *, limit: int = 20) -> list[int]:
    """Studies of which a round beyond the newest still has trajectories that nothing reads."""
    older = select(Round.study_id).where(*HOLDS, IDLE, Round.number < _first_kept(Round.study_id, ROUNDS_KEPT))
    return list(session.scalars(older.distinct().limit(limit)))


def release(session: Session, study_id: int, *, keep: int = ROUNDS_KEPT) -> list[str]:
    """Mark some trajectories that are no longer kept as removed; returns their keys, to be deleted after the commit.

    `keep` is of how many of the study's newest rounds they stay. A round of which none is left is marked, too.
    """
    beyond = [] if keep == 0 else [Round.number < _first_kept(study_id, keep)]
    rounds = session.scalars(
        select(Round.id)
        .where(Round.study_id == study_id, *HOLDS, IDLE, *beyond)
        .order_by(Round.number)
        .limit(ROUNDS_AT_ONCE)
    ).all()
    rows = session.scalars(
        select(Sample)
        .join(Group, Group.id == Sample.group_id)
        .where(Group.round_id.in_(rounds), KEPT)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, of=Sample)
    ).all()
    for row in rows:
        row.trajectory_removed_at = func.now()
    if rows:
        disk.mark(session, study_id)
    if len(rows) < AT_ONCE:
        session.flush()
        _note_gone(session, rounds)
    return [row.trajectory_key for row in rows if row.trajectory_key]


def would_free(session: Session) -> list[Freed]:
    """What `release` would free of each study, by how many rounds are kept; the largest first. One query."""
    names: dict[int, str] = {}
    found: dict[int, dict[int, tuple[int, int]]] = {}
    for study_id, name, rank, size, files in session.execute(_by_rank()):
        names[study_id] = name
        found.setdefault(study_id, {})[rank] = (int(size), int(files))
    freed = [Freed(study_id, names[study_id], *_beyond(ranks)) for study_id, ranks in found.items()]
    return sorted(freed, key=lambda one: -one.bytes_by_kept[0])


def _first_kept(study_id: Any, keep: int) -> Any:
    """The number of the oldest of the study's newest `keep` rounds; none where it has fewer."""
    newer = aliased(Round)
    return (
        select(newer.number)
        .where(newer.study_id == study_id, newer.kind == RoundKind.PREFERENCE)
        .order_by(newer.number.desc())
        .offset(keep - 1)
        .limit(1)
        .scalar_subquery()
    )


def _note_gone(session: Session, round_ids: Sequence[int]) -> None:
    left = exists().where(Group.round_id == Round.id, Sample.group_id == Group.id, KEPT)
    session.execute(
        update(Round).where(Round.id.in_(round_ids), IDLE, ~left).values(trajectories_gone_at=func.now()),
        execution_options={"synchronize_session": False},
    )


def _by_rank() -> Any:
    """Bytes and files of kept trajectories by study and by the round's rank from the newest, 4 for all older ones."""
    newest_first = func.row_number().over(partition_by=Round.study_id, order_by=Round.number.desc())
    ranked = (
        select(Round.id, newest_first.label("rank")).where(Round.kind == RoundKind.PREFERENCE).subquery("ranked")
    )  # fmt: skip
    rank = func.least(ranked.c.rank, ROUNDS_KEPT + 1)
    return (
        select(Study.id, Study.name, rank, func.sum(Sample.trajectory_size), func.count())
        .select_from(Sample)
        .join(Group, Group.id == Sample.group_id)
        .join(Round, Round.id == Group.round_id)
        .join(ranked, ranked.c.id == Round.id)
        .join(Study, Study.id == Round.study_id)
        .where(*HOLDS, IDLE, KEPT)
        .group_by(Study.id, Study.name, rank)
    )


def _beyond(ranks: dict[int, tuple[int, int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Bytes and files beyond the newest 0, 1, 2, 3 rounds."""
    beyond = [[found for rank, found in ranks.items() if rank > kept] for kept in range(ROUNDS_KEPT + 1)]
    return tuple(sum(size for size, _ in one) for one in beyond), tuple(
        sum(count for _, count in one) for one in beyond
    )
