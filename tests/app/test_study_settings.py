import tomllib

import pytest

from app.errors import BadInput
from app.study_settings import PRESETS, StudySettings, load_preset, merged, preset_names, validated

PUBLISHED = {
    "rank": 4, "lora_alpha": 4.0, "learning_rate": 3e-5, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8,
    "weight_decay": 1e-4, "max_grad_norm": 1.0, "beta": 0.1, "clip": 0.1, "reduction": "mean", "inner_epochs": 1,
    "groups_per_step": 1, "ties": "left_out", "reference": "base", "optimizer_state": "carry", "max_step_gain": None,
    "steps_per_pair": None, "hold_out": False,
}  # fmt: skip


def test_the_paper_preset_holds_the_published_settings() -> None:
    paper, _ = load_preset("paper")
    assert {name: getattr(paper.training, name) for name in PUBLISHED} == PUBLISHED
    sampling = paper.sampling
    assert (sampling.steps, sampling.eta, sampling.guidance, sampling.groups) == (20, 1.0, 5.0, 80)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_names_only_what_differs_from_the_defaults(name: str) -> None:
    values = tomllib.loads((PRESETS / f"{name}.toml").read_text())
    defaults, preset = StudySettings().model_dump(), load_preset(name)[0].model_dump()
    for block, fields in values.items():
        for field in fields:
            assert preset[block][field] != defaults[block][field], f"{block}.{field} is the default"


def test_every_field_has_a_sentence_and_stays_within_its_bounds() -> None:
    for block in (field.annotation for field in StudySettings.model_fields.values()):
        assert block is not None
        for name, field in block.model_fields.items():  # type: ignore[attr-defined]
            assert field.description, name
            assert field.description.endswith("."), name


def test_an_empty_text_is_none_where_none_is_allowed() -> None:
    assert validated({"training": {"clip": ""}}).training.clip is None
    with pytest.raises(BadInput, match=r"training\.beta"):
        validated({"training": {"beta": ""}})


def test_merging_checks_the_whole_and_keeps_the_rest() -> None:
    before = load_preset("demo")[0]
    after = merged(before, {"sampling": {"groups": 7}})
    assert after.sampling.groups == 7
    assert after.training == before.training
    with pytest.raises(BadInput, match=r"sampling\.groups"):
        merged(before, {"sampling": {"groups": 0}})
