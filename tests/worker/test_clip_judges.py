"""Judges that are CLIP models, on tiny ones of transformers' own classes in a folder: their scores are worked out here
once more, step by step; and what is said where the weights are not there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from worker import judges
from worker.judges import JudgeError, aesthetic, clip, hps
from worker.judges.hps import converted, squared

SIZE, WIDTH = 28, 16
MEAN, DEVIATION = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
PROMPTS = ["cat face", "a 3d red apple on a wooden table", "cat face"]
JUDGES = {"clip_score": clip.ClipScore, "pickscore": clip.PickScore, "aesthetic": aesthetic.Aesthetic}


def pictures() -> list[np.ndarray]:
    chance = np.random.default_rng(0)
    return [chance.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in PROMPTS]


@pytest.fixture(scope="module")
def model(demo_model: Path) -> CLIPModel:
    torch.manual_seed(0)
    words_of_demo = CLIPTokenizer.from_pretrained(demo_model / "tokenizer")
    part = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    words = {**part, "vocab_size": len(words_of_demo), "eos_token_id": words_of_demo.eos_token_id}
    config = CLIPConfig(
        text_config=words, vision_config={**part, "image_size": SIZE, "patch_size": 7}, projection_dim=WIDTH
    )
    made = CLIPModel(config).eval()
    with torch.no_grad():
        for value in made.parameters():
            value.copy_(torch.randn_like(value) * 0.2 + 0.01)
        made.logit_scale.fill_(2.5)
    return made


@pytest.fixture(scope="module")
def folder(model: CLIPModel, demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all weights, with that of every judge in it: the model, the demo's tokenizer, the processor."""
    weights = tmp_path_factory.mktemp("weights")
    head = aesthetic.head(WIDTH)
    for name in (*JUDGES, "hps"):
        own = weights / name
        model.save_pretrained(own)
        for file in (demo_model / "tokenizer").iterdir():
            (own / file.name).write_bytes(file.read_bytes())
        CLIPImageProcessorPil(
            size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE}, image_mean=MEAN,
            image_std=DEVIATION,
        ).save_pretrained(own)  # fmt: skip
        state = {f"layers.{key}": value for key, value in head.state_dict().items()}
        torch.save(state, own / aesthetic.HEAD)
        torch.save({"state_dict": as_open_clip(model)}, own / hps.WEIGHTS)
    return weights


