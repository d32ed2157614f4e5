import io
import json
import zipfile

import yaml
from huggingface_hub import ModelCard

from app.services import checkpoint_folders, model_cards
from tests import builders, scenes
from tests.comparisons import ONE, OTHER, comparison, judged


def head(card: str) -> dict:
    """The metadata that the hub reads."""
    empty, yaml_text, _ = card.split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(yaml_text)


def test_the_head_is_what_the_hub_reads(db):
    model = builders.base_model(db, source="stable-diffusion-v1-5/stable-diffusion-v1-5", revision="4" * 40)
    made = scenes.checkpoint(db, builders.study(db, base_model_id=model.id))
    card = model_cards.text(model_cards.facts(db, made.id, secret="s"))
    told = head(card)
    as_the_hub_reads_it = ModelCard(card).data
    assert as_the_hub_reads_it.to_dict().keys() == told.keys() - {"instance_prompt"}  # it leaves out what is null
    assert (as_the_hub_reads_it.base_model, as_the_hub_reads_it.tags) == (told["base_model"], told["tags"])
    assert told["base_model"] == "stable-diffusion-v1-5/stable-diffusion-v1-5"
    assert (told["license"], told["license_name"], told["base_model_relation"]) == (
        "other", "as-the-base-model", "adapter",
    )  # fmt: skip
    assert {"lora", "diffusers", "text-to-image", "d3po"} <= set(told["tags"])
    assert told["instance_prompt"] is None
    assert [one["text"] for one in told["widget"]] == list(builders.PROMPTS)
    assert told["widget"][0]["output"]["url"].startswith("images/")


def test_a_model_in_a_folder_is_no_base_model_of_the_hub(db):
    made = scenes.checkpoint(db, builders.study(db))
    assert "base_model" not in head(model_cards.text(model_cards.facts(db, made.id, secret="s")))


def test_the_card_tells_how_to_use_it_what_came_out_and_what_it_was_made_from(db):
    study = builders.study(db, name="Emoji", question="Which is *cosier*?")
    made = scenes.checkpoint(db, study)
    judged(db, comparison(db, study, made.id, None), ONE, ONE, ONE, OTHER)
    card = model_cards.text(model_cards.facts(db, made.id, secret="s"))
    for words in (
        "# Emoji, checkpoint 1",
        r"Which is \*cosier\*?",
        'pipe.load_lora_weights(".")',
        "| base model | 75.0% | 30.1% to 95.4% | 4 |",
        "| jpeg\\_compressibility | study | ",
        "| pairs | 40 |",
        "| learning_rate | `3e-05` |",
        made.adapter_sha256,
        made.files["kohya"]["sha256"],
        "torch 2.13.0",
    ):
        assert words in card


def test_what_people_typed_cannot_break_out_of_the_card(db):
    prompts = builders.prompt_set(db, prompts=["a | b <script>", "```"])
    study = builders.study(db, name="# Emoji\n---\nlicense: mit", prompt_set_id=prompts.id)
    card = model_cards.text(model_cards.facts(db, scenes.checkpoint(db, study, draws=1).id, secret="s"))
    assert head(card)["license"] == "other"
    assert "<script>" not in card.split("---\n", 2)[2].split("```python")[0]
    assert "a \\| b &lt;script>" in card


def test_the_folder_holds_the_lora_the_card_its_pictures_and_the_provenance(db, tmp_path):
    artifacts = scenes.Artifacts(str(tmp_path))
    made = scenes.checkpoint(db, builders.study(db), draws=1, artifacts=artifacts)
    files = dict(checkpoint_folders.members(db, artifacts, made.id, "diffusers", secret="s"))
    assert files[made.files["diffusers"]["name"]] == artifacts.get_bytes(made.files["diffusers"]["key"])
    assert json.loads(files["provenance.json"])["checkpoint"]["id"] == made.id
    card = files["README.md"].decode()
    for one in head(card)["widget"]:
        assert files[one["output"]["url"]]
    assert sum(name.endswith("-base.webp") for name in files) == 4
    buffer = io.BytesIO()
    checkpoint_folders.write_zip(buffer, iter(files.items()))
    with zipfile.ZipFile(buffer) as written:
        assert set(written.namelist()) == set(files)
        assert written.testzip() is None
