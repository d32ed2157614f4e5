"""The peak memory of one scheme, in a process of its own: `python -m bench.memory SCHEME CASE MICRO_BATCH MODEL`.

What counts is the peak less what stood before the first batch: activations and whatever else training piles up, not the
weights. On a CPU it is resident memory, on an accelerator what its allocator gave out.
"""

import gc
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from bench.case import SAMPLING, Case, make_case
from bench.paper_scheme import PaperScheme
from worker.d3po import Policy, train
from worker.d3po.records import TrainingSettings

MIB = 2**20


def peak_in_own_process(scheme: str, case: str, micro_batch: int, model: str | Path) -> float:
    """MiB above what stood before the first batch. `scheme` is "ours" or "paper", `case` "on_policy" or otherwise."""
    command = [sys.executable, "-m", "bench.memory", scheme, case, str(micro_batch), str(model)]
    # fixed arguments of our own, no shell
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return float(json.loads(done.stdout)["peak_mib"])


def settings_for(case: str, micro_batch: int) -> TrainingSettings:
    """The published settings, with the reference that the case names."""
    return TrainingSettings(
        reference="sampled" if case == "on_policy" else "base",
        max_step_gain=None,
        micro_batch=micro_batch,
        measure_every=0,
        resume_every=0,
    )


def measure(scheme: str, case_name: str, micro_batch: int, model: str) -> float:
    """Trains on one pair and says by how many MiB memory rose at its peak."""
    settings = settings_for(case_name, micro_batch)
    with tempfile.TemporaryDirectory() as folder:
        case = make_case(model, 1, Path(folder))
        if scheme == "paper":
            paper = PaperScheme(case.policy, settings, SAMPLING, on_policy=case_name == "on_policy")
            return _rise(case.policy, lambda: paper.train_pair(case.load("0-0"), case.load("0-1")))
        return _rise(case.policy, lambda: _train(case, settings))


def _train(case: Case, settings: TrainingSettings) -> None:
    train(case.policy, case.preferences, case.load, settings)


def _rise(policy: Policy, work: Callable[[], object]) -> float:
    gc.collect()
    if policy.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(policy.device)
        before = torch.cuda.memory_allocated(policy.device)
        work()
        return (torch.cuda.max_memory_allocated(policy.device) - before) / MIB
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    before = _status("VmRSS")
    work()
    return (_status("VmHWM") - before) / MIB


def _status(name: str) -> int:
    """Bytes, from the kernel's own account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    print(json.dumps({"peak_mib": measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])}))