def as_open_clip(model: CLIPModel) -> dict[str, Any]:
    """The model's tensors as open_clip names and lays them, by its own module's structure."""
    ours = model.state_dict()
    found = {
        "logit_scale": ours["logit_scale"],
        "text_projection": ours["text_projection.weight"].T.contiguous(),
        "visual.proj": ours["visual_projection.weight"].T.contiguous(),
        "positional_embedding": ours["text_model.embeddings.position_embedding.weight"],
        "token_embedding.weight": ours["text_model.embeddings.token_embedding.weight"],
        "visual.class_embedding": ours["vision_model.embeddings.class_embedding"],
        "visual.positional_embedding": ours["vision_model.embeddings.position_embedding.weight"],
        "visual.conv1.weight": ours["vision_model.embeddings.patch_embedding.weight"],
        "attn_mask": torch.zeros(77, 77),  # a buffer of theirs
    }
    norms = (("ln_final", "text_model.final_layer_norm"), ("visual.ln_pre", "vision_model.pre_layrnorm"))
    blocks = (("transformer", "text_model"), ("visual.transformer", "vision_model"))
    inner = (
        ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"), ("attn.out_proj", "self_attn.out_proj"),
        ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2"),
    )  # fmt: skip
    for kind in ("weight", "bias"):
        for theirs, name in (*norms, ("visual.ln_post", "vision_model.post_layernorm")):
            found[f"{theirs}.{kind}"] = ours[f"{name}.{kind}"]
        for block, side in blocks:
            for number in range(2):
                place = f"{side}.encoder.layers.{number}"
                for theirs, name in inner:
                    found[f"{block}.resblocks.{number}.{theirs}.{kind}"] = ours[f"{place}.{name}.{kind}"]
                parts = [ours[f"{place}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
                found[f"{block}.resblocks.{number}.attn.in_proj_{kind}"] = torch.cat(parts)
    return found


def embedded(model: CLIPModel, image: np.ndarray, prompt: str, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit embeddings, from pixels scaled here and through the model's parts one after the other."""
    small = Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    values = (np.asarray(small, dtype=np.float64) / 255 - MEAN) / DEVIATION
    pixels = torch.tensor(values, dtype=torch.float32).permute(2, 0, 1)[None]
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    tokens = torch.tensor([tokenizer(prompt)["input_ids"]])
    with torch.no_grad():
        seen = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)[0]
        hidden = model.text_model(input_ids=tokens).last_hidden_state[0]
        read = model.text_projection(hidden[tokens[0].tolist().index(tokenizer.eos_token_id)])
    return seen / seen.square().sum().sqrt(), read / read.square().sum().sqrt()


def ready(name: str, weights: Path) -> judges.Judge:
    judge = JUDGES[name]() if name in JUDGES else hps.HumanPreference()
    judges.prepare(judge, device="cpu", weights=weights)
    return judge


@pytest.mark.parametrize("name", ["clip_score", "pickscore", "hps"])
def test_picture_and_prompt_are_as_near_as_their_embeddings(model: CLIPModel, folder: Path, name: str) -> None:
    cosines = [
        float(seen @ read)
        for seen, read in (
            embedded(model, image, prompt, folder / name) for image, prompt in zip(pictures(), PROMPTS, strict=True)
        )
    ]
    expected = {
        "clip_score": [max(100 * cosine, 0) for cosine in cosines],
        "pickscore": [float(np.exp(2.5)) * cosine for cosine in cosines],
        "hps": cosines,
    }[name]
    judge = ready(name, folder)
    said = judges.scores(judge, pictures(), PROMPTS)
    assert said == pytest.approx(expected, rel=2e-3, abs=2e-3 * max(1, max(map(abs, expected))))
    assert judge.score(pictures()[1], PROMPTS[1]) == pytest.approx(said[1], abs=1e-4)  # alone as in a batch
    assert judges.needs_device(judge)


def test_looks_are_rated_by_the_head_whatever_the_prompt(model: CLIPModel, folder: Path) -> None:
    own = folder / "aesthetic"
    state = torch.load(own / aesthetic.HEAD, weights_only=True)
    (image, *_), judge = pictures(), ready("aesthetic", folder)
    values, _ = embedded(model, image, "cat", own)
    for layer in (0, 2, 4, 6, 7):  # between them the published head has dropout alone
        values = state[f"layers.{layer}.weight"] @ values + state[f"layers.{layer}.bias"]
    assert judge.score(image, "cat") == pytest.approx(float(values), abs=2e-3)
    assert judge.score(image, "something else") == judge.score(image, "cat")


def test_a_long_prompt_is_cut_where_the_model_reads_no_further(folder: Path) -> None:
    judge = ready("clip_score", folder)
    long = "cat face " * 80
    assert judge.score(pictures()[0], long) == pytest.approx(judge.score(pictures()[0], long + "apple"), abs=1e-4)


def test_weights_of_open_clip_become_those_of_transformers(model: CLIPModel, folder: Path) -> None:
    found, stored = converted(as_open_clip(model)), load_file(folder / "hps" / "model.safetensors")
    assert found.keys() == stored.keys()
    assert all(torch.equal(found[key], stored[key]) for key in stored)


def test_hps_sees_the_whole_picture() -> None:
    wide = np.full((10, 30, 3), 200, dtype=np.uint8)
    square = squared(wide)
    assert square.shape == (30, 30, 3)
    assert square[10:20].min() == 200
    assert square[:10].max() == square[20:].max() == 0


def test_a_model_stays_loaded_until_it_is_prepared_otherwise(folder: Path) -> None:
    judge = clip.ClipScore()
    judges.prepare(judge, device="cpu", weights=folder)
    loaded = judge.clip()
    judges.prepare(judge, device="cpu", weights=folder)
    assert judge.clip() is loaded
    judge.prepare("cpu", folder / "pickscore")
    assert judge.clip() is not loaded


ASK = """
import json, sys
import numpy as np
from worker import judges
said = {}
for name in sys.argv[1:]:
    try:
        judges.find(name).score(np.zeros((8, 8, 3), np.uint8), "cat")
    except judges.JudgeError as error:
        said[name] = str(error)
print(json.dumps(said))
"""


def test_without_a_network_it_is_said_what_to_download_and_where_to_put_it(tmp_path: Path) -> None:
    """A real attempt, in a process that has never seen a hub's file."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    names = [*JUDGES, "hps"]
    asked = subprocess.run(
        [sys.executable, "-c", ASK, *names], env=environment, capture_output=True, text=True, check=True
    )
    said = json.loads(asked.stdout.splitlines()[-1])
    assert said.keys() == set(names)
    for name in names:
        assert f"The weights of the judge {name!r} are not on this worker" in said[name]
        assert f"--local-dir FOLDER/{name}" in said[name]
        assert "set TASTEMAKER_JUDGE_WEIGHTS to that FOLDER" in said[name]
    assert "hf download openai/clip-vit-large-patch14 config.json model.safetensors" in said["clip_score"]
    assert "hf download yuvalkirstain/PickScore_v1" in said["pickscore"]
    assert "hf download trl-lib/ddpo-aesthetic-predictor aesthetic-model.pth" in said["aesthetic"]
    assert "hf download xswu/HPSv2 HPS_v2.1_compressed.pt" in said["hps"]


def test_a_folder_that_lacks_something_is_told_with_its_name(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "clip_score").mkdir()
    with pytest.raises(JudgeError, match=r"The weights of the judge 'clip_score' in .*/clip_score cannot be read"):
        ready("clip_score", tmp_path).score(pictures()[0], "cat")
    (folder / "aesthetic" / aesthetic.HEAD).rename(folder / "aesthetic" / "elsewhere")
    try:
        with pytest.raises(JudgeError, match=r"Download them anew: .*trl-lib/ddpo-aesthetic-predictor"):
            ready("aesthetic", folder).score(pictures()[0], "cat")
    finally:
        (folder / "aesthetic" / "elsewhere").rename(folder / "aesthetic" / aesthetic.HEAD)


def test_weights_that_would_run_code_are_refused(tmp_path: Path, folder: Path) -> None:
    own = tmp_path / "aesthetic"
    own.mkdir()
    for file in (folder / "aesthetic").iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    torch.save({"layers.0.weight": print}, own / aesthetic.HEAD)
    with pytest.raises(JudgeError, match="UnpicklingError"):
        ready("aesthetic", tmp_path).score(pictures()[0], "cat")
