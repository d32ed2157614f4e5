"""A learner on disk: one safetensors file, written whole, from which training goes on (on a CPU, to the bit)."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scripts.demo_model.errors import DemoModelError
from scripts.demo_model.files import write_whole
from scripts.demo_model.learner import Learner, Position

MODULE = "module."  # what AveragedModel puts before the names of its average


def save(learner: Learner, path: Path, fingerprint: str) -> None:
    """Replace the checkpoint at `path`. `fingerprint` says what it was trained on (see `recipe.fingerprint`)."""
    tensors = {
        **_named("network", learner.network.state_dict()),
        **_named("averaged", learner.averaging.state_dict()),
        **_named("optimizer", _moments(learner)),
    }
    facts = {"position": asdict(learner.position), "scaler": learner.scaler.state_dict(), "fingerprint": fingerprint}
    metadata = {name: json.dumps(fact) for name, fact in facts.items()}
    write_whole(path, lambda part: save_file(tensors, part, metadata=metadata))


def restore(learner: Learner, path: Path, fingerprint: str) -> None:
    """Put a new learner where the checkpoint at `path` stands.

    Raises DemoModelError where the checkpoint was trained by another recipe or on other data.
    """
    with safe_open(path, framework="pt") as file:
        facts = {name: json.loads(fact) for name, fact in file.metadata().items()}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping
    if facts["fingerprint"] != fingerprint:
        raise DemoModelError(
            f"{path} was trained by another recipe or on other data than what lies here now. "
            "Delete it to train this phase anew, or name another folder with --out."
        )
    learner.network.load_state_dict(_under("network", tensors))
    learner.averaging.load_state_dict(_under("averaged", tensors))
    _restore_moments(learner, _under("optimizer", tensors))
    if facts["scaler"]:  # empty where the checkpoint comes from another precision than fp16
        learner.scaler.load_state_dict(facts["scaler"])
    learner.position = Position(**facts["position"])


def load_averaged(network: nn.ModuleDict, path: Path) -> nn.ModuleDict:
    """Fill `network` with the moving average of the checkpoint at `path`, and give it back."""
    averaged = _under("averaged", load_file(path))
    network.load_state_dict({name.removeprefix(MODULE): averaged[name] for name in averaged if name.startswith(MODULE)})
    return network


def _moments(learner: Learner) -> dict[str, Tensor]:
    """The optimizer's state by parameter name, as in `unet.conv_in.weight/exp_avg`."""
    return {
        f"{name}/{moment}": value
        for name, parameter in learner.network.named_parameters()
        for moment, value in learner.optimizer.state[parameter].items()
    }


def _restore_moments(learner: Learner, moments: dict[str, Tensor]) -> None:
    parameters = dict(learner.network.named_parameters())
    for key, value in moments.items():
        name, _, moment = key.rpartition("/")
        parameter = parameters[name]
        # A moment keeps its parameter's memory layout, so that sums round alike; the step count is a scalar.
        kept = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
        learner.optimizer.state[parameter][moment] = kept


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}:{name}": tensor.contiguous() for name, tensor in tensors.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{prefix}:"): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}:")
    }
