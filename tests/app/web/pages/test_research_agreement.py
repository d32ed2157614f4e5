"""The page of judges and people: what it tells, in how many queries, and what it lets one do."""

import re

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Scoring, Study
from tests.browser.places.agreement import judged, newest
from tests.queries import counted


@pytest.fixture
def study(factory, artifacts) -> Study:
    with transaction(factory) as session:
        return judged(session, artifacts, rounds=2, pairs=12)


def path(study: Study) -> str:
    return f"/research/studies/{study.id}/agreement"


def names(page: str) -> list[str]:
    table = page[page.index('id="judges"') : page.index('id="judge"')]
    return re.findall(r'<th scope="row"><a [^>]*>(\w+)</a>', table)


def test_judges_stand_side_by_side_and_one_is_shown(researcher, study):
    page = researcher.get(path(study)).text
    assert set(names(page)) == {"pickscore", "aesthetic", "brightness", "jpeg_compressibility"}
    assert names(page)[0] == "pickscore"
    assert 'id="judge-title">pickscore</h2>' in page
    other = researcher.get(path(study), params={"judge": "jpeg_compressibility"}).text
    assert 'id="judge-title">jpeg_compressibility</h2>' in other
    assert "Smaller is better. Unit: kB" in other


def test_disputes_are_shown_as_pictures_by_sealed_addresses(researcher, study):
    page = researcher.get(path(study), params={"judge": "jpeg_compressibility"}).text
    disputes = page[page.index('id="disputes"') :]
    pictures = re.findall(r'<img class="dispute__picture[^"]*" src="(/i/[^"]+)"', disputes)
    assert len(pictures) >= 2
    assert researcher.get(pictures[0]).headers["content-type"] == "image/webp"


def test_one_round_alone(researcher, factory, study):
    with transaction(factory) as session:
        round_id = newest(session, study)
    page = researcher.get(path(study), params={"round": round_id}).text
    assert re.search(rf'<option value="{round_id}" selected>in round 2<', page)
    assert '<td class="number">12</td>' in page
    assert '<td class="number">24</td>' in researcher.get(path(study)).text
    assert researcher.get(path(study), params={"round": "999999"}).status_code == 200  # gives way to all rounds


def test_the_page_asks_no_more_for_more_rounds(researcher, factory, artifacts, app, study):
    def asked(of: Study) -> int:
        with counted(app.state.engine) as seen:
            assert researcher.get(path(of)).status_code == 200
        return len(seen)

    few = asked(study)
    with transaction(factory) as session:
        larger = judged(session, artifacts, rounds=5, pairs=8)
    assert asked(larger) == few


def test_a_judge_is_sent_stopped_and_sent_again(researcher, factory, study):
    answer = researcher.submit(f"{path(study)}/scorings", judge="aesthetic", round="")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path(study)}#scorings")
    with transaction(factory) as session:
        made = session.scalars(select(Scoring)).one()
        assert (made.judge, made.round_id, made.asked_by_id) == ("aesthetic", None, researcher.user.id)
    researcher.submit(f"/research/scorings/{made.id}/stop")
    assert "stopped" in researcher.get(path(study)).text
    researcher.submit(f"/research/scorings/{made.id}/again")
    fragment = researcher.get(path(study), headers={"HX-Request": "true"}).text
    assert 'hx-trigger="every 2s"' in fragment
    assert "<h1>" not in fragment


def test_annotators_do_not_see_it(annotator, study):
    assert annotator.get(path(study)).status_code == 403
    assert annotator.submit(f"{path(study)}/scorings", judge="aesthetic").status_code == 403


def test_a_judge_that_nobody_has_is_refused(researcher, study):
    answer = researcher.submit(f"{path(study)}/scorings", judge="beauty")
    assert answer.status_code == 422
    assert "No worker has a judge" in answer.text
