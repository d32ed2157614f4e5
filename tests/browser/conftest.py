"""The site as its own process on a free port, and Chromium in front of it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.artifacts import Artifacts
from app.db import make_engine, session_factory, transaction
from app.models import Base, User
from app.services import accounts
from app.settings import PREFIX, Settings, make_settings
from app.supervisor import EmbeddedServers
from app.supervisor.ports import free_port
from app.web.identity import COOKIE
from tests.conftest import SECRET, copy_of

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
DESKTOP = {"width": 1280, "height": 800}
START_SECONDS = 180  # a busy machine is slow, not wrong
TRIES = 5


@dataclass(frozen=True)
class Site:
    """A running site, and what it stands on."""

    url: str
    settings: Settings
    sessions: sessionmaker[Session]
    artifacts: Artifacts


@pytest.fixture(scope="session")
def running_site(server_folder: Path, servers: EmbeddedServers, template_url: str) -> Iterator[Site]:
    """The site with its sweep, in a process of its own for all tests; nobody is signed in by itself."""
    for database_url in copy_of(template_url):
        settings = make_settings(
            data_dir=server_folder / "site",
            database_url=database_url,
            broker_url=servers.broker_url,
            secret_key=SECRET,
            port=free_port(),
            local_admin=False,
            sweep_seconds=0.5,
            webhook_private=True,  # the receivers of tests are on this machine
            hub_token="none of the hub's",  # no worker sends anything
        )
        engine = make_engine(database_url)
        with serving(settings):
            yield Site(settings.site_url, settings, session_factory(engine), Artifacts(settings.artifacts))
        engine.dispose()


@pytest.fixture(scope="session")
def open_door(running_site: Site) -> Iterator[str]:
    """The address of the same site, run so that anyone can make an account or sign in with a provider (whom no page
    asks before someone does), and so that it would send e-mail, to a server that is not there."""
    settings = running_site.settings.with_values(
        port=free_port(),
        open_sign_up=True,
        oidc_issuer="https://provider.test",
        oidc_client_id="tastemaker",
        smtp_host="127.0.0.1",
        smtp_port=free_port(),
        mail_from="Tastemaker <us@taste.example>",
    )
    with serving(settings):
        yield settings.site_url


@pytest.fixture
def site(running_site: Site) -> Site:
    """The running site with an empty database. Ids go on counting, so that nothing the site remembers fits twice."""
    for _ in range(TRIES):
        with suppress(OperationalError):  # a deadlock with the site's sweep, which PostgreSQL ended
            empty(running_site.sessions)
            return running_site
    pytest.fail(f"The database could not be emptied in {TRIES} tries.")


def empty(sessions: sessionmaker[Session]) -> None:
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with transaction(sessions) as session:
        session.execute(text(f"TRUNCATE {tables} CASCADE"))


@contextmanager
def serving(settings: Settings) -> Iterator[None]:
    """The site on `settings` as a process, which answers inside the context."""
    process = start(settings)
    try:
        wait_until_it_answers(f"{settings.site_url}/healthz", process)
        yield
    finally:
        process.terminate()
        process.wait(10)


def start(settings: Settings) -> subprocess.Popen[bytes]:
    """The site on `settings` as a process, which does not answer yet."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_served_app", "--no-access-log"]
    return subprocess.Popen([*command, "--port", str(settings.port)], env=environment(settings))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(f"There is no Chromium at {CHROMIUM}: install it, or name it in the variable CHROMIUM.")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=30_000)  # a busy machine is slow, not wrong
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
        context.set_default_timeout(30_000)
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


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a process on these settings, and on nothing else that this one was given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**inherited, **settings.environment()}


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
