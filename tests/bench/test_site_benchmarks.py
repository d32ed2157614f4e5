"""The benchmarks of the site run from end to end, on a small scale."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bench import keypress, site


def in_a_thread(run: Callable[..., dict[str, Any]], **options: Any) -> dict[str, Any]:
    """Its figures. The browser that other tests share keeps an event loop running in this thread, and both need one."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(run, **options, say=print).result()


@pytest.mark.slow
def test_annotators_take_and_answer_pairs_and_nothing_is_lost():
    found = in_a_thread(site.run, people=8, thinking_s=4, rush_s=2, seed=0)
    assert found["choices"] > 8
    assert found["max_choices_per_second"] > found["choices_per_second"] > 0
    assert (found["lost"], found["double"], found["over_quota"]) == (0, 0, 0)


@pytest.mark.slow
def test_key_presses_are_timed_and_every_new_picture_is_seen():
    found = in_a_thread(keypress.run, choices=10, seed=0)
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["max_ms"]
    assert (found["checked_by_pixel"], found["checked_on_film"]) == (10, keypress.FILMED)
