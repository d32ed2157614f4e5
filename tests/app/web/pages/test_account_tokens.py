import re

from sqlalchemy import select

from app.db import transaction
from app.models import ApiToken, Event
from app.services.scopes import ALLOWS
from tests.app.web.conftest import Client

PATH = "/account/tokens"


def make(client: Client, **fields: object) -> str:
    """The token that the page shows after making one."""
    made = client.submit(PATH, **{"name": "Notebook", "days": "30", "scopes": ["read"], **fields})
    assert (made.status_code, made.headers["location"]) == (303, PATH)
    found = re.search(r"tm_[\w-]{43}", client.get(PATH).text)
    assert found
    return found.group()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_is_shown_once_and_works_for_its_scopes_alone(researcher, anonymous, factory):
    token = make(researcher)

    assert token not in researcher.get(PATH).text
    with transaction(factory) as session:
        assert token not in str(session.execute(select(ApiToken.__table__)).all())
    assert anonymous.get("/api/v1/studies", headers=bearer(token)).status_code == 200
    refused = anonymous.get("/api/v1/me", headers=bearer(token))
    assert (refused.status_code, refused.json()["needed"]) == (403, ["profile"])


def test_the_page_tells_name_scopes_end_and_last_use(researcher, anonymous):
    token = make(researcher, name="Nightly job", scopes=["read", "data"])
    page = researcher.get(PATH).text
    assert "Nightly job" in page
    assert "never used" in page
    assert "works until" in page
    anonymous.get("/api/v1/studies", headers=bearer(token))
    assert "never used" not in researcher.get(PATH).text


def test_a_token_that_is_revoked_opens_nothing(researcher, anonymous, factory):
    token = make(researcher)
    with transaction(factory) as session:
        [row] = session.scalars(select(ApiToken))
    assert researcher.submit(f"{PATH}/{row.id}/revoke").status_code == 303
    assert anonymous.get("/api/v1/studies", headers=bearer(token)).status_code == 401
    assert "Notebook" not in researcher.get(PATH).text
    with transaction(factory) as session:
        assert {"user.token_made", "user.token_revoked"} <= set(session.scalars(select(Event.what)))


def test_nobody_revokes_anothers_token(researcher, admin, factory):
    make(researcher)
    with transaction(factory) as session:
        [row] = session.scalars(select(ApiToken))
    assert admin.submit(f"{PATH}/{row.id}/revoke").status_code == 404
    assert "Notebook" in researcher.get(PATH).text


def test_what_cannot_be_used_is_named_beside_its_field(researcher):
    page = researcher.submit(PATH, name="", days="30")
    assert page.status_code == 422
    assert "1 to 80 characters" in page.text
    assert "Choose at least one." in page.text
    above = researcher.submit(PATH, name="More", days="30", scopes=["house"])
    assert above.status_code == 422
    assert "your role allows" in above.text


def test_the_page_offers_what_the_role_allows(annotator, admin):
    mine = set(re.findall(r'name="scopes" value="(\w+)"', annotator.get(PATH).text))
    assert mine == {"profile", "annotate"}
    assert {"studies", "people", "house"} <= set(re.findall(r'name="scopes" value="(\w+)"', admin.get(PATH).text))


def test_a_guest_has_none(factory, app, annotator):
    with transaction(factory) as session:
        guest = session.merge(annotator.user)
        guest.is_guest = True
    page = annotator.get(PATH).text
    assert "A guest has no tokens" in page
    assert annotator.submit(PATH, name="x", days="7", scopes=["annotate"]).status_code == 409


def test_an_admin_who_signs_someone_out_ends_their_tokens(researcher, admin, anonymous):
    token = make(researcher)
    assert admin.call("POST", f"/users/{researcher.user.id}/sign-out").status_code == 204
    assert anonymous.get("/api/v1/studies", headers=bearer(token)).status_code == 401


def test_the_page_says_every_scope_in_the_words_of_the_api(admin):
    page = admin.get(PATH).text
    for words in ALLOWS.values():
        assert words in page


def test_a_disabled_persons_token_opens_nothing(researcher, admin, anonymous):
    token = make(researcher)
    admin.call("PATCH", f"/users/{researcher.user.id}", json={"disabled": True})
    assert anonymous.get("/api/v1/studies", headers=bearer(token)).status_code == 401
