"""A training run killed at any step goes on as if nothing had happened."""

from dataclasses import replace

import pytest

from tests.worker.d3po.tiny import draw, groups, prefer_first, shaken, tiny_policy
from worker.d3po import Adapter, Preference, StepMetrics, TrainingResult, TrainingSettings, Trajectory, train
from worker.d3po.errors import CorruptFileError, ResumeError

SETTINGS = TrainingSettings(learning_rate=1e-2, inner_epochs=2, measure_every=2, resume_every=2, steps_per_pair=3)


class KilledError(Exception):
    """The worker's process ends here."""


class Setup:
    """A second round, so that starting policy and reference differ."""

    def __init__(self) -> None:
        policy = shaken(tiny_policy())
        self.start = policy.adapter
        self.trajectories: dict[str, Trajectory] = draw(policy, groups(3))
        self.rows: dict[int, StepMetrics] = {}
        self.written: list[int] = []
        self.point: bytes | None = None

    def run(
        self,
        settings: TrainingSettings = SETTINGS,
        kill_at: int | None = None,
        preferences: list[Preference] | None = None,
    ) -> TrainingResult:
        """Trains from the last resume point, keeping metrics by step as the database does."""

        def on_step(metrics: StepMetrics) -> None:
            if metrics.step == kill_at:
                raise KilledError
            self.rows[metrics.step] = metrics
            self.written.append(metrics.step)

        def on_resume_point(data: bytes, steps: int) -> None:
            self.point = data

        return train(
            tiny_policy().with_adapter(self.start),
            preferences or prefer_first(3),
            self.trajectories.__getitem__,
            settings,
            resume=self.point,
            on_step=on_step,
            on_resume_point=on_resume_point,
        )


def without_time(rows: dict[int, StepMetrics]) -> dict[int, StepMetrics]:
    return {step: replace(metrics, seconds=0.0) for step, metrics in rows.items()}


@pytest.mark.parametrize("reference", ["base", "sampled"])
def test_killed_at_any_step_and_resumed_the_adapter_is_the_same_to_the_bit(reference: str) -> None:
    settings = replace(SETTINGS, reference=reference)  # type: ignore[arg-type]
    undisturbed = Setup()
    expected = undisturbed.run(settings)
    assert sorted(undisturbed.rows) == [1, 2, 3, 4, 5, 6]
    for kill_at in range(1, 7):
        killed = Setup()
        with pytest.raises(KilledError):
            killed.run(settings, kill_at)
        result = killed.run(settings)
        assert result.adapter == expected.adapter
        assert result.optimizer == expected.optimizer
        assert result.summary == expected.summary
        assert without_time(killed.rows) == without_time(undisturbed.rows)


def test_resumed_every_few_steps_no_metrics_step_is_missing_or_written_with_another_value() -> None:
    undisturbed, interrupted = Setup(), Setup()
    expected = undisturbed.run()
    for kill_at in (4, 5, 6):
        with pytest.raises(KilledError):
            interrupted.run(kill_at=kill_at)
    assert interrupted.run().adapter == expected.adapter
    assert interrupted.written == [1, 2, 3, 3, 4, 5, 5, 6]  # those after the last resume point again, the rest once
    assert without_time(interrupted.rows) == without_time(undisturbed.rows)


def test_a_pause_resumes_with_each_step_once() -> None:
    undisturbed, paused = Setup(), Setup()
    expected = undisturbed.run()
    for stop_after in (1, 3, 4):
        train(
            tiny_policy().with_adapter(paused.start),
            prefer_first(3),
            paused.trajectories.__getitem__,
            SETTINGS,
            resume=paused.point,
            on_step=lambda metrics: paused.written.append(metrics.step),
            on_resume_point=lambda data, steps: setattr(paused, "point", data),
            should_stop=lambda limit=stop_after: len(paused.written) >= limit,  # type: ignore[misc]
        )
    assert paused.run().adapter == expected.adapter
    assert paused.written == [1, 2, 3, 4, 5, 6]


@pytest.fixture(scope="module")
def killed() -> Setup:
    setup = Setup()
    with pytest.raises(KilledError):
        setup.run(kill_at=5)
    return setup


@pytest.mark.parametrize(
    ("changes", "preferences", "what"),
    [
        ({"learning_rate": 1e-3}, None, "settings"),
        ({}, prefer_first(2), "training set"),
        ({"reference": "sampled"}, None, "settings or reference"),
    ],
)
def test_a_resume_point_of_another_run_is_refused(
    killed: Setup, changes: dict[str, object], preferences: list[Preference] | None, what: str
) -> None:
    with pytest.raises(ResumeError, match=f"not the same {what}"):
        killed.run(replace(SETTINGS, **changes), preferences=preferences)  # type: ignore[arg-type]


def test_the_hash_of_the_stored_settings_decides_where_it_is_given(killed: Setup) -> None:
    with pytest.raises(ResumeError, match="not the same settings"):
        train(
            tiny_policy().with_adapter(killed.start),
            prefer_first(3),
            killed.trajectories.__getitem__,
            SETTINGS,
            resume=killed.point,
            settings_hash="of another JSON",
        )


def test_a_half_written_resume_point_is_refused(killed: Setup) -> None:
    assert killed.point is not None
    cut = Setup()
    cut.point = killed.point[:-100]
    with pytest.raises(CorruptFileError, match="resume point cannot be read"):
        cut.run()


def test_a_file_of_another_kind_is_refused(killed: Setup) -> None:
    assert isinstance(killed.start, Adapter)
    other = Setup()
    other.point = killed.start.to_bytes()
    with pytest.raises(CorruptFileError, match="lacks parts"):
        other.run()
