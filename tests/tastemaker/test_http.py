"""Tries, errors and pages, in front of a site that misbehaves on purpose."""

from collections.abc import Callable

import httpx
import pytest

from tastemaker.client import Client, TooMany, Unreachable, Unreadable
from tastemaker.client import http as client_http
from tastemaker.client.errors import BadInput, Refused, SiteFault
from tastemaker.client.reading import read
from tastemaker.client.shapes import Pair

ME = {"id": 1, "name": "Ada", "role": "researcher", "is_guest": False}
CHOICE = {"pair": 3, "choice": "first", "key": "k", "late": False, "extra": False}


class Site(httpx.BaseTransport):
    """Answers with what it is given, one after the other, and keeps what was asked; an exception is a broken wire."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(client_http.time, "sleep", waited.append)
    return waited


def client(*answers: httpx.Response | Exception, retries: int = 3) -> tuple[Client, Site]:
    site = Site(*answers)
    return Client("https://site.test/", "secret", transport=site, retries=retries), site


def broken() -> Exception:
    return httpx.ReadError("connection reset")


def test_a_call_that_is_safe_to_repeat_is_tried_again_after_growing_pauses(pauses: list[float]) -> None:
    asking, site = client(broken(), httpx.ConnectError("refused"), httpx.Response(200, json=ME))
    assert asking.me().name == "Ada"
    assert [request.url for request in site.asked] == ["https://site.test/api/v1/me"] * 3
    assert {request.headers["authorization"] for request in site.asked} == {"Bearer secret"}
    assert pauses == [0.25, 0.5]


def test_tries_end_and_say_what_is_wrong() -> None:
    asking, site = client(broken(), broken(), retries=1)
    with pytest.raises(Unreachable, match=r"The site does not answer: connection reset\."):
        asking.me()
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda asking: asking.rounds.launch(1),
        lambda asking: asking.rounds.advance(1),
        lambda asking: asking.exports.ask(1, "csv"),
        lambda asking: asking.studies.change(1, name="x"),
        lambda asking: asking.imports.upload(__file__, "x"),
    ],
)
def test_what_would_be_done_twice_is_never_sent_twice(call: Callable[[Client], object]) -> None:
    asking, site = client(broken(), httpx.Response(500))
    with pytest.raises(Unreachable):
        call(asking)
    assert len(site.asked) == 1


def test_a_key_makes_it_safe_to_send_again() -> None:
    made = {"id": 5, "study": 1, "format": "csv", "rounds": "all", "state": "waiting", "done": 0, "total": 9}
    made |= {"created_at": "2026-11-01T12:00:00Z"}
    asking, site = client(broken(), httpx.Response(201, json=made))
    assert asking.exports.ask(1, "csv", rounds="all", key="abc").created_at.year == 2026
    assert [request.headers["idempotency-key"] for request in site.asked] == ["abc", "abc"]


def test_an_answer_to_a_pair_carries_one_key_through_all_tries() -> None:
    pair = {"pair": 3, "lease": 4, "prompt": "owl", "left": "second", "images": {"left": "/i/a", "right": "/i/b"}}
    pair |= {"width": 64, "height": 64, "answers": ["first"], "expires_at": "2026-11-01T12:00:00Z", "warm_up": False}
    asking, site = client(broken(), broken(), httpx.Response(200, json=CHOICE))
    asking.annotating.answer(read(Pair, pair), "first", response_ms=500)
    bodies = {request.content for request in site.asked}
    assert len(site.asked) == 3
    assert len(bodies) == 1


def test_the_site_s_words_come_with_the_error() -> None:
    problem = {
        "type": "/problems/bad-input", "title": "The input cannot be used", "status": 422,
        "detail": "There is no format 'xml'.", "remedy": "Choose one of parquet, csv.", "fields": {"format": "unknown"},
    }  # fmt: skip
    asking, _ = client(httpx.Response(422, json=problem))
    with pytest.raises(BadInput, match=r"^There is no format 'xml'\. Choose one of parquet, csv\.$") as caught:
        asking.exports.ask(1, "xml")
    error = caught.value
    assert (error.status, error.fields, error.problem) == (422, {"format": "unknown"}, problem)


def test_too_many_says_when_to_come_back() -> None:
    asking, _ = client(httpx.Response(429, json={"detail": "Five are at work.", "retry_after": 30}))
    with pytest.raises(TooMany) as caught:
        asking.me()
    assert caught.value.retry_after == 30


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (httpx.Response(502, text="<h1>Bad gateway</h1>"), SiteFault, "answered 502: <h1>Bad gateway</h1>"),
        (httpx.Response(307, headers={"location": "https://elsewhere.test"}), Refused, "answered 307: nothing else"),
        (httpx.Response(200, text="hello"), Unreadable, "something else than JSON"),
        (httpx.Response(200, json=[1]), Unreadable, r"something else than a Me: '\[1\]'"),
        (httpx.Response(200, json={"id": 1}), Unreadable, "lacks name, role of a Me"),
    ],
)
def test_what_is_no_answer_of_this_api_says_so(answer: httpx.Response, kind: type[Exception], says: str) -> None:
    asking, site = client(answer)
    with pytest.raises(kind, match=says):
        asking.me()
    assert len(site.asked) == 1  # a token is not sent elsewhere


def test_an_address_without_a_scheme_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="begins with https:// or http://"):
        Client("tastemaker.example", "secret")


def test_fields_of_a_newer_site_are_left_out() -> None:
    asking, _ = client(httpx.Response(200, json=ME | {"favourite": "owl"}))
    assert asking.me().role == "researcher"


def test_the_site_and_token_are_found_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTE_SITE", "https://site.test")
    monkeypatch.setenv("TASTE_TOKEN", "secret")
    with Client.from_environment() as asking:
        assert isinstance(asking, Client)
    monkeypatch.delenv("TASTE_TOKEN")
    with pytest.raises(KeyError, match="TASTE_TOKEN"):
        Client.from_environment()
