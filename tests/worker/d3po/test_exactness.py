"""The library against an independent evaluation of the design's formulas: loss and gradient."""

import copy
from collections.abc import Hashable, Sequence

import pytest
import torch
from torch import Tensor

from tests.worker.d3po.independent import IndependentPolicy, independent_loss
from tests.worker.d3po.tiny import draw, groups, prefer_first, shaken, tiny_policy
from worker.d3po import Policy, SamplingSettings, TrainingSettings
from worker.d3po.batching import Unit
from worker.d3po.gradients import accumulate
from worker.d3po.training_set import LoadedGroup, Loader, held_steps, make_groups
from worker.d3po.trajectory import states_of

SAMPLING = SamplingSettings(steps=3, guidance=3.0)
BETA = 0.7
# r of first and second by step, as the reference is then chosen; the clamp of 0.1 holds r within [-0.105, 0.095]
R = {
    "inside": [(0.03, -0.05), (-0.08, 0.02), (0.06, 0.09)],
    "first above": [(0.2, -0.05), (0.5, 0.02), (0.11, 0.03)],
    "second below": [(0.03, -0.2), (-0.08, -0.5), (0.06, -0.12)],
    "both beyond": [(0.2, -0.3), (-0.4, 0.5), (-0.2, -0.6)],
}


class GivenReference:
    """A reference that lies where the test wants it: log pi_ref by sample and step."""

    def __init__(self, values: dict[tuple[str, int], float]) -> None:
        self.values = values

    def log_probs(self, key: Hashable, units: Sequence[Unit]) -> Tensor:
        states = [(name, unit.step) for unit in units for name in unit.group.group.samples]
        return torch.tensor([self.values[state] for state in states], dtype=torch.float64).to(units[0].group.log_probs)


class Case:
    """One group (or two), drawn by the policy and scored by both sides."""

    def __init__(
        self,
        precision: str,
        prediction: str,
        sampling: SamplingSettings = SAMPLING,
        count: int = 1,
        family: str = "sd1",
    ) -> None:
        self.policy = tiny_policy(precision, prediction, family)
        bare = copy.deepcopy(self.policy.unet)
        self.sampling = sampling
        self.policy.with_adapter(shaken(self.policy).adapter)
        self.independent = IndependentPolicy.of(self.policy, bare)
        self.trajectories = draw(self.policy, groups(count), sampling)
        self.count = count

    def log_probs(self, reduction: str) -> dict[tuple[str, int], Tensor]:
        """The independent side's log-probabilities, with their graph."""
        values = {}
        for name, trajectory in self.trajectories.items():
            states = states_of(trajectory)
            prompt, negative = self.policy.encode(trajectory.prompt), self.policy.encode_negative("")
            for step in range(self.sampling.steps):
                values[name, step] = self.independent.log_prob(
                    states[step], states[step + 1], step, prompt, negative, self.sampling, reduction
                )
        return values

    def both(
        self, pattern: str, p: float, clip: float | None, reduction: str = "mean", **options: object
    ) -> tuple[float, dict[str, Tensor], float, dict[str, Tensor]]:
        """Loss and gradient of the library and of the independent side."""
        ours = self.log_probs(reduction)
        target = {
            (f"{group}/{side}", step): R[pattern][(step + group) % 3][side]
            for group in range(self.count)
            for step in range(self.sampling.steps)
            for side in (0, 1)
        }
        elements = states_of(self.trajectories["0/0"])[0].numel() if reduction == "sum" else 1
        reference = {state: value.item() - target[state] for state, value in ours.items()}
        losses = [
            independent_loss(
                ours[f"{group}/0", step] - reference[f"{group}/0", step],
                ours[f"{group}/1", step] - reference[f"{group}/1", step],
                p,
                BETA,
                clip,
            )
            for group in range(self.count)
            for step in range(self.sampling.steps)
        ]
        loss = torch.stack(losses).mean()
        gradients = torch.autograd.grad(loss, list(self.independent.adapter.values()))
        settings = TrainingSettings(
            beta=BETA,
            clip=clip,
            reduction=reduction,
            max_step_gain=None,
            ties="trained",
            **options,  # type: ignore[arg-type]
        )
        # the library's reference is mean-reduced, whatever the loss asks for
        given = GivenReference({state: value / elements for state, value in reference.items()})
        seen, found = library_gradient(self.policy, self.load(settings, p), given, settings)
        return seen, found, loss.item(), dict(zip(self.independent.adapter, gradients, strict=True))

    def settings_gradient(self, **options: object) -> tuple[float, dict[str, Tensor]]:
        """Loss and gradient of the library, where every stored log-probability is the reference's."""
        settings = TrainingSettings(beta=BETA, max_step_gain=None, **options)  # type: ignore[arg-type]
        stored = {
            (name, step): float(trajectory.log_probs[step])
            for name, trajectory in self.trajectories.items()
            for step in range(self.sampling.steps)
        }
        return library_gradient(self.policy, self.load(settings, 1.0), GivenReference(stored), settings)

    def load(self, settings: TrainingSettings, p: float) -> list[LoadedGroup]:
        trained, _ = make_groups(prefer_first(self.count, p), settings)
        return [Loader(self.policy, self.trajectories.__getitem__)(group) for group in trained]


