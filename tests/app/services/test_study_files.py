import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Split, Study
from app.paths import DEMO
from app.services import base_models, prompt_sets, studies, study_files
from app.services.prompt_texts import PromptLine

PROMPTS = [
    PromptLine("cat face"),
    PromptLine("train: a station", Split.BOTH),
    PromptLine('an owl, "awake"', Split.EVAL),
    PromptLine("fox", Split.TRAIN, 3),
    PromptLine("a back\\slash and a del \x7f"),
]
SETTINGS = {
    "sampling": {"steps": 7, "negative_prompt": ""},
    "labeling": {"reasons": ["sharp", "true"], "guidelines": 'Two "lines"\n\nof text', "allow_tie": False},
    "training": {"learning_rate": 2.5e-05, "clip": None},
}


def study(db: Session) -> Study:
    model = base_models.register(db, source=str(DEMO / "model"), actor=None)
    prompts = prompt_sets.create(db, name="P", prompts=PROMPTS, actor=None)
    return studies.create(
        db, name="Mascots", question='Which "one"?', base_model_id=model.id, prompt_set_id=prompts.id, preset="demo",
        settings=SETTINGS, seed=11, actor=None,
    )  # fmt: skip


def test_an_exported_study_is_read_and_stored_as_the_same_study(db: Session) -> None:
    made = study(db)
    text = study_files.write(study_files.of_study(db, made.id))
    again = study_files.store(db, study_files.parse(text, name="study.toml"), actor=None)
    assert again.id != made.id
    for field in ("name", "question", "seed", "settings", "preset", "preset_sha256", "base_model_id"):
        assert getattr(again, field) == getattr(made, field), field
    assert prompt_sets.lines_of(db, again.prompt_set_id) == PROMPTS


def test_only_what_differs_from_the_preset_is_written(db: Session) -> None:
    written = tomllib.loads(study_files.write(study_files.of_study(db, study(db).id)))
    assert written["sampling"] == {"steps": 7}
    assert written["training"] == {"learning_rate": 2.5e-05, "clip": ""}
    assert written["labeling"].keys() == {"reasons", "guidelines", "allow_tie"}


def test_a_file_beside_its_prompts_is_read_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("cat\neval: owl\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "study.toml").write_text('name="A"\nquestion="B"\nmodel="model"\nprompts="prompts.txt"\n')
    draft = study_files.read(tmp_path / "study.toml")
    assert draft.prompts == [PromptLine("cat"), PromptLine("owl", Split.EVAL)]
    assert (draft.model, draft.preset) == (str(tmp_path / "model"), "paper")


HEAD = 'name="A"\nquestion="B"\nmodel="m"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + 'prompts="prompts.txt"', "which is not here"),
        (HEAD + "prompts=[]", "empty list"),
        (HEAD + "prompts=[7]", "a prompt is a text"),
        (HEAD + 'prompts=[{text="cat", colour="red"}]', "a prompt is a text"),
        (HEAD + 'prompts=[{text="cat", split="test"}]', "cannot be used"),
        (HEAD + 'prompts=["train:"]', "Line 1"),
        (HEAD + "prompts=7", "prompts must be a text or a list"),
        (HEAD + 'prompts=["cat"]\nseed="x"', "seed must be a whole number"),
        (HEAD + 'prompts=["cat"]\ntraining=1', "training must be a table"),
        (HEAD + 'prompts=["cat"]\ncolour="red"', "no such entry: colour"),
        ("name = ", "cannot be read as a study"),
    ],
)
def test_what_cannot_be_used_is_said_with_the_files_name(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        study_files.parse(text, name="study.toml")


def test_a_draft_may_be_changed_before_it_is_stored(db: Session) -> None:
    draft = replace(study_files.of_study(db, study(db).id), name="Copy", seed=None)
    assert "seed" not in tomllib.loads(study_files.write(draft))
