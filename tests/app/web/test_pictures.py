import re

import pytest

from app.errors import Gone, NotFound
from app.services.pictures import Picture
from app.web.pictures import HOUR, PictureLinks
from tests.app.web.conftest import Client

NOON = 500_000 * HOUR
PICTURE = Picture(sample_id=7, key="studies/3/rounds/2/chunks/7-1/4.webp", width=64, height=64)


@pytest.fixture
def links(bare_settings) -> PictureLinks:
    return PictureLinks(bare_settings)


def token(links, picture=PICTURE, viewer=1, now=NOON):
    return links.url(picture, viewer_id=viewer, now=now).removeprefix("/i/")


def test_a_token_gives_back_what_it_stands_for(links):
    shown = links.read(token(links), now=NOON)
    assert (shown.sample_id, shown.size, shown.viewer_id, shown.key) == (7, "full", 1, PICTURE.key)


def test_a_picture_keeps_its_address_for_a_viewer_and_an_hour(links):
    assert token(links) == token(links, now=NOON + HOUR - 1)
    assert token(links) != token(links, now=NOON + HOUR)
    assert token(links) != token(links, viewer=2)


@pytest.mark.parametrize("lease_seconds", [180, 3 * HOUR])
def test_an_address_outlives_any_lease_given_now_by_an_hour(bare_settings, lease_seconds):
    links = PictureLinks(bare_settings.with_values(pair_lease_seconds=lease_seconds))
    for given in (NOON, NOON + HOUR - 1):
        assert links.read(token(links, now=given), now=given + lease_seconds + HOUR - 1)


def test_an_address_ends(links):
    with pytest.raises(Gone):
        links.read(token(links), now=NOON + 4 * HOUR)


def test_an_address_tells_nothing_not_even_by_its_length(links):
    other = Picture(sample_id=123_456, key="studies/3/rounds/12/chunks/1234-11/4.webp", width=64, height=64)
    assert len(token(links)) == len(token(links, other))
    assert re.fullmatch(r"[\w-]+", token(links))
    assert not re.search(r"stud|round|webp|full", token(links))


@pytest.mark.parametrize(
    "change", [lambda t: t[:-2] + "AA", lambda t: t[:40], lambda _: "", lambda _: "é!", lambda t: "A" + t]
)
def test_an_altered_address_is_not_known(links, change):
    with pytest.raises(NotFound):
        links.read(change(token(links)), now=NOON)


def test_another_sites_address_is_not_known(links, bare_settings):
    other = PictureLinks(bare_settings.with_values(secret_key="x" * 40))
    with pytest.raises(NotFound):
        links.read(token(other), now=NOON)


@pytest.fixture
def served(bare_app):
    """A stored picture, and its answer; the site has no database to ask."""
    artifacts = bare_app.state.artifacts
    picture = Picture(7, artifacts.put_bytes("samples/7.webp", b"RIFF a picture").key, 64, 64)
    return Client(bare_app).get(bare_app.state.picture_links.url(picture, viewer_id=1))


def test_a_picture_is_served_for_this_browser_alone_and_for_good(served):
    assert served.content == b"RIFF a picture"
    assert served.headers["content-type"] == "image/webp"
    assert served.headers["cache-control"] == "private, max-age=7200, immutable"


def test_nothing_beside_a_picture_tells_when_or_as_what_it_was_stored(served):
    assert not {"last-modified", "etag", "content-disposition"} & set(served.headers)


def test_an_unknown_picture_is_a_plain_404(bare_app):
    assert Client(bare_app).get("/i/nothing").status_code == 404
