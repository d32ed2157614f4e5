"""An admin's whole day on the product as it is started: from an empty house to what people say of a checkpoint.

The admin's browser stays on each page while things happen: what changes there, changes by itself. An annotator works
in a browser of her own.
"""

import math
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.paths import DEMO
from app.supervisor.ports import free_port
from tests.app.supervisor.running import run
from tests.browser.annotate.steps import answer_by, wait_for_pair
from tests.browser.conftest import DESKTOP
from tests.browser.looks import PHONE, picture

PAIRS = 4
PATIENCE_MS = 600_000  # a worker gives way to all else on a busy machine
SETTINGS = {"steps": 6, "chunk_groups": 2, "learning_rate": "1e-3"}  # beyond the preset `fast`
PROMPTS = "cat face\n3d whale\ncrab\nowl\ncat  face\n"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
Z = 1.959964  # of the 95 % interval

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("admin-day")]


@dataclass(frozen=True)
class House:
    """The product as it was started: where it is, the link that signs its admin in, and the folder of a base model."""

    address: str
    sign_in: str
    model: Path


@pytest.fixture
def house() -> Iterator[House]:
    """`tastemaker up` where nobody is signed in by being at the machine, as on a server. Its folder is none of pytest's
    own: as root, PostgreSQL runs as another user, and every run of pytest closes those to all others."""
    with tempfile.TemporaryDirectory(prefix="tastemaker-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        model = shutil.copytree(DEMO / "model", folder / "emoji")
        address = f"http://127.0.0.1:{free_port()}"
        options = ["--no-demo", "--port", address.rpartition(":")[2], "--data-dir", str(folder / "data")]
        command = [sys.executable, "-m", "app.cli", "up", *options]
        with run(folder / "data", command, {"TASTEMAKER_LOCAL_ADMIN": "false"}) as supervisor:
            supervisor.says("Sign in as admin, once: ")
            found = re.search(r"Sign in as admin, once: (\S+)", supervisor.output)
            assert found
            yield House(address, found[1], model)


@pytest.fixture
def admin(browser: Browser, house: House) -> Page:
    return visitor(browser, house)


@pytest.fixture
def annotator(browser: Browser, house: House) -> Page:
    return visitor(browser, house)


def visitor(browser: Browser, house: House) -> Page:
    """A page of a browser that nobody has used."""
    page = browser.new_context(base_url=house.address, viewport=DESKTOP).new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    return page


def test_from_an_empty_house_to_what_people_say_of_a_checkpoint(house: House, admin: Page, annotator: Page) -> None:
    sign_in(admin, house)
    register_the_model(admin, house.model)
    paste_prompts(admin)
    study = make_a_study(admin)
    join(annotator, invite(admin))

    watched = launch(admin)
    drawn_and_labeled_while_watched(admin, annotator)
    failed_and_retried(admin, annotator, house.model)
    expect(stage(admin, "Complete")).to_contain_text("checkpoint 1")
    expect(admin.locator("#round-training svg").first).to_be_visible()
    see(admin, "day-round-complete")
    assert_not_reloaded_since(admin, watched)

    cancel_the_next_round(admin, study)
    compare_with_the_base(admin, annotator, study)
    read_what_came_of_it(admin, study)


def sign_in(admin: Page, house: House) -> None:
    admin.goto(house.sign_in)
    admin.get_by_role("button", name="Sign in").click()
    admin.goto("/admin")
    expect(admin.get_by_text("No study yet")).to_be_visible()
    see(admin, "day-empty")


def register_the_model(admin: Page, folder: Path) -> None:
    """Told by its folder, checked by the worker, and shown with its test picture once it is."""
    admin.get_by_role("link", name="Base models").click()
    admin.get_by_label("Folder or hub id").fill(str(folder))
    admin.get_by_label("Name", exact=True).fill("Emoji")
    admin.get_by_role("button", name="Check and register").click()
    see(admin, "day-model-checking")
    expect(admin.get_by_text("ready", exact=True)).to_be_visible()
    expect(admin.get_by_role("img", name="The test picture")).to_be_visible()
    see(admin, "day-model")


def paste_prompts(admin: Page) -> None:
    admin.goto("/admin/prompts")
    admin.get_by_role("link", name="New prompt set").click()
    admin.get_by_label("Name", exact=True).fill("Animals")
    admin.get_by_label("Prompts", exact=True).fill(PROMPTS)
    admin.get_by_role("button", name="Preview").click()
    expect(admin.get_by_text("left out: as line 1")).to_be_visible()
    see(admin, "day-prompts-preview")
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_role("heading", name="Animals")).to_be_visible()
    see(admin, "day-prompts")


