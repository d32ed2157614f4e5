from datetime import timedelta

import pytest

from app.db import transaction
from app.models import Answer, GoldAnswer, Pair, PairState, Participation, Purpose, RoundState
from app.services import participations, tallies
from tests import builders


@pytest.fixture
def labeled(factory, artifacts):
    """A study in which Ada answered a pair, and one of its pairs with pictures."""
    with transaction(factory) as session:
        ada = builders.user(session, handle="ada", display_name="Ada <b>")
        round_ = builders.round_(session, state=RoundState.LABELING)
        pair = builders.pair(session, round_id=round_.id, artifacts=artifacts, state=PairState.CLOSED, filled=1)
        builders.choice(session, pair_id=pair.id, user_id=ada.id, made_at=builders.now() - timedelta(hours=1))
        participations.of(session, study_id=round_.study_id, user=ada)
        tallies.catch_up(session)
    return round_.study_id, ada.id, pair.id


def standing(factory, user_id: int) -> Participation:
    with transaction(factory) as session:
        return session.query(Participation).filter_by(user_id=user_id).one()


def test_the_page_lists_everyone_with_their_numbers(admin, labeled):
    study_id, ada, _ = labeled
    page = admin.get(f"/admin/studies/{study_id}/people")
    assert page.status_code == 200
    assert "Ada &lt;b&gt;" in page.text
    assert f'id="annotator-{ada}"' in page.text


def test_someone_is_paused_with_words_left_out_and_both_are_taken_back(admin, labeled, factory):
    study_id, ada, pair_id = labeled
    people = f"/admin/studies/{study_id}/people"
    moved = admin.submit(f"{people}/{ada}/pause", reason="Let us talk.")
    assert (moved.status_code, moved.headers["location"]) == (303, f"{people}?person={ada}#annotator-{ada}")
    assert (standing(factory, ada).paused_reason, standing(factory, ada).paused_by_id) == (
        "Let us talk.",
        admin.user.id,
    )
    assert "Let us talk." in admin.get(people).text
    admin.submit(f"{people}/{ada}/leave_out")
    with transaction(factory) as session:
        assert (session.get_one(Pair, pair_id).filled, session.get_one(Pair, pair_id).state) == (0, PairState.OPEN)
    admin.submit(f"{people}/{ada}/take_back")
    admin.submit(f"{people}/{ada}/resume")
    assert (standing(factory, ada).paused_at, standing(factory, ada).left_out_at) == (None, None)


def test_what_leaving_someone_out_would_change_is_shown_before_it_is_done(admin, labeled, factory):
    study_id, ada, pair_id = labeled
    people = f"/admin/studies/{study_id}/people"
    assert f'href="{people}/{ada}/leave_out"' in admin.get(people).text
    page = admin.get(f"{people}/{ada}/leave_out")
    assert page.status_code == 200
    assert "Leave out what Ada &lt;b&gt; chose?" in page.text
    assert "Round 1" in page.text
    with transaction(factory) as session:
        assert session.get_one(Pair, pair_id).state is PairState.CLOSED  # looking changes nothing
    admin.submit(f"{people}/{ada}/leave_out")
    with transaction(factory) as session:
        assert session.get_one(Pair, pair_id).state is PairState.OPEN
    assert admin.get(f"{people}/{ada}/leave_out").status_code == 409
    assert admin.get(f"{people}/{admin.user.id}/leave_out").status_code == 404


def test_as_a_table_people_are_sorted_by_any_figure(admin, labeled, factory):
    study_id, ada, _ = labeled
    with transaction(factory) as session:
        grace = builders.user(session, display_name="Grace")
        participations.of(session, study_id=study_id, user=grace)
        round_id = session.query(Pair).first().round_id
        for _ in range(3):
            builders.choice(session, pair_id=builders.pair(session, round_id=round_id).id, user_id=grace.id)
        tallies.catch_up(session)
    people = f"/admin/studies/{study_id}/people?view=table"

    def order(query: str) -> list[int]:
        text = admin.get(f"{people}{query}").text
        return [int(part.split('"')[0]) for part in text.split("#annotator-")[1:]]

    assert order("") == [grace.id, ada]
    assert order("&up=true") == [ada, grace.id]
    assert order("&sort=name&up=true") == [ada, grace.id]
    assert order("&sort=gold") == [grace.id, ada]  # nobody's was measured
    assert order("&sort=nonsense") == [grace.id, ada]
    assert 'aria-sort="descending"' in admin.get(people).text


def test_figures_may_be_of_one_round(admin, labeled, factory):
    study_id, *_ = labeled
    with transaction(factory) as session:
        other = builders.round_(session, study_id=study_id, state=RoundState.COMPLETE)
    page = admin.get(f"/admin/studies/{study_id}/people?view=table&round={other.id}").text
    assert f'<option value="{other.id}" selected>round 2</option>' in page
    assert '<td class="number">0</td>' in page
    assert admin.get(f"/admin/studies/{study_id}/people?round=x").status_code == 422


