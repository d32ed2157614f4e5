"""Training: where it starts, what it trains on, and when it stops itself."""

import json
import math
from dataclasses import replace

import pytest
import torch

from tests.worker.d3po.tiny import SAMPLING, draw, groups, prefer_first, shaken, tiny_policy
from worker.d3po import (
    Adapter,
    Policy,
    Preference,
    SamplingSettings,
    StepMetrics,
    StopReason,
    TrainingResult,
    TrainingSettings,
    Trajectory,
    sample_groups,
    train,
)
from worker.d3po.errors import CheckError, DivergedError, SettingsError
from worker.d3po.tensor_file import pack, unpack

PLAIN = TrainingSettings(learning_rate=1e-2, clip=None, measure_every=0, resume_every=0)


def run(
    policy: Policy,
    preferences: list[Preference],
    trajectories: dict[str, Trajectory],
    settings: TrainingSettings = PLAIN,
    **options: object,
) -> tuple[TrainingResult, list[StepMetrics]]:
    steps: list[StepMetrics] = []
    result = train(policy, preferences, trajectories.__getitem__, settings, on_step=steps.append, **options)  # type: ignore[arg-type]
    return result, steps


def test_a_fresh_adapter_starts_at_r_zero_to_the_bit_and_a_loss_of_log_2() -> None:
    policy = tiny_policy()
    # drawn two at a time and trained two states at a time: the same batch shape
    trajectories = draw(policy, groups(1), batch=2)
    result, steps = run(policy, prefer_first(1), trajectories, replace(PLAIN, micro_batch=2))
    assert steps[0].margin == 0
    assert all(step.r_winner == 0 and step.r_loser == 0 for step in steps[0].by_step)
    assert steps[0].accuracy == 0.5
    assert steps[0].loss == pytest.approx(math.log(2), abs=1e-6)
    assert result.checks.largest_r == 0
    assert result.checks.first_loss == pytest.approx(math.log(2), abs=1e-6)
    assert result.checks.remarks == ()


def test_the_starting_policy_as_reference_starts_at_r_zero_to_the_bit() -> None:
    policy = shaken(tiny_policy())
    trajectories = draw(policy, groups(1), batch=2)
    result, steps = run(policy, prefer_first(1), trajectories, replace(PLAIN, micro_batch=2, reference="sampled"))
    assert steps[0].margin == 0
    assert steps[0].loss == pytest.approx(math.log(2), abs=1e-6)
    assert result.checks.largest_r == 0
    assert result.checks.stored_reference


def test_another_batch_shape_starts_at_log_2_too() -> None:
    policy = tiny_policy()
    _, steps = run(policy, prefer_first(2), draw(policy, groups(2), batch=4), replace(PLAIN, groups_per_step=2))
    assert steps[0].loss == pytest.approx(math.log(2), abs=1e-6)


def test_from_the_second_round_the_base_as_reference_does_not_start_at_zero() -> None:
    policy = shaken(tiny_policy())
    result, steps = run(policy, prefer_first(1), draw(policy, groups(1)))
    assert steps[0].loss != pytest.approx(math.log(2), abs=1e-6)
    assert all(abs(step.r_winner or 0) > 1e-4 for step in steps[0].by_step)
    assert result.checks.largest_r is None
    assert not result.checks.stored_reference


def test_training_raises_the_margin_of_what_was_preferred() -> None:
    for winner, loser in (("0/0", "0/1"), ("0/1", "0/0")):
        policy = tiny_policy()
        _, steps = run(
            policy, [Preference("p", 0, winner, loser, 1.0)], draw(policy, groups(1)), replace(PLAIN, inner_epochs=12)
        )
        assert steps[-1].margin is not None
        assert steps[-1].margin > 1e-4
        assert steps[-1].loss < steps[0].loss
        assert steps[-1].accuracy == 1.0


def test_one_step_is_one_adamw_step_on_the_gradient() -> None:
    policy = shaken(tiny_policy("fp64"))
    trajectories, before = draw(policy, groups(1)), policy.adapter
    assert before is not None
    settings = replace(PLAIN, max_grad_norm=1e-3)
    result, steps = run(policy, prefer_first(1), trajectories, settings)
    gradients = _gradients(before, trajectories, settings)
    norm = math.sqrt(sum(float((g**2).sum()) for g in gradients.values()))
    assert steps[0].gradient_norm == pytest.approx(norm, rel=1e-6)
    after = Adapter.from_bytes(result.adapter)
    for name, start in before.tensors.items():
        clipped = gradients[name] * (1e-3 / (norm + 1e-6))
        decayed = start * (1 - settings.learning_rate * settings.weight_decay)
        # the first step of Adam: both moments' bias corrections leave g / (|g| + eps)
        expected = decayed - settings.learning_rate * clipped / (clipped.abs() + settings.adam_epsilon)
        torch.testing.assert_close(after.tensors[name], expected, rtol=1e-9, atol=1e-12)


