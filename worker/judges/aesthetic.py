"""The LAION aesthetic predictor V2: a small head on CLIP ViT-L/14's picture embedding, trained on people's ratings from
1 to 10 (C. Schuhmann, "improved-aesthetic-predictor"); the objective of DDPO and D3PO."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.judges.clip import LARGE, PICTURES, WORDS, Clip, ClipJudge, assemble
from worker.judges.weights import Source, read_tensors

if TYPE_CHECKING:
    import torch

HEAD = "aesthetic-model.pth"  # `sac+logos+ava1-l14-linearMSE.pth` of the predictor's own repository
WIDTHS = (1024, 128, 64, 16, 1)


class Aesthetic(ClipJudge):
    """How people would rate the picture's looks."""

    name = "aesthetic"
    about = "How people would rate its looks from 1 to 10, whatever the prompt: LAION's predictor on CLIP ViT-L/14."
    sources = (
        Source(LARGE, ("config.json", "model.safetensors", PICTURES, *WORDS)),
        Source("trl-lib/ddpo-aesthetic-predictor", (HEAD,)),
    )

    def said(self, clip: Clip, images: Sequence[np.ndarray], prompts: Sequence[str]) -> "torch.Tensor":
        ratings: torch.Tensor = clip.model.aesthetic_head(clip.pictures(images))
        return ratings.squeeze(-1)

    def _read(self, places: list[str]) -> Clip:
        from transformers import CLIPModel

        model: Any = CLIPModel.from_pretrained(places[0], use_safetensors=True)
        model.aesthetic_head = read_head(places[1], model.config.projection_dim)
        return assemble(model, places[0], self._device)


def head(width: int) -> Any:
    """The head for embeddings of this width; its layers are linear, with dropout between that scoring leaves out."""
    from torch import nn

    layers: list[nn.Module] = []
    for before, after, dropout in zip((width, *WIDTHS), WIDTHS, (0.2, 0.2, 0.1, None, None), strict=False):
        layers.append(nn.Linear(before, after))
        if dropout is not None:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)


def read_head(place: str, width: int) -> Any:
    """The head from a folder, or from the hub's repository."""
    made = head(width)
    made.load_state_dict({key.removeprefix("layers."): value for key, value in read_tensors(place, HEAD).items()})
    return made
