"""The D3PO trainer: preferences and trajectories into a LoRA (Yang et al., arXiv 2311.13231, algorithm 1).

One optimizer step per group (or `groups_per_step` of them): the mean over groups, over each group's trained steps and
over its judged pairs of the preference loss. What the authors' code spends and this does not: the reference is the same
weights with the adapter off, computed once or not at all; all samples of a group and several steps share one forward
pass; trajectories are read when they are needed.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from worker.d3po.batching import Unit, log_probs_of, pair_rows, split_evenly
from worker.d3po.checks import check_start
from worker.d3po.errors import DivergedError, SettingsError
from worker.d3po.loss import preference_loss
from worker.d3po.measures import KLProbe, measure_held_out, probe_units
from worker.d3po.metrics import JudgedSteps, Totals, accuracy, by_step, clamped_shares, mean, pair_margins, remarks
from worker.d3po.optimizer import Optimizer
from worker.d3po.policy import Policy
from worker.d3po.records import CheckReport, Preference, StepMetrics, StopReason, TrainingResult, TrainingSettings
from worker.d3po.reference import Reference
from worker.d3po.resume import ResumePoint, RunIdentity, hash_of, random_states, restore_random_states
from worker.d3po.training_set import Group, Loader, LoadTrajectory, make_groups, trained_steps

CHECKED_STATES = 16  # stored states that are drawn again before the first step
LARGEST_RUN_OF_OVERFLOWS = 20  # dropped fp16 updates in a row after which no smaller scale will help


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
    resume point. The policy keeps the trained adapter.

    Raises SettingsError, CheckError, ResumeError, CorruptFileError, and DivergedError where the loss or its gradient is
    not finite.
    """
    run = _Run(policy, preferences, load_trajectory, settings)
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
    with _setup(policy, settings):
        while run.steps < run.length:
            if should_stop():
                if run.steps > saved:
                    on_resume_point(run.resume_point(identity), run.steps)
                return run.result(checks, StopReason.STOPPED)
            on_step(run.step())
            if settings.resume_every and run.steps % settings.resume_every == 0:
                on_resume_point(run.resume_point(identity), run.steps)
                saved = run.steps
        return run.result(checks, StopReason.FINISHED)


@contextmanager
def _setup(policy: Policy, settings: TrainingSettings) -> Iterator[None]:
    """Gradient checkpointing and determinism as set, put back afterwards."""
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(settings.deterministic or was_deterministic)
    if settings.gradient_checkpointing:
        policy.unet.enable_gradient_checkpointing()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(was_deterministic)
        policy.unet.disable_gradient_checkpointing()


