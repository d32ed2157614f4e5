import pytest

from app.errors import BadInput
from app.study_settings import StudySettings, load_preset, merged
from app.web import settings_form


def test_every_setting_of_the_model_is_a_field_with_its_sentence():
    blocks = settings_form.blocks(StudySettings())
    names = {field.name for block in blocks for field in block.fields}
    fields = {f"{block}.{key}" for block, model in StudySettings() for key in type(model).model_fields}
    assert names == fields
    assert all(field.sentence for block in blocks for field in block.fields)


def test_a_field_shows_bounds_unit_and_the_value_it_has_when_left_empty():
    training = settings_form.blocks(load_preset("demo")[0], only=["training"])[0]
    rate = next(field for field in training.fields if field.name == "training.learning_rate")
    steps = next(field for field in training.fields if field.name == "training.steps_per_pair")
    assert (rate.kind, rate.bounds, rate.value) == ("number", "0 < … ≤ 1", "")
    assert float(rate.base) == load_preset("demo")[0].training.learning_rate
    assert (steps.kind, steps.unit, steps.base, steps.may_be_none) == ("integer", "steps", "none", True)


def test_only_what_differs_from_the_preset_is_asked_for():
    base = StudySettings()
    posted = {"training.learning_rate": "0.001", "training.rank": str(base.training.rank), "sampling.eta": ""}
    assert settings_form.changes(posted, base) == {"training": {"learning_rate": "0.001"}}


def test_the_form_can_say_none_yes_and_a_list():
    base = StudySettings()
    posted = {"training.clip": "none", "training.deterministic": "yes", "labeling.score_with": "one, two"}
    settings = merged(base, settings_form.changes(posted, base))
    assert settings.training.clip is None
    assert settings.training.deterministic is True
    assert settings.labeling.score_with == ["one", "two"]


def test_what_cannot_be_used_comes_back_beside_its_field_with_the_input_kept():
    posted = {"training.learning_rate": "fast", "sampling.eta": "2"}
    with pytest.raises(BadInput) as refused:
        merged(StudySettings(), settings_form.changes(posted, StudySettings()))
    blocks = settings_form.blocks(StudySettings(), posted=posted, errors=refused.value.fields)
    wrong = {field.name: field.value for block in blocks for field in block.fields if field.error}
    assert wrong == posted
    assert [block.touched for block in blocks] == [1, 0, 1, 0]


def test_every_block_shows_its_common_fields_first_and_all_others_after_them():
    for block in settings_form.blocks(StudySettings()):
        common = [field.name for field in block.common.fields]
        assert common == [f"{block.name}.{key}" for key in settings_form.COMMON[block.name]]
        assert {*common, *(field.name for field in block.further.fields)} == {field.name for field in block.fields}
        assert len(common) + len(block.further.fields) == len(block.fields)


def test_a_fixed_field_says_so():
    blocks = settings_form.blocks(StudySettings(), filled=True, fixed={"sampling.steps"})
    assert [field.name for block in blocks for field in block.fields if field.is_fixed] == ["sampling.steps"]
