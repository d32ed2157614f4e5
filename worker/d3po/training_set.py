"""The frozen preferences as groups to train on, and their trajectories as they are needed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from worker.d3po import noise
from worker.d3po.branching import branch
from worker.d3po.errors import SettingsError
from worker.d3po.policy import Policy
from worker.d3po.prompts import Prompts
from worker.d3po.records import Preference, SamplingSettings, TrainingSettings, Trajectory
from worker.d3po.schedule import Schedule
from worker.d3po.trajectory import states_of

LoadTrajectory = Callable[[str], Trajectory]


@dataclass(frozen=True)
class Group:
    """The judged pairs of one group, and the samples they are made of, each once."""

    number: int
    pairs: tuple[Preference, ...]
    samples: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = [name for pair in self.pairs for name in (pair.first, pair.second)]
        object.__setattr__(self, "samples", tuple(dict.fromkeys(names)))


@dataclass(frozen=True)
class LoadedGroup:
    """A group with its K trajectories in memory (CPU)."""

    group: Group
    states: Tensor  # (K, T + 1, C, H, W): x_T … x_0 in the storage type
    log_probs: Tensor  # (K, T), as stored
    prompt: Prompts  # one
    negative: Prompts  # one
    sampling: SamplingSettings
    schedule: Schedule
    branch: range  # numbers of the steps at which the samples part
    policy: str  # identity of the policy that sampled
    precision: str


def make_groups(preferences: Sequence[Preference], settings: TrainingSettings) -> tuple[list[Group], list[Group]]:
    """The groups to train and those held out, each in the order of its first preference.

    Raises SettingsError where a preference is out of range or nothing is left to train on.
    """
    for preference in preferences:
        if not (0 <= preference.p <= 1 and 0 < preference.weight < float("inf")):
            raise SettingsError(f"Pair {preference.pair}: p must lie in [0, 1] and weight be above 0: {preference}.")
    kept = [p for p in preferences if p.p != 0.5 or settings.ties == "trained"]
    trained = _by_group(p for p in kept if not p.held_out)
    if not trained:
        raise SettingsError("There is nothing to train on: no pair has a preference (ties are left out by default).")
    return trained, _by_group(p for p in preferences if p.held_out and p.p != 0.5)


def _by_group(preferences: Iterable[Preference]) -> list[Group]:
    members: dict[int, list[Preference]] = {}
    for preference in preferences:
        members.setdefault(preference.group, []).append(preference)
    return [Group(number, tuple(pairs)) for number, pairs in members.items()]


def trained_steps(loaded: LoadedGroup, settings: TrainingSettings) -> tuple[int, ...]:
    """Numbers of the denoising steps trained for a group: all usable ones of its branch, or as many of them, by key.

    Raises SettingsError where none is usable.
    """
    group, usable = (
        loaded.group,
        tuple(step for step in loaded.schedule.trainable(settings.max_step_gain) if step in loaded.branch),
    )
    if not usable:
        raise SettingsError(
            f"No step can be trained for group {group.number}: its samples part only at steps with g_t above "
            f"{settings.max_step_gain}. Raise max_step_gain, or draw samples with more branch_steps."
        )
    if settings.steps_per_pair is None or settings.steps_per_pair >= len(usable):
        return usable
    picked = noise.pick(("steps", settings.seed, group.number), settings.steps_per_pair, len(usable))
    return tuple(usable[place] for place in picked)


def held_steps(loaded: LoadedGroup, settings: TrainingSettings) -> tuple[int, ...]:
    """Numbers of the further steps at which a group is held to the base: as many as are trained, by key."""
    if not settings.kl_weight or settings.kl_steps == "trained":
        return ()
    trained = trained_steps(loaded, settings)
    others = [step for step in loaded.schedule.trainable(settings.max_step_gain) if step not in trained]
    picked = noise.pick(("held", settings.seed, loaded.group.number), len(trained), len(others))
    return tuple(others[place] for place in picked)


class Loader:
    """Reads groups when they are needed, and sees that their trajectories fit the policy and each other."""

    def __init__(self, policy: Policy, load_trajectory: LoadTrajectory) -> None:
        self._policy = policy
        self._load = load_trajectory

    def __call__(self, group: Group) -> LoadedGroup:
        """Loads the trajectories of all of a group's samples. Raises SettingsError where they do not fit."""
        trajectories = [self._load(name) for name in group.samples]
        first = trajectories[0]
        schedule = self._policy.schedule(first.sampling.steps, first.sampling.eta)
        for name, trajectory in zip(group.samples, trajectories, strict=True):
            if _origin(trajectory) != _origin(first):
                raise SettingsError(f"Group {group.number}: sample {name} does not share prompt, noise and settings.")
            if tuple(trajectory.timesteps.tolist()) != schedule.timesteps:
                raise SettingsError(f"Group {group.number}: sample {name} was drawn on another schedule of timesteps.")
        return LoadedGroup(
            group=group,
            states=torch.stack([states_of(t) for t in trajectories]),
            log_probs=torch.stack([t.log_probs for t in trajectories]),
            prompt=self._policy.encode(first.prompt).alone,
            negative=self._policy.encode_negative(first.sampling.negative_prompt).alone,
            sampling=first.sampling,
            schedule=schedule,
            branch=branch(first.noise, first.sampling),
            policy=first.policy,
            precision=first.precision,
        )


def _origin(trajectory: Trajectory) -> tuple[object, ...]:
    return trajectory.prompt, trajectory.noise, trajectory.sampling, trajectory.policy
