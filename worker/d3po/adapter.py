"""A LoRA adapter as plain tensors: what a checkpoint holds, apart from any model it is put on."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from worker.d3po import noise
from worker.d3po.errors import CorruptFileError, SettingsError
from worker.d3po.records import OFF
from worker.d3po.tensor_file import Tensors, pack, unpack

METADATA_KEY = "tastemaker.adapter"

_PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
LORA_TARGETS = {  # by `lora_layers`: how the adapted modules' names end; attn2 is diffusers' attention to the text
    "attention": _PROJECTIONS,
    "cross_attention": tuple(f"attn2.{projection}" for projection in _PROJECTIONS),
    "transformer": (*_PROJECTIONS, "ff.net.0.proj", "ff.net.2"),
}


def lora_targets(layers: str, modules: Iterable[str]) -> tuple[str, ...]:
    """How the names of the adapted modules end, by `lora_layers` and the names of all of a UNet's modules.

    `last_up_block` is the attention nearest to the UNet's output and its feed-forward layers: what stands in a picture
    is settled before it, colour and texture are not (for SDXL's up blocks: Frenkel et al., arXiv 2403.14572). Raises
    SettingsError where no up block has attention.
    """
    if layers != "last_up_block":
        return LORA_TARGETS[layers]
    endings = tuple(f".{target}" for target in LORA_TARGETS["transformer"])
    found = [name for name in modules if name.startswith("up_blocks.") and name.endswith(endings)]
    if not found:
        raise SettingsError("No up block of the UNet has attention: choose other lora_layers.")
    last = max(int(name.split(".")[1]) for name in found)
    return tuple(name for name in found if name.startswith(f"up_blocks.{last}."))


@dataclass(frozen=True)
class Adapter:
    """A (rank, in) and B (out, rank) of every adapted module; the module's output gains (alpha / rank) B A x."""

    tensors: Tensors  # "<module>.lora_A.weight" and "<module>.lora_B.weight", fp32 on the CPU
    rank: int
    alpha: float

    @property
    def modules(self) -> list[str]:
        """Names of the adapted modules, sorted."""
        return sorted({name.rsplit(".lora_", 1)[0] for name in self.tensors})

    @property
    def identity(self) -> str:
        """SHA-256 of the adapter, or "off" where every B is zero: such a policy is the base model to the bit."""
        if not any(t.any() for name, t in self.tensors.items() if ".lora_B." in name):
            return OFF
        digest = hashlib.sha256(f"{self.rank} {float(self.alpha)!r}".encode())
        for name, tensor in sorted(self.tensors.items()):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def to_bytes(self) -> bytes:
        """The adapter as a safetensors file."""
        return pack(self.tensors, {METADATA_KEY: json.dumps({"rank": self.rank, "lora_alpha": self.alpha})})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Adapter":
        """Reads what `to_bytes` wrote. Raises CorruptFileError."""
        tensors, metadata = unpack(data, "The adapter")
        try:
            shape = json.loads(metadata[METADATA_KEY])
            return cls(tensors, int(shape["rank"]), float(shape["lora_alpha"]))
        except (KeyError, ValueError) as error:
            raise CorruptFileError(
                "The adapter's file does not say its rank and lora_alpha: it was not written here."
            ) from error


def fresh_adapter(shapes: dict[str, tuple[int, int]], rank: int, alpha: float, seed: int) -> Adapter:
    """An adapter that does nothing yet: B zero, A normal with standard deviation 1/rank, a function of the seed alone.

    `shapes` gives (out, in) of each module. The distribution is that of
    peft's `init_lora_weights="gaussian"`.
    """
    tensors: Tensors = {}
    for module, (outputs, inputs) in shapes.items():
        tensors[f"{module}.lora_A.weight"] = noise.normal(("lora", seed, module), (rank, inputs)) / rank
        tensors[f"{module}.lora_B.weight"] = torch.zeros(outputs, rank)
    return Adapter(tensors, rank, alpha)
