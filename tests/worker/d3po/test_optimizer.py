"""The optimizer's warm-up: by its own count of updates, which travels with its moments."""

import torch

from tests.worker.d3po.tiny import tiny_policy
from worker.d3po import TrainingSettings
from worker.d3po.optimizer import Optimizer
from worker.d3po.tensor_file import unpack

RATE = 1e-3


def settings(warmup_steps: int) -> TrainingSettings:
    return TrainingSettings(learning_rate=RATE, warmup_steps=warmup_steps, weight_decay=0.0, max_grad_norm=None)


def moves(optimizer: Optimizer, updates: int) -> list[float]:
    """How far each update moves an element where the gradient is always 1 (Adam moves by the rate then)."""
    lengths = []
    for _ in range(updates):
        before = [p.detach().clone() for p in optimizer.parameters.values()]
        for p in optimizer.parameters.values():
            p.grad = torch.ones_like(p)
        optimizer.step()
        pairs = zip(before, optimizer.parameters.values(), strict=True)
        lengths.append(max(float((old - new.detach()).abs().max()) for old, new in pairs))
    return lengths


def adapted():
    return tiny_policy().with_fresh_adapter(4, 4.0, ("to_q",), 0)


def test_the_learning_rate_rises_to_its_full_height():
    found = torch.tensor(moves(Optimizer(adapted(), settings(3)), 6)) / RATE
    torch.testing.assert_close(found, torch.tensor([0.25, 0.5, 0.75, 1, 1, 1]), atol=2e-3, rtol=0)


def test_without_a_warm_up_the_first_step_is_a_whole_one():
    found = torch.tensor(moves(Optimizer(adapted(), settings(0)), 2)) / RATE
    torch.testing.assert_close(found, torch.ones(2), atol=2e-3, rtol=0)


def test_moments_from_another_round_need_no_second_warm_up():
    policy = adapted()
    first = Optimizer(policy, settings(3))
    moves(first, 2)
    second = Optimizer(policy, settings(3))
    second.load_state(unpack(first.to_bytes(), "The optimizer")[0], {})
    found = torch.tensor(moves(second, 3)) / RATE
    torch.testing.assert_close(found, torch.tensor([0.75, 1, 1]), atol=2e-3, rtol=0)
