"""Judges that are CLIP models: they embed picture and prompt, and say how near the two are.

The CLIP score is that of J. Hessel et al., "CLIPScore" (arXiv 2104.08718), as D3PO's alignment figures give it: a
hundred times the cosine. PickScore is Y. Kirstain et al., "Pick-a-Pic" (arXiv 2305.01569): a CLIP model trained on what
people chose, whose score is the cosine times the model's own temperature.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.judges.scorer import Scorer
from worker.judges.weights import Source, load

if TYPE_CHECKING:
    import torch

WORDS = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json")
PICTURES = "preprocessor_config.json"
LARGE = "openai/clip-vit-large-patch14"
HUGE = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"


@dataclass(frozen=True)
class Clip:
    """A CLIP model with what prepares its inputs."""

    model: Any
    tokenizer: Any
    processor: Any
    device: str

    def pictures(self, images: Sequence[np.ndarray]) -> "torch.Tensor":
        """Unit embeddings of pictures, a row each."""
        values = self.processor(images=list(images), return_tensors="pt")["pixel_values"]
        return _unit(self.model.get_image_features(pixel_values=values.to(self.device)).pooler_output)

    def prompts(self, texts: Sequence[str]) -> "torch.Tensor":
        """Unit embeddings of prompts, a row each; a long one is cut where the model reads no further."""
        most = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(list(texts), padding=True, truncation=True, max_length=most, return_tensors="pt")
        return _unit(self.model.get_text_features(**tokens.to(self.device)).pooler_output)

    def cosines(self, images: Sequence[np.ndarray], texts: Sequence[str]) -> "torch.Tensor":
        """How near each picture is to its prompt. A prompt that comes several times is embedded once."""
        known = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        embedded = self.prompts(list(known))[[known[text] for text in texts]]
        return (self.pictures(images) * embedded).sum(dim=-1)


class ClipJudge(Scorer, ABC):
    """A judge that loads a CLIP model at first use."""

    needs_device = True
    sources: Sequence[Source] = ()

    def __init__(self) -> None:
        self._device = "cpu"
        self._folder: Path | None = None
        self._clip: Clip | None = None

    def prepare(self, device: str, weights: Path | None) -> None:
        if (device, weights) != (self._device, self._folder):
            self._device, self._folder, self._clip = device, weights, None

    def score_batch(self, images: Sequence[np.ndarray], prompts: Sequence[str]) -> Sequence[float]:
        import torch

        with torch.inference_mode():
            return [float(value) for value in self.said(self.clip(), images, prompts)]

    @abstractmethod
    def said(self, clip: Clip, images: Sequence[np.ndarray], prompts: Sequence[str]) -> "torch.Tensor":
        """The scores, a tensor of one for each picture."""

    def clip(self) -> Clip:
        """The model, loaded at the first call. Raises `JudgeError` saying what to download."""
        if self._clip is None:
            self._clip = load(self.name, self._folder, self.sources, self._read)
        return self._clip

    def _read(self, places: list[str]) -> Clip:
        """From where the model lies, and where its tokenizer and processor do."""
        from transformers import CLIPModel

        model = CLIPModel.from_pretrained(places[0], use_safetensors=True)
        return assemble(model, places[-1], self._device)


def assemble(model: Any, place: str, device: str) -> Clip:
    """A model with the tokenizer and the processor that lie at `place`."""
    import torch
    from transformers import CLIPImageProcessorPil, CLIPTokenizer

    ready = model.to(device=device, dtype=torch.float32).eval()
    return Clip(ready, CLIPTokenizer.from_pretrained(place), CLIPImageProcessorPil.from_pretrained(place), device)


class ClipScore(ClipJudge):
    """A hundred times the cosine of picture and prompt, never below 0."""

    name = "clip_score"
    about = "How well the picture fits its prompt: CLIP ViT-L/14, a hundred times the cosine."
    sources = (Source(LARGE, ("config.json", "model.safetensors", PICTURES, *WORDS)),)

    def said(self, clip: Clip, images: Sequence[np.ndarray], prompts: Sequence[str]) -> "torch.Tensor":
        return 100 * clip.cosines(images, prompts).clamp(min=0)


class PickScore(ClipJudge):
    """The cosine of picture and prompt times the model's temperature."""

    name = "pickscore"
    about = "Which picture people would pick for the prompt: PickScore v1, a CLIP ViT-H/14 trained on their choices."
    sources = (
        Source("yuvalkirstain/PickScore_v1", ("config.json", "model.safetensors")),
        Source(HUGE, (PICTURES, *WORDS)),
    )

    def said(self, clip: Clip, images: Sequence[np.ndarray], prompts: Sequence[str]) -> "torch.Tensor":
        return clip.model.logit_scale.exp() * clip.cosines(images, prompts)


def _unit(features: "torch.Tensor") -> "torch.Tensor":
    return features / features.norm(dim=-1, keepdim=True)
