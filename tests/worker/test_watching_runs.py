"""Every kind of trouble provoked by a real run on the demo model, caught, and answered as the study's settings say."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from app.artifacts import Artifacts
from app.db import transaction
from app.models import (
    Answer,
    Checkpoint,
    Event,
    Hold,
    Metric,
    Pair,
    Round,
    RoundState,
    RunState,
    Sample,
    Study,
    StudyWarning,
    StudyWatch,
    User,
)
from app.services import accounts, choices, dealing, rounds, studies, sweep
from app.services.troubles import BY_NAME, in_english
from app.settings import Settings
from tests import builders
from tests.worker import rooms
from tests.worker.processes import running, wait_until
from worker.images import pixels
from worker.judges import find

pytestmark = pytest.mark.slow

FEW_STEPS = {"steps": 4, "eval_draws": 3, "batch": 12}
TEN_PAIRS = {**FEW_STEPS, "groups": 1, "samples_per_group": 5}  # of one group of five
QUIET = dict.fromkeys(
    ("not_finite", "kl", "clamped", "accuracy", "collapse", "saturation", "drift", "alike"), "off"
)  # fmt: skip


def study_that(demo_model: Path, *, watching: dict[str, Any], **blocks: dict[str, Any]) -> Study:
    """A tiny study that would run on for three rounds, and watches for nothing but what is named."""
    study = rooms.make_study(demo_model, watching={**QUIET, **watching}, **blocks)
    with transaction() as session:
        studies.set_auto_rounds(session, study_id=study.id, rounds=3, actor=None)
    return study


def run_a_round(study: Study, answer: Callable[[Study], int] = rooms.answer_all) -> Round:
    """Draw a round, answer it, train and evaluate; the site's sweep makes the moves."""
    round_ = rooms.draw_round(study)
    answer(study)
    sweep.sweep()
    rooms.work_off()
    with transaction() as session:  # as if a while had passed: studies are not looked at all the time
        session.execute(update(StudyWatch).values(looked_at=StudyWatch.looked_at - timedelta(minutes=1)))
    sweep.sweep()
    return rooms.fresh(round_)


def warnings(study: Study) -> dict[str, StudyWarning]:
    with transaction() as session:
        rows = session.scalars(
            select(StudyWarning).where(StudyWarning.study_id == study.id).order_by(StudyWarning.id)
        ).all()
    for row in rows:
        print(f"{row.name}: {in_english(BY_NAME[row.name], row.figures)} {row.figures}")
    return {row.name: row for row in rows}


def assert_stopped(study: Study, *names: str, rounds_made: int = 1) -> list[StudyWarning]:
    """The study has just these warnings, stopped itself on them, and launches nothing more."""
    found = warnings(study)
    assert list(found) == list(names)
    assert all(warning.stopped_at is not None for warning in found.values())
    sweep.sweep()
    with transaction() as session:
        now = session.get_one(Study, study.id)
        launched = session.scalars(select(Round.id).where(Round.study_id == study.id)).all()
        raised = session.scalars(select(Event.details).where(Event.what == "warning.raised")).all()
    assert now.auto_rounds == 0
    assert len(launched) == rounds_made
    assert [details["warning"] for details in raised] == list(names)
    return list(found.values())


def current_checkpoint(study: Study) -> int | None:
    with transaction() as session:
        return session.get_one(Study, study.id).current_checkpoint_id


def choosing(artifacts: Artifacts, score: Callable[[np.ndarray], float], user: User) -> Callable[[Study], int]:
    """Somebody who chooses, of two pictures, the one with the higher score."""

    def of(sample_id: int) -> float:
        with transaction() as session:
            key = session.get_one(Sample, sample_id).image_key
        return score(pixels(artifacts.get_bytes(key)))

    def answer_all(study: Study) -> int:
        answered = 0
        while True:
            with transaction() as session:
                pairs = dealing.deal(session, study_id=study.id, user=user, count=5).pairs
            for pair in pairs:
                first = of(pair.first.sample_id) > of(pair.second.sample_id)
                with transaction() as session:
                    choices.record(
                        session, pair_id=pair.pair_id, user=user, answer=Answer.FIRST if first else Answer.SECOND,
                        key=uuid.uuid4(), lease_id=pair.lease_id, response_ms=900,
                    )  # fmt: skip
            answered += len(pairs)
            if not pairs:
                return answered

    return answer_all


