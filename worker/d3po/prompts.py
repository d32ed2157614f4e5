"""Prompts as the text encoder's last hidden states, each encoded alone so that a batch never changes them."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

CACHED_PROMPTS = 256


@dataclass(frozen=True)
class Encoded:
    """One prompt as the UNet reads it."""

    embedding: Tensor  # (L, D)
    truncated: bool  # the prompt was longer than the text encoder can read; its end was left out


class PromptEncoder:
    """The CLIP text encoder of SD 1.x and 2.x, remembering the prompts it saw last."""

    def __init__(self, tokenizer: Any, text_encoder: Any) -> None:
        self.tokenizer = tokenizer
        self.text_encoder = text_encoder
        self._cache: OrderedDict[str, Encoded] = OrderedDict()

    def __call__(self, prompt: str) -> Encoded:
        """The prompt padded, or cut, to the encoder's length."""
        if prompt not in self._cache:
            self._cache[prompt] = self._encode(prompt)
        self._cache.move_to_end(prompt)
        if len(self._cache) > CACHED_PROMPTS:
            self._cache.popitem(last=False)
        return self._cache[prompt]

    @torch.no_grad()
    def _encode(self, prompt: str) -> Encoded:
        limit = self.tokenizer.model_max_length
        tokens = self.tokenizer(prompt, padding="max_length", max_length=limit, truncation=True, return_tensors="pt")
        device = self.text_encoder.device
        mask = (
            tokens.attention_mask.to(device) if getattr(self.text_encoder.config, "use_attention_mask", False) else None
        )
        hidden = self.text_encoder(tokens.input_ids.to(device), attention_mask=mask)[0][0]
        # cut to one token more than fits: enough to see, without the tokenizer's warning about its length
        length = len(self.tokenizer(prompt, truncation=True, max_length=limit + 1).input_ids)
        return Encoded(hidden, truncated=length > limit)
