"""Drawing a chunk as it is recorded: the same groups, batch and policy give the same bits at every attempt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import BaseModel, Checkpoint, Round, Study
from app.services import base_models, chunks, rounds, studies
from app.services.chunks import GroupToDraw
from app.services.jobs import Claim
from app.services.samples import Drawn, Looks
from app.study_settings import SamplingSettings, validated
from worker import bridge, images
from worker.d3po import SampleRecord, sample_groups, trajectory
from worker.files import OwnFiles
from worker.policies import policy_of


@dataclass(frozen=True)
class Chunk:
    """All that shapes a chunk's pictures."""

    study: Study
    round_: Round
    model: BaseModel
    checkpoint: Checkpoint | None
    sampling: SamplingSettings
    groups: list[GroupToDraw]
    batch: int

    @property
    def samples(self) -> int:
        """How many samples it has."""
        return len(self.groups) * self.sampling.samples_per_group

    @property
    def group_ids(self) -> dict[int, int]:
        """The groups' ids by their numbers in the round."""
        return {group.number: group.group_id for group in self.groups}


def read_chunk(session: Session, claim: Claim) -> Chunk:
    """The chunk of this job, as it was planned at the round's launch."""
    assert claim.round_id is not None
    round_ = rounds.get(session, claim.round_id)
    study = studies.get(session, claim.of_study)
    return Chunk(
        study=study,
        round_=round_,
        model=base_models.get(session, study.base_model_id),
        checkpoint=session.get(Checkpoint, claim.checkpoint_id) if claim.checkpoint_id else None,
        sampling=validated(round_.settings).sampling,
        groups=chunks.groups_of(session, claim),
        batch=claim.payload["batch"],
    )


def draw_chunk(
    chunk: Chunk,
    artifacts: Artifacts,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[SampleRecord]:
    """The chunk's samples in their order, `batch` drawn at a time. Raises what the library's sampling raises."""
    policy = policy_of(chunk.model, chunk.checkpoint, chunk.sampling.precision, artifacts)
    return sample_groups(
        policy,
        bridge.round_groups(chunk.study, chunk.round_, chunk.groups, chunk.sampling.samples_per_group),
        bridge.sampling_settings(chunk.sampling),
        batch=chunk.batch,
        on_progress=on_progress,
        should_stop=should_stop,
    )


def store_sample(
    files: OwnFiles, name: str, record: SampleRecord, *, group_id: int, number: int, looks: Looks | None = None
) -> Drawn:
    """Write one sample's files as `name` with their endings."""
    height, width = record.image.shape[:2]
    kept = record.trajectory
    return Drawn(
        group_id=group_id,
        number=number,
        width=width,
        height=height,
        image=files.put(f"{name}.png", images.png(record.image)),
        webp=files.put(f"{name}.webp", images.webp(record.image)),
        trajectory=files.put(f"{name}.safetensors", trajectory.to_bytes(kept)) if kept else None,
        looks=looks,
    )
