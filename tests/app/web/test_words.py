from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from app.web.words import between, duration, file_size, moment, number, percent, policy_names, spans


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (59.6, "1 min"),
        (3599, "59 min"),
        (4800, "1 h 20 min"),
        (7200, "2 h"),
        (183_600, "2 d 3 h"),
        (None, "–"),
        (float("inf"), "–"),
    ],
)
def test_a_time_span_in_its_two_largest_units(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(812, "812 B"), (34_210, "34.2 kB"), (1_700_000_000, "1.7 GB")])
def test_a_size_with_its_prefix(size, text):
    assert file_size(size) == text


def test_a_share_and_a_number_that_are_not_known_are_a_dash():
    assert (percent(None), number(None), percent(0.256), number(0.25)) == ("–", "–", "26%", "0.25")


def test_a_moment_is_a_time_element_in_utc():
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    assert 'datetime="2026-03-01T12:30:00+00:00"' in moment(at)
    assert "2026-03-01 12:30 UTC" in moment(at)
    assert moment(None) == "–"
    assert between(at, at + timedelta(minutes=5)) == "5 min"
    assert between(at, None) == "–"


def test_policies_to_choose_one_of_are_called_by_their_number_and_round():
    policies = [SimpleNamespace(number=0, round_number=None), SimpleNamespace(number=3, round_number=5)]
    assert policy_names(policies) == list(zip(policies, ["The base model", "Checkpoint 3 (round 5)"], strict=True))


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([4], "4"), ([9, 3, 4, 5, 0], "0, 3–5, 9"), ([1, 2, 4, 5], "1–2, 4–5")]
)
def test_neighbours_are_drawn_together(numbers, text):
    assert spans(numbers) == text
