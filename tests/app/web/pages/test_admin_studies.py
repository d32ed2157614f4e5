import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Checkpoint, Event, Hold, Round, RoundKind, RoundState, Study
from tests import builders, scenes
from tests.queries import counted


@pytest.fixture
def study(factory) -> Study:
    with transaction(factory) as session:
        return builders.study(session, name="Demo emoji")


def test_the_list_shows_each_study_with_what_is_open(admin, factory):
    with transaction(factory) as session:
        scenes.labeling_round(session, builders.study(session, name="Rooms"), pairs=6, closed=2)
        builders.study(session, name="Quiet")
    page = admin.get("/admin").text
    assert "Rooms" in page
    assert "2 of 14 pairs" in page
    assert "No round is open" in page


def test_without_studies_the_list_says_how_to_begin(admin):
    assert "Start from the demo" in admin.get("/admin").text


def test_the_list_asks_no_more_queries_for_more_studies(admin, factory, app):
    with transaction(factory) as session:
        builders.study(session)
    with counted(app.state.engine) as few:
        admin.get("/admin")
    with transaction(factory) as session:
        for _ in range(5):
            builders.round_(session)
    with counted(app.state.engine) as many:
        admin.get("/admin")
    assert len(many) == len(few)


@pytest.mark.parametrize("path", ["/admin", "/admin/studies/new", "/admin/studies/{study}"])
def test_only_an_admin_sees_these_pages(annotator, researcher, anonymous, study, path):
    path = path.format(study=study.id)
    assert [client.get(path).status_code for client in (annotator, researcher, anonymous)] == [403, 403, 401]


def test_the_page_tells_question_model_prompts_and_settings_in_plain_words(admin, factory):
    with transaction(factory) as session:
        study = builders.study(session, question="Which is cosier?", prompts_over_limit=[1])
    page = admin.get(f"/admin/studies/{study.id}").text
    for words in ("Which is cosier?", "Demo model", "cat face", "over the limit", "<b>20</b> DDIM steps"):
        assert words in page


def test_launching_a_round_leads_to_it(admin, factory, study):
    answer = admin.submit(f"/admin/studies/{study.id}/rounds", pairs="3", in_a_row="1")
    with transaction(factory) as session:
        round_ = session.scalars(select(Round)).one()
    assert (answer.status_code, answer.headers["location"]) == (303, f"/admin/rounds/{round_.id}")
    assert (round_.groups, round_.launched_by_id) == (3, admin.user.id)


def test_rounds_in_a_row_let_the_study_run_by_itself(admin, factory, study):
    admin.submit(f"/admin/studies/{study.id}/rounds", pairs="3", in_a_row="4")
    with transaction(factory) as session:
        assert session.get_one(Study, study.id).auto_rounds == 3
    admin.submit(f"/admin/studies/{study.id}/auto_rounds", rounds="0")
    with transaction(factory) as session:
        assert session.get_one(Study, study.id).auto_rounds == 0


def test_a_second_round_beside_an_open_one_is_refused_on_the_page(admin, factory, study):
    with transaction(factory) as session:
        builders.round_(session, study_id=study.id)
    refused = admin.submit(f"/admin/studies/{study.id}/rounds", pairs="3")
    assert refused.status_code == 409
    assert "open already" in refused.text
    with transaction(factory) as session:
        assert len(session.scalars(select(Round)).all()) == 1


def test_a_number_that_is_none_is_refused_on_the_page(admin, study):
    refused = admin.submit(f"/admin/studies/{study.id}/rounds", pairs="many")
    assert refused.status_code == 422
    assert "is not a whole number from 1 to 100000" in refused.text


def test_the_current_checkpoint_can_be_set_back_to_the_base(admin, factory, study):
    with transaction(factory) as session:
        made = scenes.checkpoint(session, session.merge(study), draws=1)
    assert admin.submit(f"/admin/studies/{study.id}/checkpoint", checkpoint="base").status_code == 303
    with transaction(factory) as session:
        assert session.get_one(Study, study.id).current_checkpoint_id is None
    admin.submit(f"/admin/studies/{study.id}/checkpoint", checkpoint=str(made.id))
    with transaction(factory) as session:
        assert session.get_one(Study, study.id).current_checkpoint_id == made.id
        events = session.scalars(select(Event.what).where(Event.actor_id == admin.user.id)).all()
    assert events == ["study.checkpoint_set"] * 2


def test_a_checkpoint_of_another_study_cannot_be_set(admin, factory, study):
    with transaction(factory) as session:
        other = builders.checkpoint(session)
    assert admin.submit(f"/admin/studies/{study.id}/checkpoint", checkpoint=str(other.id)).status_code == 404


def test_a_blind_comparison_is_launched_beside_an_open_round(admin, factory, study):
    with transaction(factory) as session:
        made = scenes.checkpoint(session, session.merge(study), draws=1)
        builders.round_(session, study_id=study.id, state=RoundState.LABELING, hold=Hold.PAUSED)
    answer = admin.submit(f"/admin/studies/{study.id}/comparisons", one=str(made.id), other="base")
    assert answer.status_code == 303
    with transaction(factory) as session:
        round_ = session.scalars(select(Round).where(Round.kind == RoundKind.EVALUATION)).one()
    assert (round_.checkpoint_id, round_.other_checkpoint_id) == (made.id, None)


def test_a_policy_is_not_compared_with_itself(admin, study):
    refused = admin.submit(f"/admin/studies/{study.id}/comparisons", one="base", other="base")
    assert refused.status_code == 422
    assert "Both policies are the same" in refused.text


def test_jobs_that_wait_for_no_worker_are_said_with_the_command_that_starts_one(admin, factory):
    with transaction(factory) as session:
        builders.job(session, due_at=builders.now().replace(year=2020))
    assert "tastemaker worker" in admin.get("/admin").text


def test_many_rounds_come_in_pages_and_many_checkpoints_are_not_all_to_choose_from(admin, factory, study, monkeypatch):
    monkeypatch.setattr("app.web.pages.admin_studies.ROUNDS", 2)
    monkeypatch.setattr("app.web.pages.admin_studies.CHECKPOINTS", 1)
    with transaction(factory) as session:
        for _ in range(3):
            run = builders.training_run(
                session, round_id=builders.round_(session, study_id=study.id, state=RoundState.COMPLETE).id
            )
            builders.checkpoint(session, training_run_id=run.id)
        first, *_, last = session.scalars(select(Round.id).order_by(Round.id)).all()
        oldest = session.scalars(select(Checkpoint).order_by(Checkpoint.id).limit(1)).one()
    page = admin.get(f"/admin/studies/{study.id}").text
    assert "Launch round 4" in page
    assert (f"/admin/rounds/{last}" in page, f"/admin/rounds/{first}" in page) == (True, False)
    assert "Checkpoint 3" in page
    assert "Checkpoint 1" not in page
    assert "Older checkpoints have a link on their own page." in page
    older = admin.get(f"/admin/studies/{study.id}?before={last - 1}").text
    assert (f"/admin/rounds/{last}" in older, f"/admin/rounds/{first}" in older) == (False, True)
    chosen = admin.get(f"/admin/studies/{study.id}?checkpoint={oldest.id}").text
    assert f'<option value="{oldest.id}" selected>Checkpoint 1' in chosen