def make_a_study(admin: Page) -> str:
    """By the form, from the prompt set's page; returns the path of its page."""
    admin.get_by_role("link", name="Make a study with it").click()
    admin.get_by_label("Name", exact=True).fill("Cats and crabs")
    admin.get_by_label("Question", exact=True).fill("Which one would you put on the door?")
    expect(admin.locator("[name=model] option:checked")).to_have_text("Emoji")
    expect(admin.locator("[name=prompt_set] option:checked")).to_contain_text("Animals")
    admin.get_by_label("Preset").select_option("fast")
    expect(admin.locator("[name='sampling.groups']")).to_have_attribute("placeholder", "20")
    for details in admin.locator("details").all():
        details.evaluate("box => { box.open = true }")
    for name, value in SETTINGS.items():
        admin.locator(f"[name$='.{name}']").fill(str(value))
    expect(admin.locator("#estimate")).to_be_visible()
    see(admin, "day-new-study")
    admin.get_by_role("button", name="Make the study").click()
    admin.wait_for_url(re.compile(r"/admin/studies/\d+$"))
    see(admin, "day-study")
    return admin.url


def invite(admin: Page) -> str:
    """The link for annotators, made from the study's page, which the browser goes back to."""
    study = admin.url
    admin.get_by_role("link", name="Invite people").click()
    expect(admin.locator("[name=study] option:checked")).to_have_text("Cats and crabs")
    admin.get_by_label("Name", exact=True).fill("Friends")
    admin.get_by_role("button", name="Make the invite").click()
    link = admin.locator("#secret-link").inner_text()
    see(admin, "day-invite")
    admin.goto(study)
    return link


def join(annotator: Page, link: str) -> None:
    annotator.goto(link)
    annotator.get_by_label("Your name").fill("Ada")
    annotator.get_by_role("button", name="Begin").click()
    annotator.get_by_role("link", name="Begin").click()
    annotator.wait_for_url("**/annotate/*")


def launch(admin: Page) -> str:
    """A round from the study's page. Returns the address of its page, which is watched from now on."""
    admin.locator("#field-pairs").fill(str(PAIRS))
    admin.get_by_role("button", name="Launch", exact=True).click()
    admin.wait_for_url("**/admin/rounds/*")
    return watch(admin)


def watch(page: Page) -> str:
    """Mark the page so that it shows whether it was loaded again."""
    page.evaluate("window.same = true")
    expect(page.locator("body")).to_have_attribute("data-live", "stream")
    return page.url


def assert_not_reloaded_since(page: Page, watched: str) -> None:
    assert page.url == watched
    assert page.evaluate("window.same"), "the page was loaded again"


def drawn_and_labeled_while_watched(admin: Page, annotator: Page) -> None:
    """Pictures appear as they are drawn, and answers as they are given: all but the last."""
    expect(admin.locator("#round-pictures img").first).to_be_visible()
    expect(admin.locator("#round-generation")).to_contain_text(f"{PAIRS} of {PAIRS}")
    expect(admin.locator("#round-pictures img")).to_have_count(2 * PAIRS)
    for answered in range(1, PAIRS):
        wait_for_pair(annotator)
        answer_by(annotator, lambda: annotator.keyboard.press("1"))
        expect(admin.locator("#round-labeling")).to_contain_text(f"{answered} of {PAIRS}")
    expect(admin.locator("#round-labeling .people")).to_contain_text("Ada")
    see(admin, "day-labeling")
    assert admin.evaluate("window.same")


