"""HPS v2.1: X. Wu et al., "Human Preference Score v2" (arXiv 2306.09341), a CLIP ViT-H/14 trained on what people chose.

Its weights are published in the layout of open_clip alone; here they are put into transformers' own CLIP, so that no
further package is needed.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.judges.clip import HUGE, PICTURES, WORDS, Clip, ClipJudge, assemble
from worker.judges.weights import Source, read_tensors

if TYPE_CHECKING:
    import torch

WEIGHTS = "HPS_v2.1_compressed.pt"
BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
SIDES = {"visual.transformer.resblocks": "vision_model", "transformer.resblocks": "text_model"}
ALONE = {
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "ln_final": "text_model.final_layer_norm",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre": "vision_model.pre_layrnorm",
    "visual.ln_post": "vision_model.post_layernorm",
    "logit_scale": "logit_scale",
}
TURNED = {"text_projection": "text_projection.weight", "visual.proj": "visual_projection.weight"}


class HumanPreference(ClipJudge):
    """The cosine of picture and prompt."""

    name = "hps"
    about = "Which picture people would prefer for the prompt: Human Preference Score v2.1, a CLIP ViT-H/14."
    sources = (
        Source("xswu/HPSv2", (WEIGHTS,)),
        Source(HUGE, ("config.json", PICTURES, *WORDS)),
    )

    def said(self, clip: Clip, images: Sequence[np.ndarray], prompts: Sequence[str]) -> "torch.Tensor":
        return clip.cosines([squared(image) for image in images], prompts)

    def _read(self, places: list[str]) -> Clip:
        from transformers import CLIPConfig, CLIPModel

        model = CLIPModel(CLIPConfig.from_pretrained(places[1]))
        stored = read_tensors(places[0], WEIGHTS)
        model.load_state_dict(converted(stored.get("state_dict", stored)))
        return assemble(model, places[1], self._device)


def squared(image: np.ndarray) -> np.ndarray:
    """The picture in the middle of a black square: HPS sees all of it, where other CLIP models crop the middle out."""
    height, width = image.shape[:2]
    size = max(height, width)
    top, left = (size - height) // 2, (size - width) // 2
    return np.pad(image, ((top, size - height - top), (left, size - width - left), (0, 0)))


def converted(stored: Mapping[str, Any]) -> dict[str, Any]:
    """open_clip's tensors under the names of transformers' CLIPModel: attention's three projections taken apart, the
    two last projections turned."""
    found: dict[str, Any] = {}
    for key, value in stored.items():
        if key in TURNED:
            found[TURNED[key]] = value.T
        elif (side := next((side for side in SIDES if key.startswith(f"{side}.")), None)) is not None:
            number, rest = key.removeprefix(f"{side}.").split(".", 1)
            found |= _of_block(f"{SIDES[side]}.encoder.layers.{number}", rest, value)
        else:
            place, _, kind = key.rpartition(".")
            if key in ALONE:
                found[ALONE[key]] = value
            elif place in ALONE:  # what is left are masks that transformers makes itself
                found[f"{ALONE[place]}.{kind}"] = value
    return found


def _of_block(block: str, rest: str, value: Any) -> dict[str, Any]:
    """One tensor of a transformer's block; that of attention's inputs becomes three."""
    if rest in ("attn.in_proj_weight", "attn.in_proj_bias"):
        kind = rest.removeprefix("attn.in_proj_")
        parts = zip(("q_proj", "k_proj", "v_proj"), value.chunk(3), strict=True)
        return {f"{block}.self_attn.{name}.{kind}": part for name, part in parts}
    place, kind = rest.rsplit(".", 1)
    return {f"{block}.{BLOCK[place]}.{kind}": value}
