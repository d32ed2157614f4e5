"""AdamW over the adapter's parameters, and its state as named tensors that outlive the process."""

import json
from typing import Any

import torch
from torch import Tensor

from worker.d3po.errors import CorruptFileError, SettingsError
from worker.d3po.policy import Policy
from worker.d3po.records import TrainingSettings
from worker.d3po.tensor_file import Tensors, pack, unpack

METADATA_KEY = "tastemaker.optimizer"


class Optimizer:
    """One update per `step`: gradients unscaled, their norm clipped, AdamW (Loshchilov & Hutter, arXiv 1711.05101)."""

    def __init__(self, policy: Policy, settings: TrainingSettings) -> None:
        self.parameters = policy.trainable()
        self.max_norm = settings.max_grad_norm
        self.learning_rate, self.warmup_steps = settings.learning_rate, settings.warmup_steps
        self.adamw = torch.optim.AdamW(
            self.parameters.values(),
            lr=settings.learning_rate,
            betas=(settings.adam_beta1, settings.adam_beta2),
            eps=settings.adam_epsilon,
            weight_decay=settings.weight_decay,
        )
        self.scaler = torch.amp.GradScaler(policy.device.type, enabled=policy.precision == "fp16")

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of a part of the step's loss."""
        self.scaler.scale(loss).backward()

    def gradient_norm(self) -> float:
        """The norm of the summed gradients, which are clipped to `max_norm` (call it once, before `step`)."""
        self.scaler.unscale_(self.adamw)
        limit = torch.inf if self.max_norm is None else self.max_norm
        return float(torch.nn.utils.clip_grad_norm_(self.parameters.values(), limit))

    def step(self) -> None:
        """Updates the parameters (not where an fp16 gradient overflowed) and clears the gradients."""
        for group in self.adamw.param_groups:
            group["lr"] = self.learning_rate * self._warmth()
        self.scaler.step(self.adamw)
        self.scaler.update()
        self.adamw.zero_grad(set_to_none=True)

    def _warmth(self) -> float:
        """The share of the learning rate that the next update gets: it rises while AdamW has few gradients to go by.

        It counts the updates behind AdamW's moments, so moments carried over from another round need no warm-up.
        """
        if not self.warmup_steps:
            return 1.0
        states = self.adamw.state.values()
        done = next((float(state["step"]) for state in states), 0.0)
        return min(1.0, (done + 1) / (self.warmup_steps + 1))

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """Moments and step counts as "<parameter>/<name>", and the scaler's state."""
        tensors = {
            f"{name}/{key}": value.detach().cpu().clone()
            for name, parameter in self.parameters.items()
            for key, value in self.adamw.state.get(parameter, {}).items()
        }
        return tensors, self.scaler.state_dict()

    def load_state(self, tensors: Tensors, scaler: dict[str, Any]) -> None:
        """Takes up what `state` gave, with the learning rate of the present settings.

        Raises SettingsError where the moments belong to an adapter of another shape.
        """
        for name, parameter in self.parameters.items():
            prefix = f"{name}/"
            state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            if tensors and ("exp_avg" not in state or state["exp_avg"].shape != parameter.shape):
                raise SettingsError(
                    "The optimizer's state belongs to an adapter of another shape. Train with optimizer_state = fresh."
                )
            if state:
                self.adamw.state[parameter] = {
                    key: value.clone() if key == "step" else value.to(parameter) for key, value in state.items()
                }
        if self.scaler.is_enabled() and scaler:
            self.scaler.load_state_dict(scaler)

    def to_bytes(self) -> bytes:
        """The state as a safetensors file, to be carried into the next round."""
        tensors, scaler = self.state()
        return pack(tensors, {METADATA_KEY: json.dumps(scaler)})

    def load_bytes(self, data: bytes) -> None:
        """Takes up what `to_bytes` wrote. Raises CorruptFileError, SettingsError."""
        tensors, metadata = unpack(data, "The optimizer's state")
        if METADATA_KEY not in metadata:
            raise CorruptFileError("The optimizer's state was not written here. Train with optimizer_state = fresh.")
        self.load_state(tensors, json.loads(metadata[METADATA_KEY]))
