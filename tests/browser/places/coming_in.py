"""Places of whoever comes in: the door, signing in and up, links and invites."""

from playwright.sync_api import Page, expect

from app.models.user import LinkPurpose
from app.services import invites, links
from tests import builders
from tests.browser.places.registry import place


@place("/", None)
def the_door(session, artifacts, me):
    return "/"


@place("/sign-in", None)
def sign_in(session, artifacts, me):
    return "/sign-in"


@place("/sign-in", None, lambda page: _sign_in_wrongly(page))
def sign_in_refused(session, artifacts, me):
    return "/sign-in"


def _sign_in_wrongly(page: Page) -> None:
    page.locator("[name=name]").fill("ada")
    page.locator("[name=password]").fill("wrong")
    page.locator("[name=password]").press("Enter")
    expect(page.locator("[name=name]")).to_have_value("ada")


@place("/sign-up", None)
def sign_up_closed(session, artifacts, me):
    return "/sign-up"


@place("/sign-in", None, open_door=True)
def sign_in_with_a_provider(session, artifacts, me):
    return "/sign-in"


@place("/sign-up", None, lambda page: _sign_up_wrongly(page), open_door=True)
def sign_up_refused(session, artifacts, me):
    return "/sign-up"


def _sign_up_wrongly(page: Page) -> None:
    """A name that someone has. What the form itself would refuse is never sent."""
    page.get_by_role("textbox", name="Name", exact=True).fill("me")
    page.get_by_role("textbox", name="Password").fill("some words in a row")
    page.get_by_role("button", name="Make an account").click()
    expect(page.locator("[aria-invalid=true]")).to_be_visible()


@place("/sign-in/{token}", None)
def sign_in_link(session, artifacts, me):
    person = builders.user(session)
    return f"/sign-in/{links.make(session, user=person, purpose=LinkPurpose.SIGN_IN, actor=None)}"


@place("/back/{token}", None)
def personal_link(session, artifacts, me):
    guest = builders.user(session, is_guest=True)
    return f"/back/{links.make(session, user=guest, purpose=LinkPurpose.PERSONAL, actor=None)}"


@place("/reset/{token}", None)
def reset_link(session, artifacts, me):
    person = builders.user(session)
    return f"/reset/{links.make(session, user=person, purpose=LinkPurpose.RESET, actor=None)}"


@place("/join/{token}", None)
def invite_of_a_study(session, artifacts, me):
    study = builders.study(session)
    _, token = invites.make(session, name="Friends", actor=None, study_id=study.id, choices_wanted=50)
    return f"/join/{token}"


@place("/join/welcome", None, lambda page: _join(page))
def welcome_of_a_guest(session, artifacts, me):
    return f"/join/{invites.make(session, name='Friends', actor=None, study_id=builders.study(session).id)[1]}"


def _join(page: Page) -> None:
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/join/welcome")


@place("/join/{token}", None)
def invite_that_needs_an_account(session, artifacts, me):
    return f"/join/{invites.make(session, name='Lab', actor=None, needs_account=True)[1]}"


@place("/sign-in/{token}", None)
def link_that_is_not_known(session, artifacts, me):
    return "/sign-in/nothing"