def _gradients(
    start: Adapter, trajectories: dict[str, Trajectory], settings: TrainingSettings
) -> dict[str, torch.Tensor]:
    from worker.d3po.gradients import accumulate
    from worker.d3po.reference import Reference
    from worker.d3po.training_set import Loader, make_groups

    policy = tiny_policy("fp64").with_adapter(start)
    trained, _ = make_groups(prefer_first(1), settings)
    loaded = [Loader(policy, trajectories.__getitem__)(group) for group in trained]
    accumulate(policy, loaded, Reference(policy, None), settings)
    return {name.replace(".default", ""): p.grad for name, p in policy.trainable().items() if p.grad is not None}


def test_pairs_of_one_group_are_trained_together_in_one_step() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(1, samples=3))
    preferences = [Preference("ab", 0, "0/0", "0/1", 1.0), Preference("bc", 0, "0/1", "0/2", 0.0)]
    _, steps = run(policy, preferences, trajectories)
    assert [(step.groups, step.pairs) for step in steps] == [((0,), 2)]


def test_several_groups_make_one_step_where_set() -> None:
    policy = tiny_policy()
    _, steps = run(policy, prefer_first(3), draw(policy, groups(3)), replace(PLAIN, groups_per_step=2, inner_epochs=2))
    assert [(step.epoch, step.groups) for step in steps] == [(1, (0, 1)), (1, (2,)), (2, (0, 1)), (2, (2,))]


def test_ties_are_left_out_unless_set() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(2))
    preferences = [*prefer_first(1), Preference("tie", 1, "1/0", "1/1", 0.5)]
    _, left_out = run(policy, preferences, trajectories)
    _, trained = run(tiny_policy(), preferences, trajectories, replace(PLAIN, ties="trained"))
    assert [step.groups for step in left_out] == [(0,)]
    assert [step.groups for step in trained] == [(0,), (1,)]
    assert trained[1].margin is None
    assert trained[1].accuracy is None


def test_a_training_set_of_ties_alone_is_refused() -> None:
    with pytest.raises(SettingsError, match="nothing to train on"):
        run(tiny_policy(), prefer_first(1, p=0.5), {})


@pytest.mark.parametrize(("p", "weight"), [(1.5, 1.0), (float("nan"), 1.0), (1.0, 0.0), (1.0, float("inf"))])
def test_a_preference_out_of_range_is_refused(p: float, weight: float) -> None:
    with pytest.raises(SettingsError, match="pair 0"):
        run(tiny_policy(), [Preference("pair 0", 0, "0/0", "0/1", p, weight)], {})


def test_a_pairs_weight_multiplies_its_loss() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(1))
    _, steps = run(policy, [Preference("p", 0, "0/0", "0/1", 1.0, weight=0.25)], trajectories)
    assert steps[0].loss == pytest.approx(0.25 * math.log(2), abs=1e-6)


def test_a_drawn_part_of_the_steps_is_trained_where_set() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(6), SamplingSettings(steps=8))
    _, steps = run(policy, prefer_first(6), trajectories, replace(PLAIN, steps_per_pair=2, max_step_gain=None))
    trained = [tuple(s.step for s in step.by_step) for step in steps]
    assert all(len(chosen) == 2 for chosen in trained)
    assert len(set(trained)) > 1


def test_steps_that_pull_too_hard_are_left_out() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(1), SamplingSettings(steps=20))
    _, bounded = run(policy, prefer_first(1), trajectories)
    _, unbounded = run(tiny_policy(), prefer_first(1), trajectories, replace(PLAIN, max_step_gain=None))
    assert [s.timestep for s in unbounded[0].by_step if s.gain > 3] == [51]
    assert 51 not in [s.timestep for s in bounded[0].by_step]
    assert len(bounded[0].by_step) == 19


def test_held_out_pairs_are_measured_and_never_trained() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(3))
    result, steps = run(policy, prefer_first(3, held_out=[1]), trajectories)
    assert [step.groups for step in steps] == [(0,), (2,)]
    assert result.held_out is not None
    assert result.held_out.pairs == 1
    assert 0 <= result.held_out.low <= result.held_out.accuracy <= result.held_out.high <= 1


