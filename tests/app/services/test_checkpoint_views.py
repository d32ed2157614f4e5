import pytest

from app.errors import NotFound
from app.models import JobKind, JobState, Sampler
from app.services import checkpoint_views, evaluation_views
from tests import builders, scenes
from tests.queries import counted


def test_a_line_tells_parent_round_and_what_it_was_trained_on(db):
    study = builders.study(db)
    first = scenes.checkpoint(db, study)
    second = scenes.checkpoint(db, study, parent=first)
    lines = checkpoint_views.lines(db, study_id=study.id)
    assert [(line.id, line.number, line.parent_number, line.round_number, line.pairs) for line in lines] == [
        (second.id, 2, 1, 2, 40),
        (first.id, 1, None, 1, 40),
    ]
    assert [line.is_current for line in lines] == [True, False]


def test_the_list_asks_the_same_queries_however_many_checkpoints_there_are(db):
    study = builders.study(db)
    made = scenes.checkpoint(db, study)
    engine = db.get_bind().engine
    with counted(engine) as few:
        checkpoint_views.lines(db)
        checkpoint_views.scores(db, study.id)
    for _ in range(3):
        made = scenes.checkpoint(db, study, parent=made)
    with counted(engine) as many:
        assert len(checkpoint_views.lines(db)) >= 4
        assert len(checkpoint_views.scores(db, study.id)) == 5
    assert len(many) == len(few)


def test_the_page_tells_the_whole_origin(db):
    study = builders.study(db)
    page = checkpoint_views.page(db, scenes.checkpoint(db, study).id)
    assert (page.choices, page.held_out, page.parent_id) == (40, 4, None)
    assert page.provenance["code"]["torch"] == "2.13.0"
    assert page.model.files
    assert [file.format for file in page.files] == ["diffusers", "kohya", "peft"]


def test_scores_are_means_by_policy_and_sampler_the_base_first(db):
    study = builders.study(db)
    made = scenes.checkpoint(db, study, draws=2)
    base, own = checkpoint_views.scores(db, study.id)
    assert (base.checkpoint_id, base.number, own.checkpoint_id, own.number) == (None, 0, made.id, 1)
    assert {score.sampler for score in own.scores} == {Sampler.STUDY, Sampler.DDIM}
    assert {score.count for score in own.scores} == {8}
    assert own.scores[0].mean < base.scores[0].mean
    assert own.scores[0].deviation > 0


def test_drawing_tells_how_far_the_evaluation_pictures_are(db):
    study = builders.study(db)
    first = scenes.checkpoint(db, study, draws=1)
    assert checkpoint_views.drawing(db, study.id, first.id).is_complete
    later = builders.checkpoint(
        db, training_run_id=scenes.training_run(db, builders.round_(db, study_id=study.id), steps=0).id
    )
    job = builders.job(
        db, kind=JobKind.EVALUATION, study_id=study.id, checkpoint_id=later.id, state=JobState.RUNNING,
        lease_until=builders.now(), progress={"done": 3, "total": 8},
    )  # fmt: skip
    drawing = checkpoint_views.drawing(db, study.id, later.id)
    assert (drawing.done, drawing.total, drawing.state, drawing.is_complete) == (3, 8, job.state, False)


def test_a_file_that_a_checkpoint_does_not_have_is_not_found(db):
    made = builders.checkpoint(db, files={})
    with pytest.raises(NotFound):
        checkpoint_views.file(db, made.id, "kohya")
    with pytest.raises(NotFound):
        checkpoint_views.page(db, 10**9)


def test_before_and_after_stand_side_by_side_at_the_same_noise(db):
    study = builders.study(db)
    first = scenes.checkpoint(db, study, draws=2)
    second = scenes.checkpoint(db, study, parent=first, draws=2)
    policies = evaluation_views.lineage(db, second.id)
    assert [policy.number for policy in policies] == [0, 1, 2]

    rows = evaluation_views.rows(db, study.id, policies, sampler=Sampler.DDIM, draw=1)

    assert [row.prompt for row in rows] == list(builders.PROMPTS)
    for row in rows:
        pictures = [picture.sample_id for picture in row.pictures]
        assert len(set(pictures)) == 3
    assert evaluation_views.draws(db, study.id) == 2


def test_a_picture_that_is_not_drawn_yet_leaves_its_place_empty(db):
    study = builders.study(db)
    first = scenes.checkpoint(db, study, draws=1)
    run = scenes.training_run(db, builders.round_(db, study_id=study.id), steps=0)
    later = builders.checkpoint(db, training_run_id=run.id, parent_id=first.id)
    rows = evaluation_views.rows(db, study.id, evaluation_views.lineage(db, later.id), sampler=Sampler.STUDY, draw=0)
    assert [picture is None for picture in rows[0].pictures] == [False, False, True]
