import pytest
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Split
from app.paths import DEMO
from app.services import prompt_sets
from app.services.prompt_texts import PromptLine
from tests import builders


def test_lines_name_their_split_and_comments_are_passed_over() -> None:
    text = "# animals\n\ncat face\ntrain: dog: a portrait\n eval : whale \nboth: crab"
    assert prompt_sets.parse(text) == [
        PromptLine("cat face", Split.BOTH),
        PromptLine("dog: a portrait", Split.TRAIN),
        PromptLine("whale", Split.EVAL),
        PromptLine("crab", Split.BOTH),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# nothing", "is empty"),
        ("train: cat", "'eval'"),
        ("eval: cat", "'train'"),
        ("cat\ndog\ncat", "'cat'"),
        ("x" * 2001, "Line 1"),
        ("cat\ntrain:", "Line 2"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        prompt_sets.parse(text)


def test_the_same_list_is_the_same_version_and_an_edit_the_next(db: Session) -> None:
    lines = [PromptLine("cat face")]
    first = prompt_sets.create(db, name="Animals", prompts=lines, actor=None)
    assert prompt_sets.create(db, name="Animals", prompts=lines, actor=None) is first
    second = prompt_sets.create(db, name="Animals", prompts=[*lines, PromptLine("whale")], actor=None)
    assert (first.version, second.version) == (1, 2)
    assert [p.text for p in prompt_sets.prompts_of(db, first.id)] == ["cat face"]


def test_splits_include_both(db: Session) -> None:
    lines = prompt_sets.parse("cat\ntrain: dog\neval: whale")
    made = prompt_sets.create(db, name="Split", prompts=lines, actor=None)
    assert [p.text for p in prompt_sets.prompts_of(db, made.id, Split.TRAIN)] == ["cat", "dog"]
    assert [p.text for p in prompt_sets.prompts_of(db, made.id, Split.EVAL)] == ["cat", "whale"]
    assert prompt_sets.count(db, made.id) == 3


def test_prompts_over_the_tokenizers_limit_are_marked(db: Session, tmp_path) -> None:  # type: ignore[no-untyped-def]
    prompts = prompt_sets.prompts_of(db, builders.prompt_set(db, prompts=["cat face", "red apple " * 12]).id)
    assert prompt_sets.over_limit(prompts, pipeline=DEMO / "model", limit=16) == [1]
    (tmp_path / "tokenizer").mkdir()
    for name in ("vocab.json", "merges.txt"):  # what a hub's model has where tokenizer.json is missing
        (tmp_path / "tokenizer" / name).write_bytes((DEMO / "model/tokenizer" / name).read_bytes())
    assert prompt_sets.over_limit(prompts, pipeline=tmp_path, limit=16) == [1]
    assert prompt_sets.over_limit(prompts, pipeline=tmp_path / "none", limit=16) == []