def test_pairs_held_out_in_an_earlier_round_are_measured_with_the_reference_of_this_one() -> None:
    base, policy = tiny_policy(), shaken(tiny_policy())
    old = {f"old {name}": t for name, t in draw(base, groups(1), SamplingSettings(steps=3)).items()}
    preferences = [*prefer_first(1), Preference("old", 1009, "old 0/0", "old 0/1", 1.0, held_out=True)]
    result, _ = run(policy, preferences, draw(policy, groups(1)) | old, replace(PLAIN, reference="sampled"))
    assert result.held_out is not None
    assert result.held_out.pairs == 1


def test_kl_is_measured_every_so_many_steps_and_at_the_last() -> None:
    policy = tiny_policy()
    settings = replace(PLAIN, measure_every=2, inner_epochs=5)
    _, steps = run(policy, prefer_first(1), draw(policy, groups(1)), settings)
    assert [step.step for step in steps if step.kl_reference is not None] == [2, 4, 5]
    assert 0 < (steps[1].kl_reference or 0) < (steps[4].kl_reference or 0)
    assert steps[4].kl_base == steps[4].kl_reference


def test_kl_to_base_and_reference_differ_from_the_second_round() -> None:
    policy = shaken(tiny_policy())
    settings = replace(PLAIN, measure_every=1, reference="sampled")
    _, steps = run(policy, prefer_first(1), draw(policy, groups(1)), settings)
    assert (steps[0].kl_base or 0) > (steps[0].kl_reference or 0) > 0


def test_kl_to_the_policy_that_sampled_is_that_to_neither_base_nor_reference() -> None:
    policy = shaken(tiny_policy())
    _, steps = run(policy, prefer_first(1), draw(policy, groups(1)), replace(PLAIN, measure_every=1))
    assert steps[0].kl_reference == steps[0].kl_base
    assert 0 < (steps[0].kl_sampled or 0) < (steps[0].kl_base or 0)


@pytest.mark.parametrize("reference", ["base", "sampled"])
def test_training_ends_early_where_the_kl_to_the_policy_that_sampled_passes_its_limit(reference) -> None:
    settings = replace(PLAIN, measure_every=1, inner_epochs=5, reference=reference, resume_every=1)
    policy = shaken(tiny_policy())
    whole, free = run(policy, prefer_first(1), draw(policy, groups(1)), settings)
    assert (whole.stop, len(free), whole.remarks) == (StopReason.FINISHED, 5, ())
    limit = ((free[1].kl_sampled or 0) + (free[2].kl_sampled or 0)) / 2

    policy, points = shaken(tiny_policy()), []
    result, steps = run(
        policy, prefer_first(1), draw(policy, groups(1)), replace(settings, max_kl=limit),
        on_resume_point=lambda data, step: points.append(step),
    )  # fmt: skip
    assert (result.stop, result.steps) == (StopReason.MAX_KL, 3)
    assert [step.loss for step in steps] == [step.loss for step in free[:3]]
    assert points == [1, 2], "a run that has ended is not taken up again behind its limit"
    (said,) = result.remarks
    assert "after step 3 of 5" in said
    assert f"max_kl ({limit:g})" in said


def test_a_kl_limit_without_measurements_is_refused() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(1))
    with pytest.raises(SettingsError, match="measure_every"):
        run(policy, prefer_first(1), trajectories, replace(PLAIN, max_kl=0.1, measure_every=0))


def test_training_stops_itself_where_the_loss_is_not_finite() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(9))
    broken = trajectories["8/0"].latents.clone()  # the checks before the first step look at the groups 0 to 7
    broken[1] = torch.nan
    trajectories["8/0"] = replace(trajectories["8/0"], latents=broken)
    said = r"step 9 \(group 8\): the loss is nan.*learning rate below 0\.01"
    with pytest.raises(DivergedError, match=said) as caught:
        run(policy, prefer_first(9), trajectories)
    assert caught.value.step == 9


def test_a_learning_rate_that_blows_up_is_said() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(1))
    with pytest.raises(DivergedError, match="Training stopped itself"):
        run(policy, prefer_first(1), trajectories, replace(PLAIN, learning_rate=1e30, inner_epochs=5))


def test_told_to_stop_the_run_hands_out_a_last_resume_point() -> None:
    policy, points = tiny_policy(), []
    trajectories = draw(policy, groups(3))
    answers = iter([False, False, True])
    result, steps = run(
        policy,
        prefer_first(3),
        trajectories,
        on_resume_point=lambda data, step: points.append(step),
        should_stop=lambda: next(answers),
    )
    assert result.stop is StopReason.STOPPED
    assert (result.steps, len(steps), points) == (2, 2, [2])