def test_a_loss_that_is_not_finite(active: Settings, demo_model: Path) -> None:
    """A learning rate of 1 without clip, at a beta of 1e5 and sums in place of means."""
    blown = {
        "learning_rate": 1.0, "inner_epochs": 20, "clip": None, "max_grad_norm": None, "reduction": "sum", "beta": 1e5,
    }  # fmt: skip
    study = study_that(demo_model, watching={"not_finite": "stop"}, training=blown)

    round_ = run_a_round(study)

    assert (round_.state, round_.hold) == (RoundState.TRAINING, Hold.FAILED)
    (raised,) = assert_stopped(study, "not_finite")
    assert f"at step {raised.figures['step']} " in str(round_.hold_reason)


def test_kl_that_runs_away_stops_the_training_while_it_goes_on(
    active: Settings, demo_model: Path, tmp_path: Path
) -> None:
    """A learning rate about a hundred times too high; the worker is a process of its own, as in the product."""
    far = {
        "learning_rate": 1e-3, "inner_epochs": 100, "measure_every": 1, "measure_states": 4, "resume_every": 50,
    }  # fmt: skip
    study = study_that(demo_model, watching={"kl": "stop"}, sampling=FEW_STEPS, training=far)
    round_ = rooms.begin_training(study)

    with running(active, "trainer", tmp_path) as worker:
        wait_until(lambda: rooms.fresh(round_).hold is Hold.PAUSED, [worker])
        wait_until(lambda: rooms.run_of(round_).resume is not None, [worker])
        (raised,) = assert_stopped(study, "kl")

    assert raised.figures["base"] > 0.3
    assert rooms.fresh(round_).state is RoundState.TRAINING
    assert rooms.run_of(round_).state is RunState.RUNNING
    with transaction() as session:
        steps = session.scalars(select(Metric.step).where(Metric.training_run_id == rooms.run_of(round_).id)).all()
    assert max(steps) < 200
    with transaction() as session:
        pause = session.scalars(select(Event).where(Event.what == "round.pause")).one()
    assert pause.details["reason"].startswith("KL is running away.")


def test_kl_that_ran_away_takes_the_study_back_to_the_last_good_checkpoint(active: Settings, demo_model: Path) -> None:
    gentle = {"learning_rate": 1e-7, "measure_every": 1, "measure_states": 4}
    study = study_that(demo_model, watching={"kl": "go_back"}, sampling=FEW_STEPS, training=gentle)
    with transaction() as session:
        studies.set_auto_rounds(session, study_id=study.id, rounds=0, actor=None)
    run_a_round(study)
    good = current_checkpoint(study)
    assert good is not None
    with transaction() as session:
        far = {"training": {"learning_rate": 1e-3}}
        studies.change(session, study_id=study.id, settings=far, actor=None)
        studies.set_auto_rounds(session, study_id=study.id, rounds=3, actor=None)

    run_a_round(study)

    (raised,) = assert_stopped(study, "kl", rounds_made=2)
    assert raised.went_back_at is not None
    with transaction() as session:
        newest = session.scalars(select(Checkpoint).order_by(Checkpoint.id.desc()).limit(1)).one()
    assert raised.training_run_id == newest.training_run_id
    assert current_checkpoint(study) == good != newest.id


def test_training_that_has_all_but_stopped(active: Settings, demo_model: Path) -> None:
    """Passes over the same pairs at a learning rate far too high: both sides of every pair are past the clamp."""
    clamped = {"learning_rate": 5e-4, "inner_epochs": 12, "clip": 0.05}
    study = study_that(demo_model, watching={"clamped": "stop"}, sampling=FEW_STEPS, training=clamped)
    run_a_round(study)
    (raised,) = assert_stopped(study, "clamped")
    assert raised.figures["share"] > 0.5


@pytest.mark.parametrize("why", ["nothing is learned", "choices say nothing"])
def test_accuracy_that_is_stuck_at_one_half(active: Settings, demo_model: Path, why: str) -> None:
    """A learning rate so small that nothing moves; and choices that have nothing to do with the pictures."""
    rate = 1e-12 if why == "nothing is learned" else 1e-5
    study = study_that(
        demo_model, watching={"accuracy": "stop", "accuracy_pairs": 20}, sampling={**TEN_PAIRS, "groups": 3},
        training={"learning_rate": rate},
    )  # fmt: skip

    run_a_round(study)  # always the first: which picture that is says nothing of it

    (raised,) = assert_stopped(study, "accuracy")
    assert raised.figures["pairs"] == 30
    assert raised.figures["low"] <= 0.5


