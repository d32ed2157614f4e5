import pytest

from app.db import transaction
from app.models import Answer, Pair, PairState, RoundKind, RoundState, Study
from tests import builders


@pytest.fixture
def study(factory) -> Study:
    with transaction(factory) as session:
        return builders.study(session)


@pytest.fixture
def pairs(factory, study) -> list[Pair]:
    """Two closed pairs of a finished round, the older one answered by two people, and an open one."""
    with transaction(factory) as session:
        round_ = builders.round_(session, study_id=study.id, state=RoundState.COMPLETE)
        made = [builders.pair(session, round_id=round_.id, state=PairState.CLOSED, filled=2) for _ in range(2)]
        for answer in (Answer.FIRST, Answer.TIE):
            builders.choice(session, pair_id=made[0].id, answer=answer)
        return [*made, builders.pair(session, round_id=round_.id)]


def listed(client, study, query="") -> dict:
    return client.call("GET", f"/studies/{study.id}/known-answers{query}").json()


def test_what_is_right_is_said_listed_changed_and_taken_back(admin, study, pairs):
    older, newer, _ = pairs
    path = f"/pairs/{older.id}/known-answer"
    assert listed(admin, study) == {"items": [], "next": None}
    for answer in ("first", "both_bad"):
        assert admin.call("PUT", path, json={"answer": answer}).json() == {"pair": older.id, "answer": answer}
    [said] = listed(admin, study)["items"]
    assert (said["pair"], said["answer"], said["votes"]) == (older.id, "both_bad", {"first": 1, "tie": 1})
    assert (said["first"], said["second"], said["shown"], said["right"]) == (older.first_id, older.second_id, 0, 0)
    assert [one["pair"] for one in listed(admin, study, "?only_set=false")["items"]] == [newer.id, older.id]
    for _ in range(2):
        assert admin.call("DELETE", path).status_code == 204
    assert listed(admin, study)["items"] == []


def test_the_list_goes_on_page_by_page(admin, study, pairs):
    first = listed(admin, study, "?only_set=false&limit=1")
    rest = listed(admin, study, f"?only_set=false&limit=1&cursor={first['next']}")
    assert [one["pair"] for one in first["items"] + rest["items"]] == [pairs[1].id, pairs[0].id]
    assert rest["next"] is None


def test_what_cannot_be_known_is_refused(admin, factory, study, pairs):
    assert admin.call("PUT", f"/pairs/{pairs[0].id}/known-answer", json={"answer": "skip"}).status_code == 422
    with transaction(factory) as session:
        blind = builders.pair(
            session, round_id=builders.round_(session, study_id=study.id, kind=RoundKind.EVALUATION).id
        )
    assert admin.call("PUT", f"/pairs/{blind.id}/known-answer", json={"answer": "first"}).status_code == 422
    for method, body in (("PUT", {"json": {"answer": "first"}}), ("DELETE", {})):
        assert admin.call(method, "/pairs/987654/known-answer", **body).status_code == 404
    assert admin.call("GET", "/studies/987654/known-answers").status_code == 404


def test_known_answers_are_no_matter_of_those_who_are_tested(annotator, researcher, anonymous, study, pairs):
    for client, status in ((annotator, 403), (researcher, 403), (anonymous, 401)):
        assert client.get(f"/api/v1/studies/{study.id}/known-answers").status_code == status
        assert client.call("PUT", f"/pairs/{pairs[0].id}/known-answer", json={"answer": "tie"}).status_code == status
        assert client.call("DELETE", f"/pairs/{pairs[0].id}/known-answer").status_code == status
