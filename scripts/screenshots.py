"""Takes the pictures in docs/screenshots: the product is started, a judge runs two small rounds, Chromium looks at it.

    python -m scripts.screenshots [--rounds 2] [--pairs 12]

Everything runs in a temporary folder; some minutes on two cores.
"""

import argparse
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from app.paths import ROOT
from app.supervisor.ports import free_port
from scripts.screenshot_work import do_all

FOLDER = ROOT / "docs/screenshots"
TASTEMAKER = [sys.executable, "-m", "app.cli"]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOOKS = (("desktop", "light"), ("desktop", "dark"), ("phone", "light"), ("phone", "dark"))
IN_THE_DARK = {
    "home", "annotate", "study", "round-labeling", "round-complete", "checkpoint", "comparison", "better", "account"
}  # fmt: skip
PATIENCE_S = 300


# where the pictures were taken is nobody's business
ELSEWHERE = r"""([here, there]) => {
  const moved = (text) => text.replaceAll(here, there).replaceAll(/\S*\/tastemaker-\w+/g, there);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = moved(texts.currentNode.data);
  for (const field of document.querySelectorAll("input, textarea")) field.value = moved(field.value);
}"""


def main() -> None:
    """Take all pictures anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=12)
    wanted = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tastemaker-") as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as another user, who has to get in
        with product(Path(folder) / "data") as address:
            run_loop(Path(folder) / "data", wanted.rounds, wanted.pairs)
            with sync_playwright() as playwright:
                arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
                chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
                browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
                photograph(browser, address)
                browser.close()


@contextmanager
def product(data_dir: Path) -> Iterator[str]:
    """`tastemaker up` with its demo study, until the context is left; yields the site's address."""
    port = free_port()
    process = subprocess.Popen([*TASTEMAKER, "up", "--port", str(port), "--data-dir", str(data_dir)])
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address, process)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise SystemExit(f"{address} did not answer.")


def run_loop(data_dir: Path, rounds: int, pairs: int) -> None:
    """Rounds labelled by a judge, so that there are checkpoints to look at."""
    options = ["--judge", "jpeg_compressibility", "--rounds", str(rounds), "--pairs", str(pairs), "--seed", "0"]
    environment = {**os.environ, "TASTEMAKER_DATA_DIR": str(data_dir)}
    subprocess.run([*TASTEMAKER, "loop", *options], check=True, env=environment)


def photograph(browser: Browser, address: str) -> None:
    """Every page in every look. The person at the machine is signed in by itself."""
    context = browser.new_context(base_url=address, viewport=DESKTOP)
    places = pages(context.new_page())
    context.close()
    for device, scheme in LOOKS:
        size, touch = (DESKTOP, False) if device == "desktop" else (PHONE, True)
        context = browser.new_context(
            base_url=address,
            viewport=size,
            color_scheme=scheme,
            has_touch=touch,
            device_scale_factor=1 if device == "desktop" else 2,
        )
        for name, path in places.items():
            if scheme == "dark" and name not in IN_THE_DARK:
                continue
            page = context.new_page()
            page.goto(path)
            page.wait_for_timeout(2000)
            page.evaluate(ELSEWHERE, [str(ROOT), "/srv/tastemaker"])
            whole = name not in {"annotate", "home"}
            save(page.screenshot(full_page=whole), FOLDER / f"{name}-{device}-{scheme}.png")
            page.close()
        context.close()


def save(png: bytes, path: Path) -> None:
    """As a PNG of 256 colours, a third of the size: these files are in everyone's clone."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(path, optimize=True)


def pages(page: Page) -> dict[str, str]:
    """The pages to look at, found through the site's own API and links."""
    page.goto("/admin")
    studies, checkpoints = (ids(page, f"/api/v1/{noun}") for noun in ("studies", "checkpoints"))
    demo, judged, checkpoint = min(studies), max(studies), max(checkpoints)
    complete = first_round(page, judged)
    made = do_all(page, judged)
    return {
        **made,
        "home": "/",
        "annotate": f"/annotate/{demo}",
        "studies": "/admin",
        "study": f"/admin/studies/{judged}",
        "new-study": "/admin/studies/new?from=demo",
        "study-settings": f"/admin/studies/{demo}/settings",
        "labeling-settings": f"/admin/studies/{demo}/labeling",
        "annotators": f"/admin/studies/{judged}/people",
        "known-answers": f"/admin/studies/{judged}/gold",
        "prompts": "/admin/prompts",
        "new-prompts": "/admin/prompts/new",
        "models": "/admin/models",
        "people": "/admin/users",
        "invites": "/admin/invites",
        "house": "/admin/house",
        "house-files": "/admin/house/files",
        "house-check": "/admin/house/check",
        "log": "/admin/log",
        "round-labeling": first_round(page, demo),
        "round-complete": complete,
        "round-log": f"{complete}/log",
        "launch": f"/admin/studies/{judged}/launch",
        "payments": "/admin/payments",
        "webhooks": "/admin/webhooks",
        "mail": "/admin/mail",
        "imports": "/admin/imports",
        "checkpoints": "/research",
        "checkpoint": f"/research/checkpoints/{checkpoint}",
        "compare": f"/research/compare?one={min(checkpoints)}&other={checkpoint}",
        "better": f"/research/studies/{judged}/better",
        "agreement": f"/research/studies/{judged}/agreement",
        "exports": f"/research/studies/{judged}/exports",
        "playground": f"/research/studies/{judged}/playground",
        "api": "/docs/api",
        "account": "/account",
    }


def ids(page: Page, path: str) -> list[int]:
    """The ids that the API lists, asked as the signed-in page asks."""
    found = page.evaluate("path => fetch(path).then(answer => answer.json())", path)
    return [item["id"] for item in found["items"]]


def first_round(page: Page, study: int) -> str:
    """The address of the newest round that the study's page links to."""
    page.goto(f"/admin/studies/{study}")
    found = re.findall(r"/admin/rounds/(\d+)", page.content())
    return f"/admin/rounds/{max(int(number) for number in found)}"


if __name__ == "__main__":
    main()