def test_known_answers_are_set_and_taken_back(admin, labeled, factory):
    study_id, _, pair_id = labeled
    gold = f"/admin/studies/{study_id}/gold"
    assert f'id="pair-{pair_id}"' in admin.get(gold).text
    moved = admin.submit(f"{gold}/{pair_id}", answer="second", show="closed", before=pair_id + 1)
    assert moved.headers["location"] == f"{gold}?show=closed&before={pair_id + 1}#pair-{pair_id}"
    with transaction(factory) as session:
        assert session.get_one(GoldAnswer, pair_id).answer is Answer.SECOND
    assert 'aria-pressed="true"' in admin.get(f"{gold}?show=set").text
    admin.submit(f"{gold}/{pair_id}", answer="")
    assert f'id="pair-{pair_id}"' not in admin.get(f"{gold}?show=set").text
    assert admin.submit(f"{gold}/{pair_id}", answer="nonsense").status_code == 422


@pytest.mark.parametrize("page", ["people", "gold"])
def test_only_admins_see_these_pages(annotator, researcher, admin, page):
    for client in (annotator, researcher):
        assert client.get(f"/admin/studies/1/{page}").status_code == 403
    assert admin.get(f"/admin/studies/999/{page}").status_code == 404


def test_the_api_gives_admins_all_and_each_annotator_their_own(admin, annotator, labeled, factory):
    study_id, *_ = labeled
    with transaction(factory) as session:
        lease = builders.lease(
            session, pair_id=builders.pair(session, round_id=1).id, user_id=annotator.user.id, purpose=Purpose.GOLD,
            expected=Answer.FIRST,
        )  # fmt: skip
        builders.choice(session, lease_id=lease.id)
        tallies.catch_up(session)
    everyone = admin.call("GET", f"/studies/{study_id}/annotators").json()
    assert [(one["name"], one["choices"], one["times"]["median_ms"]) for one in everyone["annotators"]] == [
        ("Ada <b>", 1, pytest.approx(900))
    ]
    assert annotator.call("GET", f"/studies/{study_id}/annotators").status_code == 403
    mine = annotator.call("GET", f"/studies/{study_id}/me").json()
    assert (mine["user"], mine["gold"]["of"]) == (annotator.user.id, 0)  # too fresh to be told
    assert "paused_at" not in mine


def test_programs_look_first_and_then_leave_someone_out(admin, annotator, labeled, factory):
    study_id, ada, _ = labeled
    path = f"/studies/{study_id}/annotators/{ada}"
    found = admin.call("GET", f"{path}/leave-out").json()
    assert (found["choices"], found["rounds"][0]["turns"], found["rounds"][0]["opened"]) == (1, {"lost": 1}, 1)
    assert (found["alpha"], found["gold"]["of"], found["trained"]) == (None, 0, [])
    assert admin.call("POST", f"{path}/leave-out").json()["left_out_at"] is not None
    assert admin.call("GET", f"{path}/leave-out").status_code == 409
    assert admin.call("POST", f"{path}/take-back").json()["left_out_at"] is None
    paused = admin.call("POST", f"{path}/pause", json={"reason": "Let us talk."}).json()
    assert (paused["paused_reason"], paused["paused_by"]) == ("Let us talk.", admin.user.display_name)
    assert admin.call("POST", f"{path}/resume").json()["paused_at"] is None
    for method, move in (("GET", "leave-out"), ("POST", "leave-out"), ("POST", "take-back"), ("POST", "resume")):
        assert annotator.call(method, f"{path}/{move}").status_code == 403


def test_who_is_paused_learns_why_from_the_api(annotator, labeled, factory):
    study_id, _, _ = labeled
    with transaction(factory) as session:
        participations.pause(session, study_id=study_id, user_id=annotator.user.id, reason="", actor=None)
    told = annotator.call("GET", f"/studies/{study_id}/next").json()
    assert (told["reason"], told["pairs"]) == ("paused", [])
    assert "All of your answers are kept." in told["message"]


def test_a_choice_is_explained_over_the_api(annotator, factory):
    with transaction(factory) as session:
        study = builders.study(session, settings=builders.settings(labeling={"reasons": ["colours"]}))
        builders.pair(session, round_id=builders.round_(session, study_id=study.id).id)
    [pair] = annotator.call("GET", f"/studies/{study.id}/next").json()["pairs"]
    key = "0b9b8c3e-6a2c-4d7e-9b0e-2a44c7d1d9aa"
    body = {"choice": "first", "key": key, "lease": pair["lease"]}
    annotator.call("POST", f"/pairs/{pair['pair']}/choice", json=body)
    path = f"/pairs/{pair['pair']}/choice?key={key}"
    for _ in range(2):
        assert annotator.call("PATCH", path, json={"reasons": ["colours"]}).status_code == 200
    refused = annotator.call("PATCH", path, json={"reasons": ["taste"], "comment": "because"})
    assert (refused.status_code, set(refused.json()["fields"])) == (422, {"reasons", "comment"})
