"""A checkpoint trained again from its record: whether it is the same to the bit, how far off it is if not, and what is
no longer as it was recorded.

Nothing stored is changed. What retention took, or what is damaged, is drawn again into a temporary folder.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import Damaged, NotFound, Refused
from app.models import Metric, Sample
from app.models.base import Json
from app.services import provenance, record_checks, training_runs
from app.services.provenance import Behind
from app.services.record_checks import Difference
from worker import bridge, runs
from worker.d3po import Adapter, StepMetrics, TrainingResult, Trajectory, trajectory
from worker.device import device
from worker.policies import adapter_of, release
from worker.provenance import code, machine
from worker.runs import Run
from worker.trajectories import drawn_again, is_as_recorded

COMPARED = ("loss", "grad_norm")  # what tells an optimizer step from another to the bit
SECONDS_BETWEEN_LINES = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Reproduction:
    """How it came out. `max_difference` is the largest over all of the adapter's values, none where the stored adapter
    cannot be read or has another shape; `relative_difference` the norm of all differences over that of the adapter.

    `first_step_apart` is the first optimizer step whose loss or gradient norm is not the recorded one to the bit.
    `differs` are stored things that are not as recorded, `elsewhere` what computes here and computed then.
    """

    checkpoint: int
    number: int
    identical: bool
    max_difference: float | None
    relative_difference: float | None
    recorded_sha256: str
    reproduced_sha256: str
    steps: int
    first_step_apart: int | None
    trajectories: int
    drawn_again: int
    drawn_otherwise: int
    seconds: float
    differs: list[Difference] = field(default_factory=list)
    elsewhere: dict[str, Json] = field(default_factory=dict)

    @property
    def stands(self) -> bool:
        """Whether it came out the same and everything stored is as it was recorded."""
        return self.identical and not self.differs

    def as_json(self) -> Json:
        own = {name: value for name, value in vars(self).items() if name not in ("differs", "elsewhere")}
        return own | {"differs": [one.as_json() for one in self.differs], "elsewhere": self.elsewhere}


def reproduce(
    checkpoint_id: int, artifacts: Artifacts, *, anyway: bool = False, say: Say = lambda line: None
) -> Reproduction:
    """Train the checkpoint again. With `anyway` also where trajectories that are gone come out differently here.

    Raises `NotFound`; `Refused` where such trajectories, or other weights of the base model, stand in the way; and what
    training raises.
    """
    began = time.monotonic()
    with transaction() as session:
        behind = provenance.behind(session, checkpoint_id)
        work = runs.read(session, behind.run)
        recorded = training_runs.metrics(session, behind.run.id)
        differs = record_checks.of_rows(session, behind)
    differs += record_checks.of_files(behind, work.parent, artifacts)
    record = behind.checkpoint.provenance
    with tempfile.TemporaryDirectory(prefix="tastemaker-reproduce-") as folder, _threads(record):
        elsewhere = _elsewhere(record)
        trajectories = Trajectories(work.rows, artifacts, Artifacts(folder))
        differs += trajectories.check(say)
        if trajectories.otherwise and not anyway:
            raise _refused(trajectories)
        told = Steps(recorded, runs.optimizer_steps(work), say)
        result = _train(work, trajectories, artifacts, told)
    return _compared(
        behind, result, artifacts, first_step_apart=told.first_apart, trajectories=len(work.rows),
        drawn_again=len(trajectories.again), drawn_otherwise=len(trajectories.otherwise),
        seconds=round(time.monotonic() - began, 3), differs=differs, elsewhere=elsewhere,
    )  # fmt: skip


class Trajectories:
    """The trajectories of `rows` by sample id as a text: from the store, or from `own`, where they are drawn again."""

    def __init__(self, rows: dict[int, Sample], artifacts: Artifacts, own: Artifacts) -> None:
        self._rows = rows
        self._artifacts = artifacts
        self._own = own
        self.again: set[int] = set()
        self.otherwise: list[int] = []  # samples that came out differently

    def check(self, say: Say) -> list[Difference]:
        """Read every file once, and draw again what is gone or damaged. What retention took is no difference."""
        missing, differs = [], []
        for row in self._rows.values():
            if row.trajectory_removed_at is not None or row.trajectory_key is None:
                missing.append(row)
            elif found := record_checks.file_difference(self._artifacts, row.trajectory_key, row.trajectory_sha256):
                missing.append(row)
                differs.append(found)
        if missing:
            say(f"{len(missing)} of {len(self._rows)} trajectories are drawn again.")
        for row, data in drawn_again(missing, self._artifacts):
            self._own.put_bytes(_key(row.id), data)
            self.again.add(row.id)
            if not is_as_recorded(row, data):
                self.otherwise.append(row.id)
        return differs

    def __call__(self, sample: str) -> Trajectory:
        row = self._rows[int(sample)]
        if row.id in self.again:
            return trajectory.from_bytes(self._own.get_bytes(_key(row.id)))
        return trajectory.from_bytes(self._artifacts.get_bytes(row.trajectory_key or "", row.trajectory_sha256))


class Steps:
    """Compares each optimizer step with the recorded one, and says now and then how far the run is."""

    def __init__(self, recorded: list[Metric], total: int, say: Say) -> None:
        self._recorded = {row.step: row.values for row in recorded}
        self._total = total
        self._say = say
        self._said = time.monotonic()
        self.first_apart: int | None = None

    def __call__(self, metrics: StepMetrics) -> None:
        recorded, here = self._recorded.get(metrics.step), bridge.metrics_row(metrics)
        if recorded and self.first_apart is None and any(recorded.get(name) != here[name] for name in COMPARED):
            self.first_apart = metrics.step
        if time.monotonic() - self._said >= SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            self._say(f"Optimizer step {metrics.step} of {self._total}.")


def _train(work: Run, trajectories: Trajectories, artifacts: Artifacts, told: Steps) -> TrainingResult:
    """Train; the policy in memory is let go of, for it carries what was trained."""
    try:
        return runs.train(work, trajectories, artifacts, on_step=told)
    finally:
        release()


def _compared(behind: Behind, result: TrainingResult, artifacts: Artifacts, **rest: Any) -> Reproduction:
    checkpoint = behind.checkpoint
    identical = result.adapter_identity == checkpoint.adapter_sha256
    largest, relative = (0.0, 0.0) if identical else _apart(behind, Adapter.from_bytes(result.adapter), artifacts)
    return Reproduction(
        checkpoint=checkpoint.id, number=checkpoint.number, identical=identical, max_difference=largest,
        relative_difference=relative, recorded_sha256=checkpoint.adapter_sha256,
        reproduced_sha256=result.adapter_identity, steps=result.steps, **rest,
    )  # fmt: skip


def _apart(behind: Behind, made: Adapter, artifacts: Artifacts) -> tuple[float | None, float | None]:
    """How far the adapter is from the stored one; none where that cannot be told."""
    try:
        stored = adapter_of(behind.checkpoint, artifacts)
    except (NotFound, Damaged):
        return None, None
    shapes = [{name: t.shape for name, t in adapter.tensors.items()} for adapter in (stored, made)]
    if shapes[0] != shapes[1]:
        return None, None
    before = torch.cat([stored.tensors[name].double().flatten() for name in sorted(stored.tensors)])
    after = torch.cat([made.tensors[name].double().flatten() for name in sorted(made.tensors)])
    difference = after - before
    return difference.abs().max().item(), (difference.norm() / before.norm()).item()


@contextmanager
def _threads(record: Json) -> Iterator[None]:
    """As many CPU threads as computed then: sums are taken in another order with another number of them."""
    device()
    before = torch.get_num_threads()
    torch.set_num_threads(record.get("machine", {}).get("threads") or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _elsewhere(record: Json) -> dict[str, Json]:
    """What computed then and what computes here, where these are not the same."""
    here = code() | machine()
    then = {**record.get("code", {}), **record.get("machine", {})}
    return {
        name: {"recorded": then[name], "here": here[name]} for name in here if then.get(name, here[name]) != here[name]
    }


def _refused(trajectories: Trajectories) -> Refused:
    some = ", ".join(str(one) for one in trajectories.otherwise[:10])
    return Refused(
        f"{len(trajectories.otherwise)} trajectories are no longer kept, and drawing them again here gives others "
        f"(samples {some}).",
        "Reproduce it on the kind of machine that drew them, with the same library versions, or give --anyway to train "
        "on what comes out here and see how far off that is.",
        samples=trajectories.otherwise,
    )


def _key(sample_id: int) -> str:
    return f"drawn-again/{sample_id}.safetensors"
