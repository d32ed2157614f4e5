"""The benchmarks of the site run from end to end, on a small scale."""

import pytest

from bench import keypress, site


@pytest.mark.slow
def test_annotators_take_and_answer_pairs_and_nothing_is_lost():
    found = site.run(people=8, thinking_s=4, rush_s=2, seed=0, say=print)
    assert found["choices"] > 8
    assert found["max_choices_per_second"] > found["choices_per_second"] > 0
    assert (found["lost"], found["double"], found["over_quota"]) == (0, 0, 0)


@pytest.mark.slow
def test_key_presses_are_timed_and_every_new_picture_is_seen():
    found = keypress.run(choices=10, seed=0, say=print)
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["max_ms"]
    assert (found["checked_by_pixel"], found["checked_on_film"]) == (10, keypress.FILMED)
