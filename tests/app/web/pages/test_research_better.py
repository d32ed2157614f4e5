import re
from dataclasses import dataclass

import pytest

from app.db import transaction
from app.models import Checkpoint, Study
from app.services import judges
from tests import builders, scenes
from tests.comparisons import ONE, OTHER, comparison, judged
from tests.queries import counted


@dataclass(frozen=True)
class Trained:
    """A study with its checkpoints, and the address of its page."""

    study: Study
    checkpoints: list[Checkpoint]

    @property
    def path(self) -> str:
        return f"/research/studies/{self.study.id}/better"


def train(session, artifacts, rounds: int, *, draws: int = 1) -> Trained:
    study = builders.study(session, name="Demo emoji", question="Which is cosier?")
    made: list[Checkpoint] = []
    for _ in range(rounds):
        made.append(
            scenes.checkpoint(session, study, parent=made[-1] if made else None, draws=draws, artifacts=artifacts)
        )
    return Trained(study, made)


@pytest.fixture
def trained(factory, artifacts) -> Trained:
    """Three rounds, of which people have compared two with the base."""
    with transaction(factory) as session:
        judges.know(session, name="jpeg_compressibility", unit="kB", larger_is_better=False)
        made = train(session, artifacts, 3, draws=2)
        judged(session, comparison(session, made.study, made.checkpoints[0].id, None), ONE, ONE, ONE, OTHER)
        judged(session, comparison(session, made.study, made.checkpoints[1].id, None), ONE, ONE)
        return made


def columns(page: str) -> list[str]:
    head = re.search(r"<thead>(.*?)</thead>", page[page.index("data-grid") :], re.DOTALL)[1]
    return re.findall(r">(base|checkpoint \d+)<", head)


def test_researchers_and_admins_see_the_page_and_annotators_do_not(annotator, researcher, admin, anonymous, trained):
    clients = (researcher, admin, annotator, anonymous)
    assert [client.get(trained.path).status_code for client in clients] == [200, 200, 403, 401]
    assert researcher.get("/research/studies/999999/better").status_code == 404
    assert trained.path in admin.get(f"/admin/studies/{trained.study.id}").text
    assert trained.path in researcher.get("/research").text
    assert trained.path in researcher.get(f"/research/checkpoints/{trained.checkpoints[0].id}").text


def test_prompts_go_down_and_rounds_across_and_the_pictures_load(researcher, trained):
    page = researcher.get(trained.path).text
    assert columns(page) == ["base", "checkpoint 1", "checkpoint 2", "checkpoint 3"]
    cells = re.findall(r'<a class="grid__cell" href="(/i/[^"]+)"', page)
    assert len(set(cells)) == 4 * len(builders.PROMPTS)
    assert researcher.get(cells[5]).headers["content-type"] == "image/webp"
    assert page.count('loading="lazy"') == len(cells)
    assert 'width="128" height="128" alt="cat face, base"' in page, "64 pixels are shown at twice their size"


def test_the_other_sampler_and_the_next_noise_show_other_pictures_as_a_fragment(researcher, trained):
    shown = [set(re.findall(r"/i/[^\"]+", researcher.get(trained.path + query).text)) for query in ("", "?draw=1")]
    alone = researcher.get(f"{trained.path}?sampler=ddim&draw=1", headers={"HX-Request": "true"})
    assert alone.headers["vary"] == "HX-Request"
    assert "<html" not in alone.text
    shown.append(set(re.findall(r"/i/[^\"]+", alone.text)))
    assert all(len(pictures) == 16 for pictures in shown)
    assert len(set.union(*shown)) == 48


def test_where_there_are_many_checkpoints_some_are_chosen_and_others_can_be(researcher, factory, artifacts):
    with transaction(factory) as session:
        trained = train(session, artifacts, 8)
    newest = researcher.get(trained.path).text
    assert columns(newest) == ["base", *(f"checkpoint {n}" for n in (4, 5, 6, 7, 8))]
    assert columns(researcher.get(f"{trained.path}?which=spread").text)[1::4] == ["checkpoint 1", "checkpoint 8"]
    named = researcher.get(f"{trained.path}?columns=2+0,7").text
    assert columns(named) == ["base", "checkpoint 2", "checkpoint 7"]
    assert "columns=2+0%2C7" in named, "a switch keeps what was chosen"
    refused = researcher.get(f"{trained.path}?columns=9")
    assert refused.status_code == 422
    assert "no checkpoint 9; its newest is 8" in refused.text
    assert columns(refused.text) == columns(newest)


def test_two_columns_and_a_prompt_are_chosen_to_lie_one_over_the_other(researcher, trained):
    page = researcher.get(trained.path).text
    assert re.findall(r'class="wipe__name">([^<]+)<', page) == ["base", "checkpoint 3"]
    chosen = researcher.get(f"{trained.path}?one=1&other=2&prompt=2").text
    assert re.findall(r'class="wipe__name">([^<]+)<', chosen) == ["checkpoint 1", "checkpoint 2"]
    wipe = chosen[chosen.index("data-wipe") :]
    assert re.findall(r'alt="([^"]+)"', wipe)[:2] == [f"{builders.PROMPTS[2]}, checkpoint {n}" for n in (1, 2)]
    assert '<option value="2" selected>animal mammal</option>' in chosen
    assert researcher.get(f"{trained.path}?one=77").status_code == 422


def test_judges_scores_say_which_way_is_better_and_how_sure_that_is(researcher, trained):
    page = researcher.get(trained.path).text
    scores = page[page.index('id="scores"') : page.index('id="ranking"')]
    assert "Smaller is better." in scores
    assert "Unit: kB" in scores
    assert scores.count("▲") == 6, "three checkpoints, drawn in two ways"
    assert "▼" not in scores
    assert "chart__band" in scores
    assert "-0.3851" in scores  # 2.7 kB less 0.95³ of it


def test_the_ranking_tells_strengths_and_what_nothing_bounds(researcher, trained):
    page = researcher.get(trained.path).text
    ranking = page[page.index('id="ranking"') :]
    assert "6 decided choices" in ranking
    assert "75%" in ranking
    assert "+1.10" in ranking  # log 3
    assert "at least" in ranking
    assert "1 policy was never compared" in ranking
    assert ranking.index(">checkpoint 2</a>") < ranking.index(">checkpoint 1</a>"), "the newest first"
    assert "Not connected" not in ranking


def test_policies_that_only_met_each_other_are_named(researcher, factory, trained):
    with transaction(factory) as session:
        third = trained.checkpoints[2]
        later = scenes.checkpoint(session, trained.study, parent=third)
        judged(session, comparison(session, trained.study, later.id, third.id), ONE)
    assert "Not connected to the base by any comparison: checkpoint 3, checkpoint 4." in re.sub(
        r"\s+", " ", researcher.get(trained.path).text
    )


def test_more_checkpoints_take_no_more_queries(researcher, factory, artifacts, app):
    with transaction(factory) as session:
        few, many = train(session, artifacts, 1), train(session, artifacts, 9)
    with counted(app.state.engine) as for_few:
        researcher.get(few.path)
    with counted(app.state.engine) as for_many:
        assert researcher.get(many.path).status_code == 200
    assert len(for_many) == len(for_few)


def test_a_study_without_checkpoints_has_a_page_that_says_what_will_be_there(researcher, factory):
    with transaction(factory) as session:
        study = builders.study(session)
    page = researcher.get(f"/research/studies/{study.id}/better").text
    for words in ("no evaluation pictures yet", "No judge has scored", "Nobody has compared"):
        assert words in page
