"""What is timed: a policy with an adapter that does something, and pairs drawn from it, on disk as in the product."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from worker.d3po import (
    GroupSpec,
    Policy,
    Preference,
    RoundNoise,
    SamplingSettings,
    Trajectory,
    load_policy,
    sample_groups,
    trajectory,
)

DEMO_MODEL = Path(__file__).parents[1] / "demo" / "model"
PROMPTS = ("cat face", "3d red apple", "fish on blue", "flat hamburger")
SAMPLING = SamplingSettings()  # the published ones: 20 steps, eta 1, guidance 5
SHAKE = 0.02  # standard deviation of B: a policy some rounds from the base


@dataclass(frozen=True)
class Case:
    """Pairs of one round, and the policy that drew them."""

    policy: Policy
    preferences: list[Preference]
    folder: Path

    def load(self, name: str) -> Trajectory:
        """A trajectory from its file."""
        return trajectory.from_bytes((self.folder / f"{name}.safetensors").read_bytes())


def trained_policy(model: str | Path) -> Policy:
    """The model with an adapter of rank 4 whose B is drawn at random, the same every time."""
    policy = load_policy(str(model)).with_fresh_adapter(4, 4.0, ("to_q", "to_k", "to_v", "to_out.0"), seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in policy.trainable().items():
            if ".lora_B." in name:
                parameter.copy_(SHAKE * torch.randn(parameter.shape, generator=generator))
    return policy


def specs(count: int) -> list[GroupSpec]:
    """Groups of two samples, prompts in turn."""
    return [GroupSpec(n, PROMPTS[n % len(PROMPTS)], RoundNoise(0, 1, n)) for n in range(count)]


def make_case(model: str | Path, pairs: int, folder: Path) -> Case:
    """Draws `pairs` groups into `folder`; the first sample of each is preferred."""
    policy = trained_policy(model)
    for record in sample_groups(policy, specs(pairs), SAMPLING, batch=8):
        assert record.trajectory is not None
        name = f"{record.group.number}-{record.sample}"
        (folder / f"{name}.safetensors").write_bytes(trajectory.to_bytes(record.trajectory))
    preferences = [Preference(f"pair {n}", n, f"{n}-0", f"{n}-1", 1.0) for n in range(pairs)]
    return Case(policy, preferences, folder)


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def synchronize(policy: Policy) -> None:
    """Waits for an accelerator, so that a clock read next tells the truth."""
    if policy.device.type == "cuda":
        torch.cuda.synchronize(policy.device)
