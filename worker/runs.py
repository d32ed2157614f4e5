"""A training run with everything that shapes it, and its training: the same for a worker's task and for reproducing."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import BaseModel, Checkpoint, Round, Sample, Study, TrainingRun, TrainingSet
from app.services import base_models, rounds, samples, studies
from app.study_settings import TrainingSettings
from worker import bridge, d3po
from worker.d3po import TrainingResult
from worker.d3po.training_set import LoadTrajectory
from worker.policies import policy_of


@dataclass(frozen=True)
class Run:
    """A training run with everything that shapes it."""

    study: Study
    round_: Round
    run: TrainingRun
    frozen: TrainingSet
    model: BaseModel
    parent: Checkpoint | None
    rows: dict[int, Sample]
    settings: TrainingSettings


def read(session: Session, run: TrainingRun) -> Run:
    """The run with its rows. Raises `NotFound` where a sample of its frozen set is no longer there."""
    round_ = rounds.get(session, run.round_id)
    study = studies.get(session, round_.study_id)
    frozen = session.get_one(TrainingSet, run.training_set_id)
    return Run(
        study=study,
        round_=round_,
        run=run,
        frozen=frozen,
        model=base_models.get(session, study.base_model_id),
        parent=session.get(Checkpoint, round_.checkpoint_id) if round_.checkpoint_id else None,
        rows=samples.by_id(session, samples.named_in(frozen.items)),
        settings=TrainingSettings.model_validate(run.settings),
    )


def optimizer_steps(work: Run) -> int:
    """How many optimizer steps the run takes if nothing ends it early."""
    return bridge.optimizer_steps(bridge.preferences(work.frozen), bridge.training_settings(work.settings))


def train(work: Run, load_trajectory: LoadTrajectory, artifacts: Artifacts, **told: Any) -> TrainingResult:
    """Train the run's frozen set from its starting policy, with the optimizer's state that goes with it. `told` are the
    resume point and the callbacks of `d3po.train`. Raises what that raises, `Refused` and `Damaged`."""
    policy = policy_of(work.model, work.parent, work.settings.precision, artifacts)
    return d3po.train(
        policy,
        bridge.preferences(work.frozen),
        load_trajectory,
        bridge.training_settings(work.settings),
        optimizer_state=_optimizer_state(work.parent, artifacts),
        training_set_hash=work.frozen.sha256,
        settings_hash=work.run.settings_sha256,
        **told,
    )


def _optimizer_state(parent: Checkpoint | None, artifacts: Artifacts) -> bytes | None:
    """The optimizer's state of the checkpoint that the round started from."""
    stored = parent.optimizer if parent else None
    return artifacts.get_bytes(stored["key"], stored["sha256"]) if stored else None
