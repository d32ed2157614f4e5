"""Warnings on the pages of rounds and studies: what they say, and where they lead."""

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Checkpoint, Hold, Round, RoundState, RunState, Study, TrainingRun
from app.services.troubles import TROUBLES
from app.web import round_parts
from tests import builders, scenes

FIGURES = {
    "not_finite": {"step": 7},
    "kl": {"base": 0.42, "round": 0.17, "base_above": 0.3, "round_above": 0.15},
    "clamped": {"share": 0.75},
    "accuracy": {"share": 0.5, "low": 0.47, "high": 0.53, "pairs": 1040},
    "collapse": {"structure": None, "colours": 0.42, "pictures": 64},
    "saturation": {"saturation": 2.2, "brightness": 0.7, "sharpness": None, "factor": 1.5},
    "drift": {"judge": "aesthetic", "share": 0.3, "choices": 52, "before": None},
    "alike": {"alike": 9, "pairs": 24, "distance": 0.01},
}


@pytest.fixture
def warned(factory, artifacts) -> Round:
    with transaction(factory) as session:
        return scenes.warned(session, builders.study(session), artifacts=artifacts)


def made(factory, warned: Round) -> Round:
    """The round that made the checkpoint which has gone wrong."""
    with transaction(factory) as session:
        checkpoint = session.get_one(Checkpoint, warned.checkpoint_id)
        return session.get_one(Round, session.get_one(TrainingRun, checkpoint.training_run_id).round_id)


@pytest.mark.parametrize("name", [trouble.name for trouble in TROUBLES])
def test_every_kind_is_said_with_what_helps(admin, factory, name):
    with transaction(factory) as session:
        round_ = builders.round_(session, state=RoundState.COMPLETE)
        run = builders.training_run(session, round_id=round_.id, state=RunState.FINISHED)
        builders.warning(session, training_run_id=run.id, name=name, figures=FIGURES[name])
    page = admin.get(f"/admin/rounds/{round_.id}")
    assert page.status_code == 200
    (trouble,) = (one for one in TROUBLES if one.name == name)
    for words in (trouble.title, trouble.helps[:30]):
        assert words.replace("'", "&#39;") in page.text
    assert "%(" not in page.text


def test_a_round_says_what_is_wrong_with_its_run_and_leads_to_what_helps(admin, factory, warned):
    page = admin.get(f"/admin/rounds/{made(factory, warned).id}").text
    for words in (
        "KL is running away", "0.42 away from the base model", "85% as much in structure",
        "saturation is ×\N{NO-BREAK SPACE}2.24",
        "agree with 31% of people", "The study stopped itself", "Go back to checkpoint 1",
        f"/admin/studies/{warned.study_id}?checkpoint=", "#other-settings",
    ):  # fmt: skip
        assert words in page, words
    assert "Many pairs look the same" not in page


def test_a_round_without_warnings_shows_none(admin, factory):
    with transaction(factory) as session:
        round_ = builders.round_(session)
    page = admin.get(f"/admin/rounds/{round_.id}").text
    assert 'id="round-warnings"' in page
    assert "notice--warn" not in page


def test_warnings_come_by_the_live_stream_like_every_part(admin, warned):
    part = admin.get(f"/admin/rounds/{warned.id}?part=warnings", headers={"HX-Request": "true"}).text
    assert "9 of the 24 pairs drawn so far look the same" in part
    assert "hx-get" in part
    assert not round_parts.PARTS["warnings"].for_one_viewer


def test_a_study_shows_the_warnings_that_matter_now_and_the_earlier_ones_folded(admin, factory, warned):
    page = admin.get(f"/admin/studies/{warned.study_id}").text
    now, earlier = page.split("Earlier warnings")
    for words in ("KL is running away", "Many pairs look the same", "Pictures are collapsing"):
        assert words in now
    assert "Accuracy is stuck at one half" not in now
    assert "Accuracy is stuck at one half" in earlier
    assert f'href="/admin/rounds/{made(factory, warned).id}#other-settings"' in now
    assert "Another checkpoint can be chosen once no round is open" in now


def test_going_back_is_one_click_away_once_no_round_is_open(admin, factory, warned):
    with transaction(factory) as session:
        round_ = session.get_one(Round, warned.id)
        round_.state, round_.hold, round_.ended_at = RoundState.CANCELLED, Hold.NONE, builders.now()
        good = session.scalars(select(Checkpoint).where(Checkpoint.number == 1)).one()
    page = admin.get(f"/admin/studies/{warned.study_id}?checkpoint={good.id}").text
    assert f'<option value="{good.id}" selected>' in page
    assert "can be chosen once no round is open" not in page
    admin.submit(f"/admin/studies/{warned.study_id}/checkpoint", checkpoint=str(good.id))
    with transaction(factory) as session:
        assert session.get_one(Study, warned.study_id).current_checkpoint_id == good.id


def test_the_base_can_be_asked_for(admin, factory):
    with transaction(factory) as session:
        study = builders.study(session)
        scenes.checkpoint(session, study)
    page = admin.get(f"/admin/studies/{study.id}?checkpoint=base").text
    assert page.count('<option value="base" selected>') == 2  # to start from, and to compare with


def test_a_study_that_went_back_says_so(admin, factory):
    with transaction(factory) as session:
        study = builders.study(session)
        bad = scenes.checkpoint(session, study)
        builders.warning(
            session, training_run_id=bad.training_run_id, stopped_at=builders.now(), went_back_at=builders.now(),
            figures={**FIGURES["kl"], "went_back_to": 0},
        )  # fmt: skip
        round_id = session.get_one(TrainingRun, bad.training_run_id).round_id
    page = admin.get(f"/admin/rounds/{round_id}").text
    assert "went back to the base model" in page
    assert "?checkpoint=base" not in page


def test_pairs_that_are_left_out_are_counted(admin, factory):
    with transaction(factory) as session:
        round_ = builders.round_(session, settings=builders.settings(labeling={"alike_below": 0.004}))
        for distance in (0.001, 0.2):
            builders.pair(session, round_id=round_.id, distance=distance, **(
                {"state": "void", "alike": True} if distance < 0.004 else {}
            ))  # fmt: skip
    page = admin.get(f"/admin/rounds/{round_.id}").text
    assert "1 pair is left out because its pictures look the same (distance below 0.004)" in page


def test_the_list_of_studies_marks_those_that_have_warnings_now(admin, factory, warned):
    with transaction(factory) as session:
        worried = builders.round_(session, study_id=builders.study(session, name="Owls").id)
        builders.warning(session, round_id=worried.id, name="alike", figures=FIGURES["alike"])
        past = builders.round_(session, study_id=builders.study(session, name="Bees").id, state=RoundState.COMPLETE)
        builders.warning(session, round_id=past.id, name="alike", figures=FIGURES["alike"])
        builders.round_(session, study_id=past.study_id, number=2)
    rows = {
        row.partition("</a>")[0].rpartition(">")[2]: row
        for row in admin.get("/admin").text.split('<li class="study-row">')[1:]
    }
    assert '<span class="badge badge--warn">1 warning</span>' in rows["Owls"]
    assert '<span class="badge badge--bad">5 warnings</span>' in rows[study_name(factory, warned)]
    assert "warning" not in rows["Bees"]


def study_name(factory, round_: Round) -> str:
    with transaction(factory) as session:
        return session.get_one(Study, round_.study_id).name
