"""A comparison on its page, from the form that starts it to its end."""

import re

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Answer, Checkpoint, Pair, Prompt, Round, RoundKind, RoundState, Sampler
from app.services import participations
from tests import builders, scenes
from tests.comparisons import ONE, OTHER, comparison, judged


@pytest.fixture
def made(factory) -> Checkpoint:
    """A checkpoint of a study with all its evaluation pictures, and those of the base."""
    with transaction(factory) as session:
        study = builders.study(session, settings=builders.settings(sampling={"eval_draws": 2}))
        return scenes.checkpoint(session, study)


def round_of(factory, made: Checkpoint, *said, **columns) -> Round:
    """A comparison of the checkpoint with the base, with a pair for each of `said`."""
    with transaction(factory) as session:
        study = session.merge(made).study_id
        round_ = comparison(session, session.get_one(scenes.Study, study), made.id, None, **columns)
        for answers in said:
            judged(session, round_, *answers)
        return round_


def page_of(admin, round_: Round) -> str:
    """The page's text without tags, its blanks made one."""
    text = re.sub(r"<[^>]+>", " ", admin.get(f"/admin/rounds/{round_.id}").text)
    return re.sub(r"\s+", " ", text)


def test_the_form_offers_the_current_checkpoint_against_the_base_on_all_pairs(admin, made):
    page = admin.get(f"/admin/studies/{made.study_id}").text
    form = page[page.index('id="compare"') :]
    assert re.search(rf'name="one">\s*<option value="{made.id}" selected', form)
    assert '<option value="base" selected' in form[form.index('name="other"') :]
    assert 'placeholder="all 8"' in form


def test_a_comparison_is_launched_as_the_form_says(admin, factory, made):
    asked = {"one": str(made.id), "other": "base", "sampler": "ddim", "compared": "3", "choices": "2"}
    answer = admin.submit(f"/admin/studies/{made.study_id}/comparisons", **asked)
    with transaction(factory) as session:
        round_ = session.scalars(select(Round).where(Round.kind == RoundKind.EVALUATION)).one()
        pairs = session.scalars(select(Pair).where(Pair.round_id == round_.id)).all()
    assert (answer.status_code, answer.headers["location"]) == (303, f"/admin/rounds/{round_.id}")
    assert (round_.sampler, round_.groups, len(pairs)) == (Sampler.DDIM, 3, 3)
    assert round_.settings["labeling"]["choices_per_pair"] == 2


def test_what_cannot_be_compared_is_said_and_stays_in_the_form(admin, made):
    asked = {"one": str(made.id), "other": "base", "sampler": "ddim", "compared": "9", "choices": "2"}
    refused = admin.submit(f"/admin/studies/{made.study_id}/comparisons", **asked)
    assert refused.status_code == 422
    for words in ("9 pairs cannot be compared", "from 1 to 4", 'value="9"', '<option value="ddim" selected'):
        assert words in refused.text
    assert admin.submit(f"/admin/studies/{made.study_id}/comparisons", **asked | {"sampler": "x"}).status_code == 422


def test_the_page_tells_the_rate_its_interval_and_how_many_more_would_settle_it(admin, factory, made):
    round_ = round_of(factory, made, [ONE, ONE, ONE, OTHER], [Answer.TIE, Answer.TIE, Answer.BOTH_BAD])
    page = page_of(admin, round_)
    for words in (
        "67% checkpoint 1", "the base model 33%", "30% to 90%", "about 29 more choices would settle it",
        "This round asks for 4 more",
        "Looking at this page changes nothing", "End the comparison", "pictures drawn as the study draws",
    ):  # fmt: skip
        assert words in page
    assert "Train now" not in page


def test_the_page_tells_who_judged_and_whom_they_preferred_but_for_who_is_left_out(admin, factory, made):
    round_ = round_of(factory, made)
    with transaction(factory) as session:
        ada, ben, eve = (builders.user(session, handle=name, display_name=name) for name in ("Ada", "Ben", "Eve"))
        for person, said in ((ada, ONE), (ada, ONE), (ada, OTHER), (ben, Answer.SKIP), (eve, OTHER)):
            judged(session, session.merge(round_), said, one_first=False, user_id=person.id)
        participations.leave_out(session, study_id=made.study_id, user_id=eve.id, actor=None)
    page = page_of(admin, round_)
    assert "Ada 67% of 3 choices" in page
    assert "Ben – of 1 choice " in page
    assert "All 2 people" in page
    assert "Eve" not in page[page.index("Who judged") : page.index("All 2 people")]