def library_gradient(
    policy: Policy, loaded: list[LoadedGroup], reference: GivenReference, settings: TrainingSettings
) -> tuple[float, dict[str, Tensor]]:
    for parameter in policy.trainable().values():
        parameter.grad = None
    loss, _ = accumulate(policy, loaded, reference, settings)
    return loss, {name.replace(".default", ""): p.grad.clone() for name, p in policy.trainable().items()}


def relative(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """The largest difference over the largest value, over all parameters."""
    largest = max(float(t.abs().max()) for t in expected.values())
    return max(float((found[name].double() - t).abs().max()) for name, t in expected.items()) / largest


@pytest.fixture(scope="module")
def cases() -> dict[tuple[str, str], Case]:
    """Drawn once, for every test of this module only reads them."""
    return {
        (precision, prediction): Case(precision, prediction)
        for precision in ("fp64", "fp32")
        for prediction in ("epsilon", "v_prediction", "sample")
    }


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("clip", [0.1, None])
@pytest.mark.parametrize("pattern", list(R))
def test_float64_agrees_with_the_formulas_inside_and_beyond_the_clamp(
    cases: dict[tuple[str, str], Case], pattern: str, clip: float | None, p: float
) -> None:
    loss, gradient, expected_loss, expected_gradient = cases["fp64", "epsilon"].both(pattern, p, clip)
    assert loss == pytest.approx(expected_loss, rel=1e-9)
    if pattern == "both beyond" and clip is not None:
        assert not any(t.any() for t in gradient.values())
        assert not any(t.any() for t in expected_gradient.values())
    else:
        assert relative(gradient, expected_gradient) < 1e-9


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize(("precision", "limit"), [("fp64", 1e-9), ("fp32", 1e-3)])
def test_every_prediction_and_reduction_agrees_with_the_formulas(
    cases: dict[tuple[str, str], Case], precision: str, limit: float, prediction: str, reduction: str
) -> None:
    loss, gradient, expected_loss, expected_gradient = cases[precision, prediction].both("inside", 1.0, 0.1, reduction)
    assert loss == pytest.approx(expected_loss, rel=limit)
    assert relative(gradient, expected_gradient) < limit


@pytest.mark.parametrize(("precision", "limit"), [("fp64", 1e-9), ("fp32", 1e-3)])
def test_the_last_step_alone_agrees_with_the_formulas(precision: str, limit: float) -> None:
    case = Case(precision, "epsilon", SamplingSettings(steps=1, guidance=3.0))
    loss, gradient, expected_loss, expected_gradient = case.both("inside", 1.0, 0.1)
    assert loss == pytest.approx(expected_loss, rel=limit)
    assert relative(gradient, expected_gradient) < limit


@pytest.mark.parametrize("micro_batch", [2, 4, 100])
def test_steps_and_pairs_in_one_micro_batch_are_the_same_as_one_by_one(micro_batch: int) -> None:
    case = Case("fp64", "epsilon", count=2)
    loss, gradient, expected_loss, expected_gradient = case.both("inside", 0.3, 0.1, micro_batch=micro_batch)
    assert loss == pytest.approx(expected_loss, rel=1e-9)
    assert relative(gradient, expected_gradient) < 1e-9


@pytest.mark.parametrize(("micro_batch", "power"), [(2, 1), (4, 1), (100, 1), (4, 2), (100, 1.5)])
def test_the_kl_to_the_base_is_added_as_it_stands_in_the_formulas(micro_batch: int, power: float) -> None:
    case = Case("fp64", "epsilon", count=2)
    plain = case.both("inside", 1.0, 0.1, micro_batch=micro_batch)
    kl = torch.stack(
        [
            case.independent.kl_to_base(
                states_of(trajectory)[step], step, case.policy.encode(trajectory.prompt),
                case.policy.encode_negative(""), case.sampling,
            )
            for trajectory in case.trajectories.values()
            for step in range(case.sampling.steps)
        ]
    ).pow(power).mean()  # fmt: skip
    gradients = torch.autograd.grad(kl, list(case.independent.adapter.values()))
    loss, gradient, _, _ = case.both("inside", 1.0, 0.1, micro_batch=micro_batch, kl_weight=0.3, kl_power=power)
    assert loss - plain[0] == pytest.approx(0.3 * kl.item(), rel=1e-9)
    added = {name: gradient[name] - plain[1][name] for name in gradient}
    of_kl = dict(zip(case.independent.adapter, gradients, strict=True))
    assert relative(added, {name: 0.3 * of_kl[name] for name in gradient}) < 1e-9


@pytest.mark.parametrize("micro_batch", [2, 100])
def test_a_branch_is_held_to_the_base_at_as_many_further_steps(micro_batch: int) -> None:
    case = Case("fp64", "epsilon", SamplingSettings(steps=5, guidance=3.0, branch_steps=2), count=2)
    plain = case.settings_gradient(micro_batch=micro_batch)
    held = {}
    for loaded in case.load(TrainingSettings(), 1.0):
        number = loaded.group.number
        further = held_steps(loaded, TrainingSettings(max_step_gain=None, kl_weight=0.3, kl_steps="more"))
        assert len(further) == 2
        assert not set(further) & set(loaded.branch)
        held[number] = [*loaded.branch, *further]
    assert held[0] != held[1]  # drawn for each group
    kl = torch.stack(
        [
            case.independent.kl_to_base(
                states_of(case.trajectories[f"{group}/{side}"])[step], step,
                case.policy.encode(case.trajectories[f"{group}/{side}"].prompt),
                case.policy.encode_negative(""), case.sampling,
            )
            for group, steps in held.items()
            for side in (0, 1)
            for step in steps
        ]
    ).mean()  # fmt: skip
    gradients = torch.autograd.grad(kl, list(case.independent.adapter.values()))
    loss, gradient = case.settings_gradient(micro_batch=micro_batch, kl_weight=0.3, kl_steps="more")
    assert loss - plain[0] == pytest.approx(0.3 * kl.item(), rel=1e-9)
    added = {name: gradient[name] - plain[1][name] for name in gradient}
    of_kl = dict(zip(case.independent.adapter, gradients, strict=True))
    assert relative(added, {name: 0.3 * of_kl[name] for name in gradient}) < 1e-9


def test_where_every_step_is_trained_none_is_left_to_hold() -> None:
    case = Case("fp64", "epsilon")
    (loaded,) = case.load(TrainingSettings(), 1.0)
    assert held_steps(loaded, TrainingSettings(max_step_gain=None, kl_weight=0.3, kl_steps="more")) == ()
    usual, more = (case.settings_gradient(kl_weight=0.3, kl_steps=steps) for steps in ("trained", "more"))
    assert usual[0] == more[0]
    assert all(torch.equal(usual[1][name], more[1][name]) for name in usual[1])


def test_gradient_checkpointing_changes_no_gradient() -> None:
    case = Case("fp64", "epsilon")
    _, plain, _, _ = case.both("inside", 1.0, 0.1)
    case.policy.unet.enable_gradient_checkpointing()
    _, checkpointed, _, _ = case.both("inside", 1.0, 0.1)
    assert relative(checkpointed, plain) < 1e-12


def test_the_gradient_is_what_central_differences_say() -> None:
    case = Case("fp64", "epsilon")
    settings = TrainingSettings(beta=BETA, clip=None, max_step_gain=None)
    reference = GivenReference({state: value.item() for state, value in case.log_probs("mean").items()})
    loaded = case.load(settings, 1.0)
    _, gradient = library_gradient(case.policy, loaded, reference, settings)
    name, parameter = next((n, p) for n, p in case.policy.trainable().items() if ".lora_B." in n)
    place = int(gradient[name.replace(".default", "")].abs().argmax())
    values, step = parameter.data.view(-1), 1e-5
    around = []
    for direction in (1, -1):
        values[place] += direction * step
        around.append(library_gradient(case.policy, loaded, reference, settings)[0])
        values[place] -= direction * step
    measured = (around[0] - around[1]) / (2 * step)
    assert measured == pytest.approx(float(gradient[name.replace(".default", "")].view(-1)[place]), rel=1e-6)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("family", ["sd2", "sdxl"])
@pytest.mark.parametrize(("precision", "limit"), [("fp64", 1e-9), ("fp32", 1e-3)])
def test_every_family_agrees_with_the_formulas(precision: str, limit: float, family: str, prediction: str) -> None:
    case = Case(precision, prediction, family=family)
    loss, gradient, expected_loss, expected_gradient = case.both("inside", 1.0, 0.1)
    assert loss == pytest.approx(expected_loss, rel=limit)
    assert relative(gradient, expected_gradient) < limit
