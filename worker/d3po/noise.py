"""Noise that depends on its key alone: never on a batch, a database id, a device or an earlier draw.

A key is a tuple of ordinals. Its SHA-256 keys NumPy's Philox 4x64 (Salmon et al., "Parallel Random Numbers: As Easy as
1, 2, 3", SC 2011), a counter-based generator whose raw bits NumPy guarantees not to change; they become normals by the
Box-Muller transform in float64, rounded to fp32 once. (NumPy's own `standard_normal` carries no such guarantee.)
"""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import torch

Key = tuple[int | str, ...]


@dataclass(frozen=True)
class RoundNoise:
    """The noise of one group of a preference round, by ordinals."""

    study_seed: int
    round_number: int
    group_number: int

    def initial(self) -> Key:
        """Key of x_T, which all samples of the group share."""
        return ("x_T", self.study_seed, self.round_number, self.group_number)

    def step(self, sample: int, step: int) -> Key:
        """Key of the noise injected into sample number `sample` at step number `step` (0 is the first)."""
        return ("step", self.study_seed, self.round_number, self.group_number, sample, step)


@dataclass(frozen=True)
class EvalNoise:
    """The noise of one evaluation picture: the same in every round and for every policy."""

    study_seed: int
    prompt_number: int
    draw_number: int

    def initial(self) -> Key:
        """Key of x_T."""
        return ("x_T", self.study_seed, "eval", self.prompt_number, self.draw_number)

    def step(self, sample: int, step: int) -> Key:
        """Key of the noise injected at step number `step`; the sample's number has no part in it."""
        return ("step", self.study_seed, "eval", self.prompt_number, self.draw_number, step)


NoiseSource = RoundNoise | EvalNoise


def normal(key: Key, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normals of `shape`, fp32 on the CPU, a function of `key` and `shape` alone."""
    count = int(np.prod(shape))
    half = (count + 1) // 2
    uniform = _uniform(key, 2 * half)
    radius = np.sqrt(-2.0 * np.log1p(-uniform[:half]))
    angle = 2.0 * np.pi * uniform[half:]
    normals = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
    return torch.from_numpy(normals.astype(np.float32).reshape(shape))


def pick(key: Key, count: int, among: int) -> list[int]:
    """`count` different numbers below `among`, ascending, a function of the key alone."""
    return sorted(np.argsort(_uniform(key, among), kind="stable")[:count].tolist())


def _uniform(key: Key, count: int) -> np.ndarray:
    """`count` float64 values in [0, 1), from the upper 53 bits of each raw word."""
    digest = hashlib.sha256(json.dumps(key, separators=(",", ":")).encode()).digest()
    words = np.random.Philox(key=int.from_bytes(digest[:16], "little")).random_raw(count)
    return (words >> np.uint64(11)) * 2.0**-53
