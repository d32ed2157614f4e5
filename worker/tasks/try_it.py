"""Pictures of one prompt, so that someone sees what settings do (two of one noise), or what policies do (the
playground's: each policy's pictures by the same noise)."""

import time
from collections.abc import Callable

from app.artifacts import Stored
from app.db import transaction
from app.models.base import Json
from app.services import jobs, tries
from app.services.tries import ToDraw
from worker import bridge, images
from worker.attempt import Attempt
from worker.d3po import SampleRecord, sample_groups
from worker.policies import mixed_policy, policy_of


def run(held: Attempt) -> None:
    """Load what is asked for, draw, store the pictures, then record them with the time that each of both took."""
    with transaction() as session:
        jobs.held(session, held.claim)
        wanted = tries.of_job(session, held.claim)
    began = time.monotonic()
    policy_of(wanted.model, wanted.checkpoint, wanted.sampling.precision, held.artifacts)
    loaded = time.monotonic()
    records = _drawn(held, wanted)
    drawn = time.monotonic()
    files = held.files(tries.folder(held.claim.study_id, wanted.policies))
    pictures = [
        _named(files.put(f"{number}.webp", images.webp(record.image)), record) for number, record in enumerate(records)
    ]
    with transaction() as session:
        tries.record(
            session, held.claim, pictures=pictures, seconds=drawn - loaded, loading_seconds=loaded - began
        )  # fmt: skip
    files.keep()


def _drawn(held: Attempt, wanted: ToDraw) -> list[SampleRecord]:
    """Every picture; each policy's in batches of the same composition, so that equal policies draw equal bits."""
    precision, settings = wanted.sampling.precision, bridge.sampling_settings(wanted.sampling, wanted.sampler)
    if wanted.policies is None:
        parts = [[(wanted.checkpoint, 1.0)] if wanted.checkpoint else []]
        groups, batch = [bridge.try_group(wanted.prompt, wanted.seed, tries.PICTURES)], tries.PICTURES
    else:
        parts = [[*policy] for policy in wanted.policies]
        groups = bridge.playground_groups(wanted.prompt, wanted.seed, wanted.draws)
        batch = min(wanted.sampling.batch, wanted.draws)
    progress = held.progress("steps")
    records: list[SampleRecord] = []
    for number, of_policy in enumerate(parts):
        records += sample_groups(
            mixed_policy(wanted.model, of_policy, precision, held.artifacts),
            groups,
            settings,
            batch=batch,
            trajectories=False,
            on_progress=_one_of(len(parts), number, progress),
            should_stop=held.should_stop,
        )
    return records


def _one_of(parts: int, number: int, tell: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """The progress of one part of equal parts, as progress of all."""
    return lambda done, total: tell(number * total + done, parts * total)


def _named(stored: Stored, record: SampleRecord) -> Json:
    height, width = record.image.shape[:2]
    return {
        "key": stored.key, "sha256": stored.sha256, "size": stored.size, "width": width, "height": height,
        "truncated": record.prompt_truncated,
    }  # fmt: skip
