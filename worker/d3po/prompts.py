"""Prompts as the UNet reads them, each encoded alone so that a batch never changes them.

SD 1.x and 2.x read the last hidden states of one CLIP text encoder. SDXL reads the last but one of two, side by side,
and beside them the second one's projected pooled output; what it is told of the picture's size, the policy adds.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

CACHED_PROMPTS = 256


@dataclass(frozen=True)
class Prompts:
    """n prompts as the UNet reads them."""

    embedding: Tensor  # (n, L, D)
    pooled: Tensor | None = None  # (n, P); SDXL alone

    @classmethod
    def joined(cls, parts: Sequence["Prompts"]) -> "Prompts":
        """One after the other."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        return cls(torch.cat([part.embedding for part in parts]), torch.cat(pooled) if pooled else None)

    def repeated(self, times: int) -> "Prompts":
        """The one prompt that this is, `times` times."""
        pooled = None if self.pooled is None else self.pooled.expand(times, -1)
        return Prompts(self.embedding.expand(times, -1, -1), pooled)


@dataclass(frozen=True)
class Encoded:
    """One prompt as the UNet reads it."""

    embedding: Tensor  # (L, D)
    truncated: bool  # the prompt was longer than the text encoder can read; its end was left out
    pooled: Tensor | None = None  # (P,)

    @property
    def alone(self) -> Prompts:
        """As a batch of one."""
        return Prompts(self.embedding[None], None if self.pooled is None else self.pooled[None])


class PromptEncoder:
    """The CLIP text encoder of SD 1.x and 2.x, or SDXL's two, remembering the prompts seen last.

    With `zero_empty` an empty negative prompt is all zeros, as SDXL was trained (`force_zeros_for_empty_prompt`).
    """

    def __init__(
        self, tokenizer: Any, text_encoder: Any, second: tuple[Any, Any] | None = None, *, zero_empty: bool = False
    ) -> None:
        self.tokenizer = tokenizer
        self.text_encoder = text_encoder
        self._second = second  # tokenizer and text encoder
        self._zero_empty = zero_empty
        self._cache: OrderedDict[str, Encoded] = OrderedDict()

    def __call__(self, prompt: str) -> Encoded:
        """The prompt padded, or cut, to the encoder's length."""
        if prompt not in self._cache:
            self._cache[prompt] = self._encode(prompt)
        self._cache.move_to_end(prompt)
        if len(self._cache) > CACHED_PROMPTS:
            self._cache.popitem(last=False)
        return self._cache[prompt]

    def negative(self, prompt: str) -> Encoded:
        """What the guidance leads away from."""
        encoded = self(prompt)
        if prompt or not self._zero_empty:
            return encoded
        pooled = None if encoded.pooled is None else torch.zeros_like(encoded.pooled)
        return Encoded(torch.zeros_like(encoded.embedding), encoded.truncated, pooled)

    @torch.no_grad()
    def _encode(self, prompt: str) -> Encoded:
        if self._second is None:
            return Encoded(self._read(self.tokenizer, self.text_encoder, prompt)[0][0], self._is_cut(prompt))
        first = self._read(self.tokenizer, self.text_encoder, prompt, output_hidden_states=True)
        second = self._read(*self._second, prompt, output_hidden_states=True)
        hidden = torch.cat([first.hidden_states[-2][0], second.hidden_states[-2][0]], dim=-1)
        return Encoded(hidden, self._is_cut(prompt), second.text_embeds[0])

    @staticmethod
    def _read(tokenizer: Any, text_encoder: Any, prompt: str, **options: bool) -> Any:
        limit = tokenizer.model_max_length
        tokens = tokenizer(prompt, padding="max_length", max_length=limit, truncation=True, return_tensors="pt")
        device = text_encoder.device
        mask = tokens.attention_mask.to(device) if getattr(text_encoder.config, "use_attention_mask", False) else None
        return text_encoder(tokens.input_ids.to(device), attention_mask=mask, **options)

    def _is_cut(self, prompt: str) -> bool:
        """Cut to one token more than fits: enough to see, without the tokenizer's warning about its length."""
        limit = self.tokenizer.model_max_length
        return len(self.tokenizer(prompt, truncation=True, max_length=limit + 1).input_ids) > limit
