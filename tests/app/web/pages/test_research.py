import re

import pytest

from app.db import transaction
from app.models import Checkpoint, JobKind, JobState, RunState, Study, TrainingRun
from tests import builders, scenes
from tests.comparisons import ONE, OTHER, comparison, judged
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


def listed(researcher, query):
    """The list alone, below the picture of where all came from."""
    return researcher.get(f"/research?{query}").text.split('class="checkpoint-rows"')[1]


def test_many_checkpoints_come_in_pages(researcher, factory, monkeypatch):
    monkeypatch.setattr("app.web.pages.research.PAGE", 1)
    with transaction(factory) as session:
        study = builders.study(session)
        first = scenes.checkpoint(session, study)
        second = scenes.checkpoint(session, study, parent=first)
    page = listed(researcher, f"study={study.id}")
    assert (f"checkpoints/{second.id}" in page, f'checkpoints/{first.id}"' in page) == (True, False)
    assert f"/research?study={study.id}&amp;before={second.id}" in page
    older = listed(researcher, f"before={second.id}&study={study.id}")
    assert (f'checkpoints/{second.id}"' in older, f'checkpoints/{first.id}"' in older) == (False, True)
    assert ("-10%" in page, "-5%" in older) == (True, True)  # the base is still there to compare with


def test_the_list_can_be_of_one_round_or_of_what_is_current(researcher, lineage):
    first, second = lineage
    here = f"study={second.study_id}"
    assert f"/research/checkpoints/{first.id}" in listed(researcher, here)
    rows = listed(researcher, f"{here}&round=1")
    assert "Checkpoint 1" in rows
    assert "Checkpoint 2" not in rows
    current = listed(researcher, f"{here}&round=&current=true")
    assert "Checkpoint 2" in current
    assert "Checkpoint 1" not in current
    assert "No checkpoint like that" in researcher.get(f"/research?{here}&round=7").text


def test_a_study_shows_which_checkpoint_came_from_which(researcher, lineage):
    first, second = lineage
    page = researcher.get(f"/research/checkpoints/{second.id}").text
    picture = page.split('class="lineage__plot"')[1].split("</svg>")[0]
    assert picture.count("<path") == 2
    assert 'aria-label="Checkpoint 1, round 1, from the base"' in picture
    assert 'aria-label="Checkpoint 2, round 2, from checkpoint 1, current" aria-current="page"' in picture
    assert f'href="/research/checkpoints/{first.id}"' in picture


def test_whose_choices_they_were_is_told_by_pseudonym(researcher, factory):
    with transaction(factory) as session:
        study = builders.study(session)
        round_ = builders.round_(session, study_id=study.id, state="complete")
        person = builders.user(session, handle="grace", display_name="Grace")
        choices = [
            builders.choice(session, pair_id=builders.pair(session, round_id=round_.id).id, user_id=person.id).id
            for _ in range(3)
        ]
        items = [
            {
                "pair": n,
                "group": n,
                "first": 1,
                "second": 2,
                "p": 1.0,
                "weight": 1.0,
                "choices": [one],
                "held_out": False,
            }
            for n, one in enumerate(choices)
        ]
        frozen = builders.training_set(session, round_id=round_.id, items=items)
        run = builders.training_run(session, training_set_id=frozen.id)
        made = builders.checkpoint(session, training_run_id=run.id)
    page = researcher.get(f"/research/checkpoints/{made.id}").text
    assert re.search(
        r'<code>annotator-\w{12}</code></th><td class="number">3</td>', page.replace("\n", "").replace("  ", "")
    )
    assert "Grace" not in page
    assert f"tastemaker checkpoint reproduce {made.id}" in page


def test_two_checkpoints_are_compared_setting_by_setting(researcher, lineage, factory):
    first, second = lineage
    with transaction(factory) as session:
        run = session.get_one(TrainingRun, second.training_run_id)
        run.settings = run.settings | {"learning_rate": 0.5}
        round_ = comparison(session, session.get_one(Study, first.study_id), first.id, second.id)
        judged(session, round_, OTHER, OTHER, OTHER, ONE)
    page = researcher.get(f"/research/compare?one={second.id}&other={first.id}").text
    marked = re.findall(r'<tr class="differs setting-values"><th scope="row">([^<]*)', page)
    assert "Training: learning_rate " in marked
    assert "Where it comes from: parent " in marked
    assert not any("rank" in name for name in marked)
    assert "Checkpoint 2 won <b>75%</b> of the choices" in page
    assert "3 for checkpoint 2, 0 ties, 1 for checkpoint 1" in page
    assert page.count('class="compare__picture"') == 8
    loss = page.split("Loss. By optimizer step.")[1].split("</svg>")[0]
    assert loss.count("data-points") == 2
    turned = researcher.get(f"/research/compare?one={first.id}&other={second.id}").text
    assert "Checkpoint 1 won <b>25%</b> of the choices" in turned


def test_checkpoints_of_two_studies_are_compared_without_pictures(researcher, lineage, factory):
    with transaction(factory) as session:
        other = scenes.checkpoint(session, builders.study(session, name="Another"), draws=1)
    page = researcher.get(f"/research/compare?one={lineage[0].id}&other={other.id}").text
    assert "They belong to different studies" in page
    assert "Each study draws its own prompts" in page
    assert researcher.get(f"/research/compare?one={lineage[0].id}&other=999999").status_code == 404
