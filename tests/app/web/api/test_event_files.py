"""Metrics as TensorBoard's event files, read by TensorBoard itself."""

import io
import zipfile

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from app.db import transaction
from app.models import Metric, RoundState, RunState, TrainingRun
from app.services import event_files
from tests import builders, scenes


@pytest.fixture
def trained(factory) -> TrainingRun:
    """A run of 620 steps: more than are read at a time."""
    with transaction(factory) as session:
        study = builders.study(session, name="Emoji")
        round_ = scenes.training_round(
            session, study, steps=620, of=620, run_state=RunState.FINISHED, state=RoundState.COMPLETE
        )
        run = session.query(TrainingRun).filter_by(round_id=round_.id).one()
        run.settings = {"learning_rate": 3e-5, "rank": 4}
        return run


def read(folder) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return found


def test_a_run_s_file_holds_every_step_as_tensorboard_reads_it(researcher, factory, trained, tmp_path):
    answer = researcher.get(f"/api/v1/rounds/{trained.round_id}/metrics/events")
    assert answer.status_code == 200
    name = answer.headers["content-disposition"].partition('filename="')[2].rstrip('"')
    assert name.startswith("events.out.tfevents.")
    (tmp_path / name).write_bytes(answer.content)
    events = read(tmp_path)
    with transaction(factory) as session:
        rows = session.query(Metric).filter_by(training_run_id=trained.id).order_by(Metric.step).all()
        wanted = {row.step: event_files.scalars(row.values) for row in rows}
        at = rows[0].at.timestamp()
    tags = {tag for values in wanted.values() for tag in values}
    assert set(events.Tags()["scalars"]) == tags
    assert {"train/loss", "train/kl_base", "by_timestep_r/0951"} <= tags
    for tag in tags:
        told = {one.step: one.value for one in events.Scalars(tag)}
        assert told == {
            step: pytest.approx(values[tag], rel=1e-6) for step, values in wanted.items() if tag in values
        }, tag
    assert events.Scalars("train/loss")[0].wall_time == pytest.approx(at)
    assert [one.step for one in events.Scalars("train/kl_base")] == list(range(10, 621, 10)), "where it was measured"
    (text,) = events.Tensors("settings/text_summary")
    assert b"| learning_rate | `3e-05` |" in text.tensor_proto.string_val[0]


def test_a_study_s_folder_is_read_whole(researcher, factory, trained, tmp_path):
    with transaction(factory) as session:
        round_ = builders.round_(session, study_id=builders.study(session).id)
        nothing = builders.training_run(session, training_set_id=builders.training_set(session, round_id=round_.id).id)
        empty_study = round_.study_id
        study_id = session.get_one(type(round_), trained.round_id).study_id
    answer = researcher.get(f"/api/v1/studies/{study_id}/metrics/events")
    assert answer.headers["content-type"] == "application/zip"
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    found = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    found.Reload()
    assert list(found.Runs()) == ["round-001-run-1"]
    assert found.Scalars("round-001-run-1", "train/margin")[-1].step == 620
    assert researcher.get(f"/api/v1/studies/{empty_study}/metrics/events").status_code == 404
    assert researcher.get(f"/api/v1/rounds/{nothing.round_id}/metrics/events").status_code == 404


def test_who_may_not_read_gets_none(annotator, trained):
    assert annotator.get(f"/api/v1/rounds/{trained.round_id}/metrics/events").status_code == 403
