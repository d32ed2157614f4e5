"""The benchmarks do equal work, and give what `tastemaker bench` prints."""

from dataclasses import replace

import pytest
import torch

from bench import sample, train
from bench.memory import peak_in_own_process, settings_for
from bench.paper_scheme import PaperScheme
from tests.worker.d3po.tiny import draw, groups, prefer_first, shaken, tiny_policy
from worker.d3po import Adapter, SamplingSettings
from worker.d3po import train as train_ours

SAMPLING = SamplingSettings(steps=4, guidance=3.0)


@pytest.mark.parametrize("case", ["on_policy", "base_reference"])
def test_the_papers_scheme_and_ours_take_the_same_step(case: str) -> None:
    policy = shaken(tiny_policy())
    trajectories = draw(policy, groups(1), SAMPLING)
    settings = replace(settings_for(case, micro_batch=4), learning_rate=1e-3)
    theirs = PaperScheme(policy, settings, SAMPLING, on_policy=case == "on_policy")
    loss = theirs.train_pair(trajectories["0/0"], trajectories["0/1"])
    losses: list[float] = []
    result = train_ours(
        policy,
        prefer_first(1),
        trajectories.__getitem__,
        settings,
        on_step=lambda metrics: losses.append(metrics.loss),
    )
    assert losses == pytest.approx([loss], abs=1e-6)
    found = torch.cat([p.detach().flatten() for p in theirs.parameters])
    names = [n.replace(".default", "") for n, p in theirs.unet.named_parameters() if p.requires_grad]
    expected = Adapter.from_bytes(result.adapter).tensors
    torch.testing.assert_close(found, torch.cat([expected[name].flatten() for name in names]), rtol=0, atol=2e-4)


@pytest.mark.slow
def test_training_is_compared_in_both_cases() -> None:
    found = train.run(pairs=2, memory=False)
    for ratios in (found, found["base_reference"]):
        assert 0.5 < ratios["vs_floor"] < 2
        assert ratios["vs_paper_scheme"] > 1


def test_sampling_is_compared_with_its_floor() -> None:
    assert 0.5 < sample.run(groups=1, repeats=3)["vs_floor"] < 2


@pytest.mark.slow
def test_peak_memory_is_measured_in_a_process_of_its_own() -> None:
    assert peak_in_own_process("ours", "on_policy", 2, train.DEMO_MODEL) > 1
