import pytest

from app.db import transaction
from app.models import Checkpoint, Event, JobState
from app.services import audit
from app.settings import Settings
from tests import builders


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a token of a hub that no worker ever speaks to."""
    return settings.with_values(hub_token="hf_not_to_be_seen")


@pytest.fixture
def checkpoint(factory) -> Checkpoint:
    with transaction(factory) as session:
        return builders.checkpoint(session)


def ask(client, checkpoint, **body):
    return client.call("POST", f"/checkpoints/{checkpoint.id}/pushes", json={"repo": "me/emoji-lora", **body})


def test_a_push_is_asked_for_private_and_without_choices_unless_told_otherwise(researcher, factory, checkpoint):
    answer = ask(researcher, checkpoint)
    made = answer.json()
    assert answer.status_code == 201
    assert (made["state"], made["private"], made["provenance"], made["url"]) == ("waiting", True, False, None)
    assert researcher.get(answer.headers["location"]).json() == made
    stopped = researcher.call("POST", f"/pushes/{made['id']}/stop").json()
    assert stopped["state"] == "cancelled"
    other = ask(researcher, checkpoint, private=False, provenance=True).json()
    assert (other["private"], other["provenance"]) == (False, True)
    listed = researcher.call("GET", f"/checkpoints/{checkpoint.id}/pushes").json()
    assert [one["id"] for one in listed["items"]] == [other["id"], made["id"]]
    assert "hf_not_to_be_seen" not in str(listed)


def test_each_step_stands_in_the_audit_log_with_who_and_where_and_no_token(researcher, factory, checkpoint):
    made = ask(researcher, checkpoint, private=False).json()
    researcher.call("POST", f"/pushes/{made['id']}/stop")
    researcher.call("POST", f"/pushes/{made['id']}/again")
    with transaction(factory) as session:
        lines = audit.lines(session, audit.Wanted(kind="pushes"))
        assert [(line.what, line.actor) for line in lines] == [
            (what, researcher.user.display_name) for what in ("push.again", "push.stopped", "push.asked")
        ]
        asked = lines[-1].details
        assert (asked["checkpoint"], asked["repo"], asked["private"]) == (checkpoint.id, "me/emoji-lora", False)
        assert "hf_not_to_be_seen" not in "".join(str(event.details) for event in session.query(Event))


def test_one_at_a_time_and_only_what_ended_is_sent_again(researcher, factory, checkpoint):
    made = ask(researcher, checkpoint).json()
    assert ask(researcher, checkpoint).status_code == 409
    assert researcher.call("POST", f"/pushes/{made['id']}/again").status_code == 409
    with transaction(factory) as session:
        done = builders.push(session, state=JobState.DONE).id
    arrived = researcher.call("GET", f"/pushes/{done}").json()
    assert (arrived["url"], len(arrived["commit"])) == ("https://huggingface.co/me/emoji-lora", 40)
    for what in ("stop", "again"):
        assert researcher.call("POST", f"/pushes/{done}/{what}").status_code == 409


def test_the_same_key_gives_the_same_push(researcher, checkpoint):
    headers = {"X-CSRF-Token": researcher.csrf_token(), "Idempotency-Key": "once"}
    path, body = f"/api/v1/checkpoints/{checkpoint.id}/pushes", {"repo": "me/emoji-lora"}
    first, again = (researcher.post(path, json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


@pytest.mark.parametrize(
    "repo", ["emoji", "me/emoji/lora", "me/", "/x", "me/a--b", "me/a..b", "me/x.git", "me/é", "-/x"]
)
def test_a_name_that_the_hub_does_not_take_is_refused_at_once(researcher, checkpoint, repo):
    answer = ask(researcher, checkpoint, repo=repo)
    assert answer.status_code == 422
    assert "repo" in answer.json()["fields"]


def test_who_may_not_and_what_is_not_there(researcher, annotator, checkpoint):
    assert ask(annotator, checkpoint).status_code == 403
    made = ask(researcher, checkpoint).json()["id"]
    for method, path in (("GET", ""), ("POST", "/stop"), ("POST", "/again")):
        assert annotator.call(method, f"/pushes/{made}{path}").status_code == 403
        assert researcher.call(method, f"/pushes/999{path}").status_code == 404
    assert researcher.call("POST", "/checkpoints/999/pushes", json={"repo": "me/x"}).status_code == 404
    assert researcher.call("GET", "/checkpoints/999/pushes").status_code == 404


def test_without_a_token_it_says_which_to_set(app, researcher, checkpoint):
    app.state.settings = app.state.settings.with_values(hub_token=None)
    answer = ask(researcher, checkpoint)
    assert answer.status_code == 409
    assert "TASTEMAKER_HUB_TOKEN" in answer.json()["remedy"]
