import pytest
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Split
from app.paths import DEMO
from app.services import prompt_drafts
from app.services.prompt_drafts import Draft, Splitting
from app.services.prompt_texts import Form, PromptLine
from tests import builders

ANIMALS = "\n".join(f"animal {number}" for number in range(20))


def kept(text: str, **options) -> list[str]:  # type: ignore[no-untyped-def]
    return [line.text for line in prompt_drafts.review(Draft(text, **options)).kept]


def test_repeats_are_found_whatever_their_case_and_blanks_and_left_out() -> None:
    review = prompt_drafts.review(Draft("Cat face\ndog\ncat  FACE\n dog"))
    assert [(line.line, line.repeats) for line in review.repeats] == [(3, 1), (4, 2)]
    assert [line.text for line in review.kept] == ["Cat face", "dog"]


def test_repeats_may_be_kept_as_far_as_they_differ() -> None:
    assert kept("Cat\ncat", keep_repeats=True) == ["Cat", "cat"]


def test_the_same_prompt_once_for_training_and_once_for_evaluation_is_no_repeat() -> None:
    assert prompt_drafts.review(Draft("train: cat\neval: cat")).repeats == []
    assert [line.repeats for line in prompt_drafts.review(Draft("train: cat\ncat")).repeats] == [1]
    assert len(prompt_drafts.review(Draft("train: cat\neval: cat", splitting=Splitting.BOTH)).repeats) == 1


def test_a_held_share_is_drawn_by_the_texts_alone_and_each_prompt_is_in_one_split() -> None:
    review = prompt_drafts.review(Draft(ANIMALS, splitting=Splitting.SHARE, held=0.25))
    assert (review.count(Split.TRAIN), review.count(Split.EVAL)) == (15, 5)
    backwards = "\n".join(reversed(ANIMALS.splitlines()))
    again = prompt_drafts.review(Draft(backwards, splitting=Splitting.SHARE, held=0.25))
    assert sorted(again.kept, key=str) == sorted(review.kept, key=str)


def test_one_more_prompt_moves_hardly_any_other_to_the_other_split() -> None:
    held = [
        {
            line.text
            for line in prompt_drafts.review(Draft(text, splitting=Splitting.SHARE)).kept
            if line.split == "eval"
        }
        for text in (ANIMALS, f"{ANIMALS}\none more")
    ]
    assert len(held[0] - held[1]) <= 1


@pytest.mark.parametrize(("text", "held"), [("cat", 0.5), (ANIMALS, 0.0), (ANIMALS, 1.0), (ANIMALS, float("nan"))])
def test_a_share_that_leaves_a_split_empty_is_refused_beside_its_field(text: str, held: float) -> None:
    with pytest.raises(BadInput) as refused:
        prompt_drafts.review(Draft(text, splitting=Splitting.SHARE, held=held))
    assert "held" in refused.value.fields


def test_at_least_one_prompt_is_held_and_one_trains() -> None:
    for held in (0.01, 0.99):
        review = prompt_drafts.review(Draft("cat\ndog", splitting=Splitting.SHARE, held=held))
        assert (review.count(Split.TRAIN), review.count(Split.EVAL)) == (1, 1)


def test_weights_are_taken_from_the_lines() -> None:
    review = prompt_drafts.review(Draft("prompt,weight\ncat,0.5\ndog,1\n", Form.CSV))
    assert review.kept == [PromptLine("cat", weight=1), PromptLine("dog", weight=2)]


def test_prompts_that_the_models_text_encoder_cuts_are_marked(db: Session) -> None:
    model = builders.base_model(db, source=str(DEMO / "model"), token_limit=16)
    review = prompt_drafts.review(Draft("cat face\n" + "red apple " * 12), model=model)
    assert [line.line for line in review.over_limit] == [2]
