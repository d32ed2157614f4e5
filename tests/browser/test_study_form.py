"""The form of a new study while it is filled."""

from playwright.sync_api import expect

from app.db import transaction
from app.models import Role
from tests import builders


def test_faults_and_costs_are_told_while_typing_and_the_settings_are_tried(site, open_as):
    with transaction(site.sessions) as session:
        admin = builders.user(session, role=Role.ADMIN)
        model = builders.base_model(session)
        builders.prompt_set(session)
    page = open_as(admin, "/admin/studies/new")
    page.locator("[name='sampling.groups']").fill("7")
    expect(page.locator("#estimate")).to_contain_text("56")  # seven groups of eight
    page.locator("[name='training.rank']").fill("0")
    expect(page.locator("#error-training-rank")).to_contain_text("greater than or equal")
    expect(page.locator("#estimate")).to_contain_text("1 field cannot be used")
    page.locator("[name='training.rank']").fill("8")
    expect(page.locator("#error-training-rank")).to_have_text("")
    page.locator("[name=model]").select_option(str(model.id))
    page.locator("[name=try_prompt]").fill("a fox")
    page.get_by_role("button", name="Draw two pictures").click()
    expect(page.locator("#try")).to_contain_text("a fox")
    expect(page.locator("[name='sampling.groups']")).to_have_value("7")