def failed_and_retried(admin: Page, annotator: Page, model: Path) -> None:
    """Someone has moved the model's weights: training stops and says so, and goes on once they are back."""
    (model / WEIGHTS).rename(model / "elsewhere")
    annotator.wait_for_timeout(200)  # a key at once was meant for the pair before, and is passed over
    annotator.keyboard.press("2")
    expect(admin.get_by_text("This round has failed and waits for you")).to_be_visible()
    expect(admin.locator("#round-stages")).to_contain_text(f"{model / WEIGHTS} of base model Emoji is missing")
    see(admin, "day-failed")
    assert admin.evaluate("window.same")
    (model / "elsewhere").rename(model / WEIGHTS)
    admin.get_by_role("button", name="Retry").click()
    expect(admin.get_by_role("button", name="Retry")).to_have_count(0)
    watch(admin)


def cancel_the_next_round(admin: Page, study: str) -> None:
    admin.goto(study)
    expect(admin.get_by_role("heading", name="Launch round 2")).to_be_visible()
    launch(admin)
    admin.get_by_text("Cancel…").click()
    see(admin, "day-cancel")
    admin.get_by_role("button", name="Cancel the round").click()
    expect(admin.get_by_text("This round was cancelled.")).to_be_visible()
    see(admin, "day-cancelled")


def compare_with_the_base(admin: Page, annotator: Page, study: str) -> None:
    """A blind comparison of the new checkpoint with the base: a pair for each of four prompts, all answered."""
    admin.goto(study)
    see(admin, "day-study-later")
    admin.get_by_role("button", name="Start the comparison").click()
    admin.wait_for_url("**/admin/rounds/*")
    watched = watch(admin)
    see(admin, "day-comparison-begun")
    for answered in range(1, PAIRS + 1):
        wait_for_pair(annotator)
        annotator.wait_for_timeout(200)
        annotator.keyboard.press("1")
        expect(admin.locator("#round-labeling")).to_contain_text(f"{answered} of {PAIRS}")
    expect(admin.get_by_role("link", name="Compare again")).to_be_visible()
    assert_not_reloaded_since(admin, watched)


def read_what_came_of_it(admin: Page, study: str) -> None:
    """The win rate with its Wilson interval, as words and as a picture; then among the study's policies."""
    said = admin.locator(".rate").get_attribute("aria-label") or ""
    found = re.fullmatch(
        r"checkpoint 1 was preferred to the base model in (\d+)% of the choices, 95 % interval (\S+)% to (\S+)%", said
    )
    assert found, said
    share, low, high = (float(number) / 100 for number in found.groups())
    assert share * PAIRS == int(share * PAIRS)
    assert (low, high) == pytest.approx(wilson(share, PAIRS), abs=0.0051)
    expect(tile(admin, "Decided choices")).to_have_text(str(PAIRS))
    see(admin, "day-compared")
    admin.reload()
    expect(admin.locator(".duel img")).to_have_count(2 * PAIRS)
    see(admin, "day-compared-later")
    admin.goto(study)
    admin.get_by_role("link", name="Does it get better?").click()
    expect(admin.locator(".tile", has_text="People prefer checkpoint 1 to the base")).to_be_visible()
    see(admin, "day-better")
    admin.goto("/admin/log")
    expect(admin.get_by_role("row").filter(has_text="retried").first).to_be_visible()
    see(admin, "day-log")


def wilson(share: float, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    middle = share + Z**2 / (2 * of)
    half = Z * math.sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))
    return (middle - half) / (1 + Z**2 / of), (middle + half) / (1 + Z**2 / of)


def stage(page: Page, name: str) -> Locator:
    return page.locator(".stage", has=page.get_by_text(name, exact=True))


def tile(page: Page, label: str) -> Locator:
    """The value under a label."""
    return page.locator(".tile", has=page.get_by_text(label, exact=True)).locator("dd")


def see(page: Page, name: str) -> None:
    """Nothing sticks out of the page, be it on a desk or on a phone; the browser is left on the desk."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for size in (PHONE, DESKTOP):
            page.set_viewport_size(size)
            picture(page, name)