def test_once_it_is_settled_and_over_it_leads_to_the_better_policy(admin, factory, made):
    round_ = round_of(factory, made, [OTHER] * 9, state=RoundState.COMPLETE)
    page = admin.get(f"/admin/rounds/{round_.id}").text
    assert "Settled: people prefer the base model." in page
    assert f'href="/admin/studies/{made.study_id}?checkpoint=base#checkpoint"' in page
    chosen = admin.get(f"/admin/studies/{made.study_id}?checkpoint=base").text
    assert '<option value="base" selected' in chosen[chosen.index('name="checkpoint"') :]


@pytest.mark.parametrize(
    ("said", "words"),
    [([], "Nobody has decided between the two yet."), ([ONE, OTHER], "Too close to be settled.")],
)
def test_the_page_says_where_there_is_nothing_to_say(admin, factory, made, said, words):
    assert words in page_of(admin, round_of(factory, made, said))


def test_prompt_by_prompt_it_shows_both_pictures_and_who_won_a_page_at_a_time(admin, factory):
    with transaction(factory) as session:
        prompts = builders.prompt_set(session, prompts=[f"owl {n}" for n in range(30)])
        study = builders.study(session, prompt_set_id=prompts.id)
        round_ = comparison(session, study, scenes.checkpoint(session, study, draws=1).id, None)
        ids = session.scalars(select(Prompt.id).where(Prompt.prompt_set_id == prompts.id).order_by(Prompt.number))
        for number, prompt_id in enumerate(ids):
            judged(session, round_, ONE if number % 2 else OTHER, one_first=number % 3 == 0, prompt_id=prompt_id)
    first, rest = (admin.get(f"/admin/rounds/{round_.id}?prompts_from={place}").text for place in (0, 24))
    assert (first.count("/i/"), rest.count("/i/")) == (48, 12)
    assert "1 to 24 of 30 prompts" in first
    assert f"/admin/rounds/{round_.id}?prompts_from=24#prompts" in first
    assert rest.count("duel__one--won") == 6
    assert 'start="25"' in rest


def test_a_comparison_is_paused_resumed_ended_and_cancelled(admin, factory, made):
    round_ = round_of(factory, made, [ONE])
    for move, state, hold in (("pause", "labeling", "paused"), ("resume", "labeling", "none")):
        admin.submit(f"/admin/rounds/{round_.id}/{move}")
        with transaction(factory) as session:
            now = session.get_one(Round, round_.id)
        assert (now.state, now.hold) == (state, hold)
    admin.submit(f"/admin/rounds/{round_.id}/advance")
    other = round_of(factory, made, [ONE])
    admin.submit(f"/admin/rounds/{other.id}/cancel")
    with transaction(factory) as session:
        states = [session.get_one(Round, one.id).state for one in (round_, other)]
    assert states == [RoundState.COMPLETE, RoundState.CANCELLED]


def test_its_parts_are_asked_for_alone_and_a_preference_round_has_none_of_them(admin, factory, made, labeling_id):
    round_ = round_of(factory, made, [ONE])
    headers = {"HX-Request": "true"}
    part = admin.get(f"/admin/rounds/{round_.id}?part=comparison", headers=headers)
    assert part.text.lstrip().startswith('<section id="round-comparison"')
    assert admin.get(f"/admin/rounds/{labeling_id}?part=comparison", headers=headers).status_code == 404
    assert admin.get(f"/admin/rounds/{round_.id}?part=training", headers=headers).status_code == 404


@pytest.fixture
def labeling_id(factory) -> int:
    with transaction(factory) as session:
        return builders.round_(session).id


def test_nothing_that_an_annotator_is_given_tells_the_policies_apart(annotator, admin, factory, made):
    """Pairs differ in their numbers, prompts and pictures alone."""
    admin.submit(f"/admin/studies/{made.study_id}/comparisons", one=str(made.id), other="base")
    shown = annotator.call("GET", f"/studies/{made.study_id}/next?count=5").json()["pairs"]
    page = annotator.get(f"/annotate/{made.study_id}").text
    assert len(shown) == 5
    for pair in shown:
        assert set(pair) == {
            "pair", "lease", "prompt", "left", "images", "width", "height", "answers", "expires_at", "warm_up"
        }  # fmt: skip
        assert len({len(address) for address in pair["images"].values()}) == 1
    for word in ("checkpoint", "policy", "comparison", "evaluation", "base model", "sampler"):
        assert word not in page.lower()
        assert word not in str(shown).lower()
