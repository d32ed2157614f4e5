"""A policy: a base model and at most one LoRA adapter on its UNet's attention (peft)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor

from worker.d3po.adapter import Adapter, fresh_adapter
from worker.d3po.errors import ModelError, SettingsError
from worker.d3po.loading import BaseModel, load_base_model, resolve_device
from worker.d3po.prompts import Encoded, PromptEncoder, Prompts
from worker.d3po.records import OFF, Precision
from worker.d3po.schedule import Schedule, make_schedule


class Policy:
    """The weights that draw samples and are trained. The adapter is changed in place; the base never changes."""

    def __init__(self, base: BaseModel) -> None:
        self.base = base
        self.unet = base.unet
        # asked once: diffusers walks through the whole model for either, at every call
        self.device: torch.device = base.unet.device  # where the weights lie
        self._unet_dtype: torch.dtype = base.unet.dtype
        second = None if base.text_encoder_2 is None else (base.tokenizer_2, base.text_encoder_2)
        self._encode = PromptEncoder(base.tokenizer, base.text_encoder, second, zero_empty=base.zero_negative)
        self._layers: list[BaseTunerLayer] = []  # the adapted modules
        self._rank: int | None = None
        self._alpha = 0.0

    # --- what it is

    @property
    def precision(self) -> str:
        """Of the frozen UNet: fp32, fp16, bf16 or fp64."""
        return self.base.precision

    @property
    def exact_dtype(self) -> torch.dtype:
        """The type of mu, sigma, log-density, adapter and optimizer: fp32, or float64 for a float64 UNet."""
        return torch.promote_types(self._unet_dtype, torch.float32)

    @property
    def identity(self) -> str:
        """The adapter's hash, or "off" where none is in force."""
        adapter = self.adapter
        return OFF if adapter is None or self._is_off() else adapter.identity

    def latent_shape(self, height: int | None = None, width: int | None = None) -> tuple[int, int, int]:
        """(C, H, W) of the latents of a picture of the given size in pixels (default: the model's own).

        Raises SettingsError where a size is no multiple of the VAE's factor.
        """
        own, factor = self.unet.config.sample_size, self.vae_factor
        for size in (height, width):
            if size is not None and (size < factor or size % factor):
                raise SettingsError(f"A side of {size} pixels cannot be drawn: this model needs multiples of {factor}.")
        return (
            self.unet.config.in_channels,
            height // factor if height else own,
            width // factor if width else own,
        )

    @property
    def vae_factor(self) -> int:
        """Pixels per latent element, in each direction."""
        return 2 ** (len(self.base.vae.config.block_out_channels) - 1)

    def schedule(self, steps: int, eta: float) -> Schedule:
        """The model's own DDIM schedule."""
        return make_schedule(self.base.scheduler, steps, eta)

    # --- the adapter

    @property
    def adapter(self) -> Adapter | None:
        """A copy of the adapter, fp32 (float64 for a float64 UNet) on the CPU."""
        if self._rank is None:
            return None
        state = get_peft_model_state_dict(self.unet)
        return Adapter({name: t.detach().cpu().clone() for name, t in state.items()}, self._rank, self._alpha)

    def with_adapter(self, adapter: Adapter | bytes | None) -> "Policy":
        """Puts an adapter on this policy in place of the one it has (None: the bare base), and returns it.

        Raises ModelError where the adapter belongs to another model, CorruptFileError where its bytes cannot be read.
        """
        if isinstance(adapter, bytes):
            adapter = Adapter.from_bytes(adapter)
        if self._rank is not None:
            self.unet.unload_lora()
            self._layers, self._rank = [], None
        if adapter is not None:
            self._add(adapter)
        return self

    def with_fresh_adapter(self, rank: int, alpha: float, targets: tuple[str, ...], seed: int) -> "Policy":
        """Puts on an adapter that does nothing yet, at every linear layer whose name ends as in `targets`."""
        endings = tuple(f".{target}" for target in targets)
        shapes = {
            name: (module.out_features, module.in_features)
            for name, module in self.with_adapter(None).unet.named_modules()
            if isinstance(module, torch.nn.Linear) and f".{name}".endswith(endings)
        }
        if not shapes:
            raise ModelError(f"No module of the UNet has a name that ends in one of {', '.join(targets)}.")
        return self.with_adapter(fresh_adapter(shapes, rank, alpha, seed))

    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """The adapter's own parameters by name, in a fixed order."""
        return {name: p for name, p in self.unet.named_parameters() if p.requires_grad}

    @contextmanager
    def adapter_off(self) -> Iterator[None]:
        """Within it the policy is the base model."""
        for layer in self._layers:
            layer.enable_adapters(enabled=False)
        try:
            yield
        finally:
            for layer in self._layers:
                layer.enable_adapters(enabled=True)

    @contextmanager
    def swapped(self, adapter: Adapter | None) -> Iterator[None]:
        """Within it the policy is the one with `adapter` (of the same shape as its own; None: the base)."""
        if adapter is None or self._rank is None:
            with self.adapter_off():
                yield
            return
        own = self.adapter
        assert own is not None
        self.load_values(adapter)
        try:
            yield
        finally:
            self.load_values(own)

    def load_values(self, adapter: Adapter) -> None:
        """Copies another adapter's values into this one's parameters, which stay the same objects."""
        set_peft_model_state_dict(self.unet, adapter.tensors)

    def _add(self, adapter: Adapter) -> None:
        known = dict(self.unet.named_modules())
        unknown = [name for name in adapter.modules if name not in known]
        if unknown:
            raise ModelError(f"The adapter was made for another model: this one has no module {unknown[0]!r}.")
        config = LoraConfig(r=adapter.rank, lora_alpha=adapter.alpha, target_modules=adapter.modules)  # type: ignore[arg-type]
        self.unet.add_adapter(config)
        self._layers = [module for module in self.unet.modules() if isinstance(module, BaseTunerLayer)]
        self._rank, self._alpha = adapter.rank, adapter.alpha
        for parameter in self.trainable().values():
            parameter.data = parameter.data.to(self.exact_dtype)
        try:
            self.load_values(adapter)
        except RuntimeError as error:
            self.with_adapter(None)
            raise ModelError(f"The adapter was made for another model: {error}") from error

    def _is_off(self) -> bool:
        return any(layer.disable_adapters for layer in self._layers)

    # --- what it computes

    def encode(self, prompt: str) -> Encoded:
        """The prompt as the UNet reads it."""
        return self._encode(prompt)

    def encode_negative(self, prompt: str) -> Encoded:
        """The negative prompt as the UNet reads it; an empty one is all zeros where the model was trained so (SDXL)."""
        return self._encode.negative(prompt)

    def guided_output(self, x: Tensor, timestep: Tensor, prompt: Prompts, negative: Prompts, guidance: float) -> Tensor:
        """out_uncond + w (out_cond - out_uncond), both from one forward pass of 2n rows (n where w = 1).

        x (n, C, H, W), timestep (n,), n prompts and negative ones; the result is (n, C, H, W) in `exact_dtype`.
        """
        if guidance == 1:
            return self._output(x, timestep, prompt)
        prompts = Prompts.joined([negative, prompt])
        both = self._output(torch.cat([x, x]), torch.cat([timestep, timestep]), prompts)
        uncond, cond = both.chunk(2)
        return uncond + guidance * (cond - uncond)

    def _output(self, x: Tensor, timestep: Tensor, prompts: Prompts) -> Tensor:
        rows = x.to(self._unet_dtype, memory_format=torch.channels_last)
        text = prompts.embedding.to(self._unet_dtype)
        beside = self._beside(x, prompts)
        out = self.unet(rows, timestep.to(self.device), text, added_cond_kwargs=beside, return_dict=False)[0]
        return out.to(self.exact_dtype, memory_format=torch.contiguous_format)

    def _beside(self, x: Tensor, prompts: Prompts) -> dict[str, Tensor] | None:
        """What SDXL is told beside the text: the pooled prompt, and the size it draws, whole and not cropped."""
        if prompts.pooled is None:
            return None
        height, width = (side * self.vae_factor for side in x.shape[-2:])
        size = torch.tensor([height, width, 0, 0, height, width], device=self.device, dtype=self._unet_dtype)
        return {"text_embeds": prompts.pooled.to(self._unet_dtype), "time_ids": size.expand(len(x), -1)}

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (n, H, W, 3) as uint8 on the CPU, from latents (n, C, H, W)."""
        vae = self.base.vae
        pictures = vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]
        scaled = (pictures / 2 + 0.5).clamp(0, 1) * 255
        return scaled.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu()


def load_policy(
    source: str,
    *,
    revision: str | None = None,
    family: str | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    adapter: bytes | None = None,
) -> Policy:
    """Loads a diffusers pipeline (folder or hub id) as a policy, with the adapter of a checkpoint or none.

    `precision` is that of the frozen UNet: auto is fp16 on an accelerator and fp32 on a CPU (fp64 is for checks).
    Raises ModelError for what is no Stable Diffusion pipeline, CorruptFileError for a damaged adapter.
    """
    base = load_base_model(str(source), revision, family, resolve_device(device), precision)
    return Policy(base).with_adapter(adapter)
