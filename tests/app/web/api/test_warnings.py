from app.db import transaction
from tests import builders, scenes


def test_warnings_of_a_study_are_listed_newest_first_page_by_page(researcher, factory):
    with transaction(factory) as session:
        study = builders.study(session)
        scenes.warned(session, study)
        builders.warning(session)  # of another study
    first = researcher.call("GET", f"/studies/{study.id}/warnings?limit=4").json()
    rest = researcher.call("GET", f"/studies/{study.id}/warnings?limit=4&cursor={first['next']}").json()
    shown = first["items"] + rest["items"]
    assert [one["name"] for one in shown] == ["accuracy", "alike", "drift", "saturation", "collapse", "kl"]
    assert rest["next"] is None
    kl = shown[-1]
    assert (kl["run"], kl["checkpoint"], kl["went_back_to"]) == (1, 2, None)
    assert kl["stopped_at"] is not None
    assert kl["figures"]["base"] == 0.42
    assert "moved the policy 0.42 away" in kl["says"]
    assert (shown[1]["run"], shown[1]["checkpoint"]) == (None, None)


def test_annotators_see_no_warnings_and_an_absent_study_is_not_found(researcher, annotator, factory):
    with transaction(factory) as session:
        study = builders.study(session)
    assert annotator.call("GET", f"/studies/{study.id}/warnings").status_code == 403
    assert researcher.call("GET", f"/studies/{study.id + 1}/warnings").status_code == 404
