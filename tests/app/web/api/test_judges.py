"""Judges by the API: which there are, how far they agree with people, and sending them through pictures."""

import pytest

from app.db import transaction
from app.models import Study
from tests.browser.places.agreement import ABOUT, judged, newest


@pytest.fixture
def study(factory, artifacts) -> Study:
    with transaction(factory) as session:
        return judged(session, artifacts, rounds=2, pairs=12)


def get(client, study: Study, what: str, **asked):
    answer = client.call("GET", f"/studies/{study.id}/agreement{what}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_judges_are_listed_with_what_they_measure(researcher, study):
    found = researcher.call("GET", "/judges").json()
    assert {judge["name"]: judge["about"] for judge in found} == ABOUT
    assert {judge["queue"] for judge in found} == {"accelerator", "cpu"}


def test_agreement_of_a_study_and_of_one_round(researcher, factory, study):
    best, *others = get(researcher, study, "")
    assert (best["judge"], best["pairs"], len(others)) == ("pickscore", 24, 3)
    assert sum(cell["pairs"] for cell in best["table"]) == 24
    right = sum(cell["pairs"] for cell in best["table"] if cell["judge"] == cell["people"] != "tie")
    assert best["accuracy"]["value"] == pytest.approx(right / best["accuracy"]["of"])  # its scores are never equal
    assert best["accuracy"]["low"] < best["accuracy"]["value"] < best["accuracy"]["high"]
    assert best["pearson"]["low"] < best["pearson"]["value"] < best["pearson"]["high"]
    assert best["spearman"]["value"] > 0
    with transaction(factory) as session:
        round_id = newest(session, study)
    assert {one["pairs"] for one in get(researcher, study, "", round=round_id)} == {12}
    pages = researcher.call("GET", f"/studies/{study.id}/agreement/rounds?judge=pickscore&limit=1").json()
    assert [(line["round"], line["number"], line["pairs"]) for line in pages["items"]] == [(round_id, 2, 12)]
    rest = get(researcher, study, "/rounds", judge="pickscore", cursor=pages["next"])
    assert [line["number"] for line in rest["items"]] == [1]
    assert rest["next"] is None


def test_calibration_and_disputes(researcher, study):
    steps = get(researcher, study, "/calibration", judge="pickscore")
    assert sum(step["preferred"]["of"] for step in steps) == 24
    assert [step["difference"] for step in steps] == sorted(step["difference"] for step in steps)
    disputes = get(researcher, study, "/disputes", judge="jpeg_compressibility", limit=3)
    assert 1 <= len(disputes) <= 3
    for pair in disputes:
        judge_prefers_first = pair["first_score"] < pair["second_score"]  # smaller is better
        assert judge_prefers_first is (pair["p"] < 0.5)


def test_a_scoring_is_asked_for_once_and_called_off(researcher, study):
    path, headers = (
        f"/api/v1/studies/{study.id}/scorings",
        {
            "Idempotency-Key": "mine",
            "X-CSRF-Token": researcher.csrf_token(),
        },
    )
    answer = researcher.post(path, json={"judge": "brightness"}, headers=headers)
    made = answer.json()
    assert (answer.status_code, made["state"], made["round"], made["queue"]) == (201, "waiting", None, "cpu")
    assert researcher.get(answer.headers["location"]).json() == made
    assert researcher.post(path, json={"judge": "brightness"}, headers=headers).json() == made
    second = researcher.call("POST", f"/studies/{study.id}/scorings", json={"judge": "brightness"})
    assert second.status_code == 409
    assert f"scoring {made['id']}" in second.json()["detail"]
    assert researcher.call("POST", f"/scorings/{made['id']}/stop").json()["state"] == "cancelled"
    assert researcher.call("POST", f"/scorings/{made['id']}/stop").status_code == 409
    assert researcher.call("POST", f"/scorings/{made['id']}/again").json()["state"] == "waiting"
    (listed,) = researcher.call("GET", f"/studies/{study.id}/scorings").json()["items"]
    assert listed["id"] == made["id"]


def test_what_cannot_be_done_is_said(researcher, annotator, study):
    unknown = researcher.call("POST", f"/studies/{study.id}/scorings", json={"judge": "beauty"})
    assert (unknown.status_code, unknown.json()["fields"]) == (422, {"judge": "is not installed"})
    assert "aesthetic" in unknown.json()["remedy"]
    assert researcher.call("GET", f"/studies/{study.id + 999}/agreement").status_code == 404
    assert researcher.call("GET", "/scorings/999999").status_code == 404
    assert annotator.call("GET", f"/studies/{study.id}/agreement").status_code == 403
    assert get(researcher, study, "/disputes", judge="beauty") == []
