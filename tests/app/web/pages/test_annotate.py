"""The pair page without JavaScript: forms and redirects."""

import re

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Answer, Choice, Hold, RoundState, Study
from tests import builders


@pytest.fixture
def round_(factory, artifacts):
    with transaction(factory) as session:
        row = builders.round_(session)
        for _ in range(3):
            builders.pair(session, round_id=row.id, artifacts=artifacts)
    return row


def hidden(page, form):
    """The hidden fields of a form by its id."""
    part = page[page.index(f'id="{form}"') :]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', part[: part.index("</form>")]))


def answer(client, study_id, choice):
    page = client.get(f"/annotate/{study_id}").text
    return client.post(f"/annotate/{study_id}", data={**hidden(page, "answer"), "choice": choice})


def standing(factory):
    with transaction(factory) as session:
        rows = session.scalars(select(Choice).where(Choice.undone_at.is_(None)).order_by(Choice.id))
        return [(row.pair_id, row.answer) for row in rows]


def test_a_pair_is_shown_with_its_prompt_and_the_studys_question(annotator, round_, factory):
    page = annotator.get(f"/annotate/{round_.study_id}").text
    with transaction(factory) as session:
        question = session.get_one(Study, round_.study_id).question
    assert question in page
    assert "cat face" in page
    assert "3 pairs left" in page
    assert len(re.findall(r'<img[^>]* src="/i/[\w-]+"', page)) == 2


def test_each_answer_is_a_form_and_the_next_pair_follows(annotator, round_, factory):
    for choice in ("first", "tie", "skip"):
        answered = answer(annotator, round_.study_id, choice)
        assert (answered.status_code, answered.headers["location"]) == (303, f"/annotate/{round_.study_id}")
    assert [said for _, said in standing(factory)] == [Answer.FIRST, Answer.TIE, Answer.SKIP]
    assert "All done" in annotator.get(f"/annotate/{round_.study_id}").text


def test_undo_takes_the_last_answer_back_and_shows_its_pair_again(annotator, round_, factory):
    study = round_.study_id
    answer(annotator, study, "first")
    answer(annotator, study, "second")
    (kept, _), (undone, _) = standing(factory)

    page = annotator.get(f"/annotate/{study}").text
    back = annotator.post(f"/annotate/{study}/undo", data=hidden(page, "undo"))

    assert back.status_code == 303
    assert [pair for pair, _ in standing(factory)] == [kept]
    assert hidden(annotator.get(f"/annotate/{study}").text, "answer")["pair"] == str(undone)


def test_a_form_sent_twice_is_one_answer(annotator, round_, factory):
    page = annotator.get(f"/annotate/{round_.study_id}").text
    form = {**hidden(page, "answer"), "choice": "first"}
    assert [annotator.post(f"/annotate/{round_.study_id}", data=form).status_code for _ in range(2)] == [303, 303]
    assert len(standing(factory)) == 1


def test_an_old_page_answered_again_keeps_the_first_answer_and_says_so(annotator, round_, factory):
    page = annotator.get(f"/annotate/{round_.study_id}").text
    form = {**hidden(page, "answer"), "choice": "first"}
    annotator.post(f"/annotate/{round_.study_id}", data=form)
    again = {**form, "key": "00000000-0000-4000-8000-000000000000", "choice": "second"}
    location = annotator.post(f"/annotate/{round_.study_id}", data=again).headers["location"]
    assert "your first answer stands" in annotator.get(location).text
    assert [said for _, said in standing(factory)] == [Answer.FIRST]


def test_answers_that_the_study_does_not_offer_have_no_button(annotator, factory):
    with transaction(factory) as session:
        settings = builders.settings(labeling={"allow_tie": False, "allow_skip": False})
        study = builders.study(session, settings=settings)
        builders.pair(session, round_id=builders.round_(session, study_id=study.id).id)
    page = annotator.get(f"/annotate/{study.id}").text
    shown = [
        re.search(r'data-answer="(\w+)"', b).group(1)
        for b in re.findall(r"<button[^>]*data-answer[^>]*>", page)
        if "hidden" not in b
    ]
    assert sorted(shown) == ["both_bad", "left", "left", "right", "right"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [({"hold": Hold.PAUSED}, "This study is paused"), ({"state": RoundState.TRAINING}, "All done, thank you")],
)
def test_where_there_is_no_pair_the_page_says_why(annotator, factory, columns, said):
    with transaction(factory) as session:
        row = builders.round_(session, **columns)
        builders.pair(session, round_id=row.id)
    page = annotator.get(f"/annotate/{row.study_id}").text
    shown = [
        part for part in re.findall(r"<section.*?</section>", page, re.DOTALL) if "hidden" not in part.split(">")[0]
    ]
    assert len(shown) == 1
    assert said in shown[0]


def test_nothing_in_the_page_tells_a_sample_a_file_or_a_policy(annotator, factory, artifacts):
    with transaction(factory) as session:
        row = builders.round_(session)
        pair = builders.pair(session, round_id=row.id, artifacts=artifacts)
        first, second = 987_654_321, 987_654_322
        for old, new in ((pair.first_id, first), (pair.second_id, second)):
            sample = session.get_one(builders.Sample, old)
            copy = {c.name: getattr(sample, c.name) for c in builders.Sample.__table__.columns}
            session.add(builders.Sample(**{**copy, "id": new, "number": sample.number + 10}))
        session.flush()
        pair.first_id, pair.second_id = first, second
    for text in (
        annotator.get(f"/annotate/{row.study_id}").text,
        annotator.get(f"/api/v1/studies/{row.study_id}/next?count=5").text,
    ):
        assert "/i/" in text
        assert not re.search(r"98765432[12]|\.webp|\.png|samples/|sample_id|checkpoint|policy", text)


def test_an_unknown_study_is_said(annotator):
    assert annotator.get("/annotate/404").status_code == 404


def test_the_page_needs_someone_signed_in(anonymous, round_):
    assert anonymous.get(f"/annotate/{round_.study_id}").status_code == 401
