"""Drawing one chunk of a round: labeling begins with the first."""

from app.db import transaction
from app.models import JobState
from app.services import chunks, jobs, round_moves, rounds
from app.services.samples import Drawn
from worker.attempt import Attempt
from worker.drawing import Chunk, draw_chunk, read_chunk, store_sample


def run(held: Attempt) -> None:
    """Draw the chunk's samples, store their files, then record them all at once."""
    with transaction() as session:
        chunk = read_chunk(session, held.claim)
    files = held.files(f"studies/{chunk.study.id}/rounds/{chunk.round_.number}/chunks")
    told = held.progress("samples").of_samples(chunk.samples)
    records = draw_chunk(chunk, held.artifacts, on_progress=told, should_stop=held.should_stop)
    drawn = [
        store_sample(
            files, f"{record.group.number}-{record.sample}", record,
            group_id=chunk.group_ids[record.group.number], number=record.sample,
        )
        for record in records
    ]  # fmt: skip
    _record(held, chunk, drawn)
    files.keep()
    with transaction() as session:
        round_moves.settle(session, chunk.round_.id)


def _record(held: Attempt, chunk: Chunk, drawn: list[Drawn]) -> None:
    with transaction() as session:
        round_ = rounds.locked(session, chunk.round_.id)
        job = jobs.held(session, held.claim)
        chunks.store(session, round_, drawn)
        jobs.end(job, JobState.DONE)
