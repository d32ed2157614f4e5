"""Live pages: `/live/rounds/{id}` and `/live/house` send the parts of a page that changed, as server-sent events.

A stream holds no session and no thread: it waits for its mailbox. One watcher per site process asks the database once a
second for all that anyone watches, renders a changed part once for each language and puts it into every
mailbox. A mailbox keeps the newest of each part only, so a slow reader costs no memory and never sees old news.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from app import db
from app.artifacts import Artifacts
from app.services import round_views, rounds
from app.web import house_parts, languages, round_parts
from app.web.deps import RequireAdmin, SessionDep
from app.web.templating import environment

log = structlog.get_logger(__name__)

TICK_S = 1.0
REST = 9  # times as long as a look took, until the next: mostly, looking takes a tenth of the time at most
LONGEST_REST_S = 5.0
BEAT_S = 10.0
END = "end"
BEAT = "beat"
HOUSE = "house"
Subject = int | str  # a round's id, or the house
Watch = tuple[Subject, str]  # what is watched, and the language it is told in

router = APIRouter(include_in_schema=False)


def check_round(session: SessionDep, user: RequireAdmin, round_id: int) -> None:
    """The round is there and the caller may watch it; checked before the stream begins, in a transaction of its own."""
    rounds.get(session, round_id)


def check_admin(session: SessionDep, user: RequireAdmin) -> None:
    """The caller may see the house; checked before the stream begins, in a transaction of its own."""


@dataclass(frozen=True)
class Message:
    """One event. With `html` it carries the part, as an htmx partial; without, only the news that it changed."""

    name: str
    html: str = ""
    page: str = "round"  # what the ids of the page's parts begin with

    def event(self) -> ServerSentEvent:
        if not self.html:
            return ServerSentEvent(data="{}", event=self.name)
        return ServerSentEvent(
            data=f'<hx-partial hx-target="#{self.page}-{self.name}" hx-swap="outerMorph">{self.html}</hx-partial>'
        )


class Mailbox:
    """What one stream has not sent yet: the newest message of each name."""

    def __init__(self) -> None:
        self._waiting: dict[str, Message] = {}
        self._filled = asyncio.Event()

    def put(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._waiting[message.name] = message
            self._filled.set()

    async def take(self, patience_s: float) -> list[Message]:
        """All that is there; where nothing comes in time, a beat, so that the reader knows that the line stands."""
        try:
            await asyncio.wait_for(self._filled.wait(), patience_s)
        except TimeoutError:
            return [Message(BEAT)]
        taken, self._waiting = list(self._waiting.values()), {}
        self._filled.clear()
        return taken


@dataclass
class Watched:
    """A round, or the house, as watched in one language: its parts' facts as last seen, and what was said of each."""

    facts: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Message] = field(default_factory=dict)
    mailboxes: set[Mailbox] = field(default_factory=set)


class Watcher:
    """Watches for all streams of this process; works only while there are any."""

    def __init__(
        self, factory: sessionmaker[Session], artifacts: Artifacts | None = None, *, tick_s: float = TICK_S,
        beat_s: float = BEAT_S,
    ) -> None:  # fmt: skip
        self._factory, self._artifacts, self._tick_s, self._beat_s = factory, artifacts, tick_s, beat_s
        self._watched: dict[Watch, Watched] = {}
        self._task: asyncio.Task[None] | None = None

    async def follow(self, subject: Subject, language: str = languages.SOURCE) -> AsyncIterator[ServerSentEvent]:
        """The subject's events from now on, its present state first; ends where nothing of it can change any more."""
        mailbox, watch = Mailbox(), (subject, language)
        watched = self._watched.setdefault(watch, Watched())
        watched.mailboxes.add(mailbox)
        mailbox.put(watched.said.values())
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            while True:
                messages = await mailbox.take(self._beat_s)
                for message in messages:
                    yield message.event()
                if any(message.name == END for message in messages):
                    return
        finally:
            watched.mailboxes.discard(mailbox)
            if not watched.mailboxes and self._watched.get(watch) is watched:
                del self._watched[watch]

    async def _watch(self) -> None:
        """Look once a second until nobody watches, or more rarely where a look takes long; a database that is away is
        asked again."""
        while self._watched:
            began = time.monotonic()
            try:
                await self._look_at_all()
            except SQLAlchemyError:
                log.warning("live_look_failed", exc_info=True)
            took = time.monotonic() - began
            await asyncio.sleep(max(self._tick_s - took, min(took * REST, LONGEST_REST_S)))

    async def _look_at_all(self) -> None:
        seen = {watch: dict(watched.facts) for watch, watched in self._watched.items()}
        for watch, (facts, messages) in (await run_in_threadpool(self._look, seen)).items():
            if (watched := self._watched.get(watch)) is None:
                continue
            watched.facts = facts
            watched.said |= {message.name: message for message in messages}
            for mailbox in watched.mailboxes:
                mailbox.put(messages)

    def _look(self, seen: dict[Watch, dict[str, Any]]) -> dict[Watch, tuple[dict[str, Any], list[Message]]]:
        """For each subject its facts now, and what to say of those that differ; in one read-only transaction."""
        found = {}
        with db.transaction(self._factory) as session:
            for (subject, language), before in seen.items():
                with languages.speaking(languages.available()[language]):
                    found[subject, language] = (
                        look(session, subject, before)
                        if isinstance(subject, int)
                        else look_at_house(session, self._artifacts, before)
                    )
        return found


def look(session: Session, round_id: int, before: dict[str, Any]) -> tuple[dict[str, Any], list[Message]]:
    """The round's facts by part, and a message for each part that differs from `before`."""
    head = round_views.head(session, round_id)
    stand = (head.line.state, head.line.hold, head.is_live)
    facts: dict[str, Any] = {}
    messages: list[Message] = []
    for part in round_parts.of_round(head):
        found = part.facts(session, head)
        facts[part.name] = (stand, found)
        if before.get(part.name) == facts[part.name]:
            continue
        html = "" if part.for_one_viewer else _render(part.template, part.view(head, found))
        messages.append(Message(part.name, html))
    if not head.is_live:
        messages.append(Message(END))
    return facts, messages


def look_at_house(
    session: Session, artifacts: Artifacts | None, before: dict[str, Any]
) -> tuple[dict[str, Any], list[Message]]:
    """The house's facts by part, and a message for each part that differs from `before`."""
    facts: dict[str, Any] = {}
    messages: list[Message] = []
    for part in house_parts.PARTS.values():
        facts[part.name] = found = part.facts(session, artifacts)
        if part.name in before and before[part.name] == found:
            continue
        html = "" if part.for_one_viewer else _render(part.template, {part.name: found})
        messages.append(Message(part.name, html, page=HOUSE))
    return facts, messages


@router.get("/live/rounds/{round_id}", dependencies=[Depends(check_round)])
async def stream(request: Request, round_id: int) -> Response:
    """The event stream of one round, for those who may run studies."""
    watcher: Watcher = request.app.state.watcher
    language = str(languages.of(request))
    return EventSourceResponse(watcher.follow(round_id, language), headers={"Cache-Control": "no-store"})


@router.get("/live/house")
async def stream_house(request: Request, allowed: Annotated[None, Depends(check_admin)]) -> Response:
    """The event stream of the house, for those who may run studies."""
    watcher: Watcher = request.app.state.watcher
    language = str(languages.of(request))
    return EventSourceResponse(watcher.follow(HOUSE, language), headers={"Cache-Control": "no-store"})


def _render(template: str, view: dict[str, Any]) -> str:
    return environment().get_template(template).render(view)
