"""The cost of training: against the bare UNet on the same batches, and against the paper's scheme at equal work.

Trainer, floor and paper's scheme take turns pair by pair in one process, so that whatever slows the machine slows all
three; the figures are ratios of medians. Two cases: `on_policy` (the reference is the policy that sampled: nothing to
compute for it) and `base_reference` (one adapter-off forward per state, which the floor then also contains). The
measurement of KL every 20 steps is left out of the timing: it is no part of a pair's work, and about 1 % on top.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench.case import DEMO_MODEL, SAMPLING, Case, make_case, median, synchronize
from bench.floor import training_floor, training_rows
from bench.memory import peak_in_own_process, settings_for
from bench.paper_scheme import PaperScheme
from worker.d3po import StepMetrics, TrainingSettings, train

CASES = ("on_policy", "base_reference")
ONE_PAIR = 2  # states: both samples at one step


def run(
    *,
    model: str | Path = DEMO_MODEL,
    pairs: int = 7,
    micro_batch: int = TrainingSettings.micro_batch,
    memory: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Both cases: `vs_floor`, `vs_paper_scheme` and `peak_memory_vs_paper_scheme`, those of `on_policy` at the top.

    `figures` has what the ratios are made of. The first pair only warms up. `memory=False` leaves out the peaks, each
    of which takes a process of its own.
    """
    found = {}
    for name in CASES:
        say(f"{name}: timing {pairs - 1} pairs of {SAMPLING.steps} steps, three ways in turn …")
        found[name] = _timed_case(name, model, pairs, micro_batch)
        if memory:
            say(f"{name}: peak memory, each scheme in a process of its own …")
            found[name] |= _memory(name, model, micro_batch)
    return found["on_policy"] | {
        "base_reference": found["base_reference"],
        "machine": {"threads": torch.get_num_threads(), "torch": torch.__version__, "micro_batch": micro_batch},
    }


def _timed_case(name: str, model: str | Path, pairs: int, micro_batch: int) -> dict[str, Any]:
    settings = settings_for(name, micro_batch)
    with tempfile.TemporaryDirectory() as folder:
        turns = _Turns(make_case(model, pairs, Path(folder)), settings, on_policy=name == "on_policy")
        turns.take()
    ours, floor, paper = (median(times[1:]) for times in (turns.ours, turns.floor, turns.paper))
    per_step = {"ours": ours, "floor": floor, "paper_scheme": paper}
    return {
        "vs_floor": round(ours / floor, 3),
        "vs_paper_scheme": round(paper / ours, 3),
        "figures": {
            "seconds_per_pair_and_step": {key: round(value / SAMPLING.steps, 5) for key, value in per_step.items()}
        },
    }


class _Turns:
    """The trainer at work on its pairs; after each of its steps, the floor and the paper's scheme on the same pair."""

    def __init__(self, case: Case, settings: TrainingSettings, *, on_policy: bool) -> None:
        self.case = case
        self.settings = settings
        self.on_policy = on_policy
        self.paper_scheme = PaperScheme(case.policy, settings, SAMPLING, on_policy=on_policy)
        self.rows = training_rows(case, settings)
        self.ours: list[float] = []
        self.floor: list[float] = []
        self.paper: list[float] = []
        self._since = 0.0

    def take(self) -> None:
        """Trains on all pairs."""
        train(
            self.case.policy,
            self.case.preferences,
            self.case.load,
            self.settings,
            on_checks=lambda report: self._start_clock(),
            on_step=self._after_step,
        )

    def _after_step(self, metrics: StepMetrics) -> None:
        self.ours.append(self._elapsed())
        pair = self.case.preferences[metrics.step - 1]
        self._start_clock()
        training_floor(self.case.policy, self.rows, reference=not self.on_policy)
        self.floor.append(self._elapsed())
        self._start_clock()
        self.paper_scheme.train_pair(self.case.load(pair.first), self.case.load(pair.second))
        self.paper.append(self._elapsed())
        self._start_clock()

    def _start_clock(self) -> None:
        synchronize(self.case.policy)
        self._since = time.perf_counter()

    def _elapsed(self) -> float:
        synchronize(self.case.policy)
        return time.perf_counter() - self._since


def _memory(name: str, model: str | Path, micro_batch: int) -> dict[str, Any]:
    paper = peak_in_own_process("paper", name, ONE_PAIR, model)
    timed = peak_in_own_process("ours", name, micro_batch, model)
    one_pair = peak_in_own_process("ours", name, ONE_PAIR, model)
    return {
        "peak_memory_vs_paper_scheme": round(timed / paper, 3),
        "peak_memory_vs_paper_scheme_at_one_pair": round(one_pair / paper, 3),
        "peak_mib": {"ours": round(timed, 1), "ours_at_one_pair": round(one_pair, 1), "paper_scheme": round(paper, 1)},
    }