def test_pictures_that_collapse_and_lose_their_looks_take_the_study_back_to_the_base(
    active: Settings, artifacts: Artifacts, demo_model: Path
) -> None:
    """Whoever likes the flatter picture, at thirty times the demo's learning rate with no warm-up, gets blots."""
    study = study_that(
        demo_model, watching={"collapse": "go_back", "saturation": "stop"}, sampling={**FEW_STEPS, "groups": 8},
        training={"learning_rate": 4e-4, "inner_epochs": 2, "warmup_steps": 0, "kl_weight": 0},
    )  # fmt: skip
    with transaction() as session:
        judge = accounts.judge(session, name="flatter")
    run_a_round(study, choosing(artifacts, lambda image: -float(image.std()), judge))
    collapse, looks = assert_stopped(study, "collapse", "saturation")
    assert min(collapse.figures["structure"], collapse.figures["colours"]) < 0.6
    assert not 1 / 1.5 <= looks.figures["sharpness"] <= 1.5
    assert collapse.figures["went_back_to"] == 0
    assert looks.went_back_at is None
    assert current_checkpoint(study) is None


@pytest.mark.parametrize("like_the_judge", [False, True])
def test_a_judge_that_people_contradict(
    active: Settings, artifacts: Artifacts, demo_model: Path, like_the_judge: bool
) -> None:
    """People who choose the larger file, where the judge likes the smaller; and people who agree with it."""
    study = study_that(
        demo_model, watching={"drift": "stop", "drift_pairs": 10}, sampling=TEN_PAIRS, labeling={"counted": "people"}
    )
    judge, sign = find("jpeg_compressibility"), -1 if like_the_judge else 1
    with transaction() as session:
        person = builders.user(session)
    run_a_round(study, choosing(artifacts, lambda image: sign * judge.score(image, ""), person))
    if like_the_judge:
        assert warnings(study) == {}
        return
    (drift,) = assert_stopped(study, "drift")
    figures = drift.figures
    assert (figures["judge"], figures["share"], figures["choices"]) == ("jpeg_compressibility", 0.0, 10)


def test_pairs_that_look_the_same_pause_the_round_before_anyone_clicks_them(active: Settings, demo_model: Path) -> None:
    """With hardly any noise after the first, the pictures of a group are all but the same."""
    same = {**TEN_PAIRS, "eta": 0.02}
    study = study_that(demo_model, watching={"alike": "stop"}, sampling=same, labeling={"alike_below": 0})
    round_ = rooms.draw_round(study)
    sweep.sweep()

    (raised,) = assert_stopped(study, "alike")

    assert raised.figures["alike"] == raised.figures["pairs"] == 10
    assert (rooms.fresh(round_).state, rooms.fresh(round_).hold) == (RoundState.LABELING, Hold.PAUSED)
    assert rooms.answer_all(study) == 0


def test_pairs_that_look_the_same_are_left_out_by_their_distance(active: Settings, demo_model: Path) -> None:
    study = study_that(demo_model, watching={}, sampling={**TEN_PAIRS, "eta": 0.05})
    with transaction() as session:
        studies.set_auto_rounds(session, study_id=study.id, rounds=0, actor=None)
    round_ = rooms.draw_round(study)
    with transaction() as session:
        pairs = session.scalars(select(Pair).where(Pair.round_id == round_.id)).all()
        below = rounds.get(session, round_.id).settings["labeling"]["alike_below"]
    distances = sorted(pair.distance or 1 for pair in pairs)
    print("distances at eta 0.05:", [round(one, 4) for one in distances], "left out below", below)
    assert sum(pair.alike for pair in pairs) == sum(one < below for one in distances)
    assert rooms.answer_all(study) == sum(one >= below for one in distances)


FILE = """
name = "Tiny"
question = "Which?"
model = "{model}"
prompts = ["cat face", "train: owl"]
preset = "demo"
[sampling]
steps = 4
branch_from = 0
eval_draws = 1
[training]
learning_rate = 1e-3
measure_every = 1
measure_states = 4
[watching]
kl = "stop"
"""


def test_a_loop_ends_where_its_study_stops_itself(active: Settings, demo_model: Path, tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(FILE.format(model=demo_model))
    options = ["--judge", "jpeg_compressibility", "--rounds", "5", "--pairs", "2", "--study", str(study)]

    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", "loop", *options, "--out", str(tmp_path / "out")],
        env={**os.environ, **active.environment()}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 5
    assert "The study stopped itself: KL is running away. Training has moved the policy" in ended.stderr
    with transaction() as session:
        assert len(session.scalars(select(Round.id)).all()) == 1


def test_a_run_that_goes_well_raises_nothing(active: Settings, demo_model: Path) -> None:
    """The demo preset's own settings, with everything watched for."""
    study = rooms.make_study(
        demo_model, sampling={"steps": 8, "eval_draws": 3, "groups": 6, "batch": 12},
        training={"learning_rate": 1.1e-5, "measure_every": 2},
    )  # fmt: skip
    run_a_round(study)
    assert warnings(study) == {}
