"""The user's settings and the library's records carry the same names and types; and what crosses between them."""

import json
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest

from app import study_settings
from app.models import Round, Sampler, Study
from app.services.chunks import GroupToDraw
from app.services.evaluation import EvaluationGroup
from worker import bridge
from worker.d3po import EvalNoise, RoundNoise, SamplingSettings, StepMetrics, TrainingSettings
from worker.d3po.records import StepOfSchedule

ONLY_OURS = {
    "sampling": {"groups", "samples_per_group", "chunk_groups", "batch", "eval_draws"},  # how a round is cut up
    "training": {"hold_out"},  # marked in the frozen list
}
ONLY_THEIRS = {"sampling": set(), "training": set()}
BLOCKS: list[tuple[str, type[Any], type[Any]]] = [
    ("sampling", study_settings.SamplingSettings, SamplingSettings),
    ("training", study_settings.TrainingSettings, TrainingSettings),
]


@pytest.mark.parametrize(("name", "block", "record"), BLOCKS)
def test_both_sides_have_the_same_fields(name: str, block: type[Any], record: type[Any]) -> None:
    ours, theirs = set(block.model_fields), {field.name for field in fields(record)}
    assert ours - theirs == ONLY_OURS[name]
    assert theirs - ours == ONLY_THEIRS[name]


@pytest.mark.parametrize(("name", "block", "record"), BLOCKS)
def test_both_sides_have_the_same_types_and_defaults(name: str, block: type[Any], record: type[Any]) -> None:
    ours, theirs = get_type_hints(block), get_type_hints(record)
    defaults = {field.name: field.default for field in fields(record)}
    for field in set(block.model_fields) & theirs.keys():
        if field == "precision":  # the library also computes in float64, for checks
            assert set(get_args(ours[field])) == set(get_args(theirs[field])) - {"fp64"}
        else:
            assert ours[field] == theirs[field], field
        assert block.model_fields[field].default == defaults[field], field


def test_every_setting_reaches_the_library() -> None:
    block = study_settings.TrainingSettings(learning_rate=1e-5, clip=None, reference="sampled", steps_per_pair=3)
    record = bridge.training_settings(block)
    assert (record.learning_rate, record.clip, record.reference, record.steps_per_pair) == (1e-5, None, "sampled", 3)


def test_evaluation_pictures_by_ddim_differ_in_eta_alone() -> None:
    block = study_settings.SamplingSettings(steps=7, guidance=3.0)
    as_studied, by_ddim = (bridge.sampling_settings(block, sampler) for sampler in (Sampler.STUDY, Sampler.DDIM))
    assert (as_studied.eta, by_ddim.eta) == (1.0, 0.0)
    assert (by_ddim.steps, by_ddim.guidance) == (7, 3.0)


def test_noise_is_keyed_by_ordinals_never_by_ids() -> None:
    study, round_ = Study(id=77, seed=5), Round(id=99, number=3)
    (group,) = bridge.round_groups(study, round_, [GroupToDraw(group_id=4711, number=8, prompt="owl")], samples=2)
    assert (group.number, group.noise, group.samples) == (8, RoundNoise(5, 3, 8), 2)
    drawn = EvaluationGroup(group_id=4711, prompt_number=2, prompt="owl", draw=1, sampler=Sampler.STUDY)
    (group,) = bridge.evaluation_groups(study, [drawn])
    assert (group.noise, group.samples) == (EvalNoise(5, 2, 1), 1)


def metrics(**values: Any) -> StepMetrics:
    step = StepOfSchedule(step=0, timestep=951, gain=0.5, r_winner=0.2, r_loser=-0.1, clamped=0.5)
    given: dict[str, Any] = {
        "step": 1, "epoch": 1, "groups": (0,), "pairs": 1, "loss": 0.69, "margin": 0.3, "accuracy": 1.0,
        "clamped_sides": 0.5, "clamped_pairs": 0.0, "gradient_norm": 0.1, "by_step": (step,), "kl_reference": None,
        "kl_sampled": None, "kl_base": None, "skipped": False, "seconds": 0.2,
    } | values  # fmt: skip
    return StepMetrics(**given)


def test_a_metrics_row_carries_the_names_that_pages_read() -> None:
    row = bridge.metrics_row(metrics())
    assert row["grad_norm"] == 0.1
    assert row["by_step"] == [
        {"step": 0, "timestep": 951, "gain": 0.5, "r_winner": 0.2, "r_loser": -0.1, "clamped": 0.5, "r": 0.05}
    ]


def test_what_is_not_finite_is_stored_as_null() -> None:
    row = bridge.metrics_row(metrics(gradient_norm=float("inf"), skipped=True))
    assert json.loads(json.dumps(row, allow_nan=False))["grad_norm"] is None
