"""Work done on the pages before they are photographed, by the hands of the person at the machine: a blind comparison,
pictures in the playground, a judge's scores, an export and a webhook."""

from itertools import cycle, islice

from playwright.sync_api import Page, expect

PATIENCE_MS = 60_000
MOST_PAIRS = 200


def do_all(page: Page, study: int) -> dict[str, str]:
    """Do some of everything in a study that has rounds. Returns the addresses of pages that came into being."""
    expect.set_options(timeout=PATIENCE_MS)
    comparison = compare_blindly(page, study)
    score(page, study)
    export(page, study)
    hook(page)
    return {"comparison": comparison, "try": play(page, study), "webhook": page_of_the_webhook(page)}


def compare_blindly(page: Page, study: int) -> str:
    """The newest checkpoint against the base, every pair answered. Returns the comparison's address."""
    page.goto(f"/admin/studies/{study}/labeling")
    page.locator("[name$=counted]").select_option("both")  # the study is a judge's, and now people's too
    page.get_by_role("button", name="Save").click()
    page.goto(f"/admin/studies/{study}")
    page.get_by_role("button", name="Start the comparison").click()
    page.wait_for_url("**/admin/rounds/*")
    address = page.url
    expect(page.locator("#round-labeling")).to_contain_text("of")
    page.goto(f"/annotate/{study}")
    expect(page.locator(".pair-picture img.is-fitted").first).to_be_visible()
    for key in islice(cycle("1121211"), MOST_PAIRS):
        page.wait_for_timeout(300)  # a key at once is passed over
        if not page.locator("#answer").is_visible():
            break
        page.keyboard.press(key)
    page.goto(address)
    expect(page.get_by_role("link", name="Compare again")).to_be_visible()
    return address


def score(page: Page, study: int) -> None:
    """A judge that needs no hub, over all of the study's pictures."""
    page.goto(f"/research/studies/{study}/agreement")
    page.get_by_label("brightness", exact=False).check()
    page.get_by_role("button", name="Score them").click()
    expect(page.locator("#scorings-list").get_by_text("done", exact=True)).to_be_visible()


def export(page: Page, study: int) -> None:
    page.goto(f"/research/studies/{study}/exports")
    page.get_by_label("Preferences, CSV").check()
    page.get_by_role("button", name="Write it").click()
    expect(page.get_by_role("link", name="Download export")).to_be_visible()


def play(page: Page, study: int) -> str:
    """A prompt drawn by base and checkpoint at the same noise. Returns the address of what came of it."""
    page.goto(f"/research/studies/{study}/playground")
    page.get_by_label("Prompt", exact=True).fill("a red fox")
    page.get_by_role("button", name="Draw", exact=True).click()
    page.wait_for_url("**/research/tries/*")
    expect(page.locator("figure img").nth(1)).to_be_visible()
    return page.url


def hook(page: Page) -> None:
    page.goto("/admin/webhooks")
    page.get_by_label("Address").fill("https://hooks.example.org/tastemaker")
    page.get_by_role("button", name="Make it, and show its secret").click()


def page_of_the_webhook(page: Page) -> str:
    page.goto("/admin/webhooks")
    return page.locator("a[href*='/admin/webhooks/']").first.get_attribute("href") or "/admin/webhooks"
