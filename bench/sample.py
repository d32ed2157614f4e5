"""The cost of sampling: against the UNet's bare forwards on the same guidance batches and the VAE's decode.

Both take turns; the figure is the ratio of medians. What the product then does with a sample (trajectory and picture as
files) is a figure apart.
"""

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from bench.case import DEMO_MODEL, SAMPLING, median, specs, synchronize, trained_policy
from bench.floor import sampling_floor
from worker.d3po import Policy, SampleRecord, sample_groups, trajectory


def run(
    *,
    model: str | Path = DEMO_MODEL,
    groups: int = 8,
    repeats: int = 5,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """`vs_floor`, and the seconds it is made of per sample. The first of `repeats + 1` turns only warms up."""
    policy = trained_policy(model)
    samples = 2 * groups
    ours, floor, files = [], [], []
    for turn in range(repeats + 1):
        say(f"turn {turn + 1} of {repeats + 1}: {samples} samples of {SAMPLING.steps} steps …")
        records: list[SampleRecord] = []
        ours.append(_timed(policy, lambda: records.extend(_draw(policy, groups))))  # noqa: B023 called at once
        floor.append(_timed(policy, lambda: sampling_floor(policy, samples, SAMPLING.steps)))
        files.append(_timed(policy, lambda: _write(records)))  # noqa: B023
    per_sample = {"ours": ours, "floor": floor, "files": files}
    return {
        "vs_floor": round(median(ours[1:]) / median(floor[1:]), 3),
        "figures": {"seconds_per_sample": {key: round(median(v[1:]) / samples, 5) for key, v in per_sample.items()}},
        "machine": {"threads": torch.get_num_threads(), "torch": torch.__version__, "batch": samples},
    }


def _draw(policy: Policy, groups: int) -> list[SampleRecord]:
    return list(sample_groups(policy, specs(groups), SAMPLING, batch=2 * groups))


def _write(records: list[SampleRecord]) -> None:
    """Trajectory and PNG of every sample, into a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        for number, record in enumerate(records):
            assert record.trajectory is not None
            (Path(folder) / f"{number}.safetensors").write_bytes(trajectory.to_bytes(record.trajectory))
            png = io.BytesIO()
            Image.fromarray(record.image).save(png, format="PNG")
            (Path(folder) / f"{number}.png").write_bytes(png.getvalue())


def _timed(policy: Policy, work: Callable[[], object]) -> float:
    synchronize(policy)
    started = time.perf_counter()
    work()
    synchronize(policy)
    return time.perf_counter() - started
