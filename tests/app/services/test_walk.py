from app.services.walk import chunk_sizes, walk

PROMPTS = list("abcdefg")


def test_a_pass_visits_each_prompt_once() -> None:
    assert sorted(walk(PROMPTS, seed=1, start=0, count=7)) == PROMPTS
    assert sorted(walk(PROMPTS, seed=1, start=7, count=7)) == PROMPTS


def test_a_walk_in_two_parts_is_the_walk_in_one() -> None:
    whole = walk(PROMPTS, seed=3, start=0, count=20)
    assert walk(PROMPTS, seed=3, start=0, count=9) + walk(PROMPTS, seed=3, start=9, count=11) == whole


def test_each_pass_and_each_seed_is_shuffled_anew() -> None:
    first, second = (walk(PROMPTS, seed=1, start=start, count=7) for start in (0, 7))
    assert first != second
    assert first != walk(PROMPTS, seed=2, start=0, count=7)


def test_chunks_begin_with_one_group_and_double_up_to_the_most() -> None:
    assert chunk_sizes(40, 8) == [1, 2, 4, 8, 8, 8, 8, 1]
    assert chunk_sizes(1, 8) == [1]
    assert chunk_sizes(5, 1) == [1] * 5
    assert all(sum(chunk_sizes(groups, most)) == groups for groups in range(1, 60) for most in (1, 3, 8))


def test_a_heavier_prompt_is_visited_more_often_in_each_pass() -> None:
    weights = [1, 2, 1, 1, 3, 1, 1]
    visits = walk(PROMPTS, seed=1, start=10, count=10, weights=weights)
    assert sorted(visits) == sorted("abbcdeeefg")


def test_equal_weights_walk_as_none_do() -> None:
    plain = walk(PROMPTS, seed=4, start=3, count=30)
    for weight in (1, 2, 7):
        assert walk(PROMPTS, seed=4, start=3, count=30, weights=[weight] * 7) == plain


def test_a_weighted_walk_in_two_parts_is_the_walk_in_one_and_moves_no_other_prompt() -> None:
    weights = [2, 1, 1, 1, 1, 1, 1]
    whole = walk(PROMPTS, seed=3, start=0, count=20, weights=weights)
    parts = [walk(PROMPTS, seed=3, start=start, count=10, weights=weights) for start in (0, 10)]
    assert parts[0] + parts[1] == whole
    others = [prompt for prompt in whole[:8] if prompt != "a"]
    assert others == [prompt for prompt in walk(PROMPTS, seed=3, start=0, count=7) if prompt != "a"]


def test_the_walk_is_as_it_ever_was() -> None:
    assert "".join(walk(PROMPTS, seed=1, start=0, count=14)) == "gbfcdeaedabfgc"
