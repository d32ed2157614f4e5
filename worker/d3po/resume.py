"""A training run's state after an optimizer step, whole: from it the run goes on to the bit."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from worker.d3po.errors import CorruptFileError, ResumeError
from worker.d3po.records import Preference, TrainingSettings
from worker.d3po.tensor_file import Tensors, pack, unpack

METADATA_KEY = "tastemaker.resume_point"


@dataclass(frozen=True)
class RunIdentity:
    """What a resume point must share with the run that takes it up."""

    training_set: str  # hash of the frozen preferences
    settings: str  # hash of the training settings as stored
    reference: str  # identity of the reference


@dataclass(frozen=True)
class ResumePoint:
    """Everything that an optimizer step reads or changes."""

    run: RunIdentity
    steps: int  # optimizer steps done, which is also the position in the fixed order and the last metrics step
    adapter: Tensors
    optimizer: Tensors
    scaler: dict[str, Any]
    random: Tensors  # states of torch's generators
    totals: dict[str, float]

    def to_bytes(self) -> bytes:
        """As one safetensors file."""
        described = {
            "run": asdict(self.run),
            "steps": self.steps,
            "scaler": self.scaler,
            "totals": self.totals,
        }
        parts = {"adapter": self.adapter, "optimizer": self.optimizer, "random": self.random}
        tensors = {f"{part}:{name}": t for part, members in parts.items() for name, t in members.items()}
        return pack(tensors, {METADATA_KEY: json.dumps(described, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "ResumePoint":
        """Reads what `to_bytes` wrote. Raises CorruptFileError."""
        tensors, metadata = unpack(data, "The resume point")
        parts: dict[str, Tensors] = {"adapter": {}, "optimizer": {}, "random": {}}
        try:
            for name, tensor in tensors.items():
                part, own_name = name.split(":", 1)
                parts[part][own_name] = tensor
            described: dict[str, Any] = parts | json.loads(metadata[METADATA_KEY])
            return cls(run=RunIdentity(**described.pop("run")), **described)
        except (KeyError, ValueError, TypeError) as error:
            raise CorruptFileError(
                "The resume point lacks parts: it was not written here. Start the run anew."
            ) from error

    def check(self, run: RunIdentity) -> None:
        """Raises ResumeError where this belongs to another run, naming what differs."""
        theirs, ours = asdict(self.run), asdict(run)
        differing = [name.replace("_", " ") for name in ours if theirs[name] != ours[name]]
        if differing:
            raise ResumeError(
                f"The resume point belongs to another run: not the same {' or '.join(differing)}. Start the run anew."
            )


def hash_of(records: Sequence[Preference] | TrainingSettings) -> str:
    """SHA-256 of a training set or of settings, for callers that do not bring the hash of their stored JSON."""
    plain = [asdict(record) for record in records] if isinstance(records, Sequence) else asdict(records)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def random_states() -> Tensors:
    """The states of torch's generators: the CPU's and each accelerator's."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {f"cuda{number}": state for number, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def restore_random_states(states: Tensors) -> None:
    """Sets what `random_states` gave, for the generators that this machine has."""
    torch.set_rng_state(states["cpu"])
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            if f"cuda{number}" in states:
                torch.cuda.set_rng_state(states[f"cuda{number}"], number)
