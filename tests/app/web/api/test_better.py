import math

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Checkpoint, Study
from app.services import judges
from tests import builders, scenes
from tests.comparisons import ONE, OTHER, comparison, judged


@pytest.fixture
def study(factory, artifacts) -> Study:
    """A study with two checkpoints and their evaluation pictures."""
    with transaction(factory) as session:
        judges.know(session, name="jpeg_compressibility", unit="kB", larger_is_better=False)
        study = builders.study(session)
        scenes.checkpoint(session, study, parent=scenes.checkpoint(session, study), artifacts=artifacts)
        return study


@pytest.mark.parametrize("name", ["grid", "scores", "ranking"])
def test_researchers_read_and_annotators_do_not(annotator, researcher, admin, study, name):
    path = f"/api/v1/studies/{study.id}/evaluation/{name}"
    assert [client.get(path).status_code for client in (researcher, admin, annotator)] == [200, 200, 403]
    assert researcher.get(f"/api/v1/studies/999999/evaluation/{name}").status_code == 404


def test_the_grid_comes_page_by_page_with_its_pictures(researcher, study):
    path = f"/api/v1/studies/{study.id}/evaluation/grid?limit=3&policies=0,2&sampler=ddim&draw=1"
    page = researcher.get(path).json()
    assert [policy["number"] for policy in page["policies"]] == [0, 2]
    assert (page["prompts"], page["draws"]) == (4, 2)
    assert [(row["prompt"], row["text"]) for row in page["items"]] == list(enumerate(builders.PROMPTS))[:3]
    pictures = page["items"][0]["pictures"]
    assert [picture["policy"] for picture in pictures] == [0, 2]
    assert researcher.get(pictures[1]["image"]).headers["content-type"] == "image/png"
    rest = researcher.get(f"{path}&cursor={page['next']}").json()
    assert [row["prompt"] for row in rest["items"]] == [3]
    assert rest["next"] is None
    refused = researcher.get(f"/api/v1/studies/{study.id}/evaluation/grid?policies=9")
    assert (refused.status_code, refused.json()["remedy"][:15]) == (422, "Give up to 12 n")


def test_scores_have_intervals_and_say_whether_they_are_better(researcher, study):
    (judge,) = researcher.get(f"/api/v1/studies/{study.id}/evaluation/scores").json()
    assert (judge["judge"], judge["unit"], judge["larger_is_better"]) == ("jpeg_compressibility", "kB", False)
    drawn = [one for one in judge["policies"] if one["sampler"] == "study"]
    assert [one["number"] for one in drawn] == [0, 1, 2]
    base, first, _ = drawn
    assert (base["difference"], base["better"], first["better"], first["paired"]) == (None, None, True, 8)
    assert base["score"]["low"] < base["score"]["mean"] < base["score"]["high"]
    assert first["difference"]["mean"] == pytest.approx(2.7 * (0.95 - 1))


def test_the_ranking_has_null_where_nothing_bounds_it(researcher, factory, study):
    with transaction(factory) as session:
        first, second = session.scalars(select(Checkpoint.id).order_by(Checkpoint.number)).all()
        judged(session, comparison(session, study, first, None), ONE, ONE, ONE, OTHER)
        judged(session, comparison(session, study, second, None), ONE, ONE)
    ranking = researcher.get(f"/api/v1/studies/{study.id}/evaluation/ranking").json()
    best, first, base = ranking["standings"]
    assert [one["number"] for one in ranking["standings"]] == [2, 1, 0]
    assert (best["open"], best["high"], best["win_rate_high"]) == ("high", None, 1.0)
    assert (first["strength"], first["win_rate"]) == pytest.approx((math.log(3), 0.75))
    assert (base["strength"], base["open"], ranking["choices"], ranking["apart"]) == (0, "neither", 6, [])
