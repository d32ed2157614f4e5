"""What a study will cost: pictures, choices, disk and time of one round, from its settings and measured speeds."""

import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import BaseModel, Prompt, Sampler, Split
from app.services import chunks, speeds
from app.services.retention import ROUNDS_KEPT
from app.services.speeds import Speeds
from app.study_settings import StudySettings

LATENT_CHANNELS = 4  # of every Stable Diffusion up to XL
LATENT_SCALE = 8  # pixels a latent element, where the pipeline's own files do not lie here
BYTES = {"fp16": 2, "fp32": 4}


@dataclass(frozen=True)
class Estimate:
    """One round. Bytes and seconds are none where a measurement or the base model is still missing.

    `evaluation_pictures` are drawn for each checkpoint (none where the prompts are not known yet). Trajectories are
    kept for the open round and the newest that are complete: `kept_trajectory_bytes`; pictures for good.
    """

    samples: int
    pairs: int
    choices: int
    evaluation_pictures: int | None
    optimizer_steps: int
    trajectory_bytes: int | None
    kept_trajectory_bytes: int | None
    picture_bytes: float | None
    draw_seconds: float | None
    evaluation_seconds: float | None
    train_seconds: float | None
    people_seconds: float | None
    measured: Speeds

    @property
    def machine_seconds(self) -> float | None:
        """Drawing, training and evaluation of one round; none while one of them was never measured."""
        parts = (self.draw_seconds, self.train_seconds, self.evaluation_seconds)
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None


def of_round(
    session: Session, settings: StudySettings, *, model: BaseModel | None = None, evaluation_prompts: int | None = None
) -> Estimate:
    """What one round under these settings takes. A fixed number of queries."""
    sampling, labeling, training = settings.sampling, settings.labeling, settings.training
    measured = speeds.of_model(session, model.id if model else None, sampling)
    samples = sampling.groups * sampling.samples_per_group
    pairs = chunks.pairs_planned(settings, sampling.groups)
    choices = pairs * labeling.choices_per_pair if labeling.counted != "judges" else 0
    pictures = evaluation_prompts * sampling.eval_draws * len(Sampler) if evaluation_prompts is not None else None
    held_out = sampling.groups // 10 if training.hold_out else 0
    groups = (sampling.groups - held_out) * training.inner_epochs
    states = groups * sampling.samples_per_group * speeds.trained_steps(sampling, training)
    bytes_each = trajectory_bytes(settings, model) if model else None
    both = samples + (pictures or 0)
    return Estimate(
        samples=samples,
        pairs=pairs,
        choices=choices,
        evaluation_pictures=pictures,
        optimizer_steps=-(-groups // training.groups_per_step),
        trajectory_bytes=samples * bytes_each if bytes_each else None,
        kept_trajectory_bytes=samples * bytes_each * (ROUNDS_KEPT + 1) if bytes_each else None,
        picture_bytes=both * measured.picture.value if measured.picture else None,
        draw_seconds=samples * sampling.steps * measured.draw.value if measured.draw else None,
        evaluation_seconds=pictures * sampling.steps * measured.draw.value
        if measured.draw and pictures is not None
        else None,
        train_seconds=states * measured.train.value if measured.train else None,
        people_seconds=choices * measured.choice.value if measured.choice else None,
        measured=measured,
    )


def trajectory_bytes(settings: StudySettings, model: BaseModel) -> int:
    """The size of one sample's trajectory: its latent after each step, without x_T, which its key draws again."""
    sampling = settings.sampling
    scale = _scale(model)
    height, width = ((side or model.image_size) // scale for side in (sampling.height, sampling.width))
    return sampling.steps * LATENT_CHANNELS * height * width * BYTES[sampling.storage]


def evaluation_prompts(session: Session, prompt_set_id: int) -> int:
    """How many prompts of the set are drawn for evaluation."""
    return (
        session.scalar(
            select(func.count()).where(
                Prompt.prompt_set_id == prompt_set_id, or_(Prompt.split == Split.EVAL, Prompt.split == Split.BOTH)
            )
        )
        or 0
    )


def _scale(model: BaseModel) -> int:
    """Pixels a latent element, as the pipeline's own files say; 8 where they do not lie on this machine."""
    try:
        blocks = json.loads((Path(model.source) / "vae" / "config.json").read_text())["block_out_channels"]
        return int(2 ** (len(blocks) - 1))
    except (OSError, ValueError, KeyError, TypeError):
        return LATENT_SCALE
