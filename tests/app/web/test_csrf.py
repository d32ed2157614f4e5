import re

import pytest

from app.main import API, PAGES
from app.services.scopes import Scope
from app.web import csrf
from app.web.identity import COOKIE

SIGN_OUT = "/account/sign-out-everywhere"


def test_a_form_with_its_token_is_taken(annotator):
    assert annotator.submit(SIGN_OUT).status_code == 303


@pytest.mark.parametrize("fields", [{}, {"csrf_token": ""}, {"csrf_token": "0" * 64}, {"csrf_token": "é"}])
def test_a_form_without_the_right_token_is_refused(annotator, fields):
    assert annotator.post(SIGN_OUT, data=fields).status_code == 403


def test_another_persons_token_is_refused(annotator, admin):
    assert annotator.post(SIGN_OUT, data={"csrf_token": admin.csrf_token()}).status_code == 403


def test_the_header_carries_the_token_too_and_a_json_body_never(annotator):
    token = annotator.csrf_token()
    assert annotator.post(SIGN_OUT, json={"csrf_token": token}).status_code == 403
    assert annotator.post(SIGN_OUT, headers={"X-CSRF-Token": token}).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_request_from_another_site_is_refused_even_with_the_token(annotator, headers):
    answer = annotator.post(SIGN_OUT, data={"csrf_token": annotator.csrf_token()}, headers=headers)
    assert answer.status_code == 403
    assert "came from another site" in answer.text


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "http://tastemaker.test"}])
def test_a_request_from_our_own_page_is_taken(annotator, headers):
    answer = annotator.post(SIGN_OUT, data={"csrf_token": annotator.csrf_token()}, headers=headers)
    assert answer.status_code == 303


def test_a_bearer_needs_no_token_and_is_never_the_cookies_user(annotator, token_of):
    session = annotator.cookies.pop(COOKIE)
    bearer = {"Authorization": f"Bearer {token_of(annotator, Scope.ANNOTATE)}"}
    assert annotator.post("/api/v1/leases/renew", json={"leases": []}, headers=bearer).status_code == 200
    assert annotator.get("/account", headers=bearer).status_code == 401
    annotator.cookies.set(COOKIE, session)
    for path in ("/account", "/api/v1/me"):
        assert annotator.get(path, headers={"Authorization": "Bearer unknown"}).status_code == 401


def test_a_browsers_session_is_no_bearer_token(annotator):
    session = annotator.cookies.pop(COOKIE)
    assert annotator.get("/api/v1/me", headers={"Authorization": f"Bearer {session}"}).status_code == 401


def test_the_api_says_that_reloading_helps(annotator):
    answer = annotator.post("/api/v1/leases/renew", json={"leases": []}, headers={"X-CSRF-Token": "old"})
    assert answer.status_code == 403
    assert answer.json()["reload"] is True


UNSAFE = [
    (method, prefix + re.sub(r"\{[\w:]+\}", "1", route.path))
    for prefix, routers in (("", PAGES), ("/api/v1", API))
    for router in routers
    for route in router.routes
    for method in sorted(set(route.methods) - csrf.SAFE_METHODS)
]


def test_every_route_that_changes_something_is_guarded(admin):
    answers = {(method, path): admin.request(method, path) for method, path in UNSAFE}
    assert len(answers) >= 5
    assert {route for route, answer in answers.items() if answer.status_code != 403} == set()
    assert all("from before you signed in" in answer.text for answer in answers.values())
