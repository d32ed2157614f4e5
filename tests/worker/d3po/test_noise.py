"""Noise depends on its key alone."""

import hashlib

import numpy as np
import torch

from worker.d3po import EvalNoise, RoundNoise
from worker.d3po.noise import normal, pick


def test_the_same_key_gives_the_same_noise_and_another_key_gives_other_noise() -> None:
    keys = [
        RoundNoise(0, 1, 2).initial(),
        RoundNoise(0, 2, 1).initial(),
        RoundNoise(1, 1, 2).initial(),
        EvalNoise(0, 1, 2).initial(),
        RoundNoise(0, 1, 2).step(0, 0),
        RoundNoise(0, 1, 2).step(0, 1),
        RoundNoise(0, 1, 2).step(1, 0),
        EvalNoise(0, 1, 2).step(0, 0),
        EvalNoise(0, 1, 2).step(0, 1),
    ]
    drawn = [normal(key, (4, 8, 8)) for key in keys]
    assert all(torch.equal(first, normal(key, (4, 8, 8))) for key, first in zip(keys, drawn, strict=True))
    assert len({tensor.numpy().tobytes() for tensor in drawn}) == len(keys)


def test_noise_is_the_same_on_every_machine_and_in_every_version() -> None:
    values = normal(RoundNoise(0, 1, 0).step(1, 7), (4, 16, 16))
    assert values.dtype == torch.float32
    # to 1e-5: the last bit may follow the machine's own logarithm
    digest = hashlib.sha256(np.round(values.numpy().astype(np.float64), 4).tobytes()).hexdigest()
    assert digest == "287455993041952d2c3c55217234a2ceabe25a1b29c6305a8efaefe1c4d9a7ca"


def test_an_evaluation_picture_has_one_noise_whatever_the_sample_is_called() -> None:
    assert EvalNoise(0, 3, 1).step(0, 5) == EvalNoise(0, 3, 1).step(9, 5)
    assert RoundNoise(0, 3, 1).step(0, 5) != RoundNoise(0, 3, 1).step(9, 5)


def test_the_noise_is_standard_normal_and_uncorrelated_between_keys() -> None:
    first, second = (normal(RoundNoise(0, 1, group).initial(), (100_001,)).double() for group in (0, 1))
    assert abs(float(first.mean())) < 0.01
    assert abs(float(first.std()) - 1) < 0.01
    assert abs(float((first**4).mean()) - 3) < 0.15
    assert abs(float((first * second).mean())) < 0.01
    assert torch.isfinite(first).all()


def test_picking_gives_different_numbers_in_order_and_covers_all() -> None:
    picked = [tuple(pick(("steps", 0, group), 5, 19)) for group in range(40)]
    assert all(list(p) == sorted(set(p)) and len(p) == 5 for p in picked)
    assert {number for p in picked for number in p} == set(range(19))
