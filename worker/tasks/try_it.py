"""Two pictures of one prompt and one noise, so that someone sees what settings do."""

import time

from app.artifacts import Stored
from app.db import transaction
from app.models.base import Json
from app.services import jobs, tries
from worker import bridge, images
from worker.attempt import Attempt
from worker.d3po import SampleRecord, sample_groups
from worker.policies import policy_of


def run(held: Attempt) -> None:
    """Load what is asked for, draw, store the pictures, then record them with the time that each of both took."""
    with transaction() as session:
        jobs.held(session, held.claim)
        wanted = tries.of_job(session, held.claim)
    began = time.monotonic()
    policy = policy_of(wanted.model, wanted.checkpoint, wanted.sampling.precision, held.artifacts)
    loaded = time.monotonic()
    records = list(
        sample_groups(
            policy,
            [bridge.try_group(wanted.prompt, wanted.seed, tries.PICTURES)],
            bridge.sampling_settings(wanted.sampling),
            batch=tries.PICTURES,
            trajectories=False,
            on_progress=held.progress("steps"),
            should_stop=held.should_stop,
        )
    )
    drawn = time.monotonic()
    files = held.files("tries")
    pictures = [_named(files.put(f"{record.sample}.webp", images.webp(record.image)), record) for record in records]
    with transaction() as session:
        tries.record(
            session, held.claim, pictures=pictures, seconds=drawn - loaded, loading_seconds=loaded - began
        )  # fmt: skip
    files.keep()


def _named(stored: Stored, record: SampleRecord) -> Json:
    height, width = record.image.shape[:2]
    return {"key": stored.key, "sha256": stored.sha256, "size": stored.size, "width": width, "height": height}
