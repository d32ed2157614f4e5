"""Adapters at other strengths, and mixed: against weights merged by hand, and against peft's own."""

import math

import pytest
import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from torch import Tensor, nn

from tests.worker.d3po.tiny import LORA, tiny_policy
from worker.d3po import Adapter, Policy, noise
from worker.d3po.errors import ModelError, SettingsError
from worker.d3po.mixing import mixed
from worker.d3po.prompts import Prompts


def adapter(seed: int, rank: int, alpha: float, targets: tuple[str, ...] = LORA[2], by: float = 0.3) -> Adapter:
    """One that does something: every B drawn at random."""
    made = tiny_policy("fp64").with_fresh_adapter(rank, alpha, targets, seed).adapter
    assert made is not None
    shaken = {
        name: by * noise.normal(("b", seed, name), tuple(t.shape)).double() if ".lora_B." in name else t
        for name, t in made.tensors.items()
    }
    return Adapter(shaken, rank, alpha)


def output(policy: Policy) -> Tensor:
    x, prompt = noise.normal(("x",), (1, 4, 8, 8)).double(), Prompts(noise.normal(("p",), (1, 16, 16)).double())
    with torch.no_grad():
        return policy._output(x, torch.tensor([500]), prompt)


def merged_by_hand(*parts: tuple[Adapter, float]) -> Policy:
    """The base with W + sum of w * alpha / rank * B A in place of W, and no adapter."""
    policy = tiny_policy("fp64")
    modules = dict(policy.unet.named_modules())
    for one, weight in parts:
        for name in one.modules:
            module = modules[name]
            assert isinstance(module, nn.Linear)
            delta = one.tensors[f"{name}.lora_B.weight"] @ one.tensors[f"{name}.lora_A.weight"]
            module.weight.data += weight * one.alpha / one.rank * delta
    return policy


A, B = adapter(1, 4, 6.0), adapter(2, 3, 3.0)
ONLY_TEXT = adapter(3, 2, 5.0, ("attn2.to_q", "attn2.to_out.0"))


@pytest.mark.parametrize(
    "parts",
    [
        [(A, 0.5)],
        [(A, 1.5)],
        [(A, 0.3), (B, 0.8)],
        [(A, 1.0), (ONLY_TEXT, 0.4)],
        [(A, -0.5), (B, 1.0), (ONLY_TEXT, 1.2)],
    ],
    ids=["half", "more than trained", "a mix", "other layers", "three, one taken away"],
)
def test_what_is_mixed_is_the_base_with_the_deltas_merged_into_its_weights(parts: list[tuple[Adapter, float]]) -> None:
    policy = tiny_policy("fp64").with_adapter(mixed(parts))
    by_hand = output(merged_by_hand(*parts))
    assert (by_hand - output(tiny_policy("fp64"))).abs().max() > 1e-3, "the adapters do something"
    torch.testing.assert_close(output(policy), by_hand, rtol=1e-10, atol=1e-10)


def test_nothing_is_the_base_and_one_alone_stays_itself_to_the_bit() -> None:
    assert mixed([]) is None
    assert mixed([(A, 0.0), (B, 0.0)]) is None
    for same in (mixed([(A, 1.0)]), mixed([(A, 1.0), (B, 0.0)])):
        assert same is not None
        assert same.identity == A.identity


def test_peft_s_weighted_adapter_has_the_same_delta() -> None:
    layer = nn.Sequential(nn.Linear(8, 8, bias=False)).double()
    parts = [(Adapter({n.replace("m", "0", 1): t for n, t in one.items()}, r, alpha), w) for one, r, alpha, w in _two()]
    config = [LoraConfig(r=one.rank, lora_alpha=one.alpha, target_modules=["0"]) for one, _ in parts]  # type: ignore[arg-type]
    model = get_peft_model(layer, config[0], adapter_name="one")
    model.add_adapter("two", config[1])
    for name, (one, _) in zip(("one", "two"), parts, strict=True):
        set_peft_model_state_dict(model, {f"base_model.model.{n}": t for n, t in one.tensors.items()}, name)
    model.double().add_weighted_adapter(["one", "two"], [w for _, w in parts], "mix", combination_type="cat")
    theirs = model.base_model.model[0].get_delta_weight("mix")
    ours = mixed(parts)
    assert ours is not None
    torch.testing.assert_close(ours.tensors["0.lora_B.weight"] @ ours.tensors["0.lora_A.weight"], theirs.detach())


def _two() -> list[tuple[dict[str, Tensor], int, float, float]]:
    return [
        ({"m.lora_A.weight": noise.normal(("a", rank), (rank, 8)).double(),
          "m.lora_B.weight": noise.normal(("b", rank), (8, rank)).double()}, rank, alpha, weight)
        for rank, alpha, weight in ((2, 3.0, 0.7), (3, 3.0, 0.4))
    ]  # fmt: skip


def test_what_cannot_be_mixed_says_why() -> None:
    with pytest.raises(SettingsError, match="finite"):
        mixed([(A, math.nan)])
    narrow = Adapter({name: t[:, :3] if ".lora_A." in name else t for name, t in B.tensors.items()}, B.rank, B.alpha)
    with pytest.raises(ModelError, match="different models"):
        mixed([(A, 1.0), (narrow, 1.0)])