def test_the_optimizers_state_is_carried_into_the_next_run_unless_set() -> None:
    policy = tiny_policy()
    first, _ = run(policy, prefer_first(2), draw(policy, groups(2)))
    second = draw(policy, groups(1, round_number=2))
    start = policy.adapter
    outcomes = []
    for state, setting in ((first.optimizer, "carry"), (first.optimizer, "fresh"), (None, "carry")):
        settings = replace(PLAIN, optimizer_state=setting)  # type: ignore[arg-type]
        result, _ = run(tiny_policy().with_adapter(start), prefer_first(1), second, settings, optimizer_state=state)
        outcomes.append(result.adapter_identity)
    assert outcomes[0] != outcomes[1]
    assert outcomes[1] == outcomes[2]


def test_the_last_up_block_alone_is_trained_where_the_settings_say_so() -> None:
    policy = tiny_policy()
    result, _ = run(policy, prefer_first(1), draw(policy, groups(1)), replace(PLAIN, lora_layers="last_up_block"))
    modules = Adapter.from_bytes(result.adapter).modules
    assert modules
    # the tiny UNet has attention in its down and middle blocks, too
    assert {name.split(".attentions.")[0] for name in modules} == {"up_blocks.1"}


def test_a_training_run_repeated_gives_the_same_adapter() -> None:
    identities = set()
    for _ in range(2):
        policy = tiny_policy()
        identities.add(run(policy, prefer_first(2), draw(policy, groups(2)))[0].adapter_identity)
    assert len(identities) == 1


def test_another_seed_starts_from_another_adapter() -> None:
    trajectories = draw(tiny_policy(), groups(1))
    identities = {
        run(tiny_policy(), prefer_first(1), trajectories, replace(PLAIN, seed=seed))[0].adapter_identity
        for seed in (0, 1)
    }
    assert len(identities) == 2


def test_a_half_precision_unet_trains_an_fp32_adapter() -> None:
    policy = tiny_policy("bf16")
    result, steps = run(policy, prefer_first(1), draw(policy, groups(1)), replace(PLAIN, inner_epochs=3))
    assert all(parameter.dtype == torch.float32 for parameter in policy.trainable().values())
    assert steps[0].loss == pytest.approx(math.log(2), abs=1e-2)
    assert result.checks.limit == 1e-2


def test_an_fp16_unet_trains_through_a_scaler_whose_overflow_drops_the_update() -> None:
    policy = tiny_policy("fp16")
    trajectories = draw(policy, groups(1))
    first, steps = run(policy, prefer_first(1), trajectories)
    assert not steps[0].skipped
    assert first.adapter_identity != "off"
    tensors, metadata = unpack(first.optimizer, "the optimizer's state")
    scaler = json.loads(metadata["tastemaker.optimizer"])
    assert scaler["scale"] == 2.0**16
    far_too_large = pack(tensors, {"tastemaker.optimizer": json.dumps(scaler | {"scale": 2.0**60})})
    second, steps = run(tiny_policy("fp16"), prefer_first(1), trajectories, optimizer_state=far_too_large)
    assert steps[0].skipped
    assert second.adapter_identity == "off"
    assert "1 updates were dropped" in second.remarks[0]


def test_a_checkpoint_of_another_rank_is_refused() -> None:
    policy = shaken(tiny_policy())
    with pytest.raises(SettingsError, match=r"rank 4 .* settings say 8"):
        run(policy, prefer_first(1), draw(policy, groups(1)), replace(PLAIN, rank=8))


def test_another_precision_than_the_policys_is_refused() -> None:
    policy = tiny_policy()
    with pytest.raises(SettingsError, match="precision is fp16"):
        run(policy, prefer_first(1), draw(policy, groups(1)), replace(PLAIN, precision="fp16"))


def test_samples_that_share_no_x_T_are_refused() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(2))
    with pytest.raises(SettingsError, match="does not share prompt"):
        run(policy, [Preference("p", 0, "0/0", "1/1", 1.0)], trajectories)


def test_groups_with_other_sampling_settings_are_refused() -> None:
    policy = tiny_policy()
    trajectories = draw(policy, groups(1)) | {
        f"1/{r.sample}": r.trajectory
        for r in sample_groups(policy, groups(2)[1:], replace(SAMPLING, guidance=2.0), batch=2)
        if r.trajectory is not None
    }
    with pytest.raises(SettingsError, match="different sampling settings"):
        run(policy, prefer_first(2), trajectories)


def test_a_group_sampled_by_another_policy_is_refused() -> None:
    policy = shaken(tiny_policy())
    own, other = draw(policy, groups(9)), draw(tiny_policy(), groups(9))
    mixed = own | {name: other[name] for name in ("8/0", "8/1")}
    with pytest.raises(CheckError, match="Group 8 was sampled by the policy off"):
        run(policy, prefer_first(9), mixed)
