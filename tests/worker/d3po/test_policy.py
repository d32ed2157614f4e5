"""Policies: loading, adapters on and off, prompts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.worker.d3po.tiny import LORA, shaken, tiny_policy
from worker.d3po import Adapter, load_policy
from worker.d3po.errors import CorruptFileError, ModelError
from worker.d3po.prompts import Prompts


def test_a_folder_that_is_no_pipeline_is_refused_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not a diffusers pipeline.*Give the folder that holds model_index\.json"):
        load_policy(str(tmp_path), device="cpu")


def test_a_pipeline_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(
        json.dumps({"_class_name": "FluxPipeline", "_diffusers_version": "0.42"})
    )
    with pytest.raises(ModelError, match="is a FluxPipeline; only StableDiffusionPipeline"):
        load_policy(str(tmp_path), device="cpu")


def test_a_pipeline_that_lacks_a_part_is_refused(tmp_path: Path, demo_model: Path) -> None:
    (tmp_path / "model_index.json").write_bytes((demo_model / "model_index.json").read_bytes())
    with pytest.raises(ModelError, match=r"part of the model .* cannot be loaded"):
        load_policy(str(tmp_path), device="cpu")


def test_the_demo_model_loads_in_fp32_on_a_cpu(demo_model: Path) -> None:
    policy = load_policy(str(demo_model), device="cpu")
    assert (policy.precision, policy.base.family, policy.identity) == ("fp32", "sd1", "off")
    assert policy.latent_shape() == (4, 16, 16)


def test_the_identity_names_the_policy_that_is_in_force() -> None:
    policy = tiny_policy()
    assert policy.identity == "off"
    policy.with_fresh_adapter(*LORA)
    assert policy.identity == "off"  # it does nothing yet
    identity = shaken(policy).identity
    assert len(identity) == 64
    with policy.adapter_off():
        assert policy.identity == "off"
    assert policy.identity == identity
    assert policy.with_adapter(None).identity == "off"


def test_an_adapter_comes_back_from_its_bytes_and_weighs_alpha_over_rank() -> None:
    adapter = shaken(tiny_policy()).adapter
    assert adapter is not None
    back = Adapter.from_bytes(adapter.to_bytes())
    assert (back.rank, back.alpha, back.identity) == (adapter.rank, adapter.alpha, adapter.identity)
    double = Adapter(adapter.tensors, adapter.rank, 2 * adapter.alpha)
    twice_b = Adapter(
        {n: 2 * t if ".lora_B." in n else t for n, t in adapter.tensors.items()}, adapter.rank, adapter.alpha
    )
    x, timestep, prompt = torch.ones(1, 4, 8, 8), torch.tensor([500]), Prompts(torch.ones(1, 16, 16))
    with torch.no_grad():
        outputs = [tiny_policy().with_adapter(a)._output(x, timestep, prompt) for a in (adapter, double, twice_b)]
    assert not torch.allclose(outputs[0], outputs[1])
    torch.testing.assert_close(outputs[1], outputs[2])


def test_a_fresh_adapter_is_drawn_with_one_over_rank_by_its_seed_alone() -> None:
    adapters = [tiny_policy().with_fresh_adapter(4, 4.0, LORA[2], seed).adapter for seed in (0, 0, 1)]
    drawn = [torch.cat([t.flatten() for n, t in a.tensors.items() if ".lora_A." in n]) for a in adapters if a]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert drawn[0].std() == pytest.approx(1 / 4, rel=0.1)
    assert not any(t.any() for n, t in adapters[0].tensors.items() if ".lora_B." in n)  # type: ignore[union-attr]


def test_swapping_gives_back_the_own_adapter_even_after_an_error() -> None:
    policy = shaken(tiny_policy())
    identity, other = policy.identity, shaken(tiny_policy(), by=0.7).adapter
    assert other is not None
    with policy.swapped(other):
        assert policy.identity == other.identity
    with pytest.raises(ZeroDivisionError), policy.swapped(other):
        raise ZeroDivisionError
    assert policy.identity == identity
    assert all(parameter.requires_grad for parameter in policy.trainable().values())
    assert len(policy.trainable()) > 0


def test_an_adapter_of_another_model_is_refused() -> None:
    policy = tiny_policy()
    foreign = Adapter({"no.such.lora_A.weight": torch.zeros(4, 8), "no.such.lora_B.weight": torch.zeros(8, 4)}, 4, 4.0)
    with pytest.raises(ModelError, match=r"no module 'no\.such'"):
        policy.with_adapter(foreign)
    wrong = Adapter({n: torch.cat([t, t], -1) for n, t in shaken(tiny_policy()).adapter.tensors.items()}, 4, 4.0)  # type: ignore[union-attr]
    with pytest.raises(ModelError, match="made for another model"):
        policy.with_adapter(wrong)
    assert policy.identity == "off"


def test_damaged_adapter_bytes_are_refused() -> None:
    data = shaken(tiny_policy()).adapter.to_bytes()  # type: ignore[union-attr]
    with pytest.raises(CorruptFileError, match="adapter cannot be read"):
        tiny_policy().with_adapter(data[:-10])


def test_targets_that_match_nothing_are_refused() -> None:
    with pytest.raises(ModelError, match="ends in one of to_x"):
        tiny_policy().with_fresh_adapter(4, 4.0, ("to_x",), 0)


def test_guidance_of_one_is_the_conditional_output_alone() -> None:
    policy = tiny_policy()
    x, timestep, prompt = torch.ones(1, 4, 8, 8), torch.tensor([500]), torch.ones(1, 16, 16)
    with torch.no_grad():
        out = policy.guided_output(x, timestep, Prompts(prompt), Prompts(0 * prompt), 1.0)
        close = policy.guided_output(x, timestep, Prompts(prompt), Prompts(0 * prompt), 1.0 + 1e-6)
    torch.testing.assert_close(out, close)


def test_importing_the_library_does_not_import_torch() -> None:
    check = "import sys, worker.d3po; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
