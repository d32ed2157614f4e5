import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Answer, Choice, Hold, Lease, Pair
from tests import builders


@pytest.fixture
def study(factory, artifacts):
    with transaction(factory) as session:
        round_ = builders.round_(session)
        for _ in range(4):
            builders.pair(session, round_id=round_.id, artifacts=artifacts)
        return round_.study_id


def next_(client, study, count=1):
    answer = client.get(f"/api/v1/studies/{study}/next?count={count}")
    assert answer.status_code == 200
    return answer.json()


def choose(client, pair, choice="first", key=None, **body):
    body = {"choice": choice, "key": str(key or uuid.uuid4()), "lease": pair["lease"], "response_ms": 800, **body}
    return client.call("POST", f"/pairs/{pair['pair']}/choice", json=body)


def test_next_gives_pairs_as_the_design_has_them(annotator, study):
    dealt = next_(annotator, study, 3)
    assert (len(dealt["pairs"]), dealt["reason"], dealt["until"], dealt["waiting"]) == (3, None, None, 4)
    pair = dealt["pairs"][0]
    assert set(pair) == {
        "pair",
        "lease",
        "prompt",
        "left",
        "images",
        "width",
        "height",
        "answers",
        "expires_at",
        "warm_up",
    }
    assert set(pair["images"]) == {"left", "right"}
    assert pair["answers"] == ["first", "second", "tie", "both_bad", "skip"]
    ends = datetime.fromisoformat(pair["expires_at"])
    assert timedelta(minutes=2) < ends - datetime.now(UTC) <= timedelta(minutes=3)


def test_asked_twice_it_gives_the_same_pairs_and_addresses(annotator, study):
    assert next_(annotator, study, 3)["pairs"] == next_(annotator, study, 3)["pairs"]


def test_images_stand_on_the_side_that_left_names(app, annotator, study, factory):
    for shown in next_(annotator, study, 4)["pairs"]:
        with transaction(factory) as session:
            pair = session.get_one(Pair, shown["pair"])
        ids = {
            side: app.state.picture_links.read(url.removeprefix("/i/")).sample_id
            for side, url in shown["images"].items()
        }
        first, second = ("left", "right") if shown["left"] == "first" else ("right", "left")
        assert (ids[first], ids[second]) == (pair.first_id, pair.second_id)


def test_the_addresses_are_the_pictures_and_each_viewers_own(annotator, researcher, study):
    mine = next_(annotator, study)["pairs"][0]["images"]["left"]
    theirs = next_(researcher, study)["pairs"][0]["images"]["left"]
    assert mine != theirs
    assert annotator.get(mine).headers["content-type"] == "image/webp"


@pytest.mark.parametrize("answer", list(Answer))
def test_a_choice_is_stored_with_its_time(annotator, study, factory, answer):
    pair = next_(annotator, study)["pairs"][0]
    key = uuid.uuid4()
    made = choose(annotator, pair, answer.value, key)
    assert made.status_code == 200
    assert made.json() == {
        "pair": pair["pair"], "choice": answer.value, "key": str(key), "late": False, "extra": False,
    }  # fmt: skip
    with transaction(factory) as session:
        row = session.scalars(select(Choice)).one()
    assert (row.answer, row.user_id, row.response_ms) == (answer, annotator.user.id, 800)


def test_the_same_key_again_gives_the_stored_choice(annotator, study, factory):
    pair = next_(annotator, study)["pairs"][0]
    key = uuid.uuid4()
    assert choose(annotator, pair, "first", key).json() == choose(annotator, pair, "first", key).json()
    with transaction(factory) as session:
        assert len(session.scalars(select(Choice)).all()) == 1


def test_another_key_while_a_choice_stands_is_a_conflict_with_that_choice(annotator, study):
    pair = next_(annotator, study)["pairs"][0]
    made = choose(annotator, pair, "first").json()
    refused = choose(annotator, pair, "second")
    assert refused.status_code == 409
    assert refused.json()["choice"] == made


def test_the_next_request_sees_the_choice(annotator, study):
    pair = next_(annotator, study)["pairs"][0]
    choose(annotator, pair)
    after = next_(annotator, study, 5)
    assert pair["pair"] not in [other["pair"] for other in after["pairs"]]
    assert after["waiting"] == 3


def test_an_undone_pair_comes_first_again(annotator, study):
    first, *_ = next_(annotator, study, 3)["pairs"]
    key = uuid.uuid4()
    choose(annotator, first, "first", key)
    for _ in range(2):
        assert annotator.call("DELETE", f"/pairs/{first['pair']}/choice?key={key}").status_code == 200
    assert next_(annotator, study)["pairs"][0]["pair"] == first["pair"]
    assert choose(annotator, first, "second").status_code == 200


def test_undoing_what_another_chose_is_not_found(annotator, researcher, study):
    pair = next_(annotator, study)["pairs"][0]
    key = uuid.uuid4()
    choose(annotator, pair, "first", key)
    assert researcher.call("DELETE", f"/pairs/{pair['pair']}/choice?key={key}").status_code == 404


def test_answering_on_anothers_lease_is_forbidden(annotator, researcher, study):
    pair = next_(annotator, study)["pairs"][0]
    assert choose(researcher, pair).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"choice": "left"}, "choice"),
        ({"key": "1"}, "key"),
        ({"response_ms": -1}, "response_ms"),
        ({"lease": "x"}, "lease"),
    ],
)
def test_what_cannot_be_read_is_named(annotator, study, body, field):
    pair = next_(annotator, study)["pairs"][0]
    refused = choose(annotator, pair, **body)
    assert (refused.status_code, list(refused.json()["fields"])) == (422, [field])


def test_leases_are_renewed(annotator, study, factory):
    pair = next_(annotator, study)["pairs"][0]
    until = annotator.call("POST", "/leases/renew", json={"leases": [pair["lease"]]}).json()["until"]
    with transaction(factory) as session:
        assert session.get_one(Lease, pair["lease"]).expires_at == datetime.fromisoformat(until)


def test_leases_given_back_by_a_beacon_are_free_for_others(annotator, researcher, study, factory):
    pairs = next_(annotator, study, 4)["pairs"]
    assert next_(researcher, study)["reason"] == "held"
    form = {"leases": [pair["lease"] for pair in pairs], "csrf_token": annotator.csrf_token()}
    assert annotator.post("/api/v1/leases/give-back", data=form).status_code == 204
    assert len(next_(researcher, study, 4)["pairs"]) == 4


def test_a_paused_study_says_so(annotator, factory):
    with transaction(factory) as session:
        round_ = builders.round_(session, hold=Hold.PAUSED)
        builders.pair(session, round_id=round_.id)
    assert next_(annotator, round_.study_id)["reason"] == "paused"


def test_who_is_not_signed_in_gets_problem_details(anonymous, study):
    answer = anonymous.get(f"/api/v1/studies/{study}/next")
    assert answer.status_code == 401
    assert answer.json()["title"] == "Please sign in"


def test_every_operation_of_the_api_has_a_summary_of_its_own(anonymous):
    described = anonymous.get("/api/v1/openapi.json").json()["paths"]
    summaries = [operation["summary"] for path in described.values() for operation in path.values()]
    assert len(summaries) >= 5
    assert len(set(summaries)) == len(summaries)
    assert set(described["/api/v1/pairs/{pair_id}/choice"]) == {"post", "patch", "delete"}
