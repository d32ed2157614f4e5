"""The evaluation pictures of a policy: drawn once, scored, and paired by the comparisons that wait for them."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.artifacts import Artifacts
from app.db import transaction
from app.models import Hold, Job, JobKind, JobState, RoundState, Sampler, SampleScore
from app.services import evaluation, evaluation_rounds
from app.settings import Settings
from tests.worker import rooms
from worker.images import pixels
from worker.judges import find
from worker.shutdown import ShutdownFlag


def test_each_policy_has_its_pictures_with_their_scores(
    active: Settings, artifacts: Artifacts, demo_model: Path
) -> None:
    study = rooms.make_study(demo_model)
    rooms.begin_training(study)
    rooms.work_off()

    with transaction() as session:
        found = {(s.checkpoint_id is None, s.sampler): s.pictures for s in evaluation.scores(session, study.id)}
        values = session.scalars(select(SampleScore.value).where(SampleScore.judge == "jpeg_compressibility")).all()
    assert found == {(base, sampler): 2 for base in (True, False) for sampler in Sampler}
    names = sorted(name for name in rooms.stored_files() if "/evaluation/" in name and name.endswith("study-0-0.png"))
    picture = pixels(artifacts.get_bytes(names[0]))
    assert find("jpeg_compressibility").score(picture, "cat face") in values
    assert not any("/evaluation/" in name and name.endswith(".safetensors") for name in rooms.stored_files())


def test_a_stop_keeps_the_slices_that_were_drawn(
    active: Settings, demo_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = rooms.make_study(demo_model, sampling={"batch": 1})
    rooms.draw_round(study)

    flag, store = ShutdownFlag(), evaluation.store

    def then_stop(*given: Any) -> None:
        store(*given)
        flag.set()

    monkeypatch.setattr(evaluation, "store", then_stop)
    (claim,) = rooms.work_off(flag=flag, most=1)
    monkeypatch.undo()

    with transaction() as session:
        assert session.get_one(Job, claim.job_id).state is JobState.WAITING
        assert sum(len(part) for part in evaluation.slices(session, claim)) == 3
    rooms.work_off()
    assert rooms.job_of(JobKind.EVALUATION).state is JobState.DONE
    pictures = [name for name in rooms.stored_files() if "/evaluation/" in name and name.endswith(".png")]
    assert len(pictures) == 4


def test_a_judge_that_is_not_installed_is_said(active: Settings, demo_model: Path) -> None:
    rooms.draw_round(rooms.make_study(demo_model, labeling={"score_with": ["beauty"]}))
    rooms.work_off()
    job = rooms.job_of(JobKind.EVALUATION)
    assert job.state is JobState.FAILED
    assert job.failures == 1
    assert "There is no judge 'beauty'" in (job.error or "")


def test_a_comparison_can_be_judged_once_both_policies_are_drawn(active: Settings, demo_model: Path) -> None:
    study = rooms.make_study(demo_model)
    rooms.begin_training(study)
    rooms.work_off(most=1)
    with transaction() as session:
        session.refresh(session.merge(study))
        checkpoint_id = session.get_one(type(study), study.id).current_checkpoint_id
        round_ = evaluation_rounds.launch(
            session, study_id=study.id, checkpoint_id=None, other_checkpoint_id=checkpoint_id, actor=None
        )
    rooms.work_off()
    assert (rooms.fresh(round_).state, rooms.fresh(round_).hold) == (RoundState.LABELING, Hold.NONE)
    assert rooms.answer_all(study) == 2
