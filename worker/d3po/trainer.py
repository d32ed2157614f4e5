"""The D3PO trainer: preferences and trajectories into a LoRA (Yang et al., arXiv 2311.13231, algorithm 1).

One optimizer step per group (or `groups_per_step` of them). What the authors' code spends and this does not: the
reference is the same weights with the adapter off, computed once or not at all; all samples of a group and several
steps share one forward pass; trajectories are read when they are needed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from worker.d3po.adapter import lora_targets
from worker.d3po.errors import SettingsError
from worker.d3po.policy import Policy
from worker.d3po.records import CheckReport, Preference, StepMetrics, StopReason, TrainingResult, TrainingSettings
from worker.d3po.resume import RunIdentity, hash_of
from worker.d3po.run import TrainingRun
from worker.d3po.training_set import LoadTrajectory


def train(
    policy: Policy,
    preferences: Sequence[Preference],
    load_trajectory: LoadTrajectory,
    settings: TrainingSettings,
    *,
    optimizer_state: bytes | None = None,
    resume: bytes | None = None,
    training_set_hash: str | None = None,
    settings_hash: str | None = None,
    on_checks: Callable[[CheckReport], None] = lambda report: None,
    on_step: Callable[[StepMetrics], None] = lambda metrics: None,
    on_resume_point: Callable[[bytes, int], None] = lambda point, steps: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Trains the policy, which must be the one that sampled, on the preferences in their order.

    `optimizer_state` is the last checkpoint's (used where the settings carry it); `resume` a resume point of this very
    run, for which the policy must again be the starting one. The hashes are those of the stored JSON; without them they
    are taken of the records. `should_stop` is asked before each optimizer step; told to stop, the run hands out a last
    resume point. With `max_kl` the run ends early where the KL to the policy that sampled passes it at a measurement
    (known as early stopping by a target KL from PPO, arXiv 1707.06347). The policy keeps the trained adapter.

    Raises SettingsError, CheckError, ResumeError, CorruptFileError, and DivergedError where the loss or its gradient is
    not finite.
    """
    if settings.max_kl is not None and not settings.measure_every:
        raise SettingsError("max_kl needs KL to be measured: set measure_every to 1 or more.")
    _prepare_adapter(policy, settings)
    run = TrainingRun(policy, preferences, load_trajectory, settings)
    checks = run.check()
    on_checks(checks)
    identity = RunIdentity(
        training_set_hash or hash_of(preferences), settings_hash or hash_of(settings), run.reference.identity
    )
    if resume is not None:
        run.restore(resume, identity)
    elif optimizer_state is not None and settings.optimizer_state == "carry":
        run.optimizer.load_bytes(optimizer_state)
    saved = run.steps
    with _torch_as_set(policy, settings):
        while (end := run.end) is None:
            if should_stop():
                if run.steps > saved:
                    on_resume_point(run.resume_point(identity), run.steps)
                return run.result(checks, StopReason.STOPPED)
            on_step(run.step())
            if settings.resume_every and run.steps % settings.resume_every == 0 and run.end is None:
                on_resume_point(run.resume_point(identity), run.steps)
                saved = run.steps
        return run.result(checks, end)


def _prepare_adapter(policy: Policy, settings: TrainingSettings) -> None:
    """A fresh adapter where the policy has none. Raises SettingsError where its own, or its precision, differs."""
    if settings.precision not in ("auto", policy.precision):
        raise SettingsError(f"precision is {settings.precision}, but the policy was loaded in {policy.precision}.")
    own = policy.adapter
    if own is None:
        targets = lora_targets(settings.lora_layers, [name for name, _ in policy.unet.named_modules()])
        policy.with_fresh_adapter(settings.rank, settings.lora_alpha, targets, settings.seed)
    elif (own.rank, own.alpha) != (settings.rank, settings.lora_alpha):
        raise SettingsError(
            f"The starting checkpoint has rank {own.rank} and lora_alpha {own.alpha:g}; the settings say "
            f"{settings.rank} and {settings.lora_alpha:g}. Rank and lora_alpha stay as they are from round to round."
        )


@contextmanager
def _torch_as_set(policy: Policy, settings: TrainingSettings) -> Iterator[None]:
    """Gradient checkpointing and determinism as the settings say, put back afterwards."""
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(settings.deterministic or was_deterministic)
    if settings.gradient_checkpointing:
        policy.unet.enable_gradient_checkpointing()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(was_deterministic)
        policy.unet.disable_gradient_checkpointing()
