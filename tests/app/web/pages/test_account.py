from app.db import transaction
from app.models import LinkPurpose, Role
from app.services import accounts, links
from app.web.identity import COOKIE
from tests import builders


def test_the_start_page_tells_who_is_not_signed_in_how_to(anonymous):
    page = anonymous.get("/")
    assert page.status_code == 200
    assert "tastemaker user add" in page.text


def test_the_account_page_needs_someone_signed_in(anonymous):
    page = anonymous.get("/account")
    assert page.status_code == 401
    assert "sign-in link" in page.text


def test_the_account_page_says_who_i_am(researcher):
    page = researcher.get("/account").text
    assert researcher.user.handle in page
    assert "researcher" in page


def test_opening_a_sign_in_link_does_not_use_it_up_and_its_button_does(anonymous, factory):
    with transaction(factory) as session:
        user = builders.user(session, handle="Ada")
        link = f"/sign-in/{links.make(session, user=user, purpose=LinkPurpose.SIGN_IN, actor=None)}"
    for _ in range(2):
        assert "Welcome, Ada" in anonymous.get(link).text

    used = anonymous.submit(link)

    assert (used.status_code, used.headers["location"]) == (303, "/")
    assert "Ada" in anonymous.get("/account").text
    assert anonymous.get(link).status_code == 410


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(anonymous, factory):
    with transaction(factory) as session:
        token = links.make(session, user=builders.user(session), purpose=LinkPurpose.SIGN_IN, actor=None)
    cookie = anonymous.submit(f"/sign-in/{token}").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_signing_out_ends_the_session_itself(annotator):
    token = annotator.cookies[COOKIE]
    assert annotator.submit("/account/sign-out").status_code == 303
    annotator.cookies.set(COOKIE, token)
    assert annotator.get("/account").status_code == 401


def test_signing_out_everywhere_ends_every_session_of_mine_and_nobody_elses(annotator, factory, admin):
    with transaction(factory) as session:
        elsewhere = accounts.open_session(session, user=annotator.user)
    annotator.submit("/account/sign-out-everywhere")
    with transaction(factory) as session:
        assert accounts.signed_in(session, elsewhere) is None
    assert admin.get("/account").status_code == 200


def test_a_disabled_user_is_signed_in_no_longer(annotator, factory):
    with transaction(factory) as session:
        session.merge(annotator.user).disabled_at = builders.now()
    assert annotator.get("/account").status_code == 401


def test_the_navigation_shows_what_the_role_may(annotator, researcher, admin):
    shown = {
        client.user.role: [name for name in ("/admin", "/research") if f'href="{name}"' in client.get("/").text]
        for client in (annotator, researcher, admin)
    }
    assert shown == {Role.ANNOTATOR: [], Role.RESEARCHER: ["/research"], Role.ADMIN: ["/admin", "/research"]}
