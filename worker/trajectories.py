"""The trajectories that a training run reads: whole, as they were drawn, or drawn again to the bit.

A file that is missing or damaged is put back where its chunk, drawn again as recorded, gives the same SHA-256; if it
does not, the sample is lost. A file that retention took is drawn again for this run only.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NoReturn

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import Damaged, NotFound, Refused
from app.models import Group, Job, Sample
from app.services import jobs, samples
from app.services.jobs import Claim
from worker.attempt import Attempt
from worker.d3po import Trajectory, trajectory
from worker.drawing import draw_chunk, read_chunk
from worker.files import OwnFiles

log = structlog.get_logger(__name__)


class Trajectories:
    """The trajectories of `rows`, by sample id as a text. Make it before the policy is loaded for training."""

    def __init__(self, held: Attempt, rows: dict[int, Sample], scratch: OwnFiles) -> None:
        """Checks every file and draws again what is not there. Raises `Refused` where that gives other pictures."""
        self._artifacts = held.artifacts
        self._rows = rows
        self._keys = {number: row.trajectory_key or "" for number, row in rows.items()}
        missing = [row for row in rows.values() if not _is_whole(held.artifacts, row)]
        if missing:
            self._restore(held, missing, scratch)

    def __call__(self, sample: str) -> Trajectory:
        """The trajectory of one sample. Raises `Damaged`, `NotFound`."""
        number = int(sample)
        return trajectory.from_bytes(
            self._artifacts.get_bytes(self._keys[number], self._rows[number].trajectory_sha256)
        )

    def _restore(self, held: Attempt, missing: list[Sample], scratch: OwnFiles) -> None:
        log.warning("trajectories_drawn_again", samples=[row.id for row in missing])
        differing = {row.id: row for row in missing}
        for row, data in drawn_again(missing, held.artifacts, should_stop=held.should_stop):
            if is_as_recorded(row, data):
                self._put(row, data, scratch)
                del differing[row.id]
        if differing:
            _give_up(list(differing.values()))

    def _put(self, row: Sample, data: bytes, scratch: OwnFiles) -> None:
        """Put the file back where it was; or, where retention took it, aside for this run."""
        if row.trajectory_removed_at is not None:
            self._keys[row.id] = scratch.put(f"{row.id}.safetensors", data).key
            return
        self._artifacts.delete(self._keys[row.id])
        self._artifacts.put_bytes(self._keys[row.id], data)


def _is_whole(artifacts: Artifacts, row: Sample) -> bool:
    if row.trajectory_removed_at is not None or row.trajectory_key is None:
        return False
    try:
        artifacts.get_bytes(row.trajectory_key, row.trajectory_sha256)
    except (NotFound, Damaged):
        return False
    return True


def is_as_recorded(row: Sample, data: bytes) -> bool:
    """Whether these bytes are the trajectory that was drawn when the sample was made."""
    return hashlib.sha256(data).hexdigest() == row.trajectory_sha256


def drawn_again(
    missing: Sequence[Sample], artifacts: Artifacts, *, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Sample, bytes]]:
    """The trajectories' files of these samples as they come out here, their chunks drawn again as recorded."""
    wanted = {(row.group_id, row.number): row for row in missing}
    with transaction() as session:
        chunks = [read_chunk(session, claim) for claim in _chunk_claims(session, {row.group_id for row in missing})]
    for chunk in chunks:
        for record in draw_chunk(chunk, artifacts, should_stop=should_stop):
            row = wanted.get((chunk.group_ids[record.group.number], record.sample))
            if row is not None and record.trajectory is not None:
                yield row, trajectory.to_bytes(record.trajectory)


def _chunk_claims(session: Session, group_ids: Iterable[int]) -> list[Claim]:
    query = select(Job).where(Job.id.in_(select(Group.job_id).where(Group.id.in_(group_ids)))).order_by(Job.id)
    return [jobs.claim_of(job) for job in session.scalars(query)]


def _give_up(differing: list[Sample]) -> NoReturn:
    """Mark what is missing for good as lost, and say so; what retention took keeps its picture and its choices."""
    lost = [row.id for row in differing if row.trajectory_removed_at is None]
    with transaction() as session:
        samples.lose(session, lost)
    what = f"{len(differing)} trajectories are not there, and drawing them again here gives other pictures"
    raise Refused(
        f"{what} (samples {', '.join(str(row.id) for row in differing[:10])}).",
        "Their pairs are left out from now on: train the round again from the choices as they are now."
        if lost
        else "Train on the kind of machine that drew them, with the same library versions and thread count.",
    )
