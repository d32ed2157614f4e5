"""The small rules that the recipe is made of."""

from pathlib import Path

import pytest
import torch

from scripts.demo_model import metrics
from scripts.demo_model.backgrounds import NAMES, composite, draw_backgrounds
from scripts.demo_model.budget import Budget
from scripts.demo_model.captions import draw_caption, full_caption
from scripts.demo_model.compute import choose_compute
from scripts.demo_model.draws import batch_indices, chooser, generator
from scripts.demo_model.errors import DemoModelError
from scripts.demo_model.learner import learning_rate
from scripts.demo_model.networks import build_scheduler
from scripts.demo_model.pictures import Row
from scripts.demo_model.recipe import Recipe
from scripts.demo_model.subjects import held_out, is_narrowed, trained
from scripts.demo_model.tokenizer import load_tokenizer, token_ids, train_tokenizer
from scripts.demo_model.unet import snr_weights, spread_timesteps
from tests.scripts.demo_model.tiny import tiny_pictures, tiny_recipe

APPLE = Row(["red apple", "apple"], "3d", "food fruit")


def test_a_pass_sees_everything_once_and_the_next_in_another_order() -> None:
    first, second = (torch.cat([batch_indices(12, 4, turn * 3 + step, "key") for step in range(3)]) for turn in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(12))
    assert first.tolist() != second.tolist()


def test_a_batch_larger_than_the_data_is_all_of_it() -> None:
    assert sorted(batch_indices(3, 64, 5, "key").tolist()) == [0, 1, 2]


def test_held_out_pictures_are_of_the_narrowed_groups_and_never_trained() -> None:
    rows = tiny_pictures().rows
    out = held_out(rows)
    assert out
    assert all(is_narrowed(rows[place]) for place in out)
    assert sorted(out + trained(rows, narrowed=False)) == list(range(len(rows)))
    assert {rows[place].group for place in trained(rows, narrowed=True)} == {"food fruit", "animal bird"}


def test_a_transparent_pixel_shows_the_background_and_an_opaque_one_hides_it() -> None:
    rgba = torch.zeros(1, 1, 2, 4, dtype=torch.uint8)
    rgba[0, 0, 1] = torch.tensor([255, 0, 0, 255])
    clear, opaque = composite(rgba, torch.tensor([NAMES.index("black")]))[0, :, 0].T
    assert (clear + 1).mul(127.5).round().tolist() == [28, 28, 32]
    assert opaque.tolist() == [1, -1, -1]


def test_half_of_the_backgrounds_are_white() -> None:
    drawn = draw_backgrounds(10_000, generator("key"))
    assert (drawn == NAMES.index("white")).float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert set(drawn.tolist()) == set(range(len(NAMES)))


def test_captions_name_style_thing_and_background_or_nothing() -> None:
    blue, chance = NAMES.index("blue"), chooser("key")
    drawn = [draw_caption(APPLE, blue, chance) for _ in range(2000)]
    things = {"red apple", "apple", "food fruit"}
    full = {f"{style}{thing}{on}" for style in ("", "3d ") for thing in things for on in ("", " on blue")}
    assert set(drawn) == full | {""}
    assert drawn.count("") / len(drawn) == pytest.approx(0.1, abs=0.03)
    assert full_caption(APPLE, blue) == "3d red apple on blue"


def test_the_tokenizer_is_the_same_every_time_and_pads_to_its_length(tmp_path: Path) -> None:
    rows, recipe = tiny_pictures().rows, tiny_recipe()
    for name in ("one", "two"):
        train_tokenizer(rows, recipe, tmp_path / name)
    assert (tmp_path / "one/merges.txt").read_bytes() == (tmp_path / "two/merges.txt").read_bytes()
    tokenizer = load_tokenizer(tmp_path / "one")
    ids = token_ids(tokenizer, ["", "Disc 3 ON blue, and a tail far too long for it"])
    assert len(tokenizer) == recipe.vocabulary
    assert ids.shape == (2, recipe.tokens)
    assert ids[0].tolist() == [tokenizer.bos_token_id] + [tokenizer.eos_token_id] * 7
    assert token_ids(tokenizer, ["DISC"]).equal(token_ids(tokenizer, ["disc"]))


def test_min_snr_weights_are_one_where_noise_rules_and_small_where_it_hardly_shows() -> None:
    weights = snr_weights(build_scheduler().alphas_cumprod)
    assert weights[-1] == 1
    assert weights[0].item() == pytest.approx(0.03)
    assert (weights.diff() >= 0).all()


def test_timesteps_are_spread_over_the_whole_schedule() -> None:
    timesteps = spread_timesteps(10, 1000, generator("key"))
    assert (timesteps // 100).tolist() == list(range(10))


def test_the_learning_rate_warms_up_and_falls_to_its_floor() -> None:
    training = Recipe().vae
    assert learning_rate(training, 0, 0.0) == pytest.approx(training.learning_rate * 1.005 / 100)
    assert learning_rate(training, 500, 0.5) == pytest.approx(training.learning_rate * 0.505)
    assert learning_rate(training, 5000, 1.0) == pytest.approx(training.learning_rate * 0.005)


def test_a_budget_is_shared_out_and_used_up() -> None:
    assert Budget(100, "steps").share(0.25) == Budget(25, "steps")
    assert Budget(2, "steps").share(0.1) == Budget(1, "steps")
    assert Budget(60, "seconds").share(0.5).spent(step=1, seconds=15) == 0.5
    assert Budget(4, "steps").spent(step=5, seconds=0) == 1


def test_a_device_that_is_not_here_is_refused_with_another_to_try() -> None:
    with pytest.raises(DemoModelError, match="Choose --device cpu"):
        choose_compute("nonsense", "auto")
    with pytest.raises(DemoModelError, match="Unknown precision"):
        choose_compute("cpu", "fp8")
    assert choose_compute("cpu", "bf16").dtype is torch.bfloat16


def test_the_record_forgets_only_what_comes_after_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for phase, step in (("vae", 4), ("vae", 8), ("unet-all", 9)):
        metrics.append(path, {"phase": phase, "step": step})
    metrics.forget_after(path, "vae", 4)
    assert metrics.read(path) == [{"phase": "vae", "step": 4}, {"phase": "unet-all", "step": 9}]
