from datetime import timedelta

import pytest

from app.errors import NotFound
from app.models import Hold, JobKind, JobState, Queue, Role, RoundState, RunState
from app.services import round_views
from tests import builders, scenes


def test_the_head_tells_policy_state_and_the_moves_that_are_offered(db):
    study = builders.study(db)
    made = scenes.checkpoint(db, study)
    round_ = scenes.labeling_round(db, study, checkpoint_id=made.id)
    head = round_views.head(db, round_.id)
    assert (head.study_name, head.line.policy, head.is_live) == (study.name, 1, True)
    assert head.moves == {"pause", "advance", "cancel"}


def test_a_complete_round_is_final_until_it_is_trained_again(db):
    round_ = builders.round_(db, state=RoundState.COMPLETE)
    assert not round_views.head(db, round_.id).is_live
    assert {"retry_with", "train_again"} <= round_views.head(db, round_.id).moves
    scenes.training_run(db, round_, steps=0, state=RunState.WAITING)
    head = round_views.head(db, round_.id)
    assert head.is_live
    assert not {"retry_with", "train_again"} & head.moves


def test_generation_estimates_from_the_speed_of_what_runs(db):
    round_ = scenes.labeling_round(db, builders.study(db), pairs=12, closed=0)
    generation = round_views.generation(db, round_views.head(db, round_.id))
    assert (generation.groups, generation.groups_drawn, generation.chunks, generation.chunks_done) == (20, 12, 2, 1)
    assert generation.per_second == pytest.approx(3.1)
    assert generation.seconds_left == pytest.approx((8 * 2 - 5) / 3.1)


def test_a_chunk_that_was_put_aside_is_shown_with_its_reason_and_not_waited_for(db):
    round_ = scenes.labeling_round(db, builders.study(db), pairs=12, closed=0)
    scenes.failed_chunk(db, round_, error="The disk is full.")
    generation = round_views.generation(db, round_views.head(db, round_.id))
    aside = round_views.put_aside(db, round_views.head(db, round_.id))
    (failed,) = aside.jobs
    assert (failed.error, failed.groups, failed.first, failed.for_good) == ("The disk is full.", 3, 4, True)
    assert (aside.chunks, aside.groups, aside.may_redraw) == (1, 3, True)
    assert generation.failed == []
    assert generation.seconds_left == pytest.approx(((20 - 3 - 12) * 2 - 5) / 3.1)


def test_a_chunk_that_is_tried_again_is_told_until_nothing_waits_for_it(db):
    round_ = scenes.labeling_round(db, builders.study(db), pairs=12, closed=0)
    job = builders.job(db, study_id=round_.study_id, round_id=round_.id, error="The disk is full.", failures=1)
    told = round_views.generation(db, round_views.head(db, round_.id)).failed
    assert [(one.error, one.for_good) for one in told] == [("The disk is full.", False)]
    job.state = JobState.CANCELLED  # as "train now" leaves a chunk that waits
    db.flush()
    assert round_views.generation(db, round_views.head(db, round_.id)).failed == []
    assert round_views.put_aside(db, round_views.head(db, round_.id)).chunks == 0


def test_without_anything_running_there_is_no_estimate(db):
    round_ = builders.round_(db, state=RoundState.GENERATING)
    builders.job(db, round_id=round_.id, study_id=round_.study_id)
    generation = round_views.generation(db, round_views.head(db, round_.id))
    assert (generation.running, generation.per_second, generation.seconds_left) == ([], 0, None)


def test_facts_are_equal_exactly_where_nothing_changed(db):
    round_ = scenes.labeling_round(db, builders.study(db))
    head = round_views.head(db, round_.id)
    before = round_views.generation(db, head)
    assert round_views.head(db, round_.id) == head
    assert round_views.generation(db, head) == before
    round_.hold = Hold.PAUSED
    db.flush()
    assert round_views.head(db, round_.id) != head


def test_no_worker_is_missing_while_nothing_waits_or_one_was_seen_lately(db):
    assert not round_views.workers(db).missing
    builders.job(db, due_at=builders.now() - timedelta(minutes=1))
    assert round_views.workers(db).missing
    builders.worker(db, name="gone", seen_at=builders.now() - timedelta(seconds=90))
    assert round_views.workers(db).missing
    builders.worker(db, name="here")
    seen = round_views.workers(db)
    assert [(line.name, line.alive) for line in seen.lines] == [("gone", False), ("here", True)]
    assert not seen.missing


def test_a_worker_of_the_other_queue_does_not_help(db):
    builders.job(db, due_at=builders.now() - timedelta(minutes=1), kind=JobKind.CHUNK, state=JobState.WAITING)
    builders.worker(db, queue=Queue.CPU)
    assert round_views.workers(db).missing


def test_history_names_who_did_what_newest_first(db):
    round_ = builders.round_(db)
    mara = builders.user(db, role=Role.ADMIN, handle="mara")
    builders.event(db, round_id=round_.id, what="round.launched")
    builders.event(db, round_id=round_.id, what="round.pause", actor_id=mara.id)
    assert [(line.what, line.actor) for line in round_views.history(db, round_.id)] == [
        ("round.pause", "Mara"),
        ("round.launched", None),
    ]


def test_pictures_are_the_newest_with_their_prompts(db):
    round_ = scenes.labeling_round(db, builders.study(db), pairs=3, closed=0)
    shown = round_views.pictures(db, round_views.head(db, round_.id).line, limit=4)
    ids = [drawn.picture.sample_id for drawn in shown]
    assert len(ids) == 4
    assert ids == sorted(ids, reverse=True)
    assert shown[0].prompt in builders.PROMPTS


def test_an_unknown_round_is_not_found(db):
    with pytest.raises(NotFound):
        round_views.head(db, 10**9)
