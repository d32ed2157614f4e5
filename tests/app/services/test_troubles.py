"""Each kind of trouble: what it is found by, on which side of its bounds, and that all of them can be read."""

import dataclasses
from typing import Any, get_args

import pytest

from app.services.trouble_figures import Agreement, Compared, RoundFigures, RunFigures, Tally
from app.services.troubles import BY_NAME, TROUBLES, Unit, in_english
from app.study_settings import WatchingSettings

WATCHING = WatchingSettings()
ALL_IS_WELL = RunFigures(
    round_id=1, run_id=1, diverged_at=None, kl_base=0.2, kl_round=0.1, clamped=0.3, foretold=Tally(560, 1000),
    pictures=Compared(64, 0.9, 0.8, 1.0, 1.1, 0.9),
    agreements=(Agreement("aesthetic", Tally(60, 100), Tally(65, 100)),),
)  # fmt: skip


def figures(name: str, **changed: Any) -> Any:
    return BY_NAME[name].of_run(dataclasses.replace(ALL_IS_WELL, **changed), WATCHING)


def pictures(**changed: Any) -> Compared:
    assert ALL_IS_WELL.pictures is not None
    return dataclasses.replace(ALL_IS_WELL.pictures, **changed)


def agreement(newest: tuple[int, int], before: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    return {"agreements": (Agreement("aesthetic", Tally(*newest), Tally(*before)),)}


def test_nothing_is_found_where_all_is_well():
    for trouble in TROUBLES:
        assert trouble.of_run(ALL_IS_WELL, WATCHING) is None
        assert trouble.of_round(RoundFigures(1, 40, 2), WATCHING) is None


def test_nothing_is_found_where_nothing_was_measured():
    blank = RunFigures(1, 1, None, None, None, None, Tally(0, 0), None, ())
    for trouble in TROUBLES:
        assert trouble.of_run(blank, WATCHING) is None
        assert trouble.of_round(RoundFigures(1, 0, 0), WATCHING) is None


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("not_finite", {"diverged_at": 3}),
        ("kl", {"kl_base": 0.31}),
        ("kl", {"kl_round": 0.16}),
        ("clamped", {"clamped": 0.51}),
        ("accuracy", {"foretold": Tally(515, 1000)}),
        ("accuracy", {"foretold": Tally(430, 1000)}),
        ("collapse", {"pictures": pictures(structure=0.59)}),
        ("collapse", {"pictures": pictures(colours=0.59)}),
        ("collapse", {"pictures": pictures(structure=None, colours=0.2)}),
        ("saturation", {"pictures": pictures(saturation=1.51)}),
        ("saturation", {"pictures": pictures(brightness=0.66)}),
        ("saturation", {"pictures": pictures(sharpness=0.5)}),
        ("drift", agreement((38, 100))),
        ("drift", agreement((55, 100), (75, 100))),
    ],
)
def test_a_run_beyond_its_bounds_is_found(name: str, changed: dict[str, Any]):
    assert figures(name, **changed)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("kl", {"kl_base": 0.3, "kl_round": 0.15}),
        ("clamped", {"clamped": 0.5}),
        ("accuracy", {"foretold": Tally(500, 999)}),  # too few to say so
        ("accuracy", {"foretold": Tally(535, 1000)}),  # 50.4 % to 56.6 %
        ("collapse", {"pictures": pictures(structure=0.6, colours=0.6)}),
        ("collapse", {"pictures": pictures(structure=None, colours=None)}),  # one draw of each prompt
        ("saturation", {"pictures": pictures(saturation=1.5, brightness=0.67, sharpness=None)}),
        ("drift", agreement((41, 100))),  # 31.9 % to 50.8 %
        ("drift", agreement((10, 49))),  # too few to say so
        ("drift", agreement((60, 100), (70, 100))),  # the difference may be chance
        ("drift", agreement((55, 100), (9, 9))),
    ],
)
def test_a_run_within_its_bounds_is_left_alone(name: str, changed: dict[str, Any]):
    assert figures(name, **changed) is None


def test_a_judge_that_contradicts_people_is_named():
    found = figures("drift", agreements=(
        Agreement("one", Tally(70, 100), Tally(0, 0)), Agreement("other", Tally(20, 100), Tally(60, 100)),
    ))  # fmt: skip
    assert found == {"judge": "other", "share": 0.2, "choices": 100, "before": 0.6}


@pytest.mark.parametrize(
    ("drawn", "alike", "is_found"), [(40, 8, False), (40, 9, True), (9, 9, False), (10, 3, True), (10, 2, False)]
)
def test_pairs_that_look_the_same_are_found_once_enough_are_drawn(drawn: int, alike: int, is_found: bool):
    found = BY_NAME["alike"].of_round(RoundFigures(1, drawn, alike), WATCHING)
    assert found == ({"alike": alike, "pairs": drawn, "distance": 0.01} if is_found else None)


SAID = {
    "not_finite": ("of_run", {"diverged_at": 3}, "at step 3:"),
    "kl": ("of_run", {"kl_base": 1.25, "kl_round": 0.5}, "1.25 away from the base model, and 0.5 within this round"),
    "clamped": ("of_run", {"clamped": 0.75}, "In 75% of the newest pairs"),
    "accuracy": ("of_run", {"foretold": Tally(500, 1000)}, "newest 1,000 pairs the policy foretold 50% of the choices"),
    "collapse": ("of_run", {"pictures": pictures(structure=None, colours=0.25)}, "– as much in structure, 25% as much"),
    "saturation": ("of_run", {"pictures": pictures(saturation=2.2)}, "saturation is × 2.2, brightness × 1"),
    "drift": ("of_run", agreement((10, 100)), "The scores of aesthetic agree with 10% of people's newest 100 choices"),
}


@pytest.mark.parametrize("name", SAID)
def test_a_warning_says_its_figures(name: str):
    _, changed, expected = SAID[name]
    assert expected in in_english(BY_NAME[name], figures(name, **changed))


def test_pairs_that_look_the_same_are_said():
    found = BY_NAME["alike"].of_round(RoundFigures(1, 40, 30), WATCHING)
    assert "30 of the 40 pairs" in in_english(BY_NAME["alike"], found or {})


def test_the_settings_name_every_kind_and_offer_to_go_back_where_that_helps():
    for trouble in TROUBLES:
        acts = get_args(WatchingSettings.model_fields[trouble.name].annotation)
        assert acts == ("off", "warn", "stop", *(("go_back",) if trouble.spoils else ()))
        assert set(trouble.units.values()) <= set(Unit)
        assert trouble.helps.endswith(".")
        assert trouble.says.endswith(".")
        assert not trouble.title.endswith(".")
