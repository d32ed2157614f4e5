"""What is measured after the evaluation pictures: how they look, and what judges say of those people chose between."""

import uuid
from pathlib import Path

from sqlalchemy import func, select

from app.artifacts import Artifacts
from app.db import transaction
from app.models import Answer, Appearance, Group, Judge, Pair, Round, Sample, SampleScore, Study
from app.services import choices, dealing, looks
from app.settings import Settings
from tests import builders
from tests.worker import rooms
from worker.appearance import Seen
from worker.images import pixels
from worker.judges import find

PEOPLE = {"counted": "people"}


def evaluation_samples(study: Study) -> list[Sample]:
    with transaction() as session:
        rows = session.scalars(
            select(Sample)
            .join(Group, Group.id == Sample.group_id)
            .where(Group.study_id == study.id, Group.round_id.is_(None))
            .order_by(Group.sampler, Group.prompt_id, Group.draw)
        )
        return list(rows)


def chosen_by_a_person(study: Study, *, most: int) -> list[int]:
    """A person answers so many pairs: the ids of these pairs' samples."""
    with transaction() as session:
        person = builders.user(session)
        dealt = dealing.deal(session, study_id=study.id, user=person, count=most).pairs[:most]
        for pair in dealt:
            choices.record(
                session, pair_id=pair.pair_id, user=person, answer=Answer.FIRST, key=uuid.uuid4(),
                lease_id=pair.lease_id, response_ms=900,
            )  # fmt: skip
        rows = session.scalars(select(Pair).where(Pair.id.in_([pair.pair_id for pair in dealt])))
        return [sample for row in rows for sample in (row.first_id, row.second_id)]


def test_draws_of_a_prompt_are_looked_at_together(active: Settings, artifacts: Artifacts, demo_model: Path) -> None:
    study = rooms.make_study(demo_model, sampling={"eval_draws": 2})
    rooms.draw_round(study)
    rooms.work_off()

    rows = evaluation_samples(study)
    assert len(rows) == 8  # two prompts, two draws, two samplers
    with transaction() as session:
        seen = [session.get_one(Appearance, row.id) for row in rows]
    for place in range(0, 8, 2):
        one, other = (Seen(pixels(artifacts.get_bytes(row.image_key))) for row in rows[place : place + 2])
        assert seen[place].apart == seen[place + 1].apart == one.distance(other)
        assert seen[place].colours_apart == one.colour_difference(other)


def test_pictures_from_before_they_were_measured_are_looked_at_with_the_next(
    active: Settings, demo_model: Path
) -> None:
    study = rooms.make_study(demo_model)
    rooms.begin_training(study)
    rooms.work_off(most=2)
    with transaction() as session:
        before = session.scalars(select(Appearance).join(Sample).join(Group).where(Group.round_id.is_(None))).all()
        for row in before:
            session.delete(row)
    rooms.work_off()

    with transaction() as session:
        assert len(before) == 4
        assert looks.unseen(session, study.id) == []
        policies = session.execute(
            select(Sample.number, func.count(Appearance.sample_id))
            .join(Appearance, Appearance.sample_id == Sample.id)
            .join(Group, Group.id == Sample.group_id)
            .where(Group.round_id.is_(None))
            .group_by(Sample.number)
        )
        assert dict(policies.all()) == {0: 4, 1: 4}


def test_a_picture_that_is_gone_keeps_nothing_else_from_being_measured(
    active: Settings, artifacts: Artifacts, demo_model: Path
) -> None:
    study = rooms.make_study(demo_model)
    rooms.begin_training(study)
    rooms.work_off(most=2)  # the training, and the base's pictures
    with transaction() as session:
        for row in session.scalars(select(Appearance).join(Sample).join(Group).where(Group.round_id.is_(None))):
            session.delete(row)
    gone, *there = evaluation_samples(study)
    artifacts.delete(gone.image_key)
    rooms.work_off()

    with transaction() as session:
        assert [picture.sample_id for pictures in looks.unseen(session, study.id) for picture in pictures] == [gone.id]
        assert session.get(Appearance, there[0].id) is not None


def test_judges_score_what_people_chose_between(active: Settings, artifacts: Artifacts, demo_model: Path) -> None:
    study = rooms.make_study(demo_model, labeling=PEOPLE)
    round_ = rooms.draw_round(study)
    chosen = chosen_by_a_person(study, most=1)
    rooms.work_off()

    with transaction() as session:
        stored = {
            row.sample_id: row.value
            for row in session.scalars(
                select(SampleScore).join(Sample).join(Group).join(Round).where(Round.id == round_.id)
            )
        }
        judge = session.get_one(Judge, "jpeg_compressibility")
        keys = {number: session.get_one(Sample, number).image_key for number in chosen}
    assert (judge.unit, judge.larger_is_better) == ("kB", False)
    asked = find("jpeg_compressibility")
    assert stored == {number: asked.score(pixels(artifacts.get_bytes(key)), "cat face") for number, key in keys.items()}


def test_judges_score_nothing_of_rounds_where_only_judges_chose(active: Settings, demo_model: Path) -> None:
    study = rooms.make_study(demo_model)
    rooms.begin_training(study)
    rooms.work_off()
    with transaction() as session:
        of_rounds = select(func.count()).select_from(SampleScore).join(Sample).join(Group)
        assert session.scalar(of_rounds.where(Group.round_id.is_not(None))) == 0
