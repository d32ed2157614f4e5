"""Where the networks run, and in which precision."""

from dataclasses import dataclass

import torch

from scripts.demo_model.errors import DemoModelError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Compute:
    """A device and the type of its autocast; weights, losses and optimizer are fp32 throughout."""

    device: torch.device
    dtype: torch.dtype

    def autocast(self) -> torch.autocast:
        """The context for a forward pass; does nothing in fp32."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32)

    def scaler(self) -> torch.amp.GradScaler:
        """What keeps small fp16 gradients from vanishing; does nothing in the other types."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)


def choose_compute(device: str, precision: str) -> Compute:
    """`auto` takes CUDA where there is one, and half precision where the hardware computes in it.

    Raises DemoModelError where the device or the precision asked for is not to be had.
    """
    name = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    if precision != "auto" and precision not in PRECISIONS:
        raise DemoModelError(f"Unknown precision {precision!r}: choose auto, {', '.join(PRECISIONS)}.")
    try:
        chosen = torch.device(name)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise DemoModelError(f"No device {name!r} here ({error}). Choose --device cpu.") from error
    return Compute(chosen, PRECISIONS[precision] if precision != "auto" else _fast_type(chosen))


def _fast_type(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and torch.cpu.get_capabilities().get("amx_bf16", False):
        return torch.bfloat16
    return torch.float32
