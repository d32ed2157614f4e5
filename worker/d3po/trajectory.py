"""Trajectories as safetensors bytes, and x_T drawn again from its key."""

import json
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from worker.d3po import noise
from worker.d3po.errors import CorruptFileError
from worker.d3po.noise import EvalNoise, NoiseSource, RoundNoise
from worker.d3po.records import SamplingSettings, Trajectory
from worker.d3po.tensor_file import pack, unpack

METADATA_KEY = "tastemaker.trajectory"
STORAGE = {"fp16": torch.float16, "fp32": torch.float32}
SOURCES: dict[str, type[NoiseSource]] = {"round": RoundNoise, "eval": EvalNoise}


def initial_latents(source: NoiseSource, shape: tuple[int, int, int], storage: torch.dtype) -> Tensor:
    """x_T (C, H, W), rounded to the storage type."""
    return noise.normal(source.initial(), shape).to(storage)


def states_of(trajectory: Trajectory) -> Tensor:
    """x_T, x_{T-1}, …, x_0: (T + 1, C, H, W) in the storage type."""
    channels, height, width = trajectory.latents.shape[1:]
    first = initial_latents(trajectory.noise, (channels, height, width), trajectory.latents.dtype)
    return torch.cat([first[None], trajectory.latents])


def to_bytes(trajectory: Trajectory) -> bytes:
    """The trajectory as one safetensors file, without x_T."""
    kind = next(kind for kind, source in SOURCES.items() if isinstance(trajectory.noise, source))
    described = {
        "prompt": trajectory.prompt,
        "noise": [kind, asdict(trajectory.noise)],
        "sample": trajectory.sample,
        "sampling": asdict(trajectory.sampling),
        "policy": trajectory.policy,
        "precision": trajectory.precision,
    }
    tensors = {"latents": trajectory.latents, "timesteps": trajectory.timesteps, "log_probs": trajectory.log_probs}
    return pack(tensors, {METADATA_KEY: json.dumps(described, sort_keys=True)})


def from_bytes(data: bytes) -> Trajectory:
    """Reads what `to_bytes` wrote. Raises CorruptFileError."""
    tensors, metadata = unpack(data, "The trajectory")
    try:
        described: dict[str, Any] = json.loads(metadata[METADATA_KEY])
        kind, ordinals = described.pop("noise")
        sampling = SamplingSettings(**described.pop("sampling"))
        return Trajectory(**(described | tensors), noise=SOURCES[kind](**ordinals), sampling=sampling)
    except (KeyError, ValueError, TypeError) as error:
        raise CorruptFileError(f"The trajectory's file lacks what is needed to train from it: {error!r}.") from error