class _Run:
    """A training run between its optimizer steps."""

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
        trained, self.held_out = make_groups(preferences, settings)
        self.groups = trained
        per_step = settings.groups_per_step
        self.chunks = [trained[start : start + per_step] for start in range(0, len(trained), per_step)]
        self.length = len(self.chunks) * settings.inner_epochs
        self.starting_identity = policy.identity
        _prepare_adapter(policy, settings)
        starting = policy.adapter if settings.reference == "sampled" and policy.identity != "off" else None
        self.reference = Reference(policy, starting)
        self.optimizer = Optimizer(policy, settings)
        self.totals = Totals()
        self.steps = 0
        self.overflows = 0
        self.probe: KLProbe | None = None

    def check(self) -> CheckReport:
        """The checks before the first step, and the fixed measurements of reference and base."""
        units = probe_units(self.groups, self.load, self.settings, CHECKED_STATES)
        report = check_start(self.policy, self.starting_identity, self.reference, units, self.settings)
        if self.settings.measure_every:
            states = self.settings.measure_states
            units = probe_units(self.groups, self.load, self.settings, states)
            self.probe = KLProbe(self.policy, units, self.reference.adapter, min(states, self.settings.micro_batch))
        return report

    def step(self) -> StepMetrics:
        """One optimizer step. Raises DivergedError."""
        started = time.perf_counter()
        number = self.steps % len(self.chunks)
        chunk = self.chunks[number]
        loss, rows = self._accumulate(number)
        norm = self.optimizer.gradient_norm()
        skipped = self._refuse_divergence(loss, norm, chunk)
        self.optimizer.step()
        self.steps += 1
        kl_reference, kl_base = self._measure()
        margins = pair_margins(rows)
        clamped_sides, clamped_pairs = clamped_shares(rows, self.settings.clip)
        metrics = StepMetrics(
            step=self.steps,
            epoch=(self.steps - 1) // len(self.chunks) + 1,
            groups=tuple(group.number for group in chunk),
            pairs=sum(len(group.pairs) for group in chunk),
            loss=loss,
            margin=mean(margins),
            accuracy=accuracy(margins),
            clamped_sides=clamped_sides,
            clamped_pairs=clamped_pairs,
            gradient_norm=norm,
            by_step=by_step(rows, self.schedule, self.settings.clip),
            kl_reference=kl_reference,
            kl_base=kl_base,
            skipped=skipped,
            seconds=time.perf_counter() - started,
        )
        self.totals.add(metrics)
        return metrics

    def _accumulate(self, number: int) -> tuple[float, JudgedSteps]:
        """Gradients of the chunk's whole loss, micro-batch by micro-batch; the loss and r of every row."""
        units, shares = self._units(self.chunks[number])
        losses, parts, done = [], [], 0
        for place, batch in enumerate(split_evenly(units, self.settings.micro_batch)):
            loss, rows = self._backward((number, place), batch, shares[done : done + len(batch)])
            losses.append(loss)
            parts.append(rows)
            done += len(batch)
        return float(torch.stack(losses).sum()), JudgedSteps.join(parts)

    def _units(self, chunk: Sequence[Group]) -> tuple[list[Unit], list[float]]:
        """Every trained step of every group, and its part in the mean over groups and steps."""
        units, shares = [], []
        for group in chunk:
            loaded = self.load(group)
            self.schedule = loaded.schedule
            steps = trained_steps(group, loaded.schedule, self.settings)
            units += [Unit(loaded, step) for step in steps]
            shares += [1 / (len(chunk) * len(steps))] * len(steps)
        if len({unit.group.sampling for unit in units}) > 1:
            raise SettingsError("Groups drawn with different sampling settings cannot share an optimizer step.")
        return units, shares

    def _backward(self, key: tuple[int, int], batch: list[Unit], shares: list[float]) -> tuple[Tensor, JudgedSteps]:
        reference = self.reference.log_probs(key, batch)
        r = log_probs_of(self.policy, batch) - reference
        if self.settings.reduction == "sum":
            r = r * batch[0].group.states[0, 0].numel()
        rows = pair_rows(batch, shares)
        p, share = rows.p.to(r), rows.share.to(r)
        of_pairs = preference_loss(r[rows.first], r[rows.second], p, self.settings.beta, self.settings.clip)
        loss = (share * of_pairs).sum()
        self.optimizer.backward(loss)
        seen = r.detach().double().cpu()
        return loss.detach(), JudgedSteps(rows.pair, rows.step, rows.p, seen[rows.first], seen[rows.second])

    def _refuse_divergence(self, loss: float, norm: float, chunk: Sequence[Group]) -> bool:
        """Whether an fp16 gradient overflowed, which only drops the update. All else not finite ends the run."""
        overflowed = math.isfinite(loss) and not math.isfinite(norm) and self.optimizer.scaler.is_enabled()
        self.overflows = self.overflows + 1 if overflowed else 0
        if (math.isfinite(loss) and math.isfinite(norm)) or 0 < self.overflows < LARGEST_RUN_OF_OVERFLOWS:
            return overflowed
        raise DivergedError(
            self.steps + 1,
            f"Training stopped itself at step {self.steps + 1} (group {chunk[0].number}): the loss is {loss:g} and the "
            f"gradient's norm {norm:g}. Try other settings: a learning rate below {self.settings.learning_rate:g}"
            + ("." if self.settings.clip else ", or a clip such as 0.1."),
        )

    def _measure(self) -> tuple[float | None, float | None]:
        if self.probe is None or (self.steps % self.settings.measure_every and self.steps < self.length):
            return None, None
        return self.probe.measure()

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
        """What the run leaves behind."""
        adapter, summary = self.policy.adapter, self.totals.summary()
        assert adapter is not None
        measured = None
        if stop is StopReason.FINISHED:
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
            remarks=checks.remarks + remarks(summary),
        )


def _prepare_adapter(policy: Policy, settings: TrainingSettings) -> None:
    """A fresh adapter where the policy has none. Raises SettingsError where its own, or its precision, differs."""
    if settings.precision not in ("auto", policy.precision):
        raise SettingsError(f"precision is {settings.precision}, but the policy was loaded in {policy.precision}.")
    own = policy.adapter
    if own is None:
        policy.with_fresh_adapter(settings.rank, settings.lora_alpha, settings.lora_targets, settings.seed)
    elif (own.rank, own.alpha) != (settings.rank, settings.lora_alpha):
        raise SettingsError(
            f"The starting checkpoint has rank {own.rank} and lora_alpha {own.alpha:g}; the settings say "
            f"{settings.rank} and {settings.lora_alpha:g}. Rank and lora_alpha stay as they are from round to round."
        )
