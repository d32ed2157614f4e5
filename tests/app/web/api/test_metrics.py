from app.db import transaction
from app.models import RoundState, RunState
from tests import builders, scenes


def test_metrics_are_those_of_the_newest_run_step_by_step_with_the_checkpoints_scores(researcher, factory):
    with transaction(factory) as session:
        made = scenes.checkpoint(session, builders.study(session), draws=1)
    round_id = researcher.call("GET", f"/checkpoints/{made.id}").json()["round"]
    shown = researcher.call("GET", f"/rounds/{round_id}/metrics").json()
    assert (shown["run"]["number"], shown["run"]["checkpoint"], shown["run"]["steps_done"]) == (1, 1, 60)
    assert [row["step"] for row in shown["items"]] == list(range(1, 61))
    assert {"loss", "margin", "accuracy", "kl_base", "clamped_pairs", "by_step"} <= shown["items"][0].keys()
    assert [score["judge"] for score in shown["scores"]] == ["jpeg_compressibility"] * 2


def test_an_earlier_run_is_asked_for_by_number_and_pages_go_on(researcher, factory):
    with transaction(factory) as session:
        round_ = builders.round_(session, state=RoundState.TRAINING)
        scenes.training_run(session, round_, steps=5, state=RunState.FAILED)
        scenes.training_run(session, round_, steps=1, state=RunState.RUNNING)
    path = f"/rounds/{round_.id}/metrics"
    first = researcher.call("GET", f"{path}?run=1&limit=3").json()
    rest = researcher.call("GET", f"{path}?run=1&limit=3&cursor={first['next']}").json()
    assert [row["step"] for row in first["items"] + rest["items"]] == [1, 2, 3, 4, 5]
    assert rest["next"] is None
    assert researcher.call("GET", path).json()["run"]["number"] == 2
    assert researcher.call("GET", f"{path}?run=3").status_code == 404


def test_a_round_without_training_has_none_and_annotators_see_none(researcher, annotator, factory):
    with transaction(factory) as session:
        round_ = builders.round_(session)
    absent = researcher.call("GET", f"/rounds/{round_.id}/metrics")
    assert (absent.status_code, "no training run" in absent.json()["detail"]) == (404, True)
    assert annotator.call("GET", f"/rounds/{round_.id}/metrics").status_code == 403
