"""A training run from its frozen set to a checkpoint, and every way in which that can be interrupted."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sqlalchemy import select

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import Damaged
from app.models import (
    Checkpoint,
    Event,
    Hold,
    Job,
    JobKind,
    JobState,
    Metric,
    Pair,
    PairState,
    Round,
    RoundState,
    RunState,
    Sample,
    SampleState,
    Study,
)
from app.services import round_moves
from app.settings import Settings
from tests.worker import rooms
from worker.d3po import Adapter, StepMetrics
from worker.d3po.lora_files import read_diffusers, read_peft
from worker.policies import adapter_of
from worker.shutdown import ShutdownFlag
from worker.tasks import training


def checkpoints() -> list[Checkpoint]:
    with transaction() as session:
        return list(session.scalars(select(Checkpoint).order_by(Checkpoint.id)))


def steps_of(round_: Round) -> list[int]:
    with transaction() as session:
        query = select(Metric.step).where(Metric.training_run_id == rooms.run_of(round_).id).order_by(Metric.step)
        return list(session.scalars(query))


def trained(study: Study) -> Checkpoint:
    """The checkpoint of a round that is trained without a stop."""
    rooms.begin_training(study)
    rooms.work_off(most=1)
    return checkpoints()[-1]


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    """What a test of this module found out for the others."""
    return {}


@pytest.fixture
def undisturbed(active: Settings, demo_model: Path, known: dict[str, str]) -> str:
    """The hash of the adapter that a run without a stop makes, the same in every database: noise knows no ids."""
    if "adapter" not in known:
        known["adapter"] = trained(rooms.make_study(demo_model)).adapter_sha256
    return known["adapter"]


def test_a_run_ends_in_a_checkpoint_that_says_where_it_comes_from(
    active: Settings, artifacts: Artifacts, demo_model: Path
) -> None:
    study = rooms.make_study(demo_model)
    round_ = rooms.begin_training(study)

    (claim,) = rooms.work_off(most=1)

    assert claim.kind is JobKind.TRAINING
    assert rooms.fresh(round_).state is RoundState.COMPLETE
    run_ = rooms.run_of(round_)
    assert (run_.state, run_.resume) == (RunState.FINISHED, None)
    assert run_.summary is not None
    assert run_.summary["checks"]["largest_r"] == 0.0
    assert steps_of(round_) == [1, 2]
    (checkpoint,) = checkpoints()
    assert checkpoint.provenance["training_set"]["pairs"] == 2
    assert checkpoint.provenance["base_model"]["files"].keys() >= {"unet/diffusion_pytorch_model.safetensors"}
    assert checkpoint.provenance["machine"]["threads"] == 1
    assert not any("resume" in name for name in rooms.stored_files())
    with transaction() as session:
        assert session.scalars(select(Event).where(Event.what == "training.checked")).one().details["states"] > 0


def test_the_files_hold_the_trained_adapter(active: Settings, artifacts: Artifacts, demo_model: Path) -> None:
    checkpoint = trained(rooms.make_study(demo_model))

    files = {name: artifacts.get_bytes(file["key"], file["sha256"]) for name, file in checkpoint.files.items()}
    with zipfile.ZipFile(io.BytesIO(files["peft"])) as peft:
        assert peft.namelist() == ["adapter_config.json", "adapter_model.safetensors"]
        adapter = read_peft(*(peft.read(name) for name in peft.namelist()))
    assert adapter.identity == checkpoint.adapter_sha256
    scaled = read_diffusers(files["diffusers"])
    for name, tensor in adapter.tensors.items():  # there the scale stands in B
        assert torch.equal(scaled.tensors[name], tensor * (adapter.alpha / adapter.rank if ".lora_B." in name else 1))
    assert b"ss_network_module" in files["kohya"]
    assert checkpoint.files["diffusers"]["name"] == "pytorch_lora_weights.safetensors"


def test_the_next_round_goes_on_from_the_checkpoint_and_its_optimizer(active: Settings, demo_model: Path) -> None:
    study = rooms.make_study(demo_model)
    first = trained(study)
    second = trained(study)

    assert second.parent_id == first.id
    assert second.provenance["parent"]["adapter_sha256"] == first.adapter_sha256
    assert second.adapter_sha256 != first.adapter_sha256
    with transaction() as session:
        drawn_by = set(session.scalars(select(Sample.checkpoint_id).where(Sample.trajectory_key.is_not(None))))
    assert drawn_by == {None, first.id}


def test_a_run_that_was_stopped_goes_on_to_the_same_bits_with_each_metric_once(
    active: Settings, demo_model: Path, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_ = rooms.begin_training(rooms.make_study(demo_model))
    flag, told = ShutdownFlag(), training.Journal.step

    def stop_after_a_step(journal: training.Journal, metrics: StepMetrics) -> None:
        told(journal, metrics)
        flag.set()

    monkeypatch.setattr(training.Journal, "step", stop_after_a_step)
    (claim,) = rooms.work_off(flag=flag, most=1)
    monkeypatch.undo()
    with transaction() as session:
        assert session.get_one(Job, claim.job_id).state is JobState.WAITING
    point = rooms.run_of(round_).resume
    assert point is not None
    assert point["step"] == 1

    rooms.work_off(most=1)

    assert checkpoints()[-1].adapter_sha256 == undisturbed
    assert steps_of(round_) == [1, 2]
    assert not any("resume" in name for name in rooms.stored_files())


def test_a_resume_point_that_cannot_be_read_costs_time_and_nothing_else(
    active: Settings, artifacts: Artifacts, demo_model: Path, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_ = rooms.begin_training(rooms.make_study(demo_model))
    keep = training.Journal.resume_point

    def then_die(journal: training.Journal, data: bytes, steps: int) -> None:
        keep(journal, data, steps)
        raise OSError("the machine went away")

    monkeypatch.setattr(training.Journal, "resume_point", then_die)
    rooms.work_off(most=1)
    monkeypatch.undo()
    point = rooms.run_of(round_).resume
    assert point is not None
    damage(artifacts, point["key"])

    rooms.make_due()
    rooms.work_off(most=1)

    assert checkpoints()[-1].adapter_sha256 == undisturbed
    assert steps_of(round_) == [1, 2]


def test_a_loss_that_is_not_finite_fails_the_run_and_other_settings_finish_it(
    active: Settings, demo_model: Path
) -> None:
    study = rooms.make_study(
        demo_model,
        training={"learning_rate": 1.0, "inner_epochs": 20, "clip": None, "max_grad_norm": None, "reduction": "sum",
                  "beta": 1e5},
    )  # fmt: skip
    round_ = rooms.begin_training(study)

    rooms.work_off(most=1)

    failed = rooms.fresh(round_)
    assert (failed.state, failed.hold) == (RoundState.TRAINING, Hold.FAILED)
    assert failed.hold_reason is not None
    assert "Training stopped itself at step" in failed.hold_reason
    assert "a learning rate below 1" in failed.hold_reason
    assert rooms.run_of(round_).state is RunState.FAILED
    step = (rooms.run_of(round_).summary or {})["diverged_at"]
    assert f"at step {step} " in failed.hold_reason
    assert rooms.job_of(JobKind.TRAINING).failures == 1

    gentle = {"learning_rate": 1e-4, "inner_epochs": 1, "clip": 0.1, "reduction": "mean", "beta": 0.1}
    with transaction() as session:
        round_moves.retry_with(session, round_id=round_.id, training=gentle, actor=None)
    rooms.work_off(most=1)

    assert rooms.fresh(round_).state is RoundState.COMPLETE
    assert rooms.run_of(round_).number == 2
    assert len(checkpoints()) == 1


def damage(artifacts: Artifacts, key: str | None) -> None:
    path = artifacts.local_path(key or "")
    assert path is not None
    path.write_bytes(path.read_bytes()[:-8])


def remove(artifacts: Artifacts, key: str | None) -> None:
    artifacts.delete(key or "")


@pytest.mark.parametrize("harm", [damage, remove])
def test_a_trajectory_that_is_gone_or_damaged_is_drawn_again_to_the_bit(
    artifacts: Artifacts, demo_model: Path, undisturbed: str, harm: Callable[[Artifacts, str | None], None]
) -> None:
    round_ = rooms.begin_training(rooms.make_study(demo_model))
    sample = rooms.samples_of(round_)[1]
    harm(artifacts, sample.trajectory_key)

    rooms.work_off(most=1)

    assert checkpoints()[-1].adapter_sha256 == undisturbed
    assert len(artifacts.get_bytes(sample.trajectory_key or "", sample.trajectory_sha256)) == sample.trajectory_size


def test_a_trajectory_that_retention_took_is_drawn_again_for_the_run_alone(
    artifacts: Artifacts, demo_model: Path, undisturbed: str
) -> None:
    round_ = rooms.begin_training(rooms.make_study(demo_model))
    with transaction() as session:
        for row in session.scalars(select(Sample).where(Sample.id.in_([s.id for s in rooms.samples_of(round_)]))):
            row.trajectory_removed_at = row.created_at
            artifacts.delete(row.trajectory_key or "")
    before = rooms.stored_files()

    rooms.work_off(most=1)

    assert checkpoints()[-1].adapter_sha256 == undisturbed
    assert not any("drawn-again" in name or "/chunks/" in name for name in rooms.stored_files() - before)


def test_a_sample_that_comes_out_differently_is_lost_and_the_run_says_so(
    active: Settings, artifacts: Artifacts, demo_model: Path
) -> None:
    round_ = rooms.begin_training(rooms.make_study(demo_model))
    sample = rooms.samples_of(round_)[0]
    with transaction() as session:
        session.get_one(Sample, sample.id).trajectory_sha256 = "0" * 64

    rooms.work_off(most=1)

    failed = rooms.fresh(round_)
    assert failed.hold is Hold.FAILED
    assert f"drawing them again here gives other pictures (samples {sample.id})" in (failed.hold_reason or "")
    with transaction() as session:
        assert session.get_one(Sample, sample.id).state is SampleState.LOST
        pair = session.scalars(select(Pair).where(Pair.first_id == sample.id)).one()
        assert pair.state is PairState.VOID
    assert artifacts.exists(sample.image_key)

    with transaction() as session:
        round_moves.train_again(session, round_id=round_.id, actor=None)
    rooms.work_off(most=1)
    assert rooms.fresh(round_).state is RoundState.COMPLETE
    assert checkpoints()[-1].provenance["training_set"]["pairs"] == 1


def test_an_adapter_that_is_not_what_was_trained_is_refused(
    active: Settings, artifacts: Artifacts, demo_model: Path
) -> None:
    checkpoint = trained(rooms.make_study(demo_model))
    assert isinstance(adapter_of(checkpoint, artifacts), Adapter)
    checkpoint.adapter_sha256 = "0" * 64
    with pytest.raises(Damaged, match="is not the one that was trained"):
        adapter_of(checkpoint, artifacts)
