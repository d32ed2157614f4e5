"""The site's one composition root."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from threading import Event, Thread

from fastapi import APIRouter, Depends, FastAPI
from starlette.concurrency import run_in_threadpool

from app import db, logs
from app.artifacts import Artifacts
from app.paths import STATIC
from app.services import postman, sweep
from app.services.limits import Limits
from app.settings import Settings, get_settings
from app.web import csrf, errors, letters, live, oidc, operations, picture_files, static
from app.web.api import annotate as annotate_api
from app.web.api import (
    annotators,
    checkpoints,
    description,
    exports,
    known_answers,
    metrics,
    preferences,
    prompts,
    pushes,
    samples,
    studies,
    tries,
    warnings,
)
from app.web.api import base_models as base_models_api
from app.web.api import before as before_api
from app.web.api import better as better_api
from app.web.api import event_files as event_files_api
from app.web.api import guide_pictures as guide_pictures_api
from app.web.api import house as house_api
from app.web.api import imports as imports_api
from app.web.api import invites as invites_api
from app.web.api import judges as judges_api
from app.web.api import mail as mail_api
from app.web.api import me as me_api
from app.web.api import payments as payments_api
from app.web.api import playground as playground_api
from app.web.api import rounds as rounds_api
from app.web.api import users as users_api
from app.web.api import webhooks as webhooks_api
from app.web.pages import (
    account,
    account_tokens,
    admin_house,
    admin_imports,
    admin_invites,
    admin_labeling,
    admin_launch,
    admin_log,
    admin_mail,
    admin_models,
    admin_new_study,
    admin_payments,
    admin_people,
    admin_prompts,
    admin_round_log,
    admin_rounds,
    admin_studies,
    admin_study_settings,
    admin_tries,
    admin_users,
    admin_webhooks,
    annotate,
    api_docs,
    before,
    finish,
    home,
    join,
    links,
    outside,
    research,
    research_agreement,
    research_better,
    research_exports,
    research_playground,
    research_pushes,
    sign_in,
)
from app.web.pictures import PictureLinks
from app.web.security import SecurityHeaders

PAGES: tuple[APIRouter, ...] = (
    home.router,
    sign_in.router,
    outside.router,
    links.router,
    join.router,
    account.router,
    account_tokens.router,
    api_docs.router,
    annotate.router,
    before.router,
    finish.router,
    admin_users.router,
    admin_house.router,
    admin_log.router,
    admin_webhooks.router,
    admin_mail.router,
    admin_models.router,
    admin_imports.router,
    admin_invites.router,
    admin_studies.router,
    admin_launch.router,
    admin_study_settings.router,
    admin_tries.router,
    admin_labeling.router,
    admin_people.router,
    admin_payments.router,
    admin_new_study.router,
    admin_prompts.router,
    admin_rounds.router,
    admin_round_log.router,
    research.router,
    research_better.router,
    research_agreement.router,
    research_exports.router,
    research_playground.router,
    research_pushes.router,
    live.router,
)
API: tuple[APIRouter, ...] = (
    me_api.router,
    mail_api.router,
    invites_api.router,
    users_api.router,
    house_api.router,
    webhooks_api.router,
    base_models_api.router,
    before_api.router,
    annotate_api.router,
    annotators.router,
    known_answers.router,
    payments_api.router,
    studies.router,
    guide_pictures_api.router,
    prompts.router,
    tries.router,
    playground_api.router,
    rounds_api.router,
    metrics.router,
    event_files_api.router,
    warnings.router,
    preferences.router,
    exports.router,
    imports_api.router,
    checkpoints.router,
    pushes.router,
    better_api.router,
    judges_api.router,
    samples.router,
)
STOP_SECONDS = 10
TURNS = 20  # requests that are at work at once: fewer than the engine has connections, which the sweep needs too


def create_app(settings: Settings | None = None) -> FastAPI:
    """The site on `settings` (the environment's, where none are given). Nothing is opened before the first request."""
    settings = settings or get_settings()
    app = FastAPI(
        title="Tastemaker",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    _hold_parts(app, settings)
    _add_routes(app)
    errors.install(app)
    description.install(app)
    app.add_middleware(SecurityHeaders)
    return app


def create_served_app() -> FastAPI:
    """`create_app` for a process that serves nothing else. What is loaded by now stays for good, so it is put out of
    sight of garbage collections: a whole one would hold all requests up for a quarter of a second now and then."""
    app = create_app()
    gc.collect()
    gc.freeze()
    return app


def _hold_parts(app: FastAPI, settings: Settings) -> None:
    """What requests share, each made once."""
    app.state.settings = settings
    app.state.engine = db.make_engine(settings.require_database_url())
    app.state.turns = asyncio.Semaphore(TURNS)
    app.state.session_factory = db.session_factory(app.state.engine)
    app.state.artifacts = Artifacts(settings.artifacts)
    app.state.limits = Limits(settings.broker_url)
    app.state.picture_links = PictureLinks(settings)
    app.state.provider = oidc.Provider(settings)
    app.state.watcher = live.Watcher(app.state.session_factory, app.state.artifacts)
    app.state.static = static.VersionedStatic(STATIC)


def _add_routes(app: FastAPI) -> None:
    app.include_router(operations.router)
    app.include_router(picture_files.router)
    app.mount(static.PREFIX, app.state.static)
    for router in PAGES:
        # one that waits for another server first takes no turn and no connection meanwhile: it only reads
        guards = [] if router is outside.router else [Depends(csrf.check)]
        app.include_router(router, include_in_schema=False, dependencies=guards)
    for router in API:
        app.include_router(router, prefix="/api/v1", dependencies=[Depends(csrf.check)])


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The sweep runs in a thread of its own as long as the site does; of all processes' sweeps one works at a time. So
    does the postman, in a few; what these still hold at the end is sent by whoever comes next."""
    logs.configure(app.state.settings)
    stop, settings = Event(), app.state.settings
    sweeping = Thread(target=sweep.run_forever, args=(stop, app.state.session_factory), name="sweep", daemon=True)
    sweeping.start()
    postman.start(postman.Office(app.state.session_factory, settings, partial(letters.write, settings)), stop)
    yield
    stop.set()
    await run_in_threadpool(sweeping.join, STOP_SECONDS)
    app.state.engine.dispose()
