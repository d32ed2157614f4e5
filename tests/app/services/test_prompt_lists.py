import pytest

from app.errors import NotFound
from app.services import prompt_lists, prompt_sets


def test_every_list_is_usable_without_repeats_and_names_its_licence() -> None:
    lists = prompt_lists.every()
    assert lists[0].name == "demo"
    assert len({one.name for one in lists}) == len(lists) >= 4
    for one in lists:
        prompts = prompt_sets.parse(one.text)
        assert len(prompts) == one.prompts > 0
        assert len({" ".join(prompt.text.lower().split()) for prompt in prompts}) == one.prompts
        assert all((one.title, one.about, one.licence))


def test_the_papers_animals_are_45() -> None:
    assert prompt_lists.get("simple_animals").prompts == 45


def test_a_list_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match="There are: demo, "):
        prompt_lists.get("plants")
