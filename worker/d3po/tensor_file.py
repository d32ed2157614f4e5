"""safetensors whose bytes are the same every time (its own writer orders the metadata at random)."""

import hashlib
import json
import struct

import safetensors.torch
import torch
from safetensors import SafetensorError

from worker.d3po.errors import CorruptFileError

Tensors = dict[str, torch.Tensor]


def pack(tensors: Tensors, metadata: dict[str, str]) -> bytes:
    """A safetensors file as bytes: `tensors` moved to the CPU, `metadata` in sorted order."""
    whole = safetensors.torch.save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})
    header, body = _split(whole)
    encoded = json.dumps({"__metadata__": dict(sorted(metadata.items())), **header}, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    return struct.pack("<Q", len(encoded)) + encoded + body


def unpack(data: bytes, what: str) -> tuple[Tensors, dict[str, str]]:
    """The tensors and the metadata of a safetensors file.

    Raises CorruptFileError, naming it as `what`, where the file is cut short or is something else.
    """
    try:
        header, _ = _split(data)
        return safetensors.torch.load(data), dict(header.get("__metadata__", {}))
    except (SafetensorError, ValueError, struct.error, AttributeError) as error:
        raise CorruptFileError(
            f"{what} cannot be read ({error}). It is half-written or damaged: make it again."
        ) from error


def tensor_part_sha256(data: bytes) -> str:
    """SHA-256 of the bytes after the header: the tensors, whatever the metadata says."""
    return hashlib.sha256(_split(data)[1]).hexdigest()


def _split(data: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length]), data[8 + length :]
