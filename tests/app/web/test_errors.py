import pytest
from fastapi import APIRouter
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from app.errors import BadInput, Conflict, OutOfSpace
from app.web.security import CONTENT_SECURITY_POLICY

ERRORS = {
    "bad": BadInput("The prompts are empty.", "Write at least one.", fields={"prompts": "is empty"}),
    "conflict": Conflict("Another choice stands.", choice={"pair": 3}),
    "full": OutOfSpace("The disk is full.", "Free some space."),
    "away": OperationalError("SELECT 1", {}, Exception("connection refused")),
    "bug": KeyError("a secret in the message"),
}


@pytest.fixture
def log_lines():
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def failing(bare_app, log_lines):
    router = APIRouter()

    @router.get("/fails/{how}")
    @router.get("/api/v1/fails/{how}")
    def fail(how: str) -> None:
        raise ERRORS[how]

    bare_app.include_router(router)
    return TestClient(bare_app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("how", "status"), [("bad", 422), ("conflict", 409), ("full", 507), ("away", 503), ("bug", 500)]
)
def test_an_error_has_its_status_in_page_and_api(failing, how, status):
    assert failing.get(f"/fails/{how}").status_code == status
    assert failing.get(f"/api/v1/fails/{how}").status_code == status


def test_the_api_answers_with_problem_details(failing):
    answer = failing.get("/api/v1/fails/bad")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/problems/bad-input",
        "title": "The input cannot be used",
        "status": 422,
        "detail": "The prompts are empty.",
        "remedy": "Write at least one.",
        "fields": {"prompts": "is empty"},
    }


def test_the_errors_own_figures_stand_beside(failing):
    assert failing.get("/api/v1/fails/conflict").json()["choice"] == {"pair": 3}


def test_a_page_says_what_happened_and_what_to_do(failing):
    page = failing.get("/fails/bad").text
    assert "<h1>The input cannot be used</h1>" in page
    assert "The prompts are empty." in page
    assert "Write at least one." in page


def test_htmx_gets_a_fragment_and_where_to_put_it(failing):
    answer = failing.get("/fails/bad", headers={"HX-Request": "true"})
    assert answer.headers["hx-retarget"] == "#notices"
    assert answer.text.lstrip().startswith("<div")
    assert "<html" not in answer.text


def test_a_fault_of_ours_is_logged_and_tells_nobody_its_details(failing, log_lines):
    answer = failing.get("/fails/bug")
    assert [(line["event"], line["route"]) for line in log_lines] == [("unexpected_error", "/fails/{how}")]
    assert "secret" not in answer.text
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_a_fault_after_the_caller_was_known_still_answers(annotator, monkeypatch, log_lines):
    monkeypatch.setattr("app.web.pages.home.progress.of_studies", lambda *_, **__: 1 / 0)
    failing = TestClient(annotator.app, cookies=dict(annotator.cookies), raise_server_exceptions=False)
    answer = failing.get("/")
    assert answer.status_code == 500
    assert annotator.user.display_name in answer.text


def test_the_log_never_holds_an_address_which_may_be_a_sign_in_link(annotator, monkeypatch, log_lines):
    monkeypatch.setattr("app.web.pages.links.links.holder", lambda *_, **__: 1 / 0)
    failing = TestClient(annotator.app, raise_server_exceptions=False)
    assert failing.get("/sign-in/a-secret-token").status_code == 500
    assert [line["route"] for line in log_lines] == ["/sign-in/{token}"]


def test_what_a_route_cannot_read_is_named(annotator):
    answer = annotator.get("/api/v1/studies/1/next?count=9")
    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == ["count"]


@pytest.mark.parametrize("path", ["/annotate/{}", "/api/v1/studies/{}/next"])
def test_an_id_that_no_database_holds_is_said(annotator, path):
    assert annotator.get(path.format(10**30)).status_code == 422


def test_a_method_that_a_route_does_not_have_is_said(annotator):
    assert annotator.get("/account/sign-out").status_code == 405


def test_an_unknown_address_is_said_in_page_and_api(bare_app):
    client = TestClient(bare_app)
    assert "There is nothing at /nowhere." in client.get("/nowhere").text
    assert client.get("/api/v1/nowhere").json()["status"] == 404
