"""Drawing one chunk of a round: labeling begins with the first."""

import time
from itertools import groupby

import structlog

from app.db import transaction
from app.models import JobState
from app.services import chunks, jobs, round_moves, rounds
from app.services.chunks import DrawnGroup
from worker.appearance import looks
from worker.attempt import Attempt
from worker.d3po import SampleRecord
from worker.drawing import Chunk, draw_chunk, read_chunk, store_sample
from worker.files import OwnFiles

log = structlog.get_logger(__name__)


def run(held: Attempt) -> None:
    """Draw the chunk's samples, look at each group's, store their files, then record them all at once."""
    with transaction() as session:
        chunk = read_chunk(session, held.claim)
    log.info(
        "drawing_chunk", groups=len(chunk.groups), samples=chunk.samples, batch=chunk.batch,
        steps=chunk.sampling.steps, policy=f"checkpoint {chunk.checkpoint.number}" if chunk.checkpoint else "base",
    )  # fmt: skip
    began = time.monotonic()
    files = held.files(f"studies/{chunk.study.id}/rounds/{chunk.round_.number}/chunks")
    told = held.progress("samples").of_samples(chunk.samples)
    records = draw_chunk(chunk, held.artifacts, on_progress=told, should_stop=held.should_stop)
    drawn = [
        _store(files, list(members), group_id=chunk.group_ids[number])
        for number, members in groupby(records, key=lambda record: record.group.number)
    ]
    _record(held, chunk, drawn)
    files.keep()
    log.info("chunk_stored", samples=chunk.samples, seconds=time.monotonic() - began)
    with transaction() as session:
        round_moves.settle(session, chunk.round_.id)


def _store(files: OwnFiles, members: list[SampleRecord], *, group_id: int) -> DrawnGroup:
    """Write the files of one group's samples, in their order."""
    found, distances = looks([record.image for record in members])
    return DrawnGroup(
        [
            store_sample(
                files, f"{record.group.number}-{record.sample}", record,
                group_id=group_id, number=record.sample, looks=looked,
            )
            for record, looked in zip(members, found, strict=True)
        ],
        {(members[i].sample, members[j].sample): distance for (i, j), distance in distances.items()},
    )  # fmt: skip


def _record(held: Attempt, chunk: Chunk, drawn: list[DrawnGroup]) -> None:
    with transaction() as session:
        round_ = rounds.locked(session, chunk.round_.id)
        job = jobs.held(session, held.claim)
        chunks.store(session, round_, drawn)
        jobs.end(job, JobState.DONE)
