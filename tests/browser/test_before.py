"""What comes before the first pair, as it is seen and clicked, and how an admin writes it."""

import re

import pytest
from playwright.sync_api import expect

from app.db import transaction
from app.models import Role
from app.services import guide_pictures, studies
from tests import builders, scenes
from tests.browser.annotate.steps import wait_for_pair
from tests.browser.looks import LOOKS, picture
from tests.files import png

GUIDELINES = """Look at the **whole** picture first.

## What makes a picture better

- It shows what the words say.
- Its edges are clean.

![sharp edges](picture:{0}) ![blurred edges](picture:{1})

> When in doubt, trust your first impression.

| you see | say |
| --- | --- |
| two good ones | Equal |
| two broken ones | Both bad |
"""
CONSENT = "Your choices are kept **without your name** and used to train a model. You may stop at any time."


@pytest.fixture(params=LOOKS)
def look(request):
    return request.param


@pytest.fixture
def study(site):
    """A study with guidelines, two pictures in them, and a consent text."""
    with transaction(site.sessions) as session:
        study = scenes.open_study(session, site.artifacts)
        shown = [
            guide_pictures.add(session, site.artifacts, study=study, data=png(*size), actor=None)
            for size in ((300, 200), (200, 300))
        ]
        texts = {"guidelines": GUIDELINES.format(*(one.id for one in shown)), "consent": CONSENT, "warm_up": 2}
        studies.change_labeling(session, study_id=study.id, labeling=texts, actor=None)
        return study


def person(site, **columns):
    with transaction(site.sessions) as session:
        return builders.user(session, **columns)


def test_someone_reads_agrees_and_begins(site, open_as, study, look):
    page = open_as(person(site), f"/annotate/{study.id}", **look)
    expect(page.get_by_role("heading", name="Which picture is livelier?")).to_be_visible()
    for image in page.locator(".prose img").all():
        image.scroll_into_view_if_needed()
        assert image.evaluate("e => e.decode().then(() => e.naturalWidth > 0)")
    picture(page, "before")
    page.get_by_label("I agree").check()
    page.get_by_role("button", name="Begin").click()
    wait_for_pair(page)


def test_consent_is_taken_back_and_the_open_pair_page_notices(site, open_as, study):
    me = person(site)
    page = open_as(me, f"/annotate/{study.id}")
    page.get_by_label("I agree").check()
    page.get_by_role("button", name="Begin").click()
    wait_for_pair(page)
    page.keyboard.press("?")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Guidelines and consent").click()
    reading = opened.value
    expect(reading.get_by_text("You agreed to this")).to_be_visible()
    picture(reading, "before-agreed")
    reading.get_by_role("button", name="Take my consent back").click()
    expect(reading.get_by_text("You took your consent back")).to_be_visible()
    picture(reading, "before-withdrawn")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(page).to_have_url(re.compile("/before$"))


def test_who_declines_comes_home_kindly_without_scripts_too(site, open_as, study):
    page = open_as(person(site), f"/annotate/{study.id}", java_script_enabled=False)
    page.get_by_role("link", name="No, thank you").click()
    expect(page.get_by_text("That is quite all right")).to_be_visible()


def test_everything_can_be_done_by_keyboard(site, open_as, study):
    page = open_as(person(site), f"/annotate/{study.id}")
    page.get_by_label("I agree").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for_pair(page)


def test_an_admin_writes_looks_and_saves(site, open_as, study, look):
    page = open_as(person(site, role=Role.ADMIN), f"/admin/studies/{study.id}", **look)
    page.get_by_role("link", name="Change what annotators are asked").click()
    page.get_by_label("Guidelines").fill("Look at the **ears**.")
    page.get_by_label("Add a picture").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": png(64, 64)}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label("Guidelines")).to_have_value("Look at the **ears**.")
    line = page.locator(".guide-pictures code").last.inner_text()
    page.get_by_label("Guidelines").fill(f"Look at the **ears**.\n\n{line}")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".labeling__preview img")).to_have_attribute("alt", "what it shows")
    picture(page, "labeling")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("It holds from the next pair on")).to_be_visible()
    expect(page.get_by_label("Guidelines")).to_have_value(f"Look at the **ears**.\n\n{line}")
    reader = open_as(person(site), f"/annotate/{study.id}", **look)
    expect(reader.get_by_text("Look at the ears.")).to_be_visible()
