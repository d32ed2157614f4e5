import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, NotFound
from app.models import Event, Round, RoundState, Study
from app.services import demo, rounds, studies
from app.study_settings import load_preset
from tests import builders


def create(session: Session, **given: object) -> Study:
    values = {"name": "Cats", "question": "Which is better?", "actor": None}
    values |= {"base_model_id": builders.base_model(session).id, "prompt_set_id": builders.prompt_set(session).id}
    return studies.create(session, **(values | given))  # type: ignore[arg-type]


def test_a_study_is_a_preset_with_what_differs(db: Session) -> None:
    study = create(db, preset="paper", settings={"training": {"learning_rate": 1e-4}}, seed=7)
    paper, sha256 = load_preset("paper")
    assert study.settings == paper.model_dump() | {"training": paper.training.model_dump() | {"learning_rate": 1e-4}}
    assert (study.preset, study.preset_sha256, study.seed) == ("paper", sha256, 7)


def test_without_a_seed_one_is_drawn(db: Session) -> None:
    assert create(db).seed != create(db).seed


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": " "}, "needs a name"),
        ({"question": ""}, "needs a name"),
        ({"preset": "best"}, "no preset 'best'"),
        ({"settings": {"training": {"learning_rte": 1}}}, "training.learning_rte: there is no such setting"),
        ({"settings": {"sampling": {"eta": 0}}}, "sampling.eta"),
        ({"settings": {"training": {"steps_per_pair": 21}}}, "steps_per_pair"),
        ({"settings": {"sampling": {"branch_steps": 2, "branch_from": 11}}}, "branch_from"),
    ],
)
def test_bad_input_is_refused_and_named(db: Session, given: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        create(db, **given)


def test_the_same_idempotency_key_makes_one_study(db: Session) -> None:
    assert create(db, idempotency_key="k") is create(db, idempotency_key="k")


def test_the_checkpoint_moves_only_while_no_preference_round_is_open(db: Session) -> None:
    study = builders.study(db)
    round_ = builders.round_(db, study_id=study.id, state=RoundState.COMPLETE)
    run = builders.training_run(db, training_set_id=builders.training_set(db, round_id=round_.id).id)
    checkpoint = builders.checkpoint(db, training_run_id=run.id)
    studies.set_checkpoint(db, study_id=study.id, checkpoint_id=checkpoint.id, actor=None)
    assert study.current_checkpoint_id == checkpoint.id
    with pytest.raises(NotFound):
        studies.set_checkpoint(db, study_id=builders.study(db).id, checkpoint_id=checkpoint.id, actor=None)
    builders.round_(db, study_id=study.id)
    with pytest.raises(Conflict):
        studies.set_checkpoint(db, study_id=study.id, checkpoint_id=None, actor=None)


def test_labeling_changes_in_open_rounds_too_and_says_what_changed(db: Session) -> None:
    study = builders.study(db)
    open_round = builders.round_(db, study_id=study.id)
    done = builders.round_(db, study_id=study.id, state=RoundState.COMPLETE)
    studies.change_labeling(db, study_id=study.id, labeling={"choices_per_pair": 3}, actor=None)
    assert [r.settings["labeling"]["choices_per_pair"] for r in (open_round, done)] == [3, 1]
    event = db.scalars(select(Event).where(Event.what == "study.labeling_changed")).one()
    assert event.details["changed"] == {"choices_per_pair": [1, 3]}


def test_the_demo_study_is_made_once_with_its_first_round(db: Session) -> None:
    study = demo.ensure(db)
    assert study is not None
    assert (study.preset, study.settings["sampling"]["branch_from"]) == ("demo", 0)
    assert study.prompts_over_limit == []
    assert (
        db.scalars(select(Round).where(Round.study_id == study.id)).one().groups == study.settings["sampling"]["groups"]
    )
    assert demo.ensure(db) is None


def test_name_question_and_settings_of_later_rounds_change_and_the_event_tells_what(db: Session) -> None:
    study = builders.study(db)
    round_ = builders.round_(db, study_id=study.id)
    changes = {"sampling": {"groups": 7}, "training": {"clip": None}}
    studies.change(db, study_id=study.id, name=" Owls ", settings=changes, actor=None)
    assert (study.name, study.settings["sampling"]["groups"], study.settings["training"]["clip"]) == ("Owls", 7, None)
    assert round_.settings["sampling"]["groups"] == 40
    event = db.scalars(select(Event).where(Event.what == "study.changed")).one()
    assert event.details["changed"].keys() == {"name", "sampling.groups", "training.clip"}
    assert event.details["changed"]["sampling.groups"] == [40, 7]


def test_saving_what_is_there_writes_no_event(db: Session) -> None:
    study = builders.study(db)
    studies.change(db, study_id=study.id, name=study.name, settings={"sampling": {"groups": 40}}, actor=None)
    assert db.scalars(select(Event).where(Event.what == "study.changed")).all() == []


def test_what_evaluation_pictures_look_by_is_fixed_once_they_are_drawn(db: Session) -> None:
    study = builders.study(db)
    studies.change(db, study_id=study.id, settings={"sampling": {"steps": 15}}, actor=None)
    group = builders.group(db, study_id=study.id, draw=0, sampler="study")
    builders.sample(db, group_id=group.id)
    with pytest.raises(BadInput) as refused:
        studies.change(db, study_id=study.id, settings={"sampling": {"steps": 5, "groups": 3}}, actor=None)
    assert refused.value.fields.keys() == {"sampling.steps"}
    studies.change(db, study_id=study.id, settings={"sampling": {"groups": 3, "steps": 15}}, actor=None)
    assert study.settings["sampling"]["groups"] == 3


@pytest.mark.parametrize(
    "given", [{"name": " "}, {"settings": {"training": {"clip": 2}}}, {"settings": {"labeling": {"warm_up": 1}}}]
)
def test_a_change_that_cannot_be_used_changes_nothing(db: Session, given: dict) -> None:
    study = builders.study(db)
    before = (study.name, study.settings)
    with pytest.raises(BadInput):
        studies.change(db, study_id=study.id, actor=None, **given)
    assert (study.name, study.settings) == before


def test_an_archived_study_launches_nothing_until_it_is_taken_out(db: Session) -> None:
    study = builders.study(db, auto_rounds=3)
    studies.archive(db, study_id=study.id, actor=None)
    db.flush()
    db.refresh(study)
    assert (study.archived_at is not None, study.auto_rounds) == (True, 0)
    with pytest.raises(Conflict, match="archived"):
        rounds.launch(db, study_id=study.id, actor=None)
    studies.unarchive(db, study_id=study.id, actor=None)
    assert rounds.launch(db, study_id=study.id, pairs=2, actor=None).groups == 2
    with pytest.raises(Conflict, match="open"):
        studies.archive(db, study_id=study.id, actor=None)
    assert [event.what for event in db.scalars(select(Event).where(Event.object_type == "studies"))] == [
        "study.archived",
        "study.unarchived",
    ]
