"""The site as its own process on a free port, and Chromium in front of it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy.orm import Session, sessionmaker

from app.artifacts import Artifacts
from app.db import transaction
from app.models import User
from app.services import accounts
from app.settings import PREFIX, Settings
from app.web.identity import COOKIE

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
DESKTOP = {"width": 1280, "height": 800}
START_SECONDS = 30


@dataclass(frozen=True)
class Site:
    """A running site, and the database and files behind it."""

    url: str
    sessions: sessionmaker[Session]
    artifacts: Artifacts


@pytest.fixture
def site(settings: Settings, sessions: sessionmaker[Session]) -> Iterator[Site]:
    """The site with its sweep, in a process of its own; nobody is signed in by itself."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--port", str(port), "--no-access-log"],
        env=environment(settings, port),
    )
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/healthz", process)
        yield Site(f"http://127.0.0.1:{port}", sessions, Artifacts(settings.artifacts))
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(f"There is no Chromium at {CHROMIUM}: install it, or name it in the variable CHROMIUM.")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_as(site: Site, browser: Browser) -> Iterator[Callable[..., Page]]:
    """`open_as(user, path)`: a page of a new browser that is signed in as `user`; keywords are Playwright's.

    A script error, or anything that the content policy blocked, fails the test.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(user: User | None, path: str = "/", **options) -> Page:
        context = browser.new_context(base_url=site.url, **{"viewport": DESKTOP, **options})
        contexts.append(context)
        context.set_default_timeout(10_000)
        if user is not None:
            with transaction(site.sessions) as session:
                token = accounts.open_session(session, user=user)
            context.add_cookies([{"name": COOKIE, "value": token, "url": site.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if "Policy" in message.text else None)
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def environment(settings: Settings, port: int) -> dict[str, str]:
    """The environment of a process on these settings, and on nothing else that this one was given."""
    ours = settings.with_values(port=port, local_admin=False, sweep_seconds=0.5).environment()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**inherited, **ours}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"The site ended with {process.returncode} before it answered.")
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"{url} did not answer within {START_SECONDS} s.")
