"""Drawing a chunk, and every way in which that can end."""

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import select

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import OutOfSpace
from app.models import Appearance, Hold, Job, JobKind, JobState, Pair, PairState, RoundState, RoundTotals, Sample
from app.services import job_moves, jobs, round_moves, round_views
from app.settings import Settings
from tests.worker import rooms
from worker.appearance import looks
from worker.attempt import Attempt
from worker.images import pixels
from worker.shutdown import ShutdownFlag
from worker.tasks import run


def test_labeling_begins_with_the_first_chunk(active: Settings, artifacts: Artifacts, demo_model: Path) -> None:
    study = rooms.make_study(demo_model, sampling={"groups": 3})
    round_ = rooms.launch(study)

    (claim,) = rooms.work_off(most=1)

    assert claim.kind is JobKind.CHUNK
    assert rooms.fresh(round_).state is RoundState.LABELING
    first, second = rooms.samples_of(round_)
    assert (first.number, second.number) == (0, 1)
    assert first.image_key == f"studies/{study.id}/rounds/1/chunks/{claim.job_id}-1/0-0.png"
    for row in (first, second):
        assert (row.width, row.height) == (64, 64)
        for key, sha256 in (
            (row.image_key, row.image_sha256),
            (row.webp_key, row.webp_sha256),
            (row.trajectory_key, row.trajectory_sha256),
        ):
            assert key is not None
            assert len(artifacts.get_bytes(key, sha256)) > 0
        picture = pixels(artifacts.get_bytes(row.image_key))
        assert (picture == pixels(artifacts.get_bytes(row.webp_key))).all()
    assert first.image_sha256 != second.image_sha256


def test_how_pictures_look_is_stored_with_them(active: Settings, artifacts: Artifacts, demo_model: Path) -> None:
    study = rooms.make_study(demo_model, sampling={"groups": 1, "samples_per_group": 3})
    round_ = rooms.launch(study)

    rooms.work_off(most=1)

    with transaction() as session:
        pairs = session.scalars(select(Pair).where(Pair.round_id == round_.id).order_by(Pair.id)).all()
        rows = session.scalars(select(Sample).order_by(Sample.number).where(Sample.trajectory_key.is_not(None))).all()
        stored = [session.get_one(Appearance, row.id) for row in rows]
    found, distances = looks([pixels(artifacts.get_bytes(row.image_key)) for row in rows])
    assert [[getattr(one, name) for name in asdict(found[0])] for one in stored] == [
        list(asdict(one).values()) for one in found
    ]
    places = {row.id: place for place, row in enumerate(rows)}
    assert {(places[pair.first_id], places[pair.second_id]): pair.distance for pair in pairs} == distances
    assert min(distances.values()) > 0


def test_pairs_that_look_the_same_are_left_out_of_a_round(active: Settings, demo_model: Path) -> None:
    """With hardly any noise after the first, the two pictures of a group are all but the same."""
    study = rooms.make_study(demo_model, sampling={"eta": 0.01, "groups": 2}, labeling={"alike_below": 0.01})
    round_ = rooms.draw_round(study)

    with transaction() as session:
        pairs = session.scalars(select(Pair).where(Pair.round_id == round_.id)).all()
        totals_ = session.get_one(RoundTotals, round_.id)
    assert [(pair.state, pair.alike) for pair in pairs] == [(PairState.VOID, True)] * 2
    assert max(pair.distance or 1 for pair in pairs) < 0.01
    assert (totals_.pairs, totals_.pairs_alike) == (0, 2)
    with transaction() as session:
        round_moves.settle(session, round_.id)
    stopped = rooms.fresh(round_)
    assert stopped.hold is Hold.FAILED
    assert "2 were left out because their pictures look the same" in str(stopped.hold_reason)


def test_a_chunk_made_again_has_the_same_bits(active: Settings, demo_model: Path) -> None:
    study = rooms.make_study(demo_model)
    round_ = rooms.launch(study)
    rooms.work_off(most=2)
    before = [(row.image_sha256, row.trajectory_sha256) for row in rooms.samples_of(round_)]
    with transaction() as session:
        for table in (Pair, Appearance, Sample):
            for row in session.scalars(select(table)):
                session.delete(row)
            session.flush()
        for job in session.scalars(select(Job).where(Job.kind == JobKind.CHUNK)):
            jobs.wait_again(session, job)

    again = rooms.work_off(most=2)

    assert [claim.attempt for claim in again] == [2, 2]
    assert [(row.image_sha256, row.trajectory_sha256) for row in rooms.samples_of(round_)] == before


