"""axe-core finds nothing on any page, light or dark, on a desk or on a phone, and none of them scrolls sideways; and
everything goes by keyboard.

A page that is neither a place nor named as an exception fails the first test: a new page is looked at from its start.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app.db import transaction
from app.main import PAGES
from app.models import Role
from tests import builders
from tests.browser.annotate.steps import LEFT, wait_for_pair
from tests.browser.conftest import DESKTOP
from tests.browser.looks import PHONE
from tests.browser.places import ELSEWHERE, PLACES, Place

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
WALKED = ["sign_in", "invite_of_a_study", "my_studies", "guidelines_and_consent", "a_pair", "my_account", "a_new_study"]
NARROWEST = {"width": 360, "height": 640}
OPTIONS = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}


def test_every_page_of_the_site_is_looked_at():
    pages = {route.path for router in PAGES for route in router.routes if "GET" in route.methods}
    looked_at = {place.route for place in PLACES}
    assert pages - looked_at - ELSEWHERE.keys() == set(), "add a place, or name it in ELSEWHERE with the reason"
    assert (looked_at | ELSEWHERE.keys()) - pages == set(), "these routes are gone"


LOOKS = [("light", DESKTOP), ("dark", PHONE)]
OTHER_LOOKS = [("dark", DESKTOP), ("light", PHONE)]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
@pytest.mark.parametrize("looks", [LOOKS, pytest.param(OTHER_LOOKS, marks=pytest.mark.slow)], ids=["two", "other two"])
def test_axe_finds_nothing(place: Place, looks, site, open_as, request):
    door = request.getfixturevalue("open_door") if place.open_door else ""
    page = enter(place, site, open_as, door)
    place.act(page)
    found = [
        f"{scheme} {size['width']}: {violation['id']}: {node['target']} {node['failureSummary']}"
        for scheme, size in looks
        for violation in look(page, scheme, size)
        for node in violation["nodes"]
    ]
    assert found == []
    page.set_viewport_size(NARROWEST)
    assert_it_fits(page)


def look(page: Page, scheme: str, size: dict[str, int]) -> list[dict]:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(size)
    page.wait_for_timeout(50)
    assert_it_fits(page)
    return Axe().run(page, options=OPTIONS).response["violations"]


def assert_it_fits(page: Page) -> None:
    wide, width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= width, f"{width} scrolls sideways"


def enter(place: Place, site, open_as, door: str = "") -> Page:
    with transaction(site.sessions) as session:
        me = builders.user(session, role=place.role or Role.ANNOTATOR, handle="me")
        path = place.make(session, site.artifacts, me)
    return open_as(me if place.role else None, f"{door}{path}")


def by_name(name: str) -> Place:
    return next(place for place in PLACES if place.name == name)


@pytest.mark.parametrize("name", WALKED)
def test_the_tab_key_reaches_everything_and_shows_where_it_is(name, site, open_as):
    place = by_name(name)
    page = enter(place, site, open_as)
    place.act(page)
    wanted = page.evaluate(FOCUSABLE)
    seen: list[dict] = []
    for _ in range(len(wanted) + 1):
        page.keyboard.press("Tab")
        where = page.evaluate(FOCUSED)
        if where is None or where["place"] in {one["place"] for one in seen}:
            break
        seen.append(where)
    reached = {one["place"] for one in seen}
    assert [one["what"] for one in wanted if one["place"] not in reached] == []
    assert [where["what"] for where in seen if not where["outlined"]] == []
    assert [where["what"] for where in seen if not where["visible"]] == []


# what Tab should reach: of a group of radio buttons, only one
FOCUSABLE = """
() => {
  const found = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
  return found.filter((element) => {
    if (element.disabled || element.type === "hidden" || element.tabIndex < 0) return false;
    if (!element.checkVisibility({ visibilityProperty: true })) return false;
    if (element.type !== "radio") return true;
    if (element.checked) return true;
    const group = [...document.getElementsByName(element.name)];
    return !group.some((one) => one.checked) && group[0] === element;
  }).map((element) => ({ place: [...document.querySelectorAll("*")].indexOf(element), what: element.outerHTML }));
}
"""
FOCUSED = """
() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    place: [...document.querySelectorAll("*")].indexOf(element),
    what: element.outerHTML.slice(0, 120),
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    visible: box.width > 1 && box.bottom > 0 && box.top < innerHeight,
  };
}
"""


def test_a_pair_is_answered_by_tab_and_enter_alone(site, open_as):
    page = enter(by_name("a_pair"), site, open_as)
    wait_for_pair(page)
    before = page.locator(f"{LEFT} img").get_attribute("src")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.pair-picture[data-answer=right]')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(f'{LEFT} img[src="{before}"]')).to_have_count(0)
    assert page.evaluate("document.activeElement !== document.body"), "the focus is lost with the answer"


@pytest.mark.parametrize("name", ["my_studies", "a_pair", "a_round_in_training", "a_checkpoint"])
def test_nothing_moves_for_who_wants_no_motion(name, site, open_as):
    place = by_name(name)
    page = enter(place, site, open_as)
    page.emulate_media(reduced_motion="reduce")
    place.act(page)
    moving = page.evaluate(
        "() => document.getAnimations().filter((one) => one.playState === 'running')"
        ".map((one) => one.effect.target.outerHTML.slice(0, 100))"
    )
    assert moving == []
