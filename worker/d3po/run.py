"""A training run between its optimizer steps: what it holds, how it takes a step, how it is put away and taken up."""

import math
import time
from collections.abc import Sequence

import torch

from worker.d3po.checks import check_start
from worker.d3po.errors import CheckError, DivergedError
from worker.d3po.gradients import accumulate
from worker.d3po.measures import KL, KLProbe, measure_held_out, probe_units
from worker.d3po.metrics import JudgedSteps, Totals, accuracy, by_step, clamped_shares, mean, pair_margins, remarks
from worker.d3po.optimizer import Optimizer
from worker.d3po.policy import Policy
from worker.d3po.records import OFF, CheckReport, Preference, StepMetrics, StopReason, TrainingResult, TrainingSettings
from worker.d3po.reference import Reference
from worker.d3po.resume import ResumePoint, RunIdentity, random_states, restore_random_states
from worker.d3po.training_set import Group, LoadedGroup, Loader, LoadTrajectory, make_groups

CHECKED_STATES = 16  # stored states that are drawn again before the first step
LONGEST_OVERFLOW = 20  # dropped fp16 updates in a row after which no smaller scale will help


class TrainingRun:
    """One run over a frozen training set. `policy` is the starting policy and carries an adapter to be trained."""

    def __init__(
        self,
        policy: Policy,
        preferences: Sequence[Preference],
        load_trajectory: LoadTrajectory,
        settings: TrainingSettings,
    ) -> None:
        self.policy = policy
        self.settings = settings
        self.load = Loader(policy, load_trajectory)
        self.groups, self.held_out = make_groups(preferences, settings)
        size = settings.groups_per_step
        self.chunks = [self.groups[start : start + size] for start in range(0, len(self.groups), size)]
        self.length = len(self.chunks) * settings.inner_epochs  # optimizer steps
        self.starting_identity = policy.identity
        as_sampled = settings.reference == "sampled" and self.starting_identity != OFF
        self.reference = Reference(policy, policy.adapter if as_sampled else None)
        self.optimizer = Optimizer(policy, settings)
        self.totals = Totals()
        self.steps = 0  # optimizer steps done
        self._overflows = 0
        self._probe: KLProbe | None = None
        self._kl = 0.0  # to the policy that sampled, as it was last measured

    @property
    def end(self) -> StopReason | None:
        """Why no further step is taken; None while there is one to take."""
        if self.settings.max_kl is not None and self._kl > self.settings.max_kl:
            return StopReason.MAX_KL
        return StopReason.FINISHED if self.steps >= self.length else None

    def check(self) -> CheckReport:
        """The checks before the first step, and the measurements of reference and base that never change."""
        units = probe_units(self.groups, self.load, self.settings, CHECKED_STATES)
        report = check_start(self.policy, self.starting_identity, self.reference, units, self.settings)
        if self.settings.measure_every:
            states = self.settings.measure_states
            units = probe_units(self.groups, self.load, self.settings, states)
            self._probe = KLProbe(self.policy, units, self.reference.adapter, min(states, self.settings.micro_batch))
        return report

    def step(self) -> StepMetrics:
        """One optimizer step. Raises DivergedError where loss or gradient is not finite."""
        started = time.perf_counter()
        number = self.steps % len(self.chunks)
        groups = [self._load_own(group) for group in self.chunks[number]]
        loss, rows = accumulate(
            self.policy, groups, self.reference, self.settings, key=number, backward=self.optimizer.backward
        )
        norm = self.optimizer.gradient_norm()
        skipped = self._refuse_divergence(loss, norm, self.chunks[number])
        self.optimizer.step()
        self.steps += 1
        metrics = self._describe(groups, loss, rows, norm, skipped, started)
        self.totals.add(metrics)
        return metrics

    def _load_own(self, group: Group) -> LoadedGroup:
        loaded = self.load(group)
        if loaded.policy != self.starting_identity:
            raise CheckError(
                f"Group {group.number} was sampled by the policy {loaded.policy}, but training starts from "
                f"{self.starting_identity}. Train from the checkpoint that the round was sampled with."
            )
        return loaded

    def _refuse_divergence(self, loss: float, norm: float, chunk: Sequence[Group]) -> bool:
        """Whether an fp16 gradient overflowed, which only drops the update. All else not finite ends the run."""
        if math.isfinite(loss) and math.isfinite(norm):
            self._overflows = 0
            return False
        self._overflows += 1
        if math.isfinite(loss) and self.optimizer.scaler.is_enabled() and self._overflows < LONGEST_OVERFLOW:
            return True
        raise DivergedError(
            self.steps + 1,
            f"Training stopped itself at step {self.steps + 1} (group {chunk[0].number}): the loss is {loss:g} and the "
            f"gradient's norm {norm:g}. Try other settings: a learning rate below {self.settings.learning_rate:g}"
            + ("." if self.settings.clip else ", or a clip such as 0.1."),
        )

    def _describe(
        self, groups: list[LoadedGroup], loss: float, rows: JudgedSteps, norm: float, skipped: bool, started: float
    ) -> StepMetrics:
        kl = self._measure()
        self._kl = kl.sampled if kl.sampled is not None else self._kl
        margins = pair_margins(rows)
        clamped_sides, clamped_pairs = clamped_shares(rows, self.settings.clip)
        return StepMetrics(
            step=self.steps,
            epoch=(self.steps - 1) // len(self.chunks) + 1,
            groups=tuple(group.group.number for group in groups),
            pairs=sum(len(group.group.pairs) for group in groups),
            loss=loss,
            margin=mean(margins),
            accuracy=accuracy(margins),
            clamped_sides=clamped_sides,
            clamped_pairs=clamped_pairs,
            gradient_norm=norm,
            by_step=by_step(rows, groups[0].schedule, self.settings.clip),
            kl_reference=kl.reference,
            kl_sampled=kl.sampled,
            kl_base=kl.base,
            skipped=skipped,
            seconds=time.perf_counter() - started,
        )

    def _measure(self) -> KL:
        if self._probe is None or (self.steps % self.settings.measure_every and self.steps < self.length):
            return KL()
        return self._probe.measure()

    def restore(self, data: bytes, identity: RunIdentity) -> None:
        """Takes up a resume point. Raises ResumeError, CorruptFileError."""
        point = ResumePoint.from_bytes(data)
        point.check(identity)
        with torch.no_grad():
            for name, parameter in self.policy.trainable().items():
                parameter.copy_(point.adapter[name])
        self.optimizer.load_state(point.optimizer, point.scaler)
        restore_random_states(point.random)
        self.totals = Totals(**point.totals)  # type: ignore[arg-type]
        self.steps = point.steps

    def resume_point(self, identity: RunIdentity) -> bytes:
        """The run as it is now, whole."""
        optimizer, scaler = self.optimizer.state()
        adapter = {name: p.detach().cpu().clone() for name, p in self.policy.trainable().items()}
        random = random_states()
        return ResumePoint(identity, self.steps, adapter, optimizer, scaler, random, self.totals.as_dict()).to_bytes()

    def result(self, checks: CheckReport, stop: StopReason) -> TrainingResult:
        """What the run leaves behind; held-out pairs are measured unless it was told to stop."""
        adapter, summary, measured = self.policy.adapter, self.totals.summary(), None
        assert adapter is not None
        if stop is not StopReason.STOPPED:
            measured = measure_held_out(self.policy, self.held_out, self.load, self.reference, self.settings)
        return TrainingResult(
            adapter=adapter.to_bytes(),
            adapter_identity=adapter.identity,
            optimizer=self.optimizer.to_bytes(),
            summary=summary,
            held_out=measured,
            checks=checks,
            steps=self.steps,
            stop=stop,
            remarks=checks.remarks + remarks(summary) + (self._ended_early() if stop is StopReason.MAX_KL else ()),
        )

    def _ended_early(self) -> tuple[str, ...]:
        if self.steps >= self.length:
            return ()
        return (
            f"Training ended itself after step {self.steps} of {self.length}: the KL to the policy that sampled, "
            f"{self._kl:.3g} per latent element, passed max_kl ({self.settings.max_kl:g}). The pairs of the other "
            "steps were not learned from. Lower the learning rate to learn from all, or raise max_kl to go further.",
        )
