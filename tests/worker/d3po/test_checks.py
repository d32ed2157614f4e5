"""What a training run finds out before its first step."""

from dataclasses import replace

import pytest

from tests.worker.d3po.tiny import draw, groups, prefer_first, shaken, tiny_policy
from worker.d3po import CheckReport, TrainingSettings, Trajectory, train
from worker.d3po.errors import CheckError

SETTINGS = TrainingSettings(measure_every=0, resume_every=0)


def off_by(trajectories: dict[str, Trajectory], difference: float) -> dict[str, Trajectory]:
    return {name: replace(t, log_probs=t.log_probs + difference) for name, t in trajectories.items()}


def report_of(trajectories: dict[str, Trajectory], settings: TrainingSettings = SETTINGS) -> CheckReport:
    return train(tiny_policy(), prefer_first(2), trajectories.__getitem__, settings).checks


@pytest.fixture(scope="module")
def drawn() -> dict[str, Trajectory]:
    return draw(tiny_policy(), groups(2))


def test_the_policy_that_sampled_passes_and_its_stored_values_serve(drawn: dict[str, Trajectory]) -> None:
    report = report_of(drawn)
    assert report.largest_difference < 1e-5
    assert (report.limit, report.reference, report.stored_reference, report.remarks) == (1e-4, "off", True, ())


def test_values_too_far_off_to_serve_are_computed_once_and_said(drawn: dict[str, Trajectory]) -> None:
    report = report_of(off_by(drawn, 5e-4))
    assert not report.stored_reference
    assert "differ from the stored ones by 0.0005" in report.remarks[0]


def test_another_policy_than_the_one_that_sampled_is_refused_with_the_figures(drawn: dict[str, Trajectory]) -> None:
    with pytest.raises(CheckError, match=r"differ from the stored ones by 0\.05 \(limit 0\.0001, on \d+ states\)"):
        report_of(off_by(drawn, 0.05))
    with pytest.raises(CheckError, match="not the one that sampled"):
        train(shaken(tiny_policy()), prefer_first(2), drawn.__getitem__, SETTINGS)


def test_values_that_are_no_numbers_are_refused(drawn: dict[str, Trajectory]) -> None:
    with pytest.raises(CheckError, match="by nan"):
        report_of(off_by(drawn, float("nan")))


def test_a_reference_that_is_not_the_one_named_is_refused(drawn: dict[str, Trajectory]) -> None:
    claimed = {name: replace(t, policy="0123") for name, t in drawn.items()}
    with pytest.raises(CheckError, match="names 0123, in force is off"):
        report_of(claimed, replace(SETTINGS, reference="sampled"))


def test_a_trajectory_of_another_precision_serves_as_no_reference(drawn: dict[str, Trajectory]) -> None:
    half = {name: replace(t, precision="fp16") for name, t in drawn.items()}
    report = report_of(off_by(half, 5e-3))
    assert report.limit == 1e-2
    assert not report.stored_reference
    assert report.remarks == ()
