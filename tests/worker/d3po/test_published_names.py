"""kohya files key by key against the names that kohya's own tools publish, and back by diffusers' own converter."""

from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel

from tests.worker.d3po.tiny import LORA
from worker.d3po.adapter import LORA_TARGETS, Adapter, fresh_adapter, lora_targets
from worker.d3po.errors import SettingsError
from worker.d3po.lora_files import LoraInfo, write_kohya
from worker.d3po.tensor_file import unpack

ATTENTION = tuple(f"{one}_{part}" for one in ("attn1", "attn2") for part in ("to_q", "to_k", "to_v", "to_out_0"))
LAYERS = {"attention": ATTENTION, "transformer": (*ATTENTION, "ff_net_0_proj", "ff_net_2")}  # of a transformer block
SMALL: dict[str, Any] = {
    "sample_size": 8, "layers_per_block": 2, "cross_attention_dim": 8, "norm_num_groups": 4, "attention_head_dim": 4,
}  # fmt: skip
UNETS: dict[str, dict[str, Any]] = {  # the blocks of the published models, at a small width
    "sd1": SMALL | {"block_out_channels": (8, 8, 8, 8)},
    "sdxl": SMALL
    | {
        "block_out_channels": (8, 8, 8),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 4,
        "projection_class_embeddings_input_dim": 12 + 6 * 4,
    },
}
# where the published models have attention, and how many transformer blocks stand there
PUBLISHED = {
    "sd1": {
        **{f"down_blocks_{block}_attentions_{layer}": 1 for block in (0, 1, 2) for layer in (0, 1)},
        "mid_block_attentions_0": 1,
        **{f"up_blocks_{block}_attentions_{layer}": 1 for block in (1, 2, 3) for layer in (0, 1, 2)},
    },
    "sdxl": {
        **{f"input_blocks_{number}_1": 2 for number in (4, 5)},
        **{f"input_blocks_{number}_1": 10 for number in (7, 8)},
        "middle_block_1": 10,
        **{f"output_blocks_{number}_1": 10 for number in (0, 1, 2)},
        **{f"output_blocks_{number}_1": 2 for number in (3, 4, 5)},
    },
}
PIPELINES = {"sd1": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}


def published(family: str, layers: str) -> set[str]:
    """Every key that kohya's tools write for these layers of the family's UNet."""
    return {
        f"lora_unet_{place}_transformer_blocks_{number}_{layer}.{part}"
        for place, depth in PUBLISHED[family].items()
        for number in range(depth)
        for layer in LAYERS[layers]
        for part in ("lora_down.weight", "lora_up.weight", "alpha")
    }


def small_unet(family: str) -> UNet2DConditionModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UNet2DConditionModel(**UNETS[family]).requires_grad_(False).eval()


def adapter_of(unet: UNet2DConditionModel, layers: str = "attention") -> Adapter:
    """An adapter with values everywhere, whose alpha is not its rank."""
    shapes = {
        name: (module.out_features, module.in_features)
        for name, module in unet.named_modules()
        if isinstance(module, torch.nn.Linear) and name.endswith(LORA_TARGETS[layers])
    }
    fresh = fresh_adapter(shapes, LORA[0], 6.0, 0)
    chance = torch.Generator().manual_seed(1)
    return Adapter({name: torch.randn(t.shape, generator=chance) for name, t in fresh.tensors.items()}, LORA[0], 6.0)


@pytest.mark.parametrize(
    ("family", "layers", "modules"),
    [("sd1", "attention", 128), ("sdxl", "attention", 560), ("sd1", "transformer", 160), ("sdxl", "transformer", 700)],
)
def test_a_kohya_file_has_exactly_the_published_keys(family: str, layers: str, modules: int) -> None:
    adapter = adapter_of(small_unet(family), layers)
    tensors, metadata = unpack(write_kohya(adapter, LoraInfo("Tiny", family)), "kohya")
    assert len(tensors) == 3 * modules
    assert tensors.keys() == published(family, layers)
    assert metadata["ss_base_model_version"] == {"sd1": "sd_v1", "sdxl": "sdxl_base_v1-0"}[family]
    for name, tensor in tensors.items():
        if name.endswith(".alpha"):
            assert (tensor.shape, float(tensor)) == ((), 6.0)
        else:
            assert tensor.shape[0 if name.endswith("lora_down.weight") else 1] == LORA[0]


@pytest.mark.parametrize(("family", "block", "attentions"), [("sd1", 3, 3), ("sdxl", 1, 6)])
def test_the_last_up_block_is_the_attention_nearest_to_the_output(family: str, block: int, attentions: int) -> None:
    targets = lora_targets("last_up_block", [name for name, _ in small_unet(family).named_modules()])
    assert len(targets) == attentions * 10  # of each transformer block, two attentions and two feed-forward layers
    assert all(name.startswith(f"up_blocks.{block}.attentions.") for name in targets)
    assert {name.split(".transformer_blocks.")[1].split(".", 1)[1] for name in targets} == {
        *(f"attn{number}.{projection}" for number in (1, 2) for projection in LORA_TARGETS["attention"]),
        "ff.net.0.proj",
        "ff.net.2",
    }


def test_a_unet_without_attention_in_its_up_blocks_cannot_have_the_last_adapted() -> None:
    with pytest.raises(SettingsError, match="choose other lora_layers"):
        lora_targets(
            "last_up_block", ["down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", "up_blocks.0.conv"]
        )


@pytest.mark.parametrize("layers", ["attention", "transformer"])
@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_diffusers_own_converter_reads_a_kohya_file_back_as_the_same_lora(family: str, layers: str) -> None:
    unet = small_unet(family)
    adapter = adapter_of(unet, layers)
    tensors, _ = unpack(write_kohya(adapter, LoraInfo("Tiny", family)), "kohya")
    state, alphas = PIPELINES[family].lora_state_dict(dict(tensors), unet_config=unet.config)
    assert set(alphas.values()) == {6.0}
    unet.load_lora_adapter(state, network_alphas=alphas, prefix="unet")
    loaded = {name.replace(".default_0.", "."): t for name, t in unet.state_dict().items() if ".lora_" in name}
    assert loaded.keys() == adapter.tensors.keys()
    for name, tensor in adapter.tensors.items():
        torch.testing.assert_close(loaded[name], tensor, rtol=0, atol=0)
    scalings = {module.scaling["default_0"] for module in unet.modules() if hasattr(module, "scaling")}
    assert scalings == {6.0 / LORA[0]}


def test_a_model_of_another_depth_than_sdxl_keeps_diffusers_names() -> None:
    shallow = UNet2DConditionModel(**UNETS["sdxl"] | {"layers_per_block": 1, "transformer_layers_per_block": 1})
    tensors, _ = unpack(write_kohya(adapter_of(shallow), LoraInfo("Tiny", "sdxl")), "kohya")
    assert {name.split("_")[2] for name in tensors} == {"down", "mid", "up"}
