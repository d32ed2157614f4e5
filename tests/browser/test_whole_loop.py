"""The whole loop as people see it: `tastemaker up`, a study made on a page, a round labelled, a LoRA downloaded."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.paths import DEMO
from app.supervisor.ports import free_port
from tests.app.supervisor.running import run

PAIRS = 6
PATIENCE_MS = 240_000
SETTINGS = {"groups": PAIRS, "steps": 5, "eval_draws": 1, "chunk_groups": 2, "learning_rate": "1e-3"}
KEYS = ("1", "2", "ArrowLeft", "ArrowRight")

LOAD = """
import sys
import numpy as np, torch
from diffusers import StableDiffusionPipeline
pipeline = StableDiffusionPipeline.from_pretrained(sys.argv[1])
pipeline.set_progress_bar_config(disable=True)
def draw():
    generator = torch.Generator().manual_seed(0)
    return np.asarray(pipeline("cat face", num_inference_steps=5, generator=generator, output_type="np").images[0])
before = draw()
pipeline.load_lora_weights(sys.argv[2])
print(float(np.abs(draw() - before).max()))
"""


@pytest.fixture
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The product, started as a person starts it."""
    folder = tmp_path_factory.mktemp("loop")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o711)  # as root, PostgreSQL runs as another user, who has to get in
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "app.cli",
        "up",
        "--no-demo",
        "--port",
        str(port),
        "--data-dir",
        str(folder / "data"),
    ]
    with run(folder / "data", command) as supervisor:
        supervisor.says(f"Tastemaker is at http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"


@pytest.mark.xdist_group("whole-loop")
def test_a_round_from_a_new_study_to_a_lora_that_diffusers_loads(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    page = browser.new_context(base_url=address).new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)

    study = make_study(page)
    page.get_by_label("Pairs", exact=True).fill(str(PAIRS))
    page.get_by_role("button", name="Launch").click()
    page.wait_for_url("**/admin/rounds/*")
    round_page = page.url

    label_everything(page, study)

    page.goto(round_page)
    expect(page.locator("#round-stages")).to_contain_text("complete", ignore_case=True)
    page.get_by_role("link", name="Checkpoint 1").first.click()
    expect(page.locator("#pictures img").first).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name=re.compile("^diffusers LoRA")).click()
    lora = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(lora)
    assert lora.suffix == ".safetensors"

    loaded = subprocess.run(
        [sys.executable, "-c", LOAD, str(DEMO / "model"), str(lora)], capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr
    assert float(loaded.stdout) > 1 / 255, "the LoRA changes nothing"


def make_study(page: Page) -> str:
    """A study on one's own model folder and prompts, made by the form; returns its id."""
    page.goto("/admin/studies/new")
    page.get_by_label("Name", exact=True).fill("Cats and crabs")
    page.get_by_label("Question", exact=True).fill("Which one would you put on the door?")
    page.get_by_label("Folder or hub id").fill(str(DEMO / "model"))
    page.get_by_label("One prompt a line").fill("cat face\n3d whale\ncrab\neval: owl")
    for details in page.locator("details").all():
        details.evaluate("box => { box.open = true }")
    for name, value in SETTINGS.items():
        page.locator(f"[name='{name}'], [name$='.{name}']").first.fill(str(value))
    page.get_by_role("button", name="Make the study").click()
    page.wait_for_url(re.compile(r"/admin/studies/\d+"))
    return page.url.partition("/admin/studies/")[2].partition("?")[0]


def label_everything(page: Page, study: str) -> None:
    """Answer each pair, by keys and by clicks in turn, with one answer taken back and given again."""
    page.goto(f"/annotate/{study}")
    answered, undone = 0, False
    while answered < PAIRS:
        expect(page.locator("[data-stage] img").first).to_be_visible()
        if answered % 2:
            page.wait_for_timeout(300)  # a click at once was meant for the pair before, and is passed over
            page.locator("[data-answer='left'].pair-picture").click()
        else:
            page.keyboard.press(KEYS[answered % len(KEYS)])
        answered += 1
        if answered == 3 and not undone:
            expect(page.locator("[data-mine]")).to_contain_text("3")
            page.keyboard.press("Backspace")
            answered, undone = answered - 1, True
        expect(page.locator("[data-mine]")).to_contain_text(str(answered))
    expect(page.locator("[data-state='done']")).to_be_visible()
    assert undone
