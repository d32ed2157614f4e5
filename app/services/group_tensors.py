"""The trajectories of a group's samples in one safetensors file, without torch: tensors are moved, never computed.

Of sample number N there are `N.latents` (T, C, H, W), x_{T-1} … x_0 in the storage type, `N.timesteps` (T,) int64 and
`N.log_probs` (T,); `x_T` (C, H, W), which all of them share, is drawn again from its key.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from app.errors import Damaged

FLOATS = {"F16": np.float16, "F32": np.float32}
WIDTHS = {"F16": 2, "F32": 4, "F64": 8, "I64": 8}
DESCRIBED = "tastemaker.trajectory"


def group_file(paths: Mapping[int, bytes], metadata: Mapping[str, str]) -> bytes:
    """The stored trajectories of samples, by their number in the group, as one file. Raises `Damaged`."""
    tensors: dict[str, tuple[str, list[int], bytes]] = {}
    told = {"format": "pt", **metadata}
    for number, data in paths.items():
        header, body = _parts(data)
        described = header.pop("__metadata__")[DESCRIBED]
        told[f"{DESCRIBED}.{number}"] = described
        for name, one in header.items():
            begin, end = one["data_offsets"]
            tensors[f"{number}.{name}"] = (one["dtype"], one["shape"], body[begin:end])
        if "x_T" not in tensors:
            latents = header["latents"]
            tensors["x_T"] = (latents["dtype"], latents["shape"][1:], _first_noise(described, latents))
    return _joined(tensors, told)


def first_noise(seed: int, round_number: int, group_number: int, shape: tuple[int, ...]) -> np.ndarray:
    """x_T of a group before it is rounded to the storage type: normals in fp32 that its ordinals alone decide.

    SHA-256 of the key as JSON, whose first half keys Philox 4x64; 53 bits of each word; Box-Muller in float64.
    """
    key = json.dumps(["x_T", seed, round_number, group_number], separators=(",", ":"))
    generator = np.random.Philox(key=int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "little"))
    count = int(np.prod(shape))
    half = (count + 1) // 2
    uniform = (generator.random_raw(2 * half) >> np.uint64(11)) * 2.0**-53
    radius, angle = np.sqrt(-2.0 * np.log1p(-uniform[:half])), 2.0 * np.pi * uniform[half:]
    normals = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
    drawn: np.ndarray = normals.astype(np.float32).reshape(shape)
    return drawn


def _first_noise(described: str, latents: Mapping[str, Any]) -> bytes:
    _, ordinals = json.loads(described)["noise"]
    shape = tuple(latents["shape"][1:])
    drawn = first_noise(ordinals["study_seed"], ordinals["round_number"], ordinals["group_number"], shape)
    return drawn.astype(FLOATS[latents["dtype"]]).tobytes()


def _parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and its tensors' bytes."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        return json.loads(data[8 : 8 + length]), data[8 + length :]
    except (struct.error, ValueError) as error:
        raise Damaged("A stored trajectory is no safetensors file.", "Its chunk has to be made again.") from error


def _joined(tensors: Mapping[str, tuple[str, list[int], bytes]], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file: the widest types first, so that every tensor is aligned without gaps, which are forbidden."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at, bodies = 0, []
    for name, (dtype, shape, body) in sorted(tensors.items(), key=lambda item: (-WIDTHS[item[1][0]], item[0])):
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(body)]}
        at += len(body)
        bodies.append(body)
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    return b"".join([struct.pack("<Q", len(encoded)), encoded, *bodies])