def test_a_job_that_is_lost_stores_nothing_and_leaves_no_files(active: Settings, demo_model: Path) -> None:
    round_ = rooms.launch(rooms.make_study(demo_model))

    def lose_it(held: Attempt) -> None:
        with transaction() as session:
            session.get_one(Job, held.claim.job_id).attempt += 1
        run(held)

    (claim,) = rooms.work_off(lose_it, most=1)

    assert rooms.samples_of(round_) == []
    assert rooms.stored_files() == set()
    with transaction() as session:
        job = session.get_one(Job, claim.job_id)
    assert (job.state, job.attempt, job.error) == (JobState.RUNNING, 2, None)


def test_a_paused_round_gives_its_job_back(active: Settings, demo_model: Path) -> None:
    round_ = rooms.launch(rooms.make_study(demo_model, sampling={"steps": 400}))

    def pause_first(held: Attempt) -> None:
        with transaction() as session:
            round_moves.pause(session, round_id=round_.id, actor=None)
        run(held)

    (claim,) = rooms.work_off(pause_first, most=1)

    with transaction() as session:
        job = session.get_one(Job, claim.job_id)
    assert (job.state, job.failures) == (JobState.WAITING, 0)
    assert rooms.stored_files() == set()
    assert rooms.fresh(round_).hold is Hold.PAUSED


def test_a_worker_that_shuts_down_gives_its_job_back_and_takes_no_other(active: Settings, demo_model: Path) -> None:
    rooms.launch(rooms.make_study(demo_model))
    flag = ShutdownFlag()

    def shut_down(held: Attempt) -> None:
        flag.set()
        run(held)

    (claim,) = rooms.work_off(shut_down, flag=flag)

    with transaction() as session:
        assert session.get_one(Job, claim.job_id).state is JobState.WAITING
    assert rooms.work_off(flag=flag) == []


def test_a_full_disk_is_said_and_tried_again_later(
    active: Settings, demo_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_ = rooms.launch(rooms.make_study(demo_model))
    whole = Artifacts.put_bytes

    def full(self: Artifacts, key: str, data: bytes) -> object:
        if key.endswith(".webp"):
            raise OutOfSpace("The disk that holds the files is full.", "Free some space there, then retry.")
        return whole(self, key, data)

    monkeypatch.setattr(Artifacts, "put_bytes", full)
    (claim,) = rooms.work_off(most=1)

    with transaction() as session:
        job = session.get_one(Job, claim.job_id)
    assert (job.state, job.failures) == (JobState.WAITING, 1)
    assert job.error == "The disk that holds the files is full. Free some space there, then retry."
    assert rooms.stored_files() == set()

    monkeypatch.undo()
    rooms.make_due()
    rooms.work_off(most=1)
    assert rooms.fresh(round_).state is RoundState.LABELING


def test_a_chunk_that_was_put_aside_is_drawn_again_with_the_same_bits(
    active: Settings, demo_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few people label on meanwhile; then nothing of the round differs from one that nothing befell."""
    undisturbed = rooms.draw_round(rooms.make_study(demo_model, sampling={"groups": 3}))
    study = rooms.make_study(demo_model, sampling={"groups": 3})
    round_ = rooms.launch(study)
    rooms.work_off(most=1)

    def full(self: Artifacts, key: str, data: bytes) -> object:
        raise OutOfSpace("The disk that holds the files is full.", "Free some space there, then retry.")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Artifacts, "put_bytes", full)
        for _ in range(jobs.MOST_FAILURES):
            rooms.make_due()
            rooms.work_off(most=1)
    with transaction() as session:
        aside = round_views.put_aside(session, round_views.head(session, round_.id))
    assert (aside.chunks, aside.groups, aside.may_redraw) == (1, 2, True)
    assert aside.jobs[0].error == "The disk that holds the files is full. Free some space there, then retry."
    assert len(rooms.samples_of(round_)) == 2

    with transaction() as session:
        job_moves.redraw(session, round_id=round_.id, job_id=aside.jobs[0].id, actor=None)
    (claim,) = rooms.work_off(most=1)

    assert (claim.job_id, claim.attempt) == (aside.jobs[0].id, 4)
    hashes = [
        [(row.image_sha256, row.trajectory_sha256) for row in rooms.samples_of(one)] for one in (round_, undisturbed)
    ]
    assert len(hashes[0]) == 6
    assert hashes[0] == hashes[1]


def test_other_weights_are_refused_and_named(active: Settings, demo_model: Path, tmp_path: Path) -> None:
    own = tmp_path / "model"
    shutil.copytree(demo_model, own)
    round_ = rooms.launch(rooms.make_study(own))
    weights = own / "unet" / "diffusion_pytorch_model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)

    rooms.work_off()

    stopped = rooms.fresh(round_)
    assert stopped.hold is Hold.FAILED
    assert stopped.hold_reason is not None
    assert f"The weight file {weights} is not the one that base model model was registered with." in stopped.hold_reason
    assert rooms.job_of(JobKind.CHUNK).failures == 1
