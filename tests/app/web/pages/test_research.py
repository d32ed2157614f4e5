import re

import pytest

from app.db import transaction
from app.models import Checkpoint, JobKind, JobState, RunState
from tests import builders, scenes
from tests.queries import counted


@pytest.fixture
def lineage(factory, artifacts) -> tuple[Checkpoint, Checkpoint]:
    """A checkpoint and the one trained from it, with files and evaluation pictures."""
    with transaction(factory) as session:
        study = builders.study(session, name="Demo emoji", question="Which is cosier?")
        first = scenes.checkpoint(session, study, artifacts=artifacts)
        return first, scenes.checkpoint(session, study, parent=first, artifacts=artifacts)


@pytest.mark.parametrize("path", ["/research", "/research/checkpoints/{checkpoint}"])
def test_researchers_and_admins_see_these_pages_and_annotators_do_not(
    annotator, researcher, admin, anonymous, lineage, path
):
    path = path.format(checkpoint=lineage[0].id)
    clients = (researcher, admin, annotator, anonymous)
    assert [client.get(path).status_code for client in clients] == [200, 200, 403, 401]


def test_the_list_shows_each_checkpoint_with_its_parent_and_how_far_its_score_moved(researcher, lineage):
    page = researcher.get("/research").text
    for words in (
        "Demo emoji",
        "Checkpoint 2",
        "from checkpoint 1",
        "from the base",
        "40 pairs",
        "jpeg_compressibility",
    ):
        assert words in page
    assert "-10%" in page


def test_the_list_can_be_of_one_study(researcher, lineage, factory):
    with transaction(factory) as session:
        other = builders.study(session, name="Another")
        scenes.checkpoint(session, other, draws=1)
    page = researcher.get(f"/research?study={other.id}").text
    assert "Another" in page
    assert "Demo emoji" not in page
    assert researcher.get("/research?study=999999").status_code == 404


def test_without_checkpoints_the_list_says_how_the_first_one_comes(researcher):
    assert "No checkpoint yet" in researcher.get("/research").text


def test_the_list_asks_no_more_queries_for_more_checkpoints(researcher, factory, app):
    with transaction(factory) as session:
        made = scenes.checkpoint(session, builders.study(session), draws=1)
    with counted(app.state.engine) as few:
        researcher.get("/research")
    with transaction(factory) as session:
        for _ in range(2):
            scenes.checkpoint(session, builders.study(session), draws=1)
    with counted(app.state.engine) as many:
        assert researcher.get("/research").text.count("Checkpoint 1") == 3
    assert made.id
    assert len(many) == len(few)


def test_the_page_tells_where_the_checkpoint_comes_from(researcher, lineage):
    first, second = lineage
    page = researcher.get(f"/research/checkpoints/{second.id}").text
    assert "<b>40</b> pairs with <b>40</b> choices of round 2" in page
    assert f'href="/research/checkpoints/{first.id}">checkpoint 1</a>' in page
    for words in (second.adapter_sha256, "Which is cosier?", "torch 2.13.0", "cpu, 2 threads", "learning_rate"):
        assert words in page


def test_pictures_before_and_after_stand_side_by_side_and_load(researcher, lineage):
    page = researcher.get(f"/research/checkpoints/{lineage[1].id}").text
    pictures = [part.split('"')[0] for part in page.split('src="')[1:] if part.startswith("/i/")]
    assert len(pictures) == 4 * 3
    assert len(set(pictures)) == 12
    assert researcher.get(pictures[0]).headers["content-type"] == "image/webp"
    assert page.count("<figcaption>checkpoint 1</figcaption>") == 4


def test_the_other_sampler_and_the_next_noise_come_as_a_fragment(researcher, lineage):
    path = f"/research/checkpoints/{lineage[1].id}?sampler=ddim&draw=1"
    alone = researcher.get(path, headers={"HX-Request": "true"})
    assert alone.headers["vary"] == "HX-Request"
    assert "<html" not in alone.text
    assert alone.text.count('src="/i/') == 12
    assert "<html" in researcher.get(path).text


def test_evaluation_pictures_that_are_being_drawn_are_said_with_their_progress(researcher, lineage, factory):
    with transaction(factory) as session:
        study_id = lineage[0].study_id
        round_ = builders.round_(session, study_id=study_id, state="complete")
        run = scenes.training_run(session, round_, steps=0, state=RunState.FINISHED)
        later = builders.checkpoint(session, training_run_id=run.id, parent_id=lineage[1].id)
        builders.job(
            session, kind=JobKind.EVALUATION, study_id=study_id, checkpoint_id=later.id, state=JobState.RUNNING,
            lease_until=builders.now(), progress={"done": 5, "total": 16},
        )  # fmt: skip
    page = researcher.get(f"/research/checkpoints/{later.id}").text
    assert "Evaluation pictures are being drawn" in page
    assert "5 of 16" in page
    assert 'hx-trigger="every 5s"' in page


def test_each_file_is_offered_with_its_size_and_hash_and_five_lines_that_use_it(researcher, lineage):
    made = lineage[1]
    page = researcher.get(f"/research/checkpoints/{made.id}").text
    for format_ in ("diffusers", "kohya", "peft"):
        assert f"/api/v1/checkpoints/{made.id}/download?format={format_}" in page
        assert made.files[format_]["sha256"] in page
    code = re.search(r'id="code"[^>]*><code>(.*?)</code>', page, re.DOTALL)[1]
    assert len(code.splitlines()) == 5
    compile(code.replace("&#34;", '"'), "page", "exec")
    assert "demo-emoji-2-diffusers.safetensors" in code


def test_a_checkpoint_that_is_not_there_is_not_found(researcher):
    assert researcher.get("/research/checkpoints/999999").status_code == 404


def test_many_checkpoints_come_in_pages(researcher, factory, monkeypatch):
    monkeypatch.setattr("app.web.pages.research.PAGE", 1)
    with transaction(factory) as session:
        study = builders.study(session)
        first = scenes.checkpoint(session, study)
        second = scenes.checkpoint(session, study, parent=first)
    page = researcher.get(f"/research?study={study.id}").text
    assert (f"checkpoints/{second.id}" in page, f'checkpoints/{first.id}"' in page) == (True, False)
    assert f"/research?before={second.id}&amp;study={study.id}" in page
    older = researcher.get(f"/research?before={second.id}&study={study.id}").text
    assert (f'checkpoints/{second.id}"' in older, f'checkpoints/{first.id}"' in older) == (False, True)
    assert ("-10%" in page, "-5%" in older) == (True, True)  # the base is still there to compare with
