import pytest

from app.errors import NotFound
from app.models import Answer, Checkpoint, RoundState, UserKind
from app.services import provenance, record_checks
from app.services.canonical import sha256_of
from tests import builders, scenes

HANDLE = "lotte"  # Not to be spelt in hexadecimal digits, of which the record's hashes are full.


def checkpoint_of_choices(db) -> Checkpoint:
    """A checkpoint of two pairs: one answered by a person and a judge, the other by the same person."""
    study = builders.study(db)
    round_ = builders.round_(db, study_id=study.id, state=RoundState.COMPLETE)
    lotte, judge = builders.user(db, handle=HANDLE), builders.user(db, handle="brightness", kind=UserKind.JUDGE)
    items = []
    for users in ((lotte, judge), (lotte,)):
        pair = builders.pair(db, round_id=round_.id)
        made = [builders.choice(db, pair_id=pair.id, user_id=user.id, answer=Answer.SECOND).id for user in users]
        items.append(
            {
                "pair": pair.id, "group": len(items), "first": pair.first_id, "second": pair.second_id, "p": 0.0,
                "weight": 1.0, "choices": made, "held_out": False,
            }
        )  # fmt: skip
    frozen = builders.training_set(db, round_id=round_.id, items=items, sha256=sha256_of(items))
    run = builders.training_run(db, training_set_id=frozen.id)
    return builders.checkpoint(db, training_run_id=run.id, provenance={"training_set": {"sha256": frozen.sha256}})


def test_people_stand_in_it_by_pseudonym_and_judges_by_name(db):
    made = checkpoint_of_choices(db)
    told = provenance.of_checkpoint(db, made.id, secret="secret")
    (person, judge), (again,) = (pair["choices"] for pair in told["pairs"])
    assert person["annotator"] == again["annotator"]
    assert person["annotator"].startswith("annotator-")
    assert (judge["by"], judge["annotator"]) == ("judge", "brightness")
    assert HANDLE not in str(told).lower()
    other = provenance.of_checkpoint(db, made.id, secret="another")
    assert other["pairs"][0]["choices"][0]["annotator"] != person["annotator"]


def test_each_pair_is_told_with_its_prompt_pictures_and_p(db):
    made = checkpoint_of_choices(db)
    first = provenance.of_checkpoint(db, made.id, secret="s")["pairs"][0]
    assert (first["prompt"], first["p"], first["held_out"]) == ("cat face", 0.0, False)
    assert len(first["first"]["image_sha256"]) == 64
    assert first["choices"][0]["answer"] == "second"
    assert first["choices"][0]["made_at"]


def test_the_line_of_descent_begins_with_the_first_checkpoint(db):
    study = builders.study(db)
    first = scenes.checkpoint(db, study, draws=1)
    second = scenes.checkpoint(db, study, parent=first, draws=1)
    third = scenes.checkpoint(db, study, parent=second, draws=1)
    scenes.checkpoint(db, study, parent=first, draws=1)
    assert [one.id for one in provenance.ancestors(db, third.id)] == [first.id, second.id, third.id]
    told = provenance.of_checkpoint(db, third.id, secret="s")
    assert [one["number"] for one in told["ancestors"]] == [1, 2]


def test_a_checkpoint_that_is_not_there_is_said(db):
    with pytest.raises(NotFound):
        provenance.of_checkpoint(db, 987654, secret="s")


def test_what_stands_as_recorded_differs_in_nothing(db):
    made = checkpoint_of_choices(db)
    assert record_checks.of_rows(db, provenance.behind(db, made.id)) == []


def test_another_seed_or_setting_than_recorded_is_named(db):
    made = checkpoint_of_choices(db)
    behind = provenance.behind(db, made.id)
    made.provenance = made.provenance | {
        "study": {"seed": 7},
        "round": {"sampling": behind.round_.settings["sampling"] | {"steps": 11}},
    }
    found = record_checks.of_rows(db, behind)
    assert [(one.name, one.recorded, one.found) for one in found] == [
        ("sampling.steps", 11, behind.round_.settings["sampling"]["steps"]),
        ("study.seed", 7, 0),
    ]
