import re

from app.db import transaction
from app.models import Delivery, LinkPurpose, MailWish, Role, User
from app.services import accounts, links
from app.web.identity import COOKIE
from tests import builders
from tests.app.web.conftest import Client


def test_the_start_page_tells_who_is_not_signed_in_how_to(anonymous):
    page = anonymous.get("/")
    assert page.status_code == 200
    assert "tastemaker user add" in page.text


def test_the_account_page_needs_someone_signed_in(anonymous):
    page = anonymous.get("/account")
    assert page.status_code == 401
    assert 'action="/sign-in"' in page.text


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


def test_name_and_e_mail_are_changed_and_nobody_vouches_for_a_new_one(annotator, factory):
    with transaction(factory) as session:
        session.merge(annotator.user).email_verified = True
    saved = annotator.submit("/account/profile", display_name="Ada L.", email="ada@example.org")
    assert saved.headers["location"] == "/account?done=profile"
    page = annotator.get("/account?done=profile").text
    assert "are saved" in page
    assert 'value="ada@example.org"' in page
    with transaction(factory) as session:
        user = session.get_one(User, annotator.user.id)
        assert (user.display_name, user.email, user.email_verified) == ("Ada L.", "ada@example.org", False)
        builders.user(session, handle="grace", email="grace@example.org")
    taken = annotator.submit("/account/profile", display_name="Ada", email="GRACE@example.org")
    assert (taken.status_code, "This is taken already." in taken.text) == (409, True)


def test_the_password_is_changed_by_who_knows_the_present_one(annotator, factory):
    with transaction(factory) as session:
        elsewhere = accounts.open_session(session, user=annotator.user)
    first = {"password": "violet teapot orbit"}
    assert annotator.submit("/account/password", **first).status_code == 303
    with transaction(factory) as session:
        assert accounts.signed_in(session, elsewhere) is None
    second = {"password": "seven quiet engines"}
    wrong = annotator.submit("/account/password", present="no", **second)
    assert (wrong.status_code, "not your present password" in wrong.text) == (422, True)
    weak = annotator.submit("/account/password", present=first["password"], password="short")
    assert (weak.status_code, "At least 10 characters" in weak.text) == (422, True)
    right = annotator.submit("/account/password", present=first["password"], **second)
    assert right.headers["location"] == "/account?done=password"
    assert annotator.get("/account").status_code == 200


def test_preferences_are_kept(annotator, factory):
    annotator.submit("/account/preferences", language="")
    with transaction(factory) as session:
        assert session.get_one(User, annotator.user.id).preferences == {"breaks": False}
    annotator.submit("/account/preferences", language="", breaks="true")
    with transaction(factory) as session:
        assert session.get_one(User, annotator.user.id).preferences == {}
    assert annotator.submit("/account/preferences", language="../x").status_code == 422


def guest(app, factory):
    with transaction(factory) as session:
        user = accounts.add_guest(session, display_name="Ada", role=Role.ANNOTATOR, actor=None)
        token = accounts.open_session(session, user=user, agent="Firefox, Android")
    client = Client(app, user=user)
    client.cookies.set(COOKIE, token)
    return client


def test_a_guest_renews_the_personal_link_which_is_shown_once(app, factory):
    client = guest(app, factory)
    links_shown = []
    for _ in range(2):
        client.submit("/account/personal-link")
        page = client.get("/account").text
        links_shown.append(re.search(r"http://127.0.0.1:8000(/back/[\w-]+)<", page).group(1))
    assert "/back/" not in client.get("/account").text
    assert [client.get(link).status_code for link in links_shown] == [410, 200]


def test_a_guest_makes_an_account_and_stays_the_same_person(app, factory):
    client = guest(app, factory)
    assert "Firefox, Android" in client.get("/account").text
    fields = {"handle": "ada", "password": "violet teapot orbit", "email": ""}
    weak = client.submit("/account/make-account", **{**fields, "password": "short"})
    assert (weak.status_code, 'value="ada"' in weak.text) == (422, True)
    assert client.submit("/account/make-account", **fields).status_code == 303
    with transaction(factory) as session:
        user = session.get_one(User, client.user.id)
        assert (user.handle, user.is_guest) == ("ada", False)
    other = Client(app)
    assert other.submit("/sign-in", name="ada", password=fields["password"]).status_code == 303
    assert client.submit("/account/personal-link").status_code == 409


def test_who_sees_rounds_chooses_what_they_hear_of_by_e_mail(researcher, factory):
    with transaction(factory) as session:
        study = builders.study(session, name="Emoji <1>")
    page = researcher.get("/account").text
    assert "Rounds that I launched" in page
    assert "Emoji &lt;1&gt;" in page
    assert page.count(" checked") >= 3
    moved = researcher.submit("/account/mail", study=study.id, events=["round.fail", "round.launched"])
    assert moved.headers["location"] == "/account?done=mail#mail"
    researcher.submit("/account/mail", study="")
    with transaction(factory) as session:
        wishes = {row.study_id: row.events for row in session.query(MailWish)}
    assert wishes == {study.id: ["round.launched", "round.fail"], None: []}
    assert researcher.submit("/account/mail", study="", events=["round.danced"]).status_code == 422


def test_an_annotator_is_not_asked_about_e_mail(annotator):
    assert "Rounds that I launched" not in annotator.get("/account").text
    assert annotator.submit("/account/mail", study="", events=["round.fail"]).status_code == 403


def test_a_test_mail_is_sent_to_oneself(researcher, factory, app):
    assert researcher.submit("/account/mail/test").status_code == 503
    app.state.settings = app.state.settings.with_values(smtp_host="smtp.example", mail_from="us@taste.example")
    with transaction(factory) as session:
        session.merge(researcher.user).email = "me@example.org"
    assert researcher.submit("/account/mail/test").status_code == 303
    assert "on its way to you" in researcher.get("/account?done=mail_tested").text
    assert researcher.submit("/account/mail/test").status_code == 429
    with transaction(factory) as session:
        assert session.query(Delivery).one().user_id == researcher.user.id
