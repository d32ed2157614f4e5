"""Drawing samples: what is equal to the bit, what is close, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.worker.d3po.tiny import SAMPLING, groups, shaken, tiny_policy
from worker.d3po import EvalNoise, GroupSpec, Policy, SampleRecord, SamplingSettings, load_policy, sample_groups
from worker.d3po.distribution import States, step_distribution
from worker.d3po.errors import SettingsError, StoppedError
from worker.d3po.prompts import Prompts
from worker.d3po.trajectory import states_of


def draw_all(policy: Policy, specs: list[GroupSpec], settings: SamplingSettings, batch: int) -> list[SampleRecord]:
    return list(sample_groups(policy, specs, settings, batch=batch, trajectories=settings.eta > 0))


def recomputed(policy: Policy, records: list[SampleRecord], step: int) -> torch.Tensor:
    """The log-probability of one step of several samples in one batch, from what is stored."""
    kept = [record.trajectory for record in records]
    states = torch.stack([states_of(t) for t in kept if t is not None])
    prompt = Prompts.joined([policy.encode(record.group.prompt).alone for record in records])
    negative = policy.encode_negative("").alone.repeated(len(records))
    settings = kept[0].sampling  # type: ignore[union-attr]
    schedule = policy.schedule(settings.steps, settings.eta)
    batch = States(states[:, step].float(), torch.full((len(records),), step), prompt, negative)
    with torch.no_grad():
        return step_distribution(policy, schedule, batch, settings.guidance).log_prob(states[:, step + 1].float())


def test_the_same_chunk_drawn_by_a_policy_loaded_anew_is_equal_to_the_bit(demo_model: Path) -> None:
    settings = SamplingSettings(steps=5)
    first, second = (draw_all(load_policy(str(demo_model), device="cpu"), groups(2), settings, 4) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert (one.image == other.image).all()
        assert one.trajectory is not None
        assert other.trajectory is not None
        assert torch.equal(one.trajectory.latents, other.trajectory.latents)
        assert torch.equal(one.trajectory.log_probs, other.trajectory.log_probs)


def test_pixels_hardly_depend_on_the_batch_size(demo_model: Path) -> None:
    policy = load_policy(str(demo_model), device="cpu")
    settings = SamplingSettings(storage="fp32")
    together, alone = (draw_all(policy, groups(2), settings, batch) for batch in (4, 1))
    images = [np.stack([record.image for record in records]).astype(int) for records in (together, alone)]
    difference = np.abs(images[0] - images[1])
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.02


@pytest.mark.parametrize("storage", ["fp16", "fp32"])
def test_a_log_probability_recomputed_from_what_is_stored_equals_it(storage: str) -> None:
    policy = shaken(tiny_policy())
    records = draw_all(policy, groups(2), SamplingSettings(steps=4, storage=storage), 4)  # type: ignore[arg-type]
    for step in range(4):
        stored = torch.stack([r.trajectory.log_probs[step] for r in records if r.trajectory is not None])
        assert torch.equal(recomputed(policy, records, step), stored)
        for row, record in enumerate(records):
            assert recomputed(policy, [record], step) == pytest.approx(float(stored[row]), abs=1e-4)


def test_samples_of_a_group_share_x_T_and_differ_in_what_follows() -> None:
    records = draw_all(tiny_policy(), groups(1, samples=3), SAMPLING, 3)
    states = [states_of(record.trajectory) for record in records if record.trajectory is not None]
    assert [record.sample for record in records] == [0, 1, 2]
    assert torch.equal(states[0][0], states[1][0])
    assert torch.equal(states[0][0], states[2][0])
    assert len({record.image.tobytes() for record in records}) == 3


def test_latents_are_kept_in_the_storage_type() -> None:
    for storage, dtype in (("fp16", torch.float16), ("fp32", torch.float32)):
        settings = SamplingSettings(steps=2, storage=storage)  # type: ignore[arg-type]
        trajectory = draw_all(tiny_policy(), groups(1), settings, 2)[0].trajectory
        assert trajectory is not None
        assert trajectory.latents.dtype == dtype


def test_an_evaluation_picture_is_drawn_without_a_trajectory_and_needs_no_noise() -> None:
    specs = [GroupSpec(0, "cat face", EvalNoise(0, 0, 0), samples=1)]
    one, other = (draw_all(tiny_policy(), specs, SamplingSettings(steps=4, eta=0.0), 1)[0] for _ in range(2))
    assert one.trajectory is None
    assert (one.image == other.image).all()
    assert one.image.shape == (16, 16, 3)
    assert one.image.dtype == np.uint8


def test_a_trajectory_without_noise_is_refused() -> None:
    with pytest.raises(SettingsError, match="nothing to learn from"):
        list(sample_groups(tiny_policy(), groups(1), SamplingSettings(eta=0.0), batch=2))


def test_a_prompt_over_the_limit_is_drawn_and_marked() -> None:
    long = GroupSpec(0, "cat face " * 20, EvalNoise(0, 0, 0), samples=1)
    short = GroupSpec(1, "cat face", EvalNoise(0, 1, 0), samples=1)
    marks = [record.prompt_truncated for record in draw_all(tiny_policy(), [long, short], SAMPLING, 2)]
    assert marks == [True, False]


def test_sampling_stops_when_told_to_and_keeps_what_was_drawn() -> None:
    told: list[bool] = []
    records = sample_groups(tiny_policy(), groups(2), SAMPLING, batch=2, should_stop=lambda: bool(told))
    kept = [next(records), next(records)]
    told.append(True)
    with pytest.raises(StoppedError):
        next(records)
    assert [record.sample for record in kept] == [0, 1]


def test_progress_counts_denoising_steps_up_to_their_total() -> None:
    seen: list[tuple[int, int]] = []
    list(sample_groups(tiny_policy(), groups(2), SAMPLING, batch=2, on_progress=lambda *now: seen.append(now)))
    assert seen == [(done, 8) for done in range(9)]


def test_a_size_that_the_model_cannot_draw_is_refused() -> None:
    with pytest.raises(SettingsError, match="multiples of 2"):
        draw_all(tiny_policy(), groups(1), SamplingSettings(height=17), 2)
    assert draw_all(tiny_policy(), groups(1), SamplingSettings(steps=1, height=32, width=16), 2)[0].image.shape == (
        32,
        16,
        3,
    )
